//! What a listener hears of us and of Chromium, live and on the same packets: speech is encoded once and sent to both at the same time, through
//! the same losses and delays.
//!
//! `live CLIPS HEARD SEED [-- ROW...]` plays every `*.pcm` of the folder CLIPS (48 kHz, mono, 16 bits) one after the other into both calls for each
//! row, and leaves what was heard in the folders `HEARD/ours` and `HEARD/theirs` as `ROW.SEED.CLIP.pcm`; a line of JSON for each call tells how
//! long packets waited. Scores are given elsewhere: `tests/quality/score.py`.

#[path = "../../peers/engine.rs"]
#[expect(dead_code, reason = "what other engines can do is of no interest here")]
mod engine;
mod side;
#[path = "../../../crates/media/benches/quality/trace.rs"]
#[expect(dead_code, reason = "not every network is played")]
mod trace;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use offhook_audio::measure;
use opusic_c::{Application, Bitrate, Channels, Encoder, InbandFec, SampleRate};
use tokio::time::{MissedTickBehavior, interval};

use side::{Ours, Side, Theirs};
use trace::{Network, PACKET};

/// Samples of a packet.
const SAMPLES: usize = 960;
/// Silence before, between and after the clips, in packets.
const PAUSE: usize = 50;
/// What is kept beyond the end of a clip, for what comes late.
const AFTER: usize = 48_000 * 4 / 10;

/// One row of the table.
struct Row {
    name: &'static str,
    network: Network,
    /// What the sender is told to expect, per cent; for that it adds in-band FEC.
    expected: u8,
}

const fn row(name: &'static str, network: Network, expected: u8) -> Row {
    Row {
        name,
        network,
        expected,
    }
}

const ROWS: [Row; 8] = [
    row("clean", Network::Clean, 0),
    row("loss-10-fec", Network::Loss(0.10), 10),
    row("loss-20-fec", Network::Loss(0.20), 20),
    row("loss-10", Network::Loss(0.10), 0),
    row("bursts-20-fec", Network::Bursts(0.20), 20),
    row("wifi", Network::Wifi, 0),
    row("stalls", Network::Stalls, 0),
    row("late-10", Network::Late, 0),
];

#[tokio::main]
async fn main() {
    // Cargo adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [clips, heard, seed, rest @ ..] = &words[..] else {
        panic!("live CLIPS HEARD SEED [-- ROW...]");
    };
    let seed: u64 = seed.parse().expect("a number");
    let wanted: Vec<&String> = rest.iter().filter(|word| *word != "--").collect();
    let clips = clips_of(Path::new(clips));
    for row in &ROWS {
        if wanted.is_empty() || wanted.iter().any(|name| *name == row.name) {
            play(row, seed, &clips, Path::new(heard)).await;
        }
    }
}

/// A clip by its name, in whole packets.
type Clip = (String, Vec<i16>);

fn clips_of(folder: &Path) -> Vec<Clip> {
    let files = fs::read_dir(folder).expect("the clips are there");
    let mut clips: Vec<Clip> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pcm"))
        .map(|path| {
            let mut samples = side::samples(&fs::read(&path).expect("it is there"));
            samples.resize(samples.len().next_multiple_of(SAMPLES), 0);
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, samples)
        })
        .collect();
    clips.sort();
    assert!(!clips.is_empty(), "no clip in {}", folder.display());
    clips
}

/// One call with each.
async fn play(row: &Row, seed: u64, clips: &[Clip], heard: &Path) {
    let mut spoken = vec![0; PAUSE * SAMPLES];
    for (_, samples) in clips {
        spoken.extend_from_slice(samples);
        spoken.resize(spoken.len() + PAUSE * SAMPLES, 0);
    }
    let packets = encoded(&spoken, row.expected);
    let arrivals = trace::arrivals(row.network, packets.len(), seed);
    let delays = arrivals.iter().enumerate().map(|(number, arrival)| {
        let sent = trace::sent(row.network, number);
        arrival.map(|arrival| arrival.saturating_sub(sent))
    });
    let delays: Vec<Option<Duration>> = delays.collect();
    let (mut ours, mut theirs) = (Ours::connected(&delays).await, Theirs::connected(&delays).await);

    let mut ticks = interval(PACKET);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for packet in &packets {
        ticks.tick().await;
        let now = Instant::now();
        ours.send(now, packet);
        theirs.send(now, packet);
    }
    for side in [ours.ended().await, theirs.ended().await] {
        keep(row, seed, clips, &side, heard);
    }
}

/// Each clip as it was heard, as a file.
fn keep(row: &Row, seed: u64, clips: &[Clip], side: &Side, heard: &Path) {
    let folder = heard.join(side.name);
    fs::create_dir_all(&folder).expect("a folder");
    for (name, samples) in clips {
        let delay = usize::try_from(measure::compare(samples, &side.heard).delay).unwrap_or(0);
        let end = (delay + samples.len() + AFTER).min(side.heard.len());
        let bytes: Vec<u8> = side.heard[delay.min(end)..end]
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        fs::write(folder.join(format!("{}.{seed}.{name}.pcm", row.name)), bytes).expect("it is written");
    }
    let figures = serde_json::json!({
        "row": format!("{}/{}", side.name, row.name),
        "delay_ms": side.waited.as_secs_f64() * 1_000.0,
    });
    println!("{figures}");
}

fn encoded(spoken: &[i16], expected: u8) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Audio).expect("libopus");
    encoder.set_bitrate(Bitrate::Value(32_000)).expect("it can be");
    encoder.set_complexity(9).expect("it can be");
    encoder.set_packet_loss(expected).expect("a percentage");
    if expected > 0 {
        encoder.set_inband_fec(InbandFec::Mode1).expect("it can be");
    }
    let frames = spoken.chunks_exact(SAMPLES).map(|frame| {
        let frame: Vec<u16> = frame.iter().map(|sample| sample.cast_unsigned()).collect();
        let mut packet = vec![0; 1_275];
        let length = encoder.encode_to_slice(&frame, &mut packet).expect("a frame");
        packet.truncate(length);
        packet
    });
    frames.collect()
}
