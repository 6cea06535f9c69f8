//! The rows of the table: the networks, by name, and how a line about one is written. Calls in virtual time and calls between
//! network namespaces (`tests/networks` of the workspace) have the same, but for one.

use std::time::Duration;

use crate::network::Weather;

/// Within this a call is to connect.
pub const LIMIT: Duration = Duration::from_secs(15);
/// What is above the lines of the table.
pub const HEAD: &str =
    "| network | calls | within 15 s | p50 ms | p95 ms | longest ms |\n|---|---:|---:|---:|---:|---:|\n";

/// One row of the table.
pub struct Row {
    pub name: &'static str,
    pub weather: Weather,
    /// The share of calls that must make it, in percent.
    pub must: u64,
    pub trouble: Trouble,
}

/// What else is wrong with a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Nothing,
    /// In the middle of the call one side gets another address.
    Moves,
    /// No UDP gets through.
    NoUdp,
    /// There is room for one call only. In virtual time only: between namespaces all calls share the way.
    Narrow,
}

pub const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn row(name: &'static str, delay: u64, loss: f64) -> Row {
    Row {
        name,
        weather: Weather {
            delay: millis(delay),
            loss,
            ..Weather::CLEAR
        },
        must: 100,
        trouble: Trouble::Nothing,
    }
}

/// In the order of the table.
pub fn rows() -> [Row; 11] {
    let mut heavy = row("loss-20", 50, 0.2);
    heavy.must = 95;
    let mut jitter = row("jitter-30", 50, 0.01);
    jitter.weather.jitter = millis(30);
    let mut disorder = row("disorder", 50, 0.01);
    (disorder.weather.reordered, disorder.weather.duplicated) = (0.1, 0.05);
    let mut narrow = row("narrow", 50, 0.01);
    (narrow.weather.bandwidth, narrow.trouble) = (Some(64_000), Trouble::Narrow);
    let mut blocked = row("udp-blocked", 50, 0.01);
    blocked.trouble = Trouble::NoUdp;
    let mut moved = row("moved", 50, 0.01);
    moved.trouble = Trouble::Moves;
    [
        row("clear", 50, 0.0),
        row("loss-1", 150, 0.01),
        row("loss-5", 50, 0.05),
        row("loss-10", 50, 0.1),
        heavy,
        row("delay-300", 300, 0.0),
        jitter,
        disorder,
        narrow,
        blocked,
        moved,
    ]
}

impl Row {
    /// The line about so many calls of this network, of which these took so long, the shortest first.
    pub fn line(&self, calls: u64, times: &[Duration]) -> String {
        let [p50, p95, longest] = [0.5, 0.95, 1.0].map(|share| milliseconds_at(times, share));
        let (name, made_it) = (self.name, times.len());
        format!("| {name} | {calls} | {made_it} | {p50} | {p95} | {longest} |\n")
    }

    /// Whether these are too few of so many calls.
    pub fn is_short_of(&self, calls: u64, times: &[Duration]) -> bool {
        (times.len() as u64) * 100 < self.must * calls
    }
}

fn milliseconds_at(times: &[Duration], share: f64) -> String {
    let index = (share * times.len().saturating_sub(1) as f64).round() as usize;
    times
        .get(index)
        .map_or("–".to_owned(), |time| time.as_millis().to_string())
}
