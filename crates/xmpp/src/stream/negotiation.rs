//! From `<open/>` to a started session (RFC 7395 section 3.4, RFC 6120 sections 4.3, 6 and 7).

use std::time::Instant;

use jid::{FullJid, Jid};
use minidom::Element;
use tracing::debug;

use super::{
    Context, Resumption,
    iq::{self, Answer, Iq},
    management,
    requests::may_answer,
    session::{Beginning, Session},
};
use crate::{
    CloseReason, Credentials, Event, Outcome, RequestKind, Stage, StreamConfig, ns,
    sasl::{self, Exchange},
    xml,
};

/// An attempt that has not yet bound a resource.
#[derive(Debug)]
pub(super) struct Negotiation {
    deadline: Instant,
    step: Step,
    /// The stream to go on with, until the server has answered that it will or will not.
    resumption: Option<Box<Session>>,
    /// The first ticket that the stream before did not give out.
    next_ticket: u64,
}

/// What is awaited.
#[derive(Debug)]
enum Step {
    Opening,
    Features,
    Authenticating(Exchange),
    Reopening,
    AuthenticatedFeatures,
    Resuming(Offer),
    Binding { id: String, offer: Offer },
    StartingSession { id: String, jid: FullJid, offer: Offer },
}

/// What the server offers and wants after authentication.
#[derive(Debug, Clone, Copy)]
struct Offer {
    bind: bool,
    /// It wants a session request after the binding.
    session_wanted: bool,
    managed: bool,
}

impl Offer {
    fn read(features: &Element) -> Self {
        Self {
            bind: features.has_child("bind", ns::BIND),
            session_wanted: features
                .get_child("session", ns::SESSION)
                .is_some_and(|session| !session.has_child("optional", ns::SESSION)),
            managed: management::is_offered(features),
        }
    }
}

impl Negotiation {
    /// Opens the stream.
    pub(super) fn start(cx: &mut Context<'_>, resumption: Option<Resumption>) -> Self {
        open(cx);
        Self {
            deadline: cx.now + cx.config.timeouts.attempt,
            step: Step::Opening,
            next_ticket: resumption.as_ref().map_or(0, |resumption| resumption.0.next_ticket()),
            resumption: resumption.map(|resumption| resumption.0),
        }
    }

    /// The stream to go on with, if the server has not answered yet whether it will.
    pub(super) fn into_resumption(self) -> Option<Resumption> {
        self.resumption.map(Resumption)
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
            Step::Authenticating(_) => Stage::Authenticating,
            Step::Reopening => Stage::Reopening,
            Step::AuthenticatedFeatures => Stage::AuthenticatedFeatures,
            Step::Resuming(_) => Stage::Resuming,
            Step::Binding { .. } => Stage::Binding,
            Step::StartingSession { .. } => Stage::StartingSession,
        }
    }

    /// Takes the next element; gives the session once it has started, or the reason why it never will.
    pub(super) fn handle(
        &mut self,
        cx: &mut Context<'_>,
        element: Element,
    ) -> Result<Option<Box<Session>>, CloseReason> {
        let next = match &mut self.step {
            Step::Opening if element.is("open", ns::FRAMING) => Step::Features,
            Step::Opening => return Err(CloseReason::NotXmpp),
            Step::Features if element.is("features", ns::STREAM) => {
                let nonce = || cx.ids.draw_nonce();
                let (auth, exchange) = sasl::authenticate(&element, cx.config, nonce)?;
                cx.outbox.transmit(&auth);
                Step::Authenticating(exchange)
            }
            Step::Authenticating(exchange) if element.is("success", ns::SASL) => {
                exchange.succeeded(&element)?;
                // RFC 7395 section 3.8: a new <open/> on the same socket, without a <close/> before it.
                open(cx);
                Step::Reopening
            }
            Step::Authenticating(exchange) if element.is("challenge", ns::SASL) && exchange.takes_challenges() => {
                let response = exchange.challenged(&element, cx.config)?;
                cx.outbox.transmit(&response);
                return Ok(None);
            }
            Step::Authenticating(_) if element.is("failure", ns::SASL) => {
                return Err(sasl::refusal(&element, cx.config));
            }
            Step::Reopening if element.is("open", ns::FRAMING) => Step::AuthenticatedFeatures,
            Step::AuthenticatedFeatures if element.is("features", ns::STREAM) => {
                self.resume_or_bind(cx, Offer::read(&element))?
            }
            Step::Resuming(_) if element.is("resumed", ns::SM) => return self.resumed(cx, &element).map(Some),
            Step::Resuming(offer) if element.is("failed", ns::SM) => {
                let offer = *offer;
                self.give_up_resumption(cx);
                bind(cx, offer)?
            }
            Step::Features | Step::Authenticating(_) | Step::Reopening | Step::AuthenticatedFeatures => {
                return Err(self.unexpected(&element));
            }
            Step::Resuming(_) | Step::Binding { .. } | Step::StartingSession { .. } if !xml::is_stanza(&element) => {
                return Err(self.unexpected(&element));
            }
            Step::Resuming(_) => {
                debug!(name = element.name(), "stanza before the stream was resumed ignored");
                return Ok(None);
            }
            Step::Binding { id, offer } => {
                let (config, offer) = (cx.config, *offer);
                let Some(answer) = answer_to(id, element, |from| answers_bind(from, config)) else {
                    return Ok(None);
                };
                let jid = bound_jid(answer)?;
                if !offer.session_wanted {
                    return Ok(Some(self.begin(cx, jid, offer)));
                }
                let id = cx.ids.draw();
                let session = Element::bare("session", ns::SESSION);
                cx.outbox
                    .transmit(&iq::request(&id, None, None, RequestKind::Set, session));
                Step::StartingSession { id, jid, offer }
            }
            Step::StartingSession { id, jid, offer } => {
                match answer_to(id, element, |from| may_answer(None, from, jid)) {
                    Some(Answer::Result(_)) => {
                        let (jid, offer) = (jid.clone(), *offer);
                        return Ok(Some(self.begin(cx, jid, offer)));
                    }
                    Some(Answer::Error { error, .. }) => return Err(CloseReason::SessionRefused(Box::new(error))),
                    Some(Answer::Silence) | None => return Ok(None),
                }
            }
        };
        self.step = next;
        debug!(stage = %self.stage(), "negotiating");
        Ok(None)
    }

    fn begin(&self, cx: &mut Context<'_>, jid: FullJid, offer: Offer) -> Box<Session> {
        let beginning = Beginning {
            managed: offer.managed,
            next_ticket: self.next_ticket,
        };
        Box::new(Session::start(cx, jid, beginning))
    }

    /// Asks to go on with the stream before, if there is one and the server manages streams.
    fn resume_or_bind(&mut self, cx: &mut Context<'_>, offer: Offer) -> Result<Step, CloseReason> {
        let resume = self.resumption.as_ref().and_then(|session| session.resume());
        match resume.filter(|_| offer.managed) {
            Some(resume) => {
                cx.outbox.transmit(&resume);
                Ok(Step::Resuming(offer))
            }
            None => {
                self.give_up_resumption(cx);
                bind(cx, offer)
            }
        }
    }

    fn resumed(&mut self, cx: &mut Context<'_>, resumed: &Element) -> Result<Box<Session>, CloseReason> {
        let mut session = self.resumption.take().ok_or(CloseReason::ResumptionBroken)?;
        match session.resumed(cx, resumed) {
            Ok(()) => Ok(session),
            Err(reason) => {
                lose(cx, *session);
                Err(reason)
            }
        }
    }

    /// The stream before is over.
    fn give_up_resumption(&mut self, cx: &mut Context<'_>) {
        if let Some(session) = self.resumption.take() {
            debug!("the server does not resume the stream before");
            lose(cx, *session);
        }
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

/// Tells the application that the requests of the stream before have no answer.
fn lose(cx: &mut Context<'_>, session: Session) {
    for token in session.abandon() {
        let outcome = Outcome::Lost;
        cx.outbox.event(Event::Response { token, outcome });
    }
}

/// Asks for the resource that the configuration names.
fn bind(cx: &mut Context<'_>, offer: Offer) -> Result<Step, CloseReason> {
    if !offer.bind {
        return Err(CloseReason::BindNotOffered);
    }
    let id = cx.ids.draw();
    let mut bind = Element::bare("bind", ns::BIND);
    bind.append_child(Element::bare("resource", ns::BIND))
        .append_text_node(cx.config.resource.as_str());
    cx.outbox
        .transmit(&iq::request(&id, None, None, RequestKind::Set, bind));
    Ok(Step::Binding { id, offer })
}

fn bound_jid(answer: Answer) -> Result<FullJid, CloseReason> {
    match answer {
        Answer::Result(Some(bind)) if bind.is("bind", ns::BIND) => bind
            .get_child("jid", ns::BIND)
            .and_then(|jid| FullJid::new(jid.text().trim()).ok())
            .ok_or(CloseReason::BindInvalid),
        Answer::Result(_) | Answer::Silence => Err(CloseReason::BindInvalid),
        Answer::Error { error, .. } => Err(CloseReason::BindRefused(Box::new(error))),
    }
}

/// Whether an answer to the bind request comes from the account or its server. Its resource, if it has one, may be another
/// than the one that was asked for, and a guest learns only by it under which name.
fn answers_bind(from: Option<&Jid>, config: &StreamConfig) -> bool {
    let account = &config.jid;
    let is_guest = matches!(config.credentials, Credentials::Guest);
    let is_ours = |from: &Jid| {
        let is_domain = from.node().is_none() && from.resource().is_none();
        from.domain() == account.domain() && (is_domain || is_guest || from.to_bare() == *account)
    };
    from.is_none_or(is_ours)
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
