//! A stream with a bound resource: the last steps to *connected*, then requests and messages in both directions.

use std::{collections::BTreeMap, mem};

use jid::{BareJid, FullJid, Jid};
use minidom::Element;
use tracing::{debug, warn};

use super::{
    Context,
    iq::{self, Answer, Iq},
    requests::{Purpose, Question, Requests},
};
use crate::{
    CloseReason, Condition, Connected, ErrorKind, Event, IncomingRequest, Message, NotConnected, Outcome, Reply,
    ReplyError, Request, RequestKind, Service, Stage, Ticket, Token, ns, services::ServiceList, xml,
};

/// The pubsub node that makes the server ping.
const SERVER_PINGS: &str = "enable.server.side.pings";

/// A stream with a bound resource.
#[derive(Debug)]
pub(super) struct Session {
    jid: FullJid,
    requests: Requests,
    waiting: BTreeMap<Ticket, Asker>,
    next_ticket: u64,
    phase: Phase,
}

/// To whom a reply goes.
#[derive(Debug)]
struct Asker {
    id: String,
    from: Option<Jid>,
}

#[derive(Debug)]
enum Phase {
    /// The two lists of external services are awaited.
    AskingServices {
        turn: Option<Vec<Service>>,
        stun: Option<Vec<Service>>,
        held: Held,
    },
    /// The answer to the subscription to server-side pings is awaited.
    SubscribingPings { services: Vec<Service>, held: Held },
    /// The application has been told that it can use the stream.
    Connected,
}

/// Messages and requests that came before the application was told that the stream is connected.
#[derive(Debug, Default)]
struct Held {
    events: Vec<Event>,
    /// The size of the frames they came in.
    bytes: usize,
}

impl Held {
    /// All of it together may be as large as the largest frame.
    fn has_room(&self, cx: &Context<'_>, bytes: usize) -> bool {
        self.events.len() < cx.config.backlog && self.bytes + bytes <= cx.config.limits.bytes
    }
}

impl Session {
    /// Asks for both lists of external services, back to back.
    pub(super) fn start(cx: &mut Context<'_>, jid: FullJid) -> Self {
        let mut requests = Requests::default();
        let server = BareJid::from_parts(None, jid.domain());
        for list in [ServiceList::Turn, ServiceList::Stun] {
            requests.send(
                cx,
                Purpose::Services(list),
                Question {
                    to: Some(server.clone().into()),
                    from: None,
                    kind: RequestKind::Get,
                    payload: list.query(),
                    patience: cx.config.timeouts.services,
                },
            );
        }
        debug!(%jid, "session started");
        Self {
            jid,
            requests,
            waiting: BTreeMap::new(),
            next_ticket: 0,
            phase: Phase::AskingServices {
                turn: None,
                stun: None,
                held: Held::default(),
            },
        }
    }

    pub(super) fn jid(&self) -> &FullJid {
        &self.jid
    }

    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// What is left when the stream closes: the address and the unanswered requests, if it had been connected.
    pub(super) fn into_parts(self) -> (Option<FullJid>, Requests) {
        match self.phase {
            Phase::Connected => (Some(self.jid), self.requests),
            Phase::AskingServices { .. } | Phase::SubscribingPings { .. } => (None, Requests::default()),
        }
    }

    /// Takes the next element, from a frame of this size.
    pub(super) fn handle(&mut self, cx: &mut Context<'_>, element: Element, bytes: usize) -> Result<(), CloseReason> {
        if element.is("message", ns::CLIENT) {
            if let Some(message) = read_message(element) {
                self.tell(cx, Event::Message(message), bytes);
            }
        } else if element.is("iq", ns::CLIENT) {
            match Iq::read(element) {
                Iq::Answer { id, from, answer } => match self.requests.answered(&id, from.as_ref(), &self.jid) {
                    Some(purpose) => return self.conclude(cx, purpose, answer),
                    None => debug!("answer to no request of ours, or from somebody else, ignored"),
                },
                Iq::Request {
                    id,
                    from,
                    kind,
                    payload,
                } => {
                    self.handle_request(cx, Asker { id, from }, kind, payload, bytes);
                }
                Iq::Unusable => debug!("IQ without id, known type or sound sender ignored"),
            }
        } else {
            debug!(name = element.name(), "element ignored");
        }
        Ok(())
    }

    /// Ends the requests whose time is up.
    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        while let Some(purpose) = self.requests.expired(cx.now) {
            self.conclude(cx, purpose, Answer::Silence)?;
        }
        Ok(())
    }

    /// Sends a request of the application.
    pub(super) fn request(&mut self, cx: &mut Context<'_>, request: Request) -> Result<(), NotConnected> {
        self.connected()?;
        let Request {
            token,
            to,
            kind,
            payload,
        } = request;
        let question = Question {
            to,
            from: Some(self.jid.clone().into()),
            kind,
            payload,
            patience: cx.config.timeouts.request,
        };
        self.requests.send(cx, Purpose::Application(token), question);
        Ok(())
    }

    /// Sends a reply of the application.
    pub(super) fn reply(&mut self, cx: &mut Context<'_>, ticket: Ticket, reply: Reply) -> Result<(), ReplyError> {
        self.connected().map_err(|NotConnected| ReplyError::NotConnected)?;
        let asker = self.waiting.remove(&ticket).ok_or(ReplyError::UnknownTicket)?;
        answer(cx, &asker, reply);
        Ok(())
    }

    /// Makes room where the application will not reply.
    pub(super) fn ignore(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }

    /// Sends a message of the application.
    pub(super) fn send_message(
        &mut self,
        cx: &mut Context<'_>,
        to: &Jid,
        payload: Element,
    ) -> Result<(), NotConnected> {
        self.connected()?;
        let mut message = xml::element("message", ns::CLIENT, &[("to", to.as_str())]);
        message.append_child(payload);
        cx.outbox.transmit(&message);
        Ok(())
    }

    fn connected(&self) -> Result<(), NotConnected> {
        match self.phase {
            Phase::Connected => Ok(()),
            Phase::AskingServices { .. } | Phase::SubscribingPings { .. } => Err(NotConnected),
        }
    }

    /// A request of ours has ended.
    fn conclude(&mut self, cx: &mut Context<'_>, purpose: Purpose, answer: Answer) -> Result<(), CloseReason> {
        match purpose {
            Purpose::Application(token) => cx.outbox.event(response(token, answer)),
            Purpose::Services(list) => match answer {
                Answer::Result(payload) => self.services_arrived(cx, list, list.read(payload.as_ref())),
                Answer::Error(error) => return Err(CloseReason::ExternalServicesFailed(Box::new(error))),
                Answer::Silence => {
                    return Err(CloseReason::TimedOut {
                        stage: Stage::ExternalServices,
                    });
                }
            },
            Purpose::Pings => self.pings_settled(cx, matches!(answer, Answer::Result(_))),
        }
        Ok(())
    }

    fn services_arrived(&mut self, cx: &mut Context<'_>, list: ServiceList, services: Vec<Service>) {
        let Phase::AskingServices { turn, stun, held } = &mut self.phase else {
            return;
        };
        match list {
            ServiceList::Turn => *turn = Some(services),
            ServiceList::Stun => *stun = Some(services),
        }
        if let (Some(turn), Some(stun)) = (turn, stun) {
            let mut services = mem::take(turn);
            services.append(stun);
            let held = mem::take(held);
            self.subscribe_pings(cx);
            self.phase = Phase::SubscribingPings { services, held };
        }
    }

    fn subscribe_pings(&mut self, cx: &mut Context<'_>) {
        let account = self.jid.to_bare();
        let mut pubsub = Element::bare("pubsub", ns::PUBSUB);
        pubsub.append_child(xml::element(
            "subscribe",
            ns::PUBSUB,
            &[("node", SERVER_PINGS), ("jid", account.as_str())],
        ));
        let question = Question {
            to: Some(cx.config.pubsub.clone()),
            from: None,
            kind: RequestKind::Set,
            payload: pubsub,
            patience: cx.config.timeouts.subscription,
        };
        self.requests.send(cx, Purpose::Pings, question);
    }

    fn pings_settled(&mut self, cx: &mut Context<'_>, server_pings: bool) {
        let Phase::SubscribingPings { services, held } = &mut self.phase else {
            return;
        };
        let (services, held) = (mem::take(services), mem::take(held));
        self.phase = Phase::Connected;
        debug!(jid = %self.jid, server_pings, services = services.len(), "connected");
        cx.outbox.event(Event::Connected(Connected {
            jid: self.jid.clone(),
            services,
            server_pings,
        }));
        for event in held.events {
            cx.outbox.event(event);
        }
    }

    /// Every request is answered: by the stream, or by the application if it said so.
    fn handle_request(
        &mut self,
        cx: &mut Context<'_>,
        asker: Asker,
        kind: RequestKind,
        payload: Option<Element>,
        bytes: usize,
    ) {
        let Some(payload) = payload else {
            return answer(cx, &asker, iq::refusal(ErrorKind::Modify, Condition::BadRequest));
        };
        let handled = &cx.config.handled;
        if kind == RequestKind::Get && payload.is("ping", ns::PING) {
            answer(cx, &asker, Reply::Result(None));
        } else if !handled.iter().any(|known| payload.is(known.name, known.namespace)) {
            debug!(
                name = payload.name(),
                namespace = payload.ns(),
                "request of an unknown kind refused"
            );
            answer(
                cx,
                &asker,
                iq::refusal(ErrorKind::Cancel, Condition::ServiceUnavailable),
            );
        } else if self.waiting.len() >= cx.config.backlog || !self.has_room(cx, bytes) {
            warn!(
                waiting = self.waiting.len(),
                "request refused: the application is behind with its replies"
            );
            answer(cx, &asker, iq::refusal(ErrorKind::Wait, Condition::ResourceConstraint));
        } else {
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            let from = asker.from.clone();
            self.waiting.insert(ticket, asker);
            let request = IncomingRequest {
                ticket,
                kind,
                from,
                payload,
            };
            self.tell(cx, Event::Request(request), bytes);
        }
    }

    /// Whether an event that came in a frame of this size can be told or held.
    fn has_room(&self, cx: &Context<'_>, bytes: usize) -> bool {
        match &self.phase {
            Phase::AskingServices { held, .. } | Phase::SubscribingPings { held, .. } => held.has_room(cx, bytes),
            Phase::Connected => true,
        }
    }

    /// Tells the application, once it knows that the stream is connected.
    fn tell(&mut self, cx: &mut Context<'_>, event: Event, bytes: usize) {
        match &mut self.phase {
            Phase::AskingServices { held, .. } | Phase::SubscribingPings { held, .. } => {
                if held.has_room(cx, bytes) {
                    held.events.push(event);
                    held.bytes += bytes;
                } else {
                    warn!("message dropped: too many came before the stream was connected");
                }
            }
            Phase::Connected => cx.outbox.event(event),
        }
    }
}

fn answer(cx: &mut Context<'_>, asker: &Asker, reply: Reply) {
    cx.outbox.transmit(&iq::reply(&asker.id, asker.from.as_ref(), reply));
}

/// The end of a request that the application made.
pub(super) fn response(token: Token, answer: Answer) -> Event {
    let outcome = match answer {
        Answer::Result(payload) => Outcome::Result(payload),
        Answer::Error(error) => Outcome::Error(error),
        Answer::Silence => Outcome::TimedOut,
    };
    Event::Response { token, outcome }
}

/// Reads a message, unless it is an error or its sender is not an address.
pub(super) fn read_message(stanza: Element) -> Option<Message> {
    let Ok(from) = xml::address(&stanza, "from") else {
        debug!("message whose sender is no JID ignored");
        return None;
    };
    if stanza.attr("type") == Some("error") {
        debug!(
            from = from.as_ref().map(Jid::as_str),
            "message that came back as an error ignored"
        );
        return None;
    }
    let payloads = iq::children(stanza).collect();
    Some(Message { from, payloads })
}
