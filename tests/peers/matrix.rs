//! What was seen with whom, as a table: printed, and written to `docs/interop.md`, by the last test of all.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Mutex, PoisonError},
};

use offhook_tests::interop;

use crate::engine::Engine;

/// What is done with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    TheyOffer,
    WeOffer,
    Pcmu,
    Relay,
    TheyHold,
    WeHold,
    TheyPause,
    WePause,
    Renegotiate,
    TheyRestart,
    WeRestart,
    TheyPress,
    WePress,
    Dtls12,
    DtlsAutoAnswered,
    DtlsAutoOffered,
    TheyClose,
    WeClose,
}

impl Feature {
    pub const ALL: [Self; 18] = [
        Self::TheyOffer,
        Self::WeOffer,
        Self::Pcmu,
        Self::Relay,
        Self::TheyHold,
        Self::WeHold,
        Self::TheyPause,
        Self::WePause,
        Self::Renegotiate,
        Self::TheyRestart,
        Self::WeRestart,
        Self::TheyPress,
        Self::WePress,
        Self::Dtls12,
        Self::DtlsAutoAnswered,
        Self::DtlsAutoOffered,
        Self::TheyClose,
        Self::WeClose,
    ];

    /// Whether it is tried with the engine. aiortc makes no ICE restart and presses no keys; libdatachannel has no codec, it speaks the PCMU
    /// and the telephone events that are made for it by hand.
    pub fn is_of(self, engine: Engine) -> bool {
        match self {
            Self::TheyOffer
            | Self::WeOffer
            | Self::Pcmu
            | Self::Relay
            | Self::Dtls12
            | Self::DtlsAutoAnswered
            | Self::DtlsAutoOffered
            | Self::WePress
            | Self::TheyHold
            | Self::WeHold
            | Self::TheyPause
            | Self::WePause
            | Self::Renegotiate
            | Self::TheyClose
            | Self::WeClose => true,
            Self::TheyPress => engine != Engine::Aiortc,
            Self::TheyRestart | Self::WeRestart => engine == Engine::Chromium || engine == Engine::Libwebrtc,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::TheyOffer => "it offers, tones both ways",
            Self::WeOffer => "it answers, tones both ways",
            Self::Pcmu => "PCMU alone, tones both ways",
            Self::Relay => "relayed alone, on both sides",
            Self::TheyHold => "it holds (`recvonly`) and unholds",
            Self::WeHold => "we hold (`sendonly`) and unhold",
            Self::TheyPause => "it stops both ways (`inactive`) and starts again",
            Self::WePause => "we stop both ways and start again",
            Self::Renegotiate => "codecs and data renegotiated, by either side",
            Self::TheyRestart => "it restarts ICE",
            Self::WeRestart => "we restart ICE",
            Self::TheyPress => "it presses keys, we are told",
            Self::WePress => "we press keys, it hears them",
            Self::Dtls12 => "DTLS, our default",
            Self::DtlsAutoAnswered => "DTLS `Auto`, it offers",
            Self::DtlsAutoOffered => "DTLS `Auto`, it answers",
            Self::TheyClose => "it closes, we learn of it",
            Self::WeClose => "we close, it misses us",
        }
    }
}

static SEEN: Mutex<BTreeMap<(Feature, Engine), String>> = Mutex::new(BTreeMap::new());

/// The place of one result. Dropped without one, it says `no`.
pub struct Cell {
    place: (Feature, Engine),
    result: Option<String>,
}

impl Cell {
    pub fn new(feature: Feature, engine: Engine) -> Self {
        Self {
            place: (feature, engine),
            result: None,
        }
    }

    pub fn is(mut self, result: String) {
        self.result = Some(result);
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| "no".to_owned());
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(self.place, result);
        let cells = Feature::ALL.map(|feature| Engine::ALL.iter().filter(|engine| feature.is_of(**engine)).count());
        if seen.len() == cells.iter().sum::<usize>() {
            publish(&table(&seen));
        }
    }
}

fn table(seen: &BTreeMap<(Feature, Engine), String>) -> String {
    let engines = Engine::ALL.map(Engine::name).join(" | ");
    let mut table = format!("| | {engines} |\n|---|{}\n", "---|".repeat(Engine::ALL.len()));
    for feature in Feature::ALL {
        let results = Engine::ALL.map(|engine| seen.get(&(feature, engine)).map_or("–", String::as_str));
        table += &format!("| {} | {} |\n", feature.title(), results.join(" | "));
    }
    table
}

fn publish(table: &str) {
    // Of what a test prints nothing is seen otherwise.
    let _ = write!(std::io::stdout(), "\n{table}");
    let text = format!(
        "What `cargo xtask test` saw when it last ran the media core against each of them: one call for each cell, or two,\n\
         whoever offers first. A number is the DTLS version on which the two sides agreed. Behind a hidden address, an mDNS\n\
         name, a peer is found by its own checks. A dash stands for what it does not do, `our side` for what we do although it\n\
         does not: [what they are like](testing.md#engines-of-others).\n\n{table}"
    );
    let _ = interop::write("Peers that others wrote", &text);
}
