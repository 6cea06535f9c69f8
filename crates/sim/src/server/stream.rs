//! The stream's states and its verbs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jid::{FullJid, Jid};
use minidom::Element;
use offhook_xmpp::frame::{self, Limits};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::management::Management;
use super::{Event, Input, Output, StreamConfig};
use crate::faults::StreamFault;
use crate::stanza::{element, is_request, ns, parent, set};

/// How far ahead the timeout of an idle stream lies.
const IDLE: Duration = Duration::from_secs(24 * 3600);

/// The server's half of one stream.
pub struct Stream {
    pub(super) config: StreamConfig,
    pub(super) rng: StdRng,
    pub(super) now: Instant,
    pub(super) state: State,
    outputs: VecDeque<Output>,
}

/// What the stream awaits.
#[derive(Debug)]
pub(super) enum State {
    /// The client's `<open/>`.
    Open { authenticated: bool },
    /// `<auth/>`, with credentials.
    Authentication,
    /// The bind request.
    Bind,
    /// Stanzas.
    Bound {
        jid: FullJid,
        pings: Pings,
        management: Option<Management>,
    },
    /// What is left of the stream that the client wants to resume.
    Resuming { id: String, handled: u32 },
    /// Nothing any more.
    Closed,
}

/// Server-side pings (XEP-0199).
#[derive(Debug)]
pub(super) enum Pings {
    Off,
    On { from: Jid, next: Instant },
}

impl Stream {
    /// A stream whose socket has just opened: the client speaks first.
    #[must_use]
    pub fn new(config: StreamConfig, seed: [u8; 32], now: Instant) -> Self {
        Self {
            config,
            rng: StdRng::from_seed(seed),
            now,
            state: State::Open { authenticated: false },
            outputs: VecDeque::new(),
        }
    }

    /// The bound address.
    #[must_use]
    pub fn jid(&self) -> Option<&FullJid> {
        match &self.state {
            State::Bound { jid, .. } => Some(jid),
            State::Open { .. } | State::Authentication | State::Bind | State::Resuming { .. } | State::Closed => None,
        }
    }

    /// Tells the stream what happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.now = now;
        if matches!(self.state, State::Closed) {
            return;
        }
        match input {
            Input::Frame(text) => self.handle_frame(&text),
            Input::Deliver(stanza) => {
                if let State::Bound { .. } = self.state {
                    self.transmit(&stanza);
                }
            }
            Input::Close => self.close("the server closed it"),
            Input::Fail { condition } => self.fail(&condition),
            Input::Resumed(left) => self.handle_resumed(left),
            Input::Timeout => self.ping_if_due(),
        }
    }

    /// What is to be done; call until [`Output::Timeout`].
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| {
            Output::Timeout(match &self.state {
                State::Bound {
                    pings: Pings::On { next, .. },
                    ..
                } => *next,
                State::Bound { pings: Pings::Off, .. }
                | State::Open { .. }
                | State::Authentication
                | State::Bind
                | State::Resuming { .. }
                | State::Closed => self.now + IDLE,
            })
        })
    }

    fn handle_frame(&mut self, text: &str) {
        let element = match frame::parse(text, &Limits::default()) {
            Ok(element) => element,
            Err(error) => {
                tracing::debug!(%error, "the client's frame was refused");
                return self.fail("not-well-formed");
            }
        };
        if element.is("close", ns::FRAMING) {
            return self.close("the client closed it");
        }
        match &self.state {
            State::Open { authenticated } => {
                let authenticated = *authenticated;
                self.handle_open(&element, authenticated);
            }
            State::Authentication => self.handle_auth(&element),
            State::Bind if element.is("resume", ns::SM) => self.handle_resume(&element),
            State::Bind => self.handle_bind(&element),
            State::Bound { .. } if element.ns() == ns::SM => self.handle_management(&element),
            State::Bound { .. } => self.handle_stanza(element),
            State::Resuming { .. } => self.fail("policy-violation"),
            State::Closed => {}
        }
    }

    fn handle_stanza(&mut self, mut stanza: Element) {
        let State::Bound { jid, management, .. } = &mut self.state else {
            return;
        };
        if !matches!(stanza.name(), "iq" | "message" | "presence") || stanza.ns() != ns::CLIENT {
            return self.fail("unsupported-stanza-type");
        }
        if let Some(management) = management {
            management.count_handled();
        }
        // The server, not the client, says who sent it (RFC 6120 section 8.1.2.1).
        set(&mut stanza, "from", jid.as_str());
        if is_request(&stanza) && self.config.switchboard.puts_off(&stanza) {
            return self.transmit(&crate::stanza::throttled(&stanza));
        }
        let to = match stanza.attr("to").map(Jid::new) {
            None => None,
            Some(Ok(to)) => Some(to),
            Some(Err(_)) => {
                if is_request(&stanza) {
                    self.transmit(&crate::stanza::error(&stanza, "modify", "jid-malformed"));
                }
                return;
            }
        };
        match to {
            Some(to) if !self.is_for_server(&to, &stanza) => {
                self.event(Event::Stanza { to, stanza });
            }
            Some(_) | None => self.handle_for_server(&stanza),
        }
    }

    /// The server answers for the account's domain and for the account itself; the pubsub service
    /// lives in the server too, whatever its name.
    fn is_for_server(&self, to: &Jid, stanza: &Element) -> bool {
        let own = to.domain() == self.config.account.domain() && to.node().is_none();
        let account = stanza.name() == "iq" && *to == self.config.account;
        let pubsub = to.node().is_none() && to.domain().as_str().starts_with("notifications.");
        own || account || pubsub
    }

    fn ping_if_due(&mut self) {
        let (now, every, id) = (self.now, self.config.ping_every, self.draw_id());
        let State::Bound {
            jid,
            pings: Pings::On { from, next },
            ..
        } = &mut self.state
        else {
            return;
        };
        if now < *next {
            return;
        }
        *next = now + every;
        let attributes = [
            ("type", "get"),
            ("id", &id),
            ("from", from.as_str()),
            ("to", jid.as_str()),
        ];
        let ping = parent(
            element("iq", ns::CLIENT, &attributes),
            [Element::bare("ping", ns::PING)],
        );
        self.transmit(&ping);
    }

    /// A version 4 UUID.
    pub(super) fn draw_id(&mut self) -> String {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    pub(super) fn transmit(&mut self, element: &Element) {
        self.transmit_text(frame::print(element));
        if element.ns() == ns::CLIENT {
            self.remember(element);
        }
    }

    pub(super) fn transmit_text(&mut self, text: String) {
        self.output(Output::Transmit(text));
    }

    pub(super) fn event(&mut self, event: Event) {
        self.output(Output::Event(event));
    }

    /// Nothing follows the end, which may come in the middle of an answer.
    fn output(&mut self, output: Output) {
        if !matches!(self.state, State::Closed) {
            self.outputs.push_back(output);
        }
    }

    pub(super) fn has_fault(&self, fault: &StreamFault) -> bool {
        self.config.fault.as_ref() == Some(fault)
    }

    /// Ends the stream with an error and `<close/>`.
    pub(super) fn fail(&mut self, condition: &str) {
        self.transmit_text(prefixed("error", &[Element::bare(condition, ns::STREAMS)]));
        self.close(&format!("stream error {condition}"));
    }

    pub(super) fn close(&mut self, reason: &str) {
        self.transmit(&Element::bare("close", ns::FRAMING));
        self.event(Event::Closed {
            reason: reason.to_owned(),
        });
        self.state = State::Closed;
    }
}

/// An element of the streams namespace with these children. The prefix `stream` is written as every
/// server writes it: there are clients that look for it rather than for the namespace.
pub(super) fn prefixed(name: &str, children: &[Element]) -> String {
    let children: String = children.iter().map(frame::print).collect();
    format!(
        "<stream:{name} xmlns:stream=\"{}\" xmlns=\"{}\">{children}</stream:{name}>",
        ns::STREAM,
        ns::CLIENT,
    )
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither the token nor the texts of waiting frames.
        f.debug_struct("Stream")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
