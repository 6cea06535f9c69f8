//! Every order of what may happen to a client, as far as chance finds it: whatever crosses, each session that started ends once,
//! nothing is left, a shutdown ends, and the same happenings give the same words.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use offhook_jingle::{Generation, Reason, Session, SessionId};
use offhook_phone::{AnswerPolicy, Endpoints, Event, PhoneConfig};
use offhook_tests::{
    desk::Desk,
    gateway::{self, GATEWAY},
};
use offhook_xmpp::fuzzing::Server;
use proptest::prelude::*;

const STRANGER: &str = "stranger@gjoll.example.org/1";

/// One thing that may happen to call `call`.
#[derive(Debug, Clone)]
enum Happening {
    Propose {
        call: u8,
        auto: bool,
    },
    Retract {
        call: u8,
    },
    TakenElsewhere {
        call: u8,
    },
    Offer {
        call: u8,
        number: u8,
        ufrag: u8,
        stranger: bool,
    },
    Candidate {
        call: u8,
        number: u8,
    },
    Terminate {
        call: u8,
        number: u8,
        stranger: bool,
    },
    Accept {
        call: u8,
    },
    Reject {
        call: u8,
        ignore: bool,
    },
    End {
        call: u8,
    },
    Answer {
        call: u8,
    },
    MediaConnected {
        call: u8,
    },
    MediaFailed {
        call: u8,
    },
    MailWaits,
    MailComes,
    StreamCloses,
    Connect,
    Disconnect,
    TimePasses {
        seconds: u8,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let call = 0_u8..3;
    prop_oneof![
        4 => (call.clone(), any::<bool>()).prop_map(|(call, auto)| Propose { call, auto }),
        1 => call.clone().prop_map(|call| Retract { call }),
        1 => call.clone().prop_map(|call| TakenElsewhere { call }),
        5 => (call.clone(), 0_u8..4, 0_u8..2, prop::bool::weighted(0.1))
            .prop_map(|(call, number, ufrag, stranger)| Offer { call, number, ufrag, stranger }),
        3 => (call.clone(), any::<u8>()).prop_map(|(call, number)| Candidate { call, number }),
        2 => (call.clone(), any::<u8>(), prop::bool::weighted(0.3))
            .prop_map(|(call, number, stranger)| Terminate { call, number, stranger }),
        4 => call.clone().prop_map(|call| Accept { call }),
        1 => (call.clone(), any::<bool>()).prop_map(|(call, ignore)| Reject { call, ignore }),
        1 => call.clone().prop_map(|call| End { call }),
        3 => call.clone().prop_map(|call| Answer { call }),
        2 => call.clone().prop_map(|call| MediaConnected { call }),
        1 => call.prop_map(|call| MediaFailed { call }),
        1 => Just(MailWaits),
        2 => Just(MailComes),
        1 => Just(StreamCloses),
        2 => Just(Connect),
        1 => Just(Disconnect),
        2 => (0_u8..100).prop_map(|seconds| TimePasses { seconds }),
    ]
}

/// A client with its server, which does everything right.
struct World {
    desk: Desk,
    server: Server,
    transcript: Vec<String>,
}

impl World {
    fn new() -> Self {
        let endpoints = Endpoints::region("mypurecloud.de").unwrap();
        let mut config = PhoneConfig::new(endpoints, "token".into());
        config.answer = AnswerPolicy {
            placed: true,
            auto: true,
            always: false,
        };
        let mut world = Self {
            desk: Desk::new(config),
            server: Server::default(),
            transcript: Vec::new(),
        };
        world.connect();
        world
    }

    fn connect(&mut self) {
        drop(self.desk.command(|phone, now| phone.connect(now)));
        if !self.desk.requests.is_empty() {
            self.server = Server::default();
            self.desk.answer_login("agent@example.org");
        }
        self.settle();
    }

    /// Lets the server answer until nobody has more to say.
    fn settle(&mut self) {
        while let Some(frame) = self.desk.sent.pop_front() {
            for answer in self.server.answers(&frame) {
                self.desk.receive(&answer);
            }
            self.transcript.push(frame);
        }
    }

    fn message(&mut self, from: &str, name: &str, call: u8, attributes: &str) {
        self.desk
            .receive(&gateway::message(from, name, &format!("call-{call}"), attributes));
    }

    fn request(&mut self, from: &str, id: &str, method: &str, call: u8, params: &str) {
        self.desk
            .receive(&gateway::request(from, id, method, &format!("call-{call}"), params));
    }

    fn happen(&mut self, happening: &Happening) {
        let id = |call: &u8| SessionId::new(format!("call-{call}"));
        match happening {
            Happening::Propose { call, auto } => {
                let attributes = format!("inin-cid='c-{call}' inin-autoanswer='{auto}' inin-sdp-over-xmpp='true'");
                self.message(GATEWAY, "propose", *call, &attributes);
            }
            Happening::Retract { call } => self.message(GATEWAY, "retract", *call, ""),
            Happening::TakenElsewhere { call } => self.message("agent@example.org/other", "accept", *call, ""),
            Happening::Offer {
                call,
                number,
                ufrag,
                stranger,
            } => {
                let sdp = gateway::offer(&format!("u{ufrag}"));
                self.request(peer(*stranger), &format!("o{call}-{number}"), "offer", *call, &sdp);
            }
            Happening::Candidate { call, number } => {
                let line = r#","sdp":"m=audio 9 RTP/AVP 0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n""#;
                self.request(GATEWAY, &format!("c{call}-{number}"), "iceCandidate", *call, line);
            }
            Happening::Terminate { call, number, stranger } => {
                self.request(
                    peer(*stranger),
                    &format!("t{call}-{number}"),
                    "terminate",
                    *call,
                    r#","reason":"success""#,
                );
            }
            Happening::Accept { call } => drop(self.desk.command(|phone, now| phone.accept(now, &id(call)))),
            Happening::Reject { call, ignore } => {
                drop(self.desk.command(|phone, now| phone.reject(now, &id(call), *ignore)));
            }
            Happening::End { call } => drop(
                self.desk
                    .command(|phone, now| phone.end(now, &id(call), Reason::Success)),
            ),
            Happening::Answer { call } => {
                self.session(&id(call), |session, now, offer| {
                    session.answer(now, offer?, "v=0\r\n".into()).ok()
                });
            }
            Happening::MediaConnected { call } => {
                self.session(&id(call), |session, now, offer| {
                    session.media_connected(now, offer?).ok()
                });
            }
            Happening::MediaFailed { call } => {
                self.session(&id(call), |session, now, _| {
                    session.media_failed(now, Reason::FailedTransport).ok()
                });
            }
            Happening::MailWaits => self.desk.mail_waits = true,
            Happening::MailComes => self.desk.deliver_mail(),
            Happening::StreamCloses => self
                .desk
                .receive("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"),
            Happening::Connect => self.connect(),
            Happening::Disconnect => drop(self.desk.command(|phone, now| phone.disconnect(now))),
            Happening::TimePasses { seconds } => self.desk.pass(Duration::from_secs(u64::from(*seconds))),
        }
        self.settle();
    }

    /// Commands a session, with the generation of its latest offer; what it refuses is refused.
    fn session(
        &mut self,
        id: &SessionId,
        command: impl FnOnce(&mut Session, Instant, Option<Generation>) -> Option<()>,
    ) {
        let offer = self.desk.latest_offer(id);
        self.desk.session(id, |session, now| command(session, now, offer));
    }

    /// Shuts down, and gives all that was told.
    fn finish(mut self) -> (Vec<Event>, Vec<String>) {
        self.desk.deliver_mail();
        self.desk.command(|phone, now| phone.shutdown(now));
        self.settle();
        self.desk.pass(Duration::from_secs(30));
        self.settle();
        assert!(
            self.desk.sessions.is_empty(),
            "sessions outlive the shutdown: {:?}",
            self.desk.sessions
        );
        (self.desk.events, self.transcript)
    }
}

fn peer(stranger: bool) -> &'static str {
    if stranger { STRANGER } else { GATEWAY }
}

fn run(happenings: &[Happening]) -> (Vec<Event>, Vec<String>) {
    let mut world = World::new();
    for happening in happenings {
        world.happen(happening);
    }
    world.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_crosses_each_session_ends_once(happenings in prop::collection::vec(happening(), 0..60)) {
        let (events, transcript) = run(&happenings);
        prop_assert_eq!(events.last(), Some(&Event::ShutDown));
        let mut live = BTreeMap::new();
        for event in &events {
            match event {
                Event::SessionStarted { session, .. } => {
                    prop_assert!(live.insert(session.clone(), ()).is_none(), "{session} started twice");
                }
                Event::SessionEnded { session, .. } => {
                    prop_assert!(live.remove(session).is_some(), "{session} ended without having started");
                }
                _ => {}
            }
        }
        prop_assert!(live.is_empty(), "{live:?} never ended");
        // Ids and times are drawn from the seed and the clock of the world, so they come out the same again.
        let (events_again, transcript_again) = run(&happenings);
        prop_assert_eq!(transcript, transcript_again);
        prop_assert_eq!(events, events_again);
    }
}
