//! What runs a phone of ours: the stream gives stanzas to the endpoint, the endpoint offers and answers to the media.

use std::{
    collections::BTreeMap,
    future::pending,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use offhook_jingle::{
    Dialect, Endpoint, EndpointConfig, EndpointEvent, FullJid, Generation, Jid, Reason, Session, SessionEvent,
    SessionId, Ticket, Token,
    endpoint::{Input, Output, Unsolicited},
    session::{CommandError, Outcome, Refusal, Rejection, Reply},
    stanza::JingleCondition,
};
use offhook_media::{Call, CallConfig, Identity};
use offhook_tests::{
    line::{Arrived, Line},
    prosody::Client,
};
use offhook_xmpp::{self as xmpp, Condition, ErrorKind, RequestKind, StanzaError, Urgency};
use tokio::{
    sync::mpsc,
    time::{interval, sleep_until},
};

use crate::phone::{Act, Told};

/// A session and its media.
type Whose = (SessionId, Generation);

/// How long a frame of audio is.
const FRAME: Duration = Duration::from_millis(20);

pub struct Desk {
    client: Client,
    endpoint: Endpoint,
    media: CallConfig,
    hertz: u32,
    lines: BTreeMap<SessionId, Line<Whose>>,
    /// Calls that were not accepted yet.
    offers: BTreeMap<SessionId, Offer>,
    /// Requests of peers without an answer.
    tickets: BTreeMap<Ticket, xmpp::Ticket>,
    /// Requests that are kept at the door, while they are.
    held_back: Option<Vec<xmpp::IncomingRequest>>,
    seeds: u8,
    /// Lines send what their sockets read.
    datagrams: mpsc::UnboundedSender<Arrived<Whose>>,
    arriving: mpsc::UnboundedReceiver<Arrived<Whose>>,
    told: mpsc::UnboundedSender<Told>,
}

struct Offer {
    generation: Generation,
    sdp: String,
    candidates: Vec<String>,
}

impl Desk {
    pub fn new(client: Client, jid: FullJid, hertz: u32, told: mpsc::UnboundedSender<Told>) -> Self {
        let config = EndpointConfig {
            unsolicited: Unsolicited::Take,
            ..EndpointConfig::new(jid)
        };
        let (datagrams, arriving) = mpsc::unbounded_channel();
        let addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        Self {
            client,
            endpoint: Endpoint::new(config, [7; 32], Instant::now()),
            media: CallConfig::new(Identity::generate().expect("a certificate"), addresses),
            hertz,
            lines: BTreeMap::new(),
            offers: BTreeMap::new(),
            tickets: BTreeMap::new(),
            held_back: None,
            seeds: 0,
            datagrams,
            arriving,
            told,
        }
    }

    pub async fn run(mut self, mut acts: mpsc::UnboundedReceiver<Act>) {
        let mut ticks = interval(FRAME);
        loop {
            let until = self.carry_out();
            tokio::select! {
                event = self.client.next() => match event {
                    Some(event) => self.hear(event),
                    // A stream that has ended says no more; the test looks at what it left.
                    None => pending().await,
                },
                act = acts.recv() => match act {
                    Some(act) => act(&mut self, Instant::now()),
                    None => return,
                },
                Some(arrived) = self.arriving.recv() => {
                    if let Some(line) = self.lines.get_mut(&arrived.whose.0) {
                        line.take(Instant::now(), &arrived);
                    }
                }
                _ = ticks.tick() => self.tick(),
                () = sleep_until(until.into()) => self.pass_time(),
            }
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn sessions(&self) -> usize {
        self.endpoint.sessions().count()
    }

    pub fn call(&mut self, now: Instant, peer: Jid) -> SessionId {
        let seed = self.seed();
        let (call, offer) = Call::offerer(self.media.clone(), seed, now);
        let session = self.endpoint.call(now, peer, Dialect::Jingle, &offer).expect("a call");
        self.add_line(&session, Generation::FIRST, call);
        session
    }

    pub fn answer(&mut self, now: Instant, session: &SessionId) {
        let Offer {
            generation,
            sdp,
            candidates,
        } = self.offers.remove(session).expect("it is offered");
        let seed = self.seed();
        let (call, answer) =
            Call::answerer(self.media.clone(), &sdp, seed, now).expect("an offer that can be answered");
        self.add_line(session, generation, call);
        self.command(now, session, |session, now| session.answer(now, generation, answer));
        for candidate in candidates {
            self.add_candidate(now, session, candidate);
        }
    }

    /// Declines the change that is offered.
    pub fn decline(&mut self, now: Instant, session: &SessionId) {
        let Offer { generation, .. } = self.offers.remove(session).expect("it is offered");
        self.command(now, session, |session, now| session.decline(now, generation));
    }

    pub fn command(
        &mut self,
        now: Instant,
        session: &SessionId,
        command: impl FnOnce(&mut Session, Instant) -> Result<(), CommandError>,
    ) {
        let done = self.endpoint.with_session(now, session, command);
        done.expect("there is such a session").expect("that it can do");
    }

    pub fn hold_back(&mut self) {
        self.held_back = Some(Vec::new());
    }

    pub fn let_in(&mut self, now: Instant) {
        for request in self.held_back.take().into_iter().flatten() {
            self.take_in(now, request);
        }
    }

    fn seed(&mut self) -> [u8; 32] {
        self.seeds += 1;
        [self.seeds; 32]
    }

    fn add_line(&mut self, session: &SessionId, generation: Generation, call: Call) {
        let line = Line::new((session.clone(), generation), call, self.hertz);
        self.lines.insert(session.clone(), line);
    }

    fn add_candidate(&mut self, now: Instant, session: &SessionId, candidate: String) {
        if let Some(line) = self.lines.get_mut(session) {
            line.add_remote_candidate(now, &candidate);
        } else if let Some(offer) = self.offers.get_mut(session) {
            offer.candidates.push(candidate);
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        for line in self.lines.values_mut() {
            if let Some(tone) = line.tick(now) {
                let _ = self.told.send(Told::Heard(tone));
            }
        }
    }

    fn pass_time(&mut self) {
        let now = Instant::now();
        self.endpoint.handle_input(now, Input::Timeout);
        for line in self.lines.values_mut() {
            line.pass_time(now);
        }
    }

    /// Something came on the stream.
    fn hear(&mut self, event: xmpp::Event) {
        let now = Instant::now();
        match event {
            xmpp::Event::Request(request) => match &mut self.held_back {
                Some(held) => {
                    held.push(request);
                    self.tell(Told::HeldBack);
                }
                None => self.take_in(now, request),
            },
            xmpp::Event::Response { token, outcome } => {
                let outcome = match outcome {
                    xmpp::Outcome::Result(_) => Outcome::Done,
                    xmpp::Outcome::Error(error) => Outcome::Refused(rejection(&error)),
                    xmpp::Outcome::TimedOut | xmpp::Outcome::Lost => Outcome::Lost,
                };
                let token = Token(token.0);
                self.endpoint.handle_input(now, Input::Response { token, outcome });
            }
            xmpp::Event::Message(message) => {
                for payload in message.payloads {
                    if let Some(from) = message.from.clone() {
                        self.endpoint.handle_input(now, Input::Message { from, payload });
                    }
                }
            }
            xmpp::Event::Closed(_) => self.endpoint.handle_input(now, Input::SignallingLost),
            xmpp::Event::Connected(_) | xmpp::Event::Services(_) | xmpp::Event::ServicesFailed(_) => {}
        }
    }

    fn take_in(&mut self, now: Instant, request: xmpp::IncomingRequest) {
        let number = self.tickets.last_key_value().map_or(0, |(ticket, _)| ticket.0 + 1);
        let ticket = Ticket(number);
        self.tickets.insert(ticket, request.ticket);
        let input = Input::Request {
            ticket,
            from: request.from.expect("of a peer"),
            payload: request.payload,
        };
        self.endpoint.handle_input(now, input);
    }

    /// Does all there is to do. Gives the instant at which it is to be called again.
    fn carry_out(&mut self) -> Instant {
        loop {
            let media = self.carry_out_media();
            let (until, idle) = self.carry_out_signalling();
            if idle {
                return media.map_or(until, |media| media.min(until));
            }
        }
    }

    fn carry_out_media(&mut self) -> Option<Instant> {
        let mut soonest: Option<Instant> = None;
        for session in self.lines.keys().cloned().collect::<Vec<_>>() {
            while let Some(line) = self.lines.get_mut(&session) {
                match line.carry_out(&self.datagrams) {
                    Ok(event) => {
                        let generation = line.whose.1;
                        self.media_event(&session, generation, event);
                    }
                    Err(until) => {
                        soonest = Some(soonest.map_or(until, |soonest| soonest.min(until)));
                        break;
                    }
                }
            }
        }
        soonest
    }

    fn media_event(&mut self, session: &SessionId, generation: Generation, event: offhook_media::Event) {
        use offhook_media::Event;
        if matches!(event, Event::Connected) {
            self.tell(Told::Connected);
        }
        let command = |session: &mut Session, now| match event {
            Event::LocalCandidate { mid, candidate } => session.local_candidate(now, generation, &mid, &candidate),
            Event::EndOfCandidates => session.end_of_candidates(now, generation),
            Event::Connected => session.media_connected(now, generation),
            Event::Failed(_) => session.media_failed(now, Reason::FailedTransport),
            Event::Interrupted | Event::Recovered | Event::Digit { .. } => Ok(()),
        };
        // A session that is ending takes no more of this.
        let _ = self.endpoint.with_session(Instant::now(), session, command);
    }

    /// Gives the instant at which the endpoint is to be called again, and whether there was nothing to do.
    fn carry_out_signalling(&mut self) -> (Instant, bool) {
        let mut idle = true;
        loop {
            let output = self.endpoint.poll_output();
            idle &= matches!(output, Output::Timeout(_));
            match output {
                Output::Request { token, to, payload } => {
                    self.client.ask(token.0, Some(to.as_str()), RequestKind::Set, payload);
                }
                Output::Reply { ticket, reply } => {
                    let reply = stanza_reply(reply);
                    let ticket = self.tickets.remove(&ticket).expect("it was not answered before");
                    self.client.command(move |stream, now| {
                        stream.reply(now, ticket, reply).expect("it waits for an answer");
                    });
                }
                Output::Ignore { ticket } => drop(self.tickets.remove(&ticket)),
                Output::Message { to, payload } => self.client.command(move |stream, now| {
                    let sent = stream.send_message(now, to, payload, Urgency::Normal);
                    sent.expect("it is connected");
                }),
                // Nobody looks for it after the end of the stream.
                Output::Farewell { .. } => {}
                Output::Event(event) => self.endpoint_event(event),
                Output::Timeout(until) => return (until, idle),
            }
        }
    }

    fn endpoint_event(&mut self, event: EndpointEvent) {
        let now = Instant::now();
        match event {
            EndpointEvent::Proposal(_) | EndpointEvent::Started { .. } => {}
            EndpointEvent::Session { session, event } => {
                match &event {
                    SessionEvent::Offer { generation, sdp, .. } => {
                        let offer = Offer {
                            generation: *generation,
                            sdp: sdp.clone(),
                            candidates: Vec::new(),
                        };
                        self.offers.insert(session.clone(), offer);
                    }
                    SessionEvent::Answer { sdp, .. } => {
                        let line = self.lines.get_mut(&session).expect("the line of our offer");
                        line.accept_answer(now, sdp);
                    }
                    SessionEvent::RemoteCandidate { candidate, .. } => {
                        self.add_candidate(now, &session, candidate.clone());
                    }
                    SessionEvent::Ended { .. } => {
                        self.lines.remove(&session);
                        self.offers.remove(&session);
                    }
                    _ => {}
                }
                self.tell(Told::Session { session, event });
            }
        }
    }

    fn tell(&self, told: Told) {
        // A test that has seen enough looks no further.
        let _ = self.told.send(told);
    }
}

fn rejection(error: &StanzaError) -> Rejection {
    Rejection {
        application: error.application.as_ref().and_then(JingleCondition::from_element),
        ..Rejection::new(error.condition.as_str())
    }
}

fn stanza_reply(reply: Reply) -> xmpp::Reply {
    match reply {
        Reply::Done => xmpp::Reply::Result(None),
        Reply::Refused(refusal) => xmpp::Reply::Error(stanza_error(&refusal)),
    }
}

fn stanza_error(refusal: &Refusal) -> StanzaError {
    StanzaError {
        kind: ErrorKind::from_name(refusal.error_type()).expect("a type of RFC 6120"),
        condition: Condition::from_name(refusal.condition()).expect("a condition of RFC 6120"),
        application: refusal.application().map(JingleCondition::to_element),
        text: None,
        alternative: None,
    }
}
