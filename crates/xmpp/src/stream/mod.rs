//! The stream: one state machine from `<open/>` to closed.

mod closing;
mod iq;
mod keepalive;
mod management;
mod negotiation;
mod outbox;
mod peers;
mod rate;
mod refresh;
mod requests;
mod resumption;
mod session;
mod wire;

use std::{
    mem,
    time::{Duration, Instant},
};

use jid::{FullJid, Jid};
use minidom::Element;
use tracing::{debug, trace};

pub use self::resumption::Resumption;
use self::{
    closing::Closing,
    negotiation::Negotiation,
    outbox::{Ids, Outbox},
    session::Session,
};
use crate::{
    CloseReason, Event, FrameError, Input, NotConnected, Outcome, Output, Reply, ReplyError, Request, RequestError,
    StreamCondition, StreamConfig, Ticket, Urgency, frame, ns, sasl, xml,
};

/// How far ahead the timeout of a stream lies that waits for nothing.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// One XMPP client stream over one open WebSocket, from `<open/>` to closed.
///
/// Its methods fall into three classes:
///
/// - **input**: [`handle_input`](Self::handle_input) says what happened outside;
/// - **commands**: [`request`](Self::request), [`reply`](Self::reply), [`send_message`](Self::send_message) and
///   [`close`](Self::close) say what the application wants;
/// - **output**: [`poll_output`](Self::poll_output) says what to do about it.
///
/// After [`new`](Self::new) and after every input or command, poll until [`Output::Timeout`]. A stream is never reused:
/// once it has said [`Event::Closed`], it takes no more notice of anything.
///
/// What the server or a peer does wrong is never an `Err`, but an event. An `Err` says that the caller used a method at
/// the wrong time, and that nothing has changed.
#[derive(Debug)]
pub struct Stream {
    config: StreamConfig,
    ids: Ids,
    now: Instant,
    state: State,
    /// What a stream that is closed leaves to the one that resumes it.
    resumption: Option<Resumption>,
    outbox: Outbox,
}

#[derive(Debug)]
enum State {
    /// No resource is bound yet.
    Negotiating(Box<Negotiation>),
    /// A resource is bound.
    Established(Box<Session>),
    /// Our `<close/>` is sent, the server's is awaited.
    Closing(Closing),
    /// Over, and the application knows.
    Closed,
}

/// What the states work with.
struct Context<'a> {
    now: Instant,
    config: &'a StreamConfig,
    ids: &'a mut Ids,
    outbox: &'a mut Outbox,
}

impl Stream {
    /// Starts an attempt on a WebSocket that is open already, with subprotocol `xmpp`.
    ///
    /// All that is random (stanza ids, the nonce of SCRAM) is drawn from `seed`: the same seed, inputs and commands give the same outputs.
    #[must_use]
    pub fn new(mut config: StreamConfig, seed: [u8; 32], now: Instant) -> Self {
        let resumption = config.resumption.take();
        let mut ids = Ids::new(seed);
        let mut outbox = Outbox::default();
        let mut context = Context {
            now,
            config: &config,
            ids: &mut ids,
            outbox: &mut outbox,
        };
        let negotiation = Negotiation::start(&mut context, resumption);
        Self {
            config,
            ids,
            now,
            state: State::Negotiating(Box::new(negotiation)),
            resumption: None,
            outbox,
        }
    }

    /// Takes in what happened outside. Time never runs backwards here: an earlier `now` than the last counts as that.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.advance(now);
        match input {
            Input::Frame(text) => self.handle_frame(&text),
            Input::SocketClosed { code, reason } => match self.state {
                State::Negotiating(_) | State::Established(_) => {
                    // Most of them are the server's words.
                    let reason = sasl::without_secret(&reason, &self.config);
                    self.finish(CloseReason::SocketClosed { code, reason });
                }
                State::Closing(_) => self.finish(CloseReason::ByUs),
                State::Closed => {}
            },
            Input::Timeout => {}
            Input::Resumed { asleep } => {
                debug!(?asleep, "resumed after a suspend");
                let (state, mut cx) = self.parts();
                match state {
                    State::Established(session) => session.woke(&mut cx),
                    State::Negotiating(_) | State::Closing(_) | State::Closed => {}
                }
            }
        }
        self.handle_timeout();
    }

    /// Sends a request. One [`Event::Response`] with its token follows, whatever happens, unless the stream can be
    /// [resumed](Self::into_resumption).
    ///
    /// # Errors
    ///
    /// [`RequestError`], and then no response follows.
    pub fn request(&mut self, now: Instant, request: Request) -> Result<(), RequestError> {
        self.advance(now);
        let (state, mut cx) = self.parts();
        match state {
            State::Established(session) => session.request(&mut cx, request),
            State::Negotiating(_) | State::Closing(_) | State::Closed => Err(RequestError::NotConnected),
        }
    }

    /// Answers a request of a peer ([`Event::Request`]).
    ///
    /// # Errors
    ///
    /// [`ReplyError`], and then nothing was sent.
    pub fn reply(&mut self, now: Instant, ticket: Ticket, reply: Reply) -> Result<(), ReplyError> {
        self.advance(now);
        let (state, mut cx) = self.parts();
        match state {
            State::Established(session) => session.reply(&mut cx, ticket, reply),
            State::Negotiating(_) | State::Closing(_) | State::Closed => Err(ReplyError::NotConnected),
        }
    }

    /// Leaves a request of a peer unanswered, where its protocol wants silence. A ticket that is unknown is no fault.
    pub fn ignore(&mut self, ticket: Ticket) {
        match &mut self.state {
            State::Established(session) => session.ignore(ticket),
            State::Negotiating(_) | State::Closing(_) | State::Closed => {}
        }
    }

    /// Sends a message with one payload and without id, type or sender.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn send_message(
        &mut self,
        now: Instant,
        to: Jid,
        payload: Element,
        urgency: Urgency,
    ) -> Result<(), RequestError> {
        self.advance(now);
        let (state, mut cx) = self.parts();
        match state {
            State::Established(session) => session.send_message(&mut cx, &to, payload, urgency),
            State::Negotiating(_) | State::Closing(_) | State::Closed => Err(RequestError::NotConnected),
        }
    }

    /// Sends the initial presence (RFC 6121 section 4.2) with the entity capabilities of
    /// [`StreamConfig::disco`](crate::StreamConfig::disco). The stream never sends one by itself.
    ///
    /// # Errors
    ///
    /// [`NotConnected`].
    pub fn send_presence(&mut self, now: Instant) -> Result<(), NotConnected> {
        self.advance(now);
        let (state, mut cx) = self.parts();
        match state {
            State::Established(session) => session.send_presence(&mut cx),
            State::Negotiating(_) | State::Closing(_) | State::Closed => Err(NotConnected),
        }
    }

    /// Asks for the external services now. [`Event::Services`] or [`Event::ServicesFailed`] follows, once for all calls
    /// until then, unless the stream ends first.
    ///
    /// # Errors
    ///
    /// [`NotConnected`].
    pub fn refresh_services(&mut self, now: Instant) -> Result<(), NotConnected> {
        self.advance(now);
        let (state, mut cx) = self.parts();
        match state {
            State::Established(session) => session.refresh_services(&mut cx),
            State::Negotiating(_) | State::Closing(_) | State::Closed => Err(NotConnected),
        }
    }

    /// What a stream on a new socket needs to go on with this one (XEP-0198 section 5); ask when all outputs up to
    /// [`Event::Closed`] are polled.
    ///
    /// There is something if the server promised to resume and neither side closed the stream properly, with `<close/>`
    /// or a stream error; also if this stream was given a [`Resumption`] itself and ended before the server had answered
    /// it. The requests that wait in it have not been told [`Outcome::Lost`]: whoever does not resume has to
    /// [abandon](Resumption::abandon) it.
    pub fn into_resumption(self) -> Option<Resumption> {
        match self.state {
            State::Negotiating(negotiation) => negotiation.into_resumption(),
            State::Established(session) => session.promise().is_some().then(|| Resumption(session)),
            State::Closing(_) | State::Closed => self.resumption,
        }
    }

    /// Closes the stream: writes `<close/>` and waits for the server's, up to
    /// [`Timeouts::close`](crate::Timeouts::close). Answers and messages that arrive meanwhile are still told. On a
    /// stream that is closing or closed it does nothing.
    pub fn close(&mut self, now: Instant) {
        self.advance(now);
        let session = match mem::replace(&mut self.state, State::Closed) {
            State::Negotiating(negotiation) => {
                self.resumption = negotiation.into_resumption();
                None
            }
            State::Established(session) => Some(*session),
            over @ (State::Closing(_) | State::Closed) => {
                self.state = over;
                return;
            }
        };
        let (_, mut cx) = self.parts();
        self.state = State::Closing(Closing::start(&mut cx, session));
    }

    /// What to do next. After [`Output::Timeout`] there is nothing more to do until that instant.
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        self.outbox.next().unwrap_or_else(|| {
            let deadline = match &self.state {
                State::Negotiating(negotiation) => Some(negotiation.deadline()),
                State::Established(session) => session.deadline(),
                State::Closing(closing) => Some(closing.deadline()),
                State::Closed => None,
            };
            Output::Timeout(deadline.unwrap_or(self.now + IDLE))
        })
    }

    /// The full JID that the server bound; `None` before that and after the end.
    pub fn jid(&self) -> Option<&FullJid> {
        match &self.state {
            State::Established(session) => Some(session.jid()),
            State::Closing(closing) => closing.jid(),
            State::Negotiating(_) | State::Closed => None,
        }
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn parts(&mut self) -> (&mut State, Context<'_>) {
        let context = Context {
            now: self.now,
            config: &self.config,
            ids: &mut self.ids,
            outbox: &mut self.outbox,
        };
        (&mut self.state, context)
    }

    fn handle_frame(&mut self, text: &str) {
        if matches!(self.state, State::Closed) {
            return;
        }
        let (state, cx) = self.parts();
        if let State::Established(session) = state {
            session.heard(&cx);
        }
        // RFC 7395 sends no bare white space, but servers that share code with TCP streams do, to keep them alive.
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_whitespace()) {
            trace!(bytes = text.len(), "white space received");
            return;
        }
        let element = match frame::parse(text, &self.config.limits) {
            Ok(element) => element,
            Err(error) => return self.handle_bad_frame(error, text),
        };
        trace!(name = element.name(), bytes = text.len(), "frame received");
        if element.is("close", ns::FRAMING) {
            self.finish(CloseReason::ByPeer);
        } else if element.is("error", ns::STREAM) {
            let reason = stream_error(&element, &self.config);
            self.finish(reason);
        } else {
            self.handle_element(element, text.len());
        }
    }

    fn handle_element(&mut self, element: Element, bytes: usize) {
        let (state, mut cx) = self.parts();
        let handled = match state {
            State::Negotiating(negotiation) => negotiation.handle(&mut cx, element),
            State::Established(session) => session.handle(&mut cx, element, bytes).map(|()| None),
            State::Closing(closing) => {
                closing.handle(&mut cx, element);
                Ok(None)
            }
            State::Closed => Ok(None),
        };
        match handled {
            Ok(Some(session)) => self.state = State::Established(session),
            Ok(None) => {}
            Err(reason) => self.finish(reason),
        }
    }

    /// What is not even a broken `<open/>`, before anything else, comes from something that is not an XMPP server.
    fn handle_bad_frame(&mut self, error: FrameError, text: &str) {
        let at_start = match &self.state {
            State::Negotiating(negotiation) => !negotiation.is_open() && !text.starts_with("<open"),
            State::Established(_) | State::Closing(_) | State::Closed => false,
        };
        self.finish(match error {
            FrameError::NotWellFormed { .. }
            | FrameError::Restricted { .. }
            | FrameError::UndeclaredPrefix
            | FrameError::DuplicateAttribute
                if at_start =>
            {
                CloseReason::NotXmpp
            }
            FrameError::NotWellFormed { .. }
            | FrameError::Restricted { .. }
            | FrameError::UndeclaredPrefix
            | FrameError::DuplicateAttribute
            | FrameError::TooLarge { .. }
            | FrameError::TooDeep { .. }
            | FrameError::TooManyAttributes { .. }
            | FrameError::TooManyElements { .. } => CloseReason::BadFrame(error),
        });
    }

    fn handle_timeout(&mut self) {
        let (state, mut cx) = self.parts();
        let due = match state {
            State::Negotiating(negotiation) => {
                let stage = negotiation.stage();
                (negotiation.deadline() <= cx.now).then_some(CloseReason::TimedOut { stage })
            }
            State::Established(session) => session.handle_timeout(&mut cx).err(),
            State::Closing(closing) => {
                closing.handle_timeout(&mut cx);
                (closing.until() <= cx.now).then_some(CloseReason::ByUs)
            }
            State::Closed => None,
        };
        if let Some(reason) = due {
            self.finish(reason);
        }
    }

    /// Ends the stream: the server gets the `<close/>` it is owed, every request its end, the application the reason. A
    /// stream that can be resumed gets neither: a close would end it at the server, and its requests still wait.
    fn finish(&mut self, reason: CloseReason) {
        let (requests, close_owed, reason) = match mem::replace(&mut self.state, State::Closed) {
            State::Negotiating(negotiation) => {
                let is_open = negotiation.is_open();
                self.resumption = negotiation.into_resumption();
                (None, is_open, reason)
            }
            State::Established(session) if is_loss(&reason) && session.promise().is_some() => {
                self.resumption = Some(Resumption(session));
                (None, false, reason)
            }
            State::Established(session) => (Some(session.into_parts().1), true, reason),
            State::Closing(closing) => (Some(closing.into_requests()), false, CloseReason::ByUs),
            State::Closed => return,
        };
        if let CloseReason::HandledCountTooHigh { handled, sent } = reason {
            self.outbox.transmit(&management::too_high(handled, sent));
        }
        let socket_lives = !matches!(reason, CloseReason::SocketClosed { .. });
        if socket_lives && (close_owed || reason == CloseReason::ByPeer) {
            self.outbox.transmit(&close());
        }
        for token in requests.into_iter().flat_map(requests::Requests::abandon) {
            let outcome = Outcome::Lost;
            self.outbox.event(Event::Response { token, outcome });
        }
        debug!(%reason, "closed");
        self.outbox.event(Event::Closed(reason));
    }
}

/// Whether the stream ended because the socket is dead, or taken for that.
fn is_loss(reason: &CloseReason) -> bool {
    matches!(
        reason,
        CloseReason::SocketClosed { .. } | CloseReason::Silent { .. } | CloseReason::PingsUnanswered
    )
}

fn close() -> Element {
    Element::bare("close", ns::FRAMING)
}

fn stream_error(error: &Element, config: &StreamConfig) -> CloseReason {
    let condition = error
        .children()
        .filter(|child| child.has_ns(ns::STREAM_ERRORS))
        .find_map(|child| StreamCondition::from_name(child.name()))
        .unwrap_or(StreamCondition::UndefinedCondition);
    CloseReason::StreamError {
        condition,
        text: xml::words(error, ns::STREAM_ERRORS).map(|text| sasl::without_secret(&text, config)),
    }
}
