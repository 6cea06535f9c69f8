//! Telemetry: what is measured of sessions, posted while signalling stands.

use std::time::Instant;

use offhook_jingle::SessionId;

use super::Phone;
use crate::{
    http::{HttpId, Method, ReplyError},
    rest::{Reply, Retry},
    telemetry::{MediaFigures, Records, Telemetry},
};

const POST: &str = "telling how calls fare (POST diagnostics/newrelic/insights)";
const TOO_LARGE: u16 = 413;

/// What is told, if the application wants that.
#[derive(Debug)]
pub(super) struct Reporting {
    records: Option<Records>,
    asked: Option<HttpId>,
}

impl Reporting {
    pub(super) fn new(telemetry: Option<Telemetry>) -> Self {
        Self {
            records: telemetry.map(Records::new),
            asked: None,
        }
    }
}

impl Phone {
    /// Nothing is noted while signalling is down, and nothing of guests.
    pub(super) fn measured(&mut self, session: &SessionId, figures: &MediaFigures) {
        if !self.is_connected() || self.user_only().is_err() {
            return;
        }
        if let Some(records) = &mut self.reporting.records {
            let line = self.lines.sessions.get(session);
            let conversation = line.and_then(|line| line.conversation.as_ref());
            records.add(self.now, session, conversation, figures);
        }
    }

    pub(super) fn next_report(&self) -> Option<Instant> {
        let records = self.reporting.records.as_ref().filter(|_| self.is_connected());
        records.and_then(Records::due)
    }

    pub(super) fn post_records(&mut self) {
        if !self.is_connected() {
            return;
        }
        let now = self.now;
        if let Some(body) = self.reporting.records.as_mut().and_then(|records| records.post(now)) {
            let path = "diagnostics/newrelic/insights";
            self.reporting.asked = Some(self.ask(POST, Method::Post, path, Some(body), Retry::Once));
        }
    }

    /// Takes the reply to a post, or gives it back.
    pub(super) fn records_replied(
        &mut self,
        id: HttpId,
        result: Result<Reply, ReplyError>,
    ) -> Option<Result<Reply, ReplyError>> {
        if self.reporting.asked.take_if(|asked| *asked == id).is_none() {
            return Some(result);
        }
        let too_large = matches!(result, Err(ReplyError::Status { status: TOO_LARGE, .. }));
        if let Err(error) = &result {
            tracing::debug!(%error, "the cloud did not take telemetry");
        }
        if let Some(records) = &mut self.reporting.records {
            records.posted(too_large);
        }
        None
    }
}
