//! From `<open/>` to a started session (RFC 7395 section 3.4, RFC 6120 sections 4.3, 6 and 7).

use std::time::Instant;

use jid::{BareJid, FullJid, Jid};
use minidom::Element;
use tracing::debug;

use super::{
    Context,
    iq::{self, Answer, Iq},
    requests::may_answer,
    session::Session,
};
use crate::{CloseReason, RequestKind, Stage, ns, sasl, xml};

/// An attempt that has not yet bound a resource.
#[derive(Debug)]
pub(super) struct Negotiation {
    deadline: Instant,
    step: Step,
}

/// What is awaited.
#[derive(Debug)]
enum Step {
    Opening,
    Features,
    Authenticating,
    Reopening,
    AuthenticatedFeatures,
    Binding {
        id: String,
        /// The server wants a session request after it.
        session_wanted: bool,
    },
    StartingSession {
        id: String,
        jid: FullJid,
    },
}

impl Negotiation {
    /// Opens the stream.
    pub(super) fn start(cx: &mut Context<'_>) -> Self {
        open(cx);
        Self {
            deadline: cx.now + cx.config.timeouts.attempt,
            step: Step::Opening,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the server has opened its stream, so that it is owed a `<close/>`.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.step, Step::Opening)
    }

    pub(super) fn stage(&self) -> Stage {
        match self.step {
            Step::Opening => Stage::Opening,
            Step::Features => Stage::Features,
            Step::Authenticating => Stage::Authenticating,
            Step::Reopening => Stage::Reopening,
            Step::AuthenticatedFeatures => Stage::AuthenticatedFeatures,
            Step::Binding { .. } => Stage::Binding,
            Step::StartingSession { .. } => Stage::StartingSession,
        }
    }

    /// Takes the next element; gives the session once it has started, or the reason why it never will.
    pub(super) fn handle(&mut self, cx: &mut Context<'_>, element: Element) -> Result<Option<Session>, CloseReason> {
        let next = match &self.step {
            Step::Opening if element.is("open", ns::FRAMING) => Step::Features,
            Step::Opening => return Err(CloseReason::NotXmpp),
            Step::Features if element.is("features", ns::STREAM) => {
                let auth = sasl::authenticate(&element, &cx.config.jid, &cx.config.credentials)?;
                cx.outbox.transmit(&auth);
                Step::Authenticating
            }
            Step::Authenticating if element.is("success", ns::SASL) => {
                // RFC 7395 section 3.8: a new <open/> on the same socket, without a <close/> before it.
                open(cx);
                Step::Reopening
            }
            Step::Authenticating if element.is("failure", ns::SASL) => {
                return Err(sasl::refusal(&element, &cx.config.jid, &cx.config.credentials));
            }
            Step::Reopening if element.is("open", ns::FRAMING) => Step::AuthenticatedFeatures,
            Step::AuthenticatedFeatures if element.is("features", ns::STREAM) => bind(cx, &element)?,
            Step::Features | Step::Authenticating | Step::Reopening | Step::AuthenticatedFeatures => {
                return Err(self.unexpected(&element));
            }
            Step::Binding { .. } | Step::StartingSession { .. } if !is_stanza(&element) => {
                return Err(self.unexpected(&element));
            }
            Step::Binding { id, session_wanted } => {
                let account = &cx.config.jid;
                let Some(answer) = answer_to(id, element, |from| answers_bind(from, account)) else {
                    return Ok(None);
                };
                let jid = bound_jid(answer)?;
                if !session_wanted {
                    return Ok(Some(Session::start(cx, jid)));
                }
                let id = cx.ids.draw();
                let session = Element::bare("session", ns::SESSION);
                cx.outbox
                    .transmit(&iq::request(&id, None, None, RequestKind::Set, session));
                Step::StartingSession { id, jid }
            }
            Step::StartingSession { id, jid } => match answer_to(id, element, |from| may_answer(None, from, jid)) {
                Some(Answer::Result(_)) => return Ok(Some(Session::start(cx, jid.clone()))),
                Some(Answer::Error(error)) => return Err(CloseReason::SessionRefused(Box::new(error))),
                Some(Answer::Silence) | None => return Ok(None),
            },
        };
        self.step = next;
        debug!(stage = %self.stage(), "negotiating");
        Ok(None)
    }

    fn unexpected(&self, element: &Element) -> CloseReason {
        CloseReason::UnexpectedElement {
            stage: self.stage(),
            name: element.name().to_owned(),
            namespace: element.ns(),
        }
    }
}

fn open(cx: &mut Context<'_>) {
    let domain = cx.config.jid.domain().as_str();
    let mut open = xml::element("open", ns::FRAMING, &[("to", domain), ("version", "1.0")]);
    xml::set_language(&mut open, "en");
    cx.outbox.transmit(&open);
}

/// Asks for the resource that the configuration names.
fn bind(cx: &mut Context<'_>, features: &Element) -> Result<Step, CloseReason> {
    if !features.has_child("bind", ns::BIND) {
        return Err(CloseReason::BindNotOffered);
    }
    let session_wanted = features
        .get_child("session", ns::SESSION)
        .is_some_and(|session| !session.has_child("optional", ns::SESSION));
    let id = cx.ids.draw();
    let mut bind = Element::bare("bind", ns::BIND);
    bind.append_child(Element::bare("resource", ns::BIND))
        .append_text_node(cx.config.resource.as_str());
    cx.outbox
        .transmit(&iq::request(&id, None, None, RequestKind::Set, bind));
    Ok(Step::Binding { id, session_wanted })
}

fn bound_jid(answer: Answer) -> Result<FullJid, CloseReason> {
    match answer {
        Answer::Result(Some(bind)) if bind.is("bind", ns::BIND) => bind
            .get_child("jid", ns::BIND)
            .and_then(|jid| FullJid::new(jid.text().trim()).ok())
            .ok_or(CloseReason::BindInvalid),
        Answer::Result(_) | Answer::Silence => Err(CloseReason::BindInvalid),
        Answer::Error(error) => Err(CloseReason::BindRefused(Box::new(error))),
    }
}

/// Whether an answer to the bind request comes from the account or its server. Its resource, if it has one, may be another than
/// the one that was asked for.
fn answers_bind(from: Option<&Jid>, account: &BareJid) -> bool {
    let is_domain =
        |from: &Jid| from.node().is_none() && from.resource().is_none() && from.domain() == account.domain();
    from.is_none_or(|from| is_domain(from) || from.to_bare() == *account)
}

fn is_stanza(element: &Element) -> bool {
    element.has_ns(ns::CLIENT) && matches!(element.name(), "iq" | "message" | "presence")
}

/// The answer to our request to the server, if the stanza is that.
fn answer_to(expected: &str, stanza: Element, sender_fits: impl Fn(Option<&Jid>) -> bool) -> Option<Answer> {
    if stanza.name() != "iq" {
        debug!(name = stanza.name(), "stanza before the session started ignored");
        return None;
    }
    match Iq::read(stanza) {
        Iq::Answer { id, from, answer } if id == expected && sender_fits(from.as_ref()) => Some(answer),
        Iq::Answer { .. } | Iq::Request { .. } | Iq::Unusable => {
            debug!("IQ before the session started ignored");
            None
        }
    }
}
