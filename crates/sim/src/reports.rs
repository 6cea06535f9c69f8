//! What clients have reported about themselves, as they said it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

/// How many bytes of reports are kept; the oldest go first.
const KEPT: usize = 16 << 20;

/// A report of a client: logs, statistics.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What kind of report, which is the rest of its path: `trace`, `newrelic/insights`.
    pub kind: String,
    /// What it says, which may be what nobody else should read.
    pub body: Arc<[u8]>,
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Report({}, {} bytes)", self.kind, self.body.len())
    }
}

/// The last reports.
#[derive(Default)]
pub(crate) struct Reports(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    reports: VecDeque<Report>,
    bytes: usize,
}

impl Reports {
    pub(crate) fn add(&self, report: Report) {
        let mut kept = crate::lock(&self.0);
        kept.bytes += report.body.len();
        kept.reports.push_back(report);
        while kept.bytes > KEPT {
            let Some(oldest) = kept.reports.pop_front() else { break };
            kept.bytes -= oldest.body.len();
        }
    }

    /// The oldest first.
    pub(crate) fn all(&self) -> Vec<Report> {
        crate::lock(&self.0).reports.iter().cloned().collect()
    }
}
