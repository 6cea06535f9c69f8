//! Two endpoints and what goes between them, on a virtual clock.

mod names;

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use super::*;
use crate::{
    ConversationId, Element, Generation, InitiationMessage, Reason, Ticket, Token,
    message::Propose,
    session::{Outcome, Rejection, Reply, SessionEvent},
    stanza::{Action, Content, Jingle},
};

fn sound(ufrag: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:audio\r\na=rtcp-mux\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:password-of-{ufrag}\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n"
    )
}

/// What one says to the other, or to its own account.
enum Stanza {
    Message(Jid, Element),
    Request(Token, Element),
    Reply(Token, Outcome),
}

struct Phone {
    endpoint: Endpoint,
    jid: FullJid,
    said: VecDeque<Stanza>,
    tickets: Vec<Token>,
    events: Vec<EndpointEvent>,
    refused: Vec<String>,
    ignored: usize,
}

impl Phone {
    fn new(jid: &str, change: impl FnOnce(&mut EndpointConfig)) -> Self {
        let jid: FullJid = jid.parse().expect("a full JID");
        let mut config = EndpointConfig::new(jid.clone());
        config.unsolicited = Unsolicited::Take;
        change(&mut config);
        let seed = [u8::try_from(jid.as_str().len()).expect("a short name"); 32];
        Self {
            endpoint: Endpoint::new(config, seed, crate::fuzzing::some_instant()),
            jid,
            said: VecDeque::new(),
            tickets: Vec::new(),
            events: Vec::new(),
            refused: Vec::new(),
            ignored: 0,
        }
    }

    fn drain(&mut self) {
        loop {
            match self.endpoint.poll_output() {
                Output::Request { token, payload, .. } => self.said.push_back(Stanza::Request(token, payload)),
                Output::Message { to, payload } => self.said.push_back(Stanza::Message(to, payload)),
                Output::Farewell { payload, .. } => {
                    self.said.push_back(Stanza::Request(Token(u64::MAX), payload));
                }
                Output::Ignore { .. } => self.ignored += 1,
                Output::Reply { ticket, reply } => {
                    let Some(token) = usize::try_from(ticket.0).ok().and_then(|at| self.tickets.get(at)) else {
                        self.refused.push(reply_line(&reply));
                        continue;
                    };
                    let outcome = match reply {
                        Reply::Done => Outcome::Done,
                        Reply::Refused(refusal) => Outcome::Refused(Rejection {
                            application: refusal.application(),
                            ..Rejection::new(refusal.condition())
                        }),
                    };
                    self.said.push_back(Stanza::Reply(*token, outcome));
                }
                Output::Event(event) => self.events.push(event),
                Output::Timeout(_) => return,
            }
        }
    }

    /// A request of somebody who is not played here.
    fn asked(&mut self, from: &str, payload: Element) -> Vec<String> {
        let from = from.parse().expect("a JID");
        let ticket = Ticket(u64::MAX - 1);
        let input = Input::Request { ticket, from, payload };
        self.endpoint.handle_input(crate::fuzzing::some_instant(), input);
        self.drain();
        std::mem::take(&mut self.refused)
    }

    fn ended(&self) -> Vec<(SessionId, Reason)> {
        let ended = |event: &EndpointEvent| match event {
            EndpointEvent::Session {
                session,
                event: SessionEvent::Ended { reason, .. },
            } => Some((session.clone(), *reason)),
            _ => None,
        };
        self.events.iter().filter_map(ended).collect()
    }
}

fn reply_line(reply: &Reply) -> String {
    match reply {
        Reply::Done => "done".to_owned(),
        Reply::Refused(refusal) => {
            let application = refusal
                .application()
                .map(|condition| format!(" {}", condition.as_str()));
            format!("{}{}", refusal.condition(), application.unwrap_or_default())
        }
    }
}

fn carry(from: &mut Phone, to: &mut Phone, now: Instant) -> bool {
    let Some(stanza) = from.said.pop_front() else {
        return false;
    };
    let input = match stanza {
        // To our own account, whose other resources are not played here.
        Stanza::Message(addressee, _) if addressee == from.jid.to_bare() => return true,
        Stanza::Message(_, payload) => Input::Message {
            from: from.jid.clone().into(),
            payload,
        },
        Stanza::Reply(token, outcome) => Input::Response { token, outcome },
        Stanza::Request(token, payload) => {
            to.tickets.push(token);
            Input::Request {
                ticket: Ticket(to.tickets.len() as u64 - 1),
                from: from.jid.clone().into(),
                payload,
            }
        }
    };
    to.endpoint.handle_input(now, input);
    to.drain();
    true
}

fn settle(one: &mut Phone, other: &mut Phone) {
    let now = crate::fuzzing::some_instant();
    one.drain();
    other.drain();
    while carry(one, other, now) | carry(other, one, now) {}
}

fn romeo() -> Phone {
    Phone::new("romeo@example.org/orchard", |_| {})
}

fn juliet() -> Phone {
    Phone::new("juliet@capulet.example/balcony", |_| {})
}

#[test]
fn a_proposed_call_in_each_dialect() {
    for (sdp_over_xmpp, dialect) in [(true, Dialect::SdpOverXmpp), (false, Dialect::Jingle)] {
        let now = crate::fuzzing::some_instant();
        let (mut romeo, mut juliet) = (romeo(), juliet());
        let mut propose = Propose::new(SessionId::new(""));
        propose.sdp_over_xmpp = sdp_over_xmpp;
        propose.conversation = Some(ConversationId::new("c"));
        let to = "juliet@capulet.example".parse().expect("a JID");
        let id = romeo.endpoint.propose(now, to, propose).expect("room for it");
        settle(&mut romeo, &mut juliet);
        juliet.endpoint.ring(now, &id).expect("it rings");
        juliet.endpoint.accept(now, &id).expect("it rings");
        settle(&mut romeo, &mut juliet);
        romeo.endpoint.begin(now, &id, &sound("r0")).expect("she has proceeded");
        settle(&mut romeo, &mut juliet);
        let answered = juliet.endpoint.with_session(now, &id, |session, now| {
            session.answer(now, Generation::FIRST, sound("j0"))
        });
        assert_eq!(answered, Ok(Ok(())));
        settle(&mut romeo, &mut juliet);
        for phone in [&romeo, &juliet] {
            let session = phone.endpoint.session(&id).expect("a session");
            assert_eq!(session.dialect(), dialect);
            assert_eq!(session.conversation().map(ConversationId::as_str), Some("c"));
            assert_eq!(phone.endpoint.proposals().iter().count(), 0);
            assert_eq!(phone.endpoint.proposals().iter_own().count(), 0);
        }
        romeo.endpoint.end_all(now, &Farewell::new(Reason::Success));
        settle(&mut romeo, &mut juliet);
        let end = [(id, Reason::Success)];
        assert_eq!((romeo.ended(), juliet.ended()), (end.to_vec(), end.to_vec()));
        assert_eq!(
            romeo.endpoint.sessions().count() + juliet.endpoint.sessions().count(),
            0
        );
    }
}

/// XEP-0166 section 7.2.16.
#[test]
fn of_two_calls_at_once_the_lower_name_goes_on() {
    let now = crate::fuzzing::some_instant();
    let (mut romeo, mut juliet) = (romeo(), juliet());
    let to_juliet = juliet.jid.clone().into();
    let to_romeo = romeo.jid.clone().into();
    let his = romeo
        .endpoint
        .call(now, to_juliet, Dialect::Jingle, &sound("r0"))
        .expect("room");
    let hers = juliet
        .endpoint
        .call(now, to_romeo, Dialect::Jingle, &sound("j0"))
        .expect("room");
    let (goes_on, over) = if his < hers { (his, hers) } else { (hers, his) };
    settle(&mut romeo, &mut juliet);
    for phone in [&romeo, &juliet] {
        let left: Vec<_> = phone.endpoint.sessions().map(|session| session.id().clone()).collect();
        assert_eq!(left, std::slice::from_ref(&goes_on));
    }
    let ends = romeo.ended().into_iter().chain(juliet.ended());
    assert_eq!(ends.collect::<Vec<_>>(), [(over, Reason::AlternativeSession)]);
}

/// Some clients take both calls, where one has to go.
#[test]
fn a_peer_that_breaks_no_ties_is_told_which_call_goes_on() {
    let now = crate::fuzzing::some_instant();
    let mut romeo = romeo();
    let peer = "peer@example.org/x";
    let call = |phone: &mut Phone| {
        let called = phone
            .endpoint
            .call(now, peer.parse().expect("a JID"), Dialect::Jingle, &sound("r0"));
        phone.drain();
        called.expect("room for it")
    };
    let ours = call(&mut romeo);
    let theirs = SessionId::new("!");
    assert!(theirs < ours);
    assert_eq!(romeo.asked(peer, initiate(&theirs)), ["done"]);
    let terminated = romeo.said.iter().any(|stanza| match stanza {
        Stanza::Request(_, payload) => Jingle::parse(payload).is_ok_and(|jingle| {
            let alternative = jingle.reason.and_then(|farewell| farewell.alternative);
            jingle.action == Action::SessionTerminate && jingle.sid == ours && alternative == Some(theirs.clone())
        }),
        Stanza::Message(..) | Stanza::Reply(..) => false,
    });
    assert!(
        terminated,
        "the overruled session is ended, and names the one that goes on"
    );
    // And the other way round.
    let mut romeo = self::romeo();
    call(&mut romeo);
    assert_eq!(
        romeo.asked(peer, initiate(&SessionId::new("~"))),
        ["conflict tie-break"]
    );
}

fn initiate(id: &SessionId) -> Element {
    let config = SessionConfig::new(id.clone(), Dialect::Jingle, "x@example.org/y".parse().expect("a JID"));
    let mut session =
        Session::initiate(config, [9; 32], crate::fuzzing::some_instant(), &sound("p0")).expect("an offer");
    match session.poll_output() {
        session::Output::Request { payload, .. } => payload,
        output => panic!("{output:?}"),
    }
}

#[test]
fn who_is_not_the_peer_cannot_touch_a_session_in_either_dialect() {
    let now = crate::fuzzing::some_instant();
    for dialect in [Dialect::Jingle, Dialect::SdpOverXmpp] {
        let mut romeo = romeo();
        let peer = "peer@example.org/x".parse().expect("a JID");
        let id = romeo.endpoint.call(now, peer, dialect, &sound("r0")).expect("room");
        romeo.drain();
        for stranger in ["mallory@example.org/x", "peer@example.org/y", "peer@example.org"] {
            let terminate = match dialect {
                Dialect::Jingle => Jingle::new(Action::SessionTerminate, id.clone()).to_element(),
                Dialect::SdpOverXmpp => crate::genesys::Rpc {
                    id: "1".to_owned(),
                    method: crate::genesys::Method::Terminate {
                        session: id.clone(),
                        reason: Reason::Success,
                    },
                }
                .to_element(),
            };
            assert_eq!(romeo.asked(stranger, terminate), ["item-not-found unknown-session"]);
            assert!(romeo.endpoint.session(&id).is_some());
        }
    }
}

#[test]
fn what_is_for_no_session_is_answered_as_the_specification_says() {
    let mut romeo = romeo();
    let nobody = SessionId::new("nobody's");
    let mut ask = |action| romeo.asked("peer@example.org/x", Jingle::new(action, nobody.clone()).to_element());
    assert_eq!(ask(Action::SessionTerminate), ["done"]);
    for action in [Action::SessionInfo, Action::TransportInfo, Action::SessionAccept] {
        assert_eq!(ask(action), ["item-not-found unknown-session"]);
    }
    let other = Element::bare("query", "jabber:iq:version");
    assert_eq!(romeo.asked("peer@example.org/x", other), ["service-unavailable"]);
    let nameless = Element::bare("jingle", "urn:xmpp:jingle:1");
    assert_eq!(romeo.asked("peer@example.org/x", nameless), ["bad-request"]);
}

#[test]
fn more_than_is_taken_is_refused_with_resource_constraint() {
    let mut romeo = Phone::new("romeo@example.org/orchard", |config| {
        config.sessions = 1;
        config.limits.contents = 1;
        config.limits.jingle.text = 100;
    });
    assert_eq!(romeo.asked("a@example.org/x", initiate(&SessionId::new("a"))), ["done"]);
    assert_eq!(
        romeo.asked("b@example.org/x", initiate(&SessionId::new("b"))),
        ["resource-constraint"]
    );
    let add = Jingle {
        contents: vec![Content::new(crate::stanza::Role::Initiator, "more")],
        ..Jingle::new(Action::ContentAdd, SessionId::new("a"))
    };
    assert_eq!(
        romeo.asked("a@example.org/x", add.to_element()),
        ["resource-constraint"]
    );
    let long = Jingle {
        contents: vec![Content::new(crate::stanza::Role::Initiator, "x".repeat(101))],
        ..Jingle::new(Action::ContentModify, SessionId::new("a"))
    };
    assert_eq!(
        romeo.asked("a@example.org/x", long.to_element()),
        ["resource-constraint"]
    );
    let mut shy = Phone::new("romeo@example.org/orchard", |config| {
        config.unsolicited = Unsolicited::Refuse
    });
    assert_eq!(
        shy.asked("a@example.org/x", initiate(&SessionId::new("a"))),
        ["service-unavailable"]
    );
}

#[test]
fn candidates_that_overtake_their_offer_wait_for_it_and_the_other_dialect_is_passed_over() {
    let now = crate::fuzzing::some_instant();
    let mut juliet = juliet();
    let gateway = "call@gjoll.example/media";
    let id = SessionId::new("s");
    let payload = InitiationMessage::Propose(Propose::new(id.clone())).to_element();
    let from: Jid = gateway.parse().expect("a JID");
    juliet.endpoint.handle_input(now, Input::Message { from, payload });
    let mut content = Content::new(crate::stanza::Role::Initiator, "audio");
    content.transport = Some(crate::stanza::Transport::Ice(crate::stanza::Ice {
        ufrag: Some("p0".to_owned()),
        candidates: vec!["candidate:1 1 udp 1 192.0.2.1 9 typ host".parse().expect("a candidate")],
        ..Default::default()
    }));
    let trickle = Jingle {
        contents: vec![content],
        ..Jingle::new(Action::TransportInfo, id.clone())
    };
    // Nobody has accepted yet.
    assert_eq!(juliet.asked(gateway, initiate(&id)), ["item-not-found unknown-session"]);
    juliet.endpoint.accept(now, &id).expect("it rings");
    assert_eq!(
        juliet.asked("mallory@example.org/x", trickle.to_element()),
        ["item-not-found unknown-session"]
    );
    assert_eq!(juliet.asked(gateway, trickle.to_element()), ["done"]);
    let other = crate::genesys::Method::Offer {
        session: id.clone(),
        conversation: None,
        sdp: sound("p0"),
        reinvite: false,
    };
    let other = crate::genesys::Rpc {
        id: "1".to_owned(),
        method: other,
    };
    assert_eq!(juliet.asked(gateway, other.to_element()), [""; 0]);
    assert_eq!(juliet.ignored, 1);
    assert_eq!(juliet.asked(gateway, initiate(&id)), ["done"]);
    assert_eq!(juliet.asked(gateway, other.to_element()), [""; 0]);
    assert_eq!(juliet.ignored, 2);
    let candidates = juliet.events.iter().filter(|event| {
        matches!(
            event,
            EndpointEvent::Session {
                event: SessionEvent::RemoteCandidate { .. },
                ..
            }
        )
    });
    assert_eq!(candidates.count(), 1);
}

#[test]
fn sessions_outlive_their_signalling_and_messages_wait_for_it() {
    let now = crate::fuzzing::some_instant();
    let (mut romeo, mut juliet) = (romeo(), juliet());
    let to = juliet.jid.clone().into();
    let id = romeo
        .endpoint
        .call(now, to, Dialect::Jingle, &sound("r0"))
        .expect("room");
    settle(&mut romeo, &mut juliet);
    juliet.endpoint.handle_input(now, Input::SignallingLost);
    let answered = juliet.endpoint.with_session(now, &id, |session, now| {
        session.answer(now, Generation::FIRST, sound("j0"))
    });
    assert_eq!(answered, Ok(Ok(())));
    let to = "nurse@example.org".parse().expect("a JID");
    juliet
        .endpoint
        .propose(now, to, Propose::new(SessionId::new("")))
        .expect("room");
    juliet.drain();
    assert!(juliet.said.is_empty());
    juliet.endpoint.handle_input(now, Input::SignallingRestored);
    juliet.drain();
    let kinds: Vec<_> = juliet
        .said
        .iter()
        .map(|stanza| matches!(stanza, Stanza::Message(..)))
        .collect();
    assert_eq!(kinds, [true, false], "the proposal, and the answer");
}

#[test]
fn each_session_is_woken_at_its_own_time() {
    let begin = crate::fuzzing::some_instant();
    let mut romeo = romeo();
    let mut wakes = BTreeMap::new();
    for call in 0..10_u64 {
        let now = begin + Duration::from_secs(call);
        let peer = format!("peer-{call}@example.org/x").parse().expect("a JID");
        let id = romeo
            .endpoint
            .call(now, peer, Dialect::Jingle, &sound("r0"))
            .expect("room");
        wakes.insert(now + Timers::default().answer, id);
        romeo.drain();
    }
    for (at, id) in wakes {
        romeo.endpoint.handle_input(at, Input::Timeout);
        romeo.drain();
        assert!(!romeo.endpoint.session(&id).expect("it is ending").is_calling());
    }
}

#[test]
fn the_same_seed_says_the_same() {
    let run = || {
        let (mut romeo, mut juliet) = (romeo(), juliet());
        let to = juliet.jid.clone().into();
        let now = crate::fuzzing::some_instant();
        romeo
            .endpoint
            .call(now, to, Dialect::Jingle, &sound("r0"))
            .expect("room");
        romeo.drain();
        let said = romeo.said.iter().map(|stanza| match stanza {
            Stanza::Request(_, payload) | Stanza::Message(_, payload) => String::from(payload),
            Stanza::Reply(..) => String::new(),
        });
        let said = said.collect::<Vec<_>>();
        settle(&mut romeo, &mut juliet);
        said
    };
    assert_eq!(run(), run());
}

#[test]
fn an_offer_that_says_nothing_begins_nothing_and_overrules_nothing() {
    let now = crate::fuzzing::some_instant();
    let mut romeo = romeo();
    let peer = "peer@example.org/x";
    let called = romeo
        .endpoint
        .call(now, peer.parse().expect("a JID"), Dialect::Jingle, &sound("r0"));
    let ours = called.expect("room for it");
    romeo.drain();
    romeo.events.clear();
    let empty = Jingle::new(Action::SessionInitiate, SessionId::new("!"));
    assert_eq!(romeo.asked(peer, empty.to_element()), ["bad-request"]);
    assert_eq!(romeo.events, []);
    assert!(romeo.endpoint.session(&ours).is_some_and(Session::is_calling));
    assert_eq!(romeo.endpoint.sessions().count(), 1);
}

#[test]
fn what_overtakes_its_offer_is_kept_only_if_it_is_small() {
    let now = crate::fuzzing::some_instant();
    let mut juliet = juliet();
    let gateway = "call@gjoll.example/media";
    let id = SessionId::new("s");
    let payload = InitiationMessage::Propose(Propose::new(id.clone())).to_element();
    let from: Jid = gateway.parse().expect("a JID");
    juliet.endpoint.handle_input(now, Input::Message { from, payload });
    let mut trickle = Jingle::new(Action::TransportInfo, id).to_element();
    assert_eq!(juliet.asked(gateway, trickle.clone()), ["done"]);
    trickle.append_text("x".repeat(100_000));
    assert_eq!(juliet.asked(gateway, trickle), ["resource-constraint"]);
}
