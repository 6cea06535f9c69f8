//! What happens in a life: to the network, in the cloud, to the machine, by the application and by the gateway.

use std::time::Duration;

use offhook_jingle::{Reason, SessionId};
use offhook_phone::{BulkOptions, Destination, Input, OutboundCall, Priority, Topic};
use offhook_tests::{desk::Desk, gateway};

use crate::{
    step::Step,
    world::{Coming, World, phone_config, s, seed},
};

fn topic(number: u8) -> Topic {
    format!("v2.users.me.topic{number}").parse().expect("a topic")
}

impl World {
    /// One of the sessions that live, counted from the latest.
    fn session(&self, which: u8) -> Option<SessionId> {
        let live: Vec<_> = self.witness.live.keys().rev().collect();
        let index = usize::from(which).checked_rem(live.len())?;
        Some(live[index].clone())
    }

    fn ringing(&self, which: u8) -> Option<SessionId> {
        let index = usize::from(which).checked_rem(self.rung.len())?;
        self.rung.iter().rev().nth(index).cloned()
    }

    pub fn take(&mut self, step: &Step) {
        match step {
            Step::Cut
            | Step::Stall
            | Step::Close
            | Step::StreamError(_)
            | Step::System { .. }
            | Step::Transfer
            | Step::Suspend { .. }
            | Step::AllWell => self.strike(step),
            Step::StreamsDieAway { streams, after } => self.cloud.faults().die_away = Some((*after, *streams)),
            Step::SaslFails { condition, times } => self.cloud.faults().sasl = Some((condition, *times)),
            Step::LoginFails { fault, times } => self.cloud.faults().login = Some((*fault, *times)),
            Step::SubscribingFails { fault, times } => self.cloud.faults().subscribing = Some((*fault, *times)),
            Step::DialFails { fault, times } => self.cloud.faults().dial = Some((*fault, *times)),
            Step::PingsUnanswered => self.cloud.faults().pings_unanswered = true,
            Step::PingsStop => self.cloud.faults().pings_stop = true,
            Step::StreamsForgotten => {
                self.cloud.forget_streams();
                self.desk.cut();
            }
            Step::ChannelsForgotten => {
                self.cloud.forget_channels();
                self.cloud.forget_streams();
                self.desk.cut();
            }
            Step::Throttle { requests } => self.cloud.faults().throttle = *requests,
            Step::TokenRevoked => self.cloud.revoke_token(),
            Step::Restart { down } => self.restart(*down),
            Step::Connect => self.connect(),
            Step::Disconnect => self.disconnect(),
            Step::Impatience { times } => {
                for _ in 0..*times {
                    self.connect();
                    self.settle();
                    self.disconnect();
                    self.pass(Duration::from_millis(2100));
                }
            }
            Step::SetToken => self.set_token(),
            Step::Subscribe { .. } | Step::Unsubscribe { .. } | Step::BulkSubscribe { .. } => self.subscribe(step),
            Step::PlaceCall
            | Step::Accept(_)
            | Step::Reject(_)
            | Step::HangUp(_)
            | Step::MediaFail(_)
            | Step::Propose { .. }
            | Step::Retract(_)
            | Step::Reinvite(_)
            | Step::Candidate(_)
            | Step::Terminate(_) => self.telephone(step),
        }
        self.settle();
    }

    /// Something happens to the socket or to the machine.
    fn strike(&mut self, step: &Step) {
        match step {
            Step::Cut => self.desk.cut(),
            Step::Stall => {
                if let Some(socket) = &mut self.cloud.socket {
                    socket.stalled = true;
                }
            }
            Step::Close => {
                if self.cloud.socket.as_ref().is_some_and(|socket| !socket.stalled) {
                    self.cloud.forget_streams();
                    self.desk
                        .receive("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
                }
            }
            Step::StreamError(condition) => {
                if self.cloud.socket.as_ref().is_some_and(|socket| !socket.stalled) {
                    self.cloud.forget_streams();
                    self.desk.receive(&format!(
                        "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>\
                         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
                    ));
                }
            }
            Step::System { topic, closes } => {
                let delivered = self.desk.phone.is_connected();
                if let Some(frame) = self.cloud.system(topic).filter(|_| delivered) {
                    if topic.contains("expiring") {
                        self.cloud.drop_topics();
                    } else if let Some(attempt) = self.cloud.socket.as_ref().map(|socket| socket.attempt) {
                        self.cloud.spoil_channel();
                        self.witness.superseded = Some((attempt, self.desk.now + s(5)));
                        if *closes {
                            self.comes(s(1), Coming::Closed(attempt));
                        }
                    }
                    self.desk.receive(&frame);
                }
            }
            Step::Transfer => {
                let transfer = self.cloud.transfer();
                self.frames(transfer);
            }
            Step::Suspend { asleep } => {
                self.slept += *asleep;
                // Whoever sleeps that long finds its socket dead, and is told by nobody.
                if let Some(socket) = self.cloud.socket.as_mut().filter(|_| *asleep > s(60)) {
                    socket.stalled = true;
                }
                self.desk.input(Input::Resumed { asleep: *asleep });
            }
            _ => self.heal(),
        }
    }

    /// From now on the cloud does everything right; a socket that nothing goes through breaks at last.
    pub fn heal(&mut self) {
        *self.cloud.faults() = Default::default();
        if let Some(socket) = &mut self.cloud.socket {
            if socket.stalled {
                self.desk.cut();
            } else {
                socket.heal();
            }
        }
    }

    fn restart(&mut self, down: Duration) {
        self.restarts += 1;
        self.cloud.forget_streams();
        self.cloud.parted(self.desk.now);
        self.coming.clear();
        let now = self.desk.now + down;
        let wall = self.wall()(now);
        let config = phone_config(&self.habits, &self.token, self.desk.memory.take(), wall);
        self.desk = Desk::seeded(config, seed(self.habits.seed, self.restarts), now);
        self.desk.dials_wait = true;
        self.dialled = None;
        self.offers_seen = 0;
        self.rung.clear();
        self.wanted.clear();
        self.witness.restarted();
    }

    pub fn connect(&mut self) {
        // Before, for what it leads to may be told at once.
        self.witness.connect_asked(self.desk.phone.signalling());
        self.desk.command(|phone, now| phone.connect(now)).expect("it runs");
    }

    fn disconnect(&mut self) {
        self.cloud.spoil_channel();
        self.witness.disconnect_asked(self.desk.now);
        self.desk.command(|phone, now| phone.disconnect(now)).expect("it runs");
    }

    pub fn set_token(&mut self) {
        self.token.clone_from(&self.cloud.token);
        let token = self.token.as_str().into();
        self.desk
            .command(|phone, now| phone.set_token(now, token))
            .expect("it runs");
    }

    fn subscribe(&mut self, step: &Step) {
        let command = match step {
            Step::Subscribe {
                topic: number,
                immediate,
            } => {
                let topic = topic(*number);
                self.wanted.entry(topic.to_string()).or_default().0 += 1;
                let priority = Priority(i32::from(*number));
                self.desk
                    .command(|phone, now| phone.subscribe(now, &[topic], priority, *immediate))
            }
            Step::Unsubscribe { topic: number } => {
                let topic = topic(*number);
                if let Some((singles, bulk)) = self.wanted.get_mut(topic.as_str()) {
                    match singles {
                        0 => *bulk = false,
                        _ => *singles -= 1,
                    }
                }
                self.desk.command(|phone, now| phone.unsubscribe(now, &[topic]))
            }
            Step::BulkSubscribe { topics, replace, force } => {
                for (singles, bulk) in self.wanted.values_mut() {
                    *bulk &= !replace;
                    *singles = if *force { 0 } else { *singles };
                }
                let list: Vec<_> = (0..8).filter(|bit| topics & (1 << bit) != 0).map(topic).collect();
                for topic in &list {
                    self.wanted.entry(topic.to_string()).or_default().1 = true;
                }
                let list: Vec<_> = list.into_iter().map(|topic| (topic, Priority::default())).collect();
                let options = BulkOptions {
                    replace: *replace,
                    force: *force,
                };
                self.desk
                    .command(|phone, now| phone.bulk_subscribe(now, &list, options))
            }
            _ => return,
        };
        self.witness.topics.insert(command.expect("it runs"));
    }

    fn telephone(&mut self, step: &Step) {
        let frame = match step {
            Step::PlaceCall => {
                let call = OutboundCall::to(Destination::User("u".to_owned()));
                if let Ok(token) = self.desk.command(|phone, now| phone.place_call(now, &call)) {
                    self.witness.calls.insert(token);
                }
                None
            }
            Step::Accept(which) => {
                let id = self.ringing(*which);
                if let Some(id) = id {
                    drop(self.desk.command(|phone, now| phone.accept(now, &id)));
                }
                None
            }
            Step::Reject(which) => {
                let id = self.ringing(*which);
                if let Some(id) = id {
                    drop(self.desk.command(|phone, now| phone.reject(now, &id, false)));
                }
                None
            }
            Step::HangUp(which) => {
                if let Some(id) = self.session(*which) {
                    if let Some(live) = self.witness.live.get_mut(&id) {
                        live.hung_up = true;
                    }
                    self.desk
                        .command(|phone, now| phone.end(now, &id, Reason::Success))
                        .expect("it lives");
                }
                None
            }
            Step::MediaFail(which) => {
                if let Some(id) = self.session(*which) {
                    let now = self.desk.now;
                    let away = !self.desk.phone.is_connected();
                    if let Some(Ok(())) = self
                        .desk
                        .session(&id, |session, now| session.media_failed(now, Reason::FailedTransport))
                    {
                        self.witness.media_failed(now, &id, away);
                    }
                }
                None
            }
            Step::Propose { auto } => self.cloud.propose(None, *auto),
            Step::Retract(which) => self.ringing(*which).and_then(|id| self.cloud.retract(id.as_str())),
            Step::Reinvite(which) => {
                let id = self.session(*which);
                let ufrag = format!("r{}", self.number);
                id.and_then(|id| self.cloud.ask(id.as_str(), "offer", &gateway::offer(&ufrag)))
            }
            Step::Candidate(which) => {
                let line = r#","sdp":"m=audio 9 RTP/AVP 0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n""#;
                let id = self.session(*which);
                id.and_then(|id| self.cloud.ask(id.as_str(), "iceCandidate", line))
            }
            Step::Terminate(which) => self.session(*which).and_then(|id| self.cloud.terminate(id.as_str())),
            _ => None,
        };
        self.frames(frame);
    }
}
