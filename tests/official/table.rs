//! What was seen, as tables: printed, and written to `docs/interop.md`, by the last test of all.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    sync::{Mutex, PoisonError},
};

use offhook_tests::interop;

use crate::{
    difference::reason,
    scenario::{ALL, Scenario},
    softphone::Who,
};

/// What was seen in one scenario with one client.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// What the client was seen to do.
    pub seen: String,
    /// What the cloud saw.
    pub cloud: String,
    /// What the client sent, in order.
    pub sent: Vec<String>,
}

static SEEN: Mutex<BTreeMap<(&'static str, Who), Row>> = Mutex::new(BTreeMap::new());

/// The place of one row. Dropped without one, it says that it failed.
pub struct Place {
    name: &'static str,
    who: Who,
    row: Option<Row>,
}

impl Place {
    pub fn new(name: &'static str, who: Who) -> Self {
        Self { name, who, row: None }
    }

    pub fn is(mut self, row: Row) {
        self.row = Some(row);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let failed = || Row {
            seen: "failed".to_owned(),
            ..Row::default()
        };
        let row = self.row.take().unwrap_or_else(failed);
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert((self.name, self.who), row);
        let rows: usize = ALL.iter().map(|(_, scenario)| scenario.who().len()).sum();
        if seen.len() == rows {
            publish(&seen);
        }
    }
}

fn publish(seen: &BTreeMap<(&'static str, Who), Row>) {
    let mut table = "| scenario | client | what it saw | what the cloud saw |\n|---|---|---|---|\n".to_owned();
    for (name, scenario) in ALL {
        for who in scenario.who() {
            if let Some(row) = seen.get(&(*name, *who)) {
                let title = scenario.title();
                table += &format!("| {title} | {} | {} | {} |\n", who.name(), row.seen, row.cloud);
            }
        }
    }
    // Of what a test prints nothing is seen otherwise.
    let _ = write!(std::io::stdout(), "\n{table}");
    let differences = differences(seen);
    let text = format!(
        "What `cargo xtask test` saw when it last ran npm `genesys-cloud-streaming-client` 19.4.1 (*client*) and npm\n\
         `genesys-cloud-webrtc-sdk` 9.2.4 (*SDK*), unmodified, in headless Chromium in calls with the simulated cloud, and\n\
         our agent, the program, in their place.\n\n{table}\n\
         ## Where the agent sends something else\n\n\
         What one of the two sent and the other did not, in the same scenario.\n\n{differences}"
    );
    let _ = interop::write("The platform's own client", &text);
}

/// What the client and the agent sent that the other did not: in which scenarios, and why.
fn differences(seen: &BTreeMap<(&'static str, Who), Row>) -> String {
    let mut found: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (name, scenario) in ALL {
        let sent = |who| -> Option<BTreeSet<&str>> {
            let row = seen.get(&(*name, who)).filter(|row| !row.sent.is_empty())?;
            Some(row.sent.iter().map(|sent| kind(sent)).collect())
        };
        let (Some(theirs), Some(ours)) = (sent(Who::Client), sent(Who::Ours)) else {
            continue;
        };
        for what in theirs.difference(&ours) {
            found
                .entry((what, Who::Client.name()))
                .or_default()
                .push(title(scenario));
        }
        for what in ours.difference(&theirs) {
            found.entry((what, Who::Ours.name())).or_default().push(title(scenario));
        }
    }
    let mut table = "| sent | only by | in | why |\n|---|---|---|---|\n".to_owned();
    for ((what, who), scenarios) in found {
        let place = match scenarios.as_slice() {
            [one] => (*one).to_owned(),
            [first, ..] => format!("{} scenarios, such as: {first}", scenarios.len()),
            [] => String::new(),
        };
        table += &format!("| {what} | {who} | {place} | {} |\n", reason(what, who));
    }
    table
}

fn title(scenario: &Scenario) -> &'static str {
    scenario.title()
}

/// What was sent, without the ids in it.
fn kind(sent: &str) -> &str {
    match sent.find("/api/v2/") {
        Some(_) if sent.contains("/conversations/calls/") => "change of a participant (REST)",
        Some(_) if sent.contains("/diagnostics/") => "diagnostics (REST)",
        Some(_) if sent.contains("/notifications/channels/") => "subscriptions (REST)",
        Some(_) | None => sent,
    }
}
