//! Stream management (XEP-0198): both counts, and the stanzas that the server has not acknowledged.

use std::{collections::VecDeque, time::Duration};

use minidom::Element;
use secrecy::{ExposeSecret, SecretString};
use tracing::{debug, warn};

use super::rate::Stanza;
use crate::{CloseReason, ns, xml};

/// One managed stream, over all its sockets.
#[derive(Debug, Clone)]
pub(super) struct Management {
    /// The server has agreed.
    enabled: bool,
    /// The server has agreed to resume.
    promise: Option<Promise>,
    /// Stanzas of the server that were handled.
    handled: u32,
    /// Stanzas that were sent.
    sent: u32,
    /// Those of them that the server has acknowledged.
    acknowledged: u32,
    /// The rest of them, in order; `None` once they are not kept any more.
    kept: Option<VecDeque<Stanza>>,
}

/// What the server said of the resumption.
#[derive(Debug, Clone)]
pub(super) struct Promise {
    /// Whoever has it can take the stream over.
    id: SecretString,
    pub(super) max: Option<Duration>,
    pub(super) location: Option<String>,
}

/// Whether the features of a stream offer it.
pub(super) fn is_offered(features: &Element) -> bool {
    features.has_child("sm", ns::SM)
}

/// The request to enable it (section 3).
pub(super) fn enable() -> Element {
    xml::element("enable", ns::SM, &[("resume", "true")])
}

/// The request for an acknowledgement (section 4).
pub(super) fn ask() -> Element {
    Element::bare("r", ns::SM)
}

/// The stream error for an acknowledgement of more than was sent (section 4).
pub(super) fn too_high(handled: u32, sent: u32) -> Element {
    let mut error = Element::bare("error", ns::STREAM);
    error.append_child(Element::bare("undefined-condition", ns::STREAM_ERRORS));
    error.append_child(xml::element(
        "handled-count-too-high",
        ns::SM,
        &[("h", &handled.to_string()), ("send-count", &sent.to_string())],
    ));
    error
}

impl Management {
    /// What is sent from here on counts: the server starts its count with its consent, before it reads any of it.
    pub(super) fn requested() -> Self {
        Self {
            enabled: false,
            promise: None,
            handled: 0,
            sent: 0,
            acknowledged: 0,
            kept: Some(VecDeque::new()),
        }
    }

    /// The server consents. What it sends from here on counts.
    pub(super) fn enabled(&mut self, enabled: &Element) {
        self.enabled = true;
        let resumable = matches!(enabled.attr("resume"), Some("true" | "1"));
        self.promise = enabled.attr("id").filter(|_| resumable).map(|id| Promise {
            id: id.into(),
            max: enabled
                .attr("max")
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
            location: enabled.attr("location").map(str::to_owned),
        });
        debug!(resumable = self.promise.is_some(), "stream management enabled");
        if self.promise.is_none() {
            self.kept = None;
        }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.enabled
    }

    pub(super) fn promise(&self) -> Option<&Promise> {
        self.promise.as_ref().filter(|_| self.kept.is_some())
    }

    /// A stanza of the server was handled.
    pub(super) fn count_handled(&mut self) {
        if self.enabled {
            self.handled = self.handled.wrapping_add(1);
        }
    }

    /// A stanza was sent; at most `limit` are kept.
    pub(super) fn count_sent(&mut self, stanza: Stanza, limit: usize) {
        self.sent = self.sent.wrapping_add(1);
        if let Some(kept) = &mut self.kept {
            if kept.len() < limit {
                kept.push_back(stanza);
            } else {
                warn!(
                    limit,
                    "the server acknowledges nothing: the stream cannot be resumed any more"
                );
                self.kept = None;
            }
        }
    }

    /// Our acknowledgement.
    pub(super) fn acknowledgement(&self) -> Element {
        xml::element("a", ns::SM, &[("h", &self.handled.to_string())])
    }

    /// The server's. One of more than was sent should end the stream (section 4); but a server that counts in another way, the
    /// binding included, say, acknowledges everything too highly and would never be spoken to. Its count is of no use for a
    /// resumption, and that is what it costs.
    pub(super) fn acknowledged(&mut self, answer: &Element) {
        let Some(handled) = count(answer) else {
            return debug!("acknowledgement without a count ignored");
        };
        if self.kept.is_some() && self.settle(handled).is_err() {
            warn!(
                handled,
                sent = self.sent,
                "the server acknowledges more than was sent: the stream cannot be resumed"
            );
            self.kept = None;
        }
    }

    /// The request to go on with the stream (section 5), if the server has promised that.
    pub(super) fn resume(&self) -> Option<Element> {
        let id = self.promise()?.id.expose_secret();
        let handled = self.handled.to_string();
        Some(xml::element("resume", ns::SM, &[("previd", id), ("h", &handled)]))
    }

    /// The server goes on with the stream: what it did not get has to be sent again.
    pub(super) fn resumed(&mut self, resumed: &Element) -> Result<VecDeque<Stanza>, CloseReason> {
        let same = match (&self.promise, resumed.attr("previd")) {
            (Some(promise), Some(id)) => promise.id.expose_secret() == id,
            (None, _) | (_, None) => false,
        };
        let handled = count(resumed).filter(|_| same).ok_or(CloseReason::ResumptionBroken)?;
        self.settle(handled)?;
        self.sent = handled;
        let again = self.kept.replace(VecDeque::new()).unwrap_or_default();
        debug!(again = again.len(), "stream resumed");
        Ok(again)
    }

    /// The counts go round at 2^32 (section 4).
    fn settle(&mut self, handled: u32) -> Result<(), CloseReason> {
        let news = handled.wrapping_sub(self.acknowledged);
        if news > self.sent.wrapping_sub(self.acknowledged) {
            return Err(CloseReason::HandledCountTooHigh {
                handled,
                sent: self.sent,
            });
        }
        self.acknowledged = handled;
        if let Some(kept) = &mut self.kept {
            kept.drain(..kept.len().min(news as usize));
        }
        Ok(())
    }
}

fn count(element: &Element) -> Option<u32> {
    element.attr("h")?.parse().ok()
}
