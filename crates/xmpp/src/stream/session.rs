//! A stream with a bound resource: the last steps to *connected*, then requests and messages in both directions.

use std::{mem, time::Instant};

use jid::{FullJid, Jid};
use minidom::Element;
use tracing::{debug, warn};

use super::{
    Context,
    iq::{self, Answer, Iq},
    keepalive::Keepalive,
    management::Promise,
    peers::{Asker, Peers},
    refresh::{self, Refresh},
    requests::{Purpose, Question, Requests},
    wire::Wire,
};
use crate::{
    CloseReason, Connected, Event, Message, NotConnected, Outcome, Reply, ReplyError, Request, RequestError,
    RequestKind, Service, Stage, Ticket, Token, Urgency, ns, pubsub, services::ServiceList, xml,
};

/// The pubsub node that makes the server ping.
const SERVER_PINGS: &str = "enable.server.side.pings";

/// A stream with a bound resource.
#[derive(Debug, Clone)]
pub(super) struct Session {
    jid: FullJid,
    wire: Wire,
    peers: Peers,
    phase: Phase,
}

#[derive(Debug, Clone)]
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
    Connected(Live),
}

/// What runs while a stream is connected.
#[derive(Debug, Clone)]
struct Live {
    keepalive: Keepalive,
    refresh: Refresh,
}

/// Messages and requests that came before the application was told that the stream is connected.
#[derive(Debug, Clone, Default)]
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

/// How a session begins.
pub(super) struct Beginning {
    /// The server offers stream management.
    pub(super) managed: bool,
    pub(super) next_ticket: u64,
}

impl Session {
    /// Asks for stream management if it is offered, and for both lists of external services, all back to back.
    pub(super) fn start(cx: &mut Context<'_>, jid: FullJid, beginning: Beginning) -> Self {
        let mut wire = Wire::new(cx, beginning.managed);
        for list in [ServiceList::Turn, ServiceList::Stun] {
            refresh::ask(cx, &mut wire, &jid, list, Purpose::Services(list));
        }
        debug!(%jid, "session started");
        Self {
            jid,
            wire,
            peers: Peers::new(beginning.next_ticket),
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

    pub(super) fn next_ticket(&self) -> u64 {
        self.peers.next_ticket()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let live = match &self.phase {
            Phase::AskingServices { .. } | Phase::SubscribingPings { .. } => None,
            Phase::Connected(live) => Some(live),
        };
        let watched = live.and_then(|live| live.keepalive.deadline());
        let refreshed = live.map(|live| live.refresh.deadline());
        self.wire.deadline().into_iter().chain(watched).chain(refreshed).min()
    }

    /// What is left when the stream closes: the address and the unanswered requests, if it had been connected.
    pub(super) fn into_parts(self) -> (Option<FullJid>, Requests) {
        match self.phase {
            Phase::Connected(_) => (Some(self.jid), self.wire.into_requests()),
            Phase::AskingServices { .. } | Phase::SubscribingPings { .. } => (None, Requests::default()),
        }
    }

    /// The tokens of the requests of the application that wait for an answer.
    pub(super) fn abandon(self) -> impl Iterator<Item = Token> {
        self.into_parts().1.abandon()
    }

    /// Those tokens, of a session that goes on.
    pub(super) fn tokens(&self) -> impl Iterator<Item = Token> {
        self.wire.requests().tokens()
    }

    /// What the server promised of a resumption, if the stream can be resumed: that is worth it once it was connected.
    pub(super) fn promise(&self) -> Option<&Promise> {
        match self.phase {
            Phase::Connected(_) => self.wire.management()?.promise(),
            Phase::AskingServices { .. } | Phase::SubscribingPings { .. } => None,
        }
    }

    /// The request to go on with this stream on another socket.
    pub(super) fn resume(&self) -> Option<Element> {
        self.wire.management()?.resume()
    }

    /// The server goes on with this stream.
    pub(super) fn resumed(&mut self, cx: &mut Context<'_>, resumed: &Element) -> Result<(), CloseReason> {
        let server_pings = match &mut self.phase {
            Phase::Connected(live) => {
                live.keepalive.resumed(cx);
                live.refresh.resumed(cx);
                live.keepalive.server_pings()
            }
            Phase::AskingServices { .. } | Phase::SubscribingPings { .. } => false,
        };
        self.wire.resumed(cx, resumed)?;
        cx.outbox.event(Event::Connected(Connected {
            jid: self.jid.clone(),
            services: Vec::new(),
            server_pings,
            resumed: true,
        }));
        Ok(())
    }

    /// A frame came, whatever it is.
    pub(super) fn heard(&mut self, cx: &Context<'_>) {
        if let Phase::Connected(live) = &mut self.phase {
            live.keepalive.heard(cx);
        }
    }

    /// The machine slept.
    pub(super) fn woke(&mut self, cx: &mut Context<'_>) {
        self.wire.woke(cx);
        if let Phase::Connected(live) = &mut self.phase {
            live.keepalive.woke(cx, &mut self.wire);
        }
    }

    /// Takes the next element, from a frame of this size.
    pub(super) fn handle(&mut self, cx: &mut Context<'_>, element: Element, bytes: usize) -> Result<(), CloseReason> {
        if element.has_ns(ns::SM) {
            self.wire.manage(cx, &element);
            return Ok(());
        }
        if xml::is_stanza(&element) {
            self.wire.count_handled();
        }
        if element.is("message", ns::CLIENT) {
            if let Some(message) = read_message(element) {
                self.tell(cx, Event::Message(message), bytes);
            }
        } else if element.is("iq", ns::CLIENT) {
            match Iq::read(element) {
                Iq::Answer { id, from, answer } => {
                    if let Some((purpose, answer)) = self.wire.answered(cx, &id, from.as_ref(), &self.jid, answer) {
                        return self.conclude(cx, purpose, answer);
                    }
                }
                Iq::Request {
                    id,
                    from,
                    kind,
                    payload,
                } => {
                    let has_room = self.has_room(cx, bytes);
                    let asker = Asker { id, from };
                    let request = self.peers.asked(cx, &mut self.wire, asker, kind, payload, has_room);
                    if let Some(request) = request {
                        self.tell(cx, Event::Request(request), bytes);
                    }
                }
                Iq::Unusable => debug!("IQ without id, known type or sound sender ignored"),
            }
        } else {
            debug!(name = element.name(), "element ignored");
        }
        Ok(())
    }

    /// Ends what has no more time, and does what is due.
    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        while let Some(purpose) = self.wire.handle_timeout(cx) {
            self.conclude(cx, purpose, Answer::Silence)?;
        }
        if let Phase::Connected(live) = &mut self.phase {
            live.keepalive.handle_timeout(cx, &mut self.wire)?;
            live.refresh.handle_timeout(cx, &mut self.wire, &self.jid);
        }
        Ok(())
    }

    /// Sends a request of the application.
    pub(super) fn request(&mut self, cx: &mut Context<'_>, request: Request) -> Result<(), RequestError> {
        self.has_capacity(cx)?;
        let Request {
            token,
            to,
            kind,
            payload,
            urgency,
        } = request;
        let question = Question {
            to,
            from: Some(self.jid.clone().into()),
            kind,
            payload,
            patience: cx.config.timeouts.request,
            urgency,
        };
        self.wire.ask(cx, Purpose::Application(token), question);
        Ok(())
    }

    /// Sends a reply of the application.
    pub(super) fn reply(&mut self, cx: &mut Context<'_>, ticket: Ticket, reply: Reply) -> Result<(), ReplyError> {
        self.connected().map_err(|NotConnected| ReplyError::NotConnected)?;
        self.peers.reply(cx, &mut self.wire, ticket, reply)
    }

    /// Makes room where the application will not reply.
    pub(super) fn ignore(&mut self, ticket: Ticket) {
        self.peers.ignore(ticket);
    }

    /// Sends a message of the application.
    pub(super) fn send_message(
        &mut self,
        cx: &mut Context<'_>,
        to: &Jid,
        payload: Element,
        urgency: Urgency,
    ) -> Result<(), RequestError> {
        self.has_capacity(cx)?;
        let mut message = xml::element("message", ns::CLIENT, &[("to", to.as_str())]);
        message.append_child(payload);
        self.wire.send(cx, urgency, &message);
        Ok(())
    }

    /// Sends the initial presence.
    pub(super) fn send_presence(&mut self, cx: &mut Context<'_>) -> Result<(), NotConnected> {
        self.connected()?;
        let mut presence = Element::bare("presence", ns::CLIENT);
        presence.append_child(cx.config.disco.caps());
        self.wire.send(cx, Urgency::Normal, &presence);
        Ok(())
    }

    /// Asks for the external services now.
    pub(super) fn refresh_services(&mut self, cx: &mut Context<'_>) -> Result<(), NotConnected> {
        let Phase::Connected(live) = &mut self.phase else {
            return Err(NotConnected);
        };
        live.refresh.now(cx, &mut self.wire, &self.jid);
        Ok(())
    }

    /// Sends everything that waits: the stream is about to be closed.
    pub(super) fn flush_all(&mut self, cx: &mut Context<'_>) {
        self.wire.flush_all(cx);
    }

    fn connected(&self) -> Result<(), NotConnected> {
        match self.phase {
            Phase::Connected(_) => Ok(()),
            Phase::AskingServices { .. } | Phase::SubscribingPings { .. } => Err(NotConnected),
        }
    }

    /// Whether the application can have a stanza sent.
    fn has_capacity(&self, cx: &Context<'_>) -> Result<(), RequestError> {
        self.connected().map_err(|NotConnected| RequestError::NotConnected)?;
        if self.wire.has_room(cx) {
            return Ok(());
        }
        let limit = cx.config.queue;
        Err(RequestError::QueueFull { limit })
    }

    /// A request of ours has ended.
    fn conclude(&mut self, cx: &mut Context<'_>, purpose: Purpose, answer: Answer) -> Result<(), CloseReason> {
        match (purpose, &mut self.phase) {
            (Purpose::Application(token), _) => cx.outbox.event(response(token, answer)),
            (Purpose::Services(list), Phase::AskingServices { .. }) => match answer {
                Answer::Result(payload) => self.services_arrived(cx, list, list.read(payload.as_ref())),
                Answer::Error { error, .. } => return Err(CloseReason::ExternalServicesFailed(Box::new(error))),
                Answer::Silence => {
                    return Err(CloseReason::TimedOut {
                        stage: Stage::ExternalServices,
                    });
                }
            },
            (Purpose::ServerPings, Phase::SubscribingPings { .. }) => {
                self.pings_settled(cx, matches!(answer, Answer::Result(_)));
            }
            (Purpose::Refresh(list), Phase::Connected(live)) => live.refresh.concluded(cx, list, answer),
            (Purpose::Ping, Phase::Connected(live)) => {
                return live.keepalive.ponged(cx, !matches!(answer, Answer::Silence));
            }
            (Purpose::Wake, Phase::Connected(live)) => {
                return live.keepalive.woken(cx, !matches!(answer, Answer::Silence));
            }
            (
                Purpose::Services(_) | Purpose::ServerPings | Purpose::Refresh(_) | Purpose::Ping | Purpose::Wake,
                Phase::AskingServices { .. } | Phase::SubscribingPings { .. } | Phase::Connected(_),
            ) => debug!("answer to a question of another phase ignored"),
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
        let question = Question {
            to: Some(cx.config.pubsub.clone()),
            from: None,
            kind: RequestKind::Set,
            payload: pubsub::subscribe(SERVER_PINGS, &self.jid.to_bare()),
            patience: cx.config.timeouts.subscription,
            urgency: Urgency::High,
        };
        self.wire.ask(cx, Purpose::ServerPings, question);
    }

    fn pings_settled(&mut self, cx: &mut Context<'_>, server_pings: bool) {
        let Phase::SubscribingPings { services, held } = &mut self.phase else {
            return;
        };
        let (services, held) = (mem::take(services), mem::take(held));
        self.phase = Phase::Connected(Live {
            keepalive: Keepalive::start(cx, server_pings),
            refresh: Refresh::later(cx),
        });
        debug!(jid = %self.jid, server_pings, services = services.len(), "connected");
        cx.outbox.event(Event::Connected(Connected {
            jid: self.jid.clone(),
            services,
            server_pings,
            resumed: false,
        }));
        for event in held.events {
            cx.outbox.event(event);
        }
    }

    /// Whether an event that came in a frame of this size can be told or held.
    fn has_room(&self, cx: &Context<'_>, bytes: usize) -> bool {
        match &self.phase {
            Phase::AskingServices { held, .. } | Phase::SubscribingPings { held, .. } => held.has_room(cx, bytes),
            Phase::Connected(_) => true,
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
            Phase::Connected(_) => cx.outbox.event(event),
        }
    }
}

/// The end of a request that the application made.
pub(super) fn response(token: Token, answer: Answer) -> Event {
    let outcome = match answer {
        Answer::Result(payload) => Outcome::Result(payload),
        Answer::Error { error, .. } => Outcome::Error(error),
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
