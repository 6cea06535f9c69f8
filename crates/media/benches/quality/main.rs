//! What a listener hears through a bad network: speech, Opus, a network of [`trace`], the jitter buffer, in virtual time.
//!
//! `quality CLIPS HEARD SEED... [-- ROW...]` plays every `*.pcm` of the folder CLIPS (48 kHz, mono, 16 bits) one after the other into one call for
//! each row and seed, and leaves what was heard in the folder HEARD as `ROW.SEED.CLIP.pcm`; what the buffer counted goes to standard output, a line
//! of JSON for each call. Scores are given elsewhere: `tests/quality/score.py`.

#![expect(
    clippy::disallowed_methods,
    reason = "a program around the core, which reads and writes files"
)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use offhook_media::Codec;
use offhook_media::jitter::{Delays, JitterBuffer, PULL, Packet};
use opusic_c::{Application, Bitrate, Channels, Encoder, InbandFec, SampleRate};

mod trace;

use trace::{Network, TRANSIT};

const SAMPLES: usize = 960;
const PULLED: Duration = Duration::from_millis(10);
/// Silence between the clips, in packets.
const PAUSE: usize = 25;
/// What is kept beyond the end of a clip, for what comes late.
const AFTER: Duration = Duration::from_millis(400);

/// What the sender adds for the case of loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Redundancy {
    None,
    Fec,
    Dred,
}

/// One row of the table.
struct Row {
    name: &'static str,
    network: Network,
    redundancy: Redundancy,
    /// What the sender is told to expect, per cent.
    expected: u8,
    /// How often the clips are played.
    rounds: usize,
}

const fn row(name: &'static str, network: Network, redundancy: Redundancy, expected: u8) -> Row {
    let rounds = match network {
        // Ten minutes.
        Network::Drift(_) => 12,
        _ => 1,
    };
    Row {
        name,
        network,
        redundancy,
        expected,
        rounds,
    }
}

const ROWS: [Row; 18] = [
    row("clean", Network::Clean, Redundancy::None, 0),
    row("loss-5-fec", Network::Loss(0.05), Redundancy::Fec, 5),
    row("loss-10-fec", Network::Loss(0.10), Redundancy::Fec, 10),
    row("loss-20-fec", Network::Loss(0.20), Redundancy::Fec, 20),
    row("loss-30-fec", Network::Loss(0.30), Redundancy::Fec, 30),
    row("loss-5", Network::Loss(0.05), Redundancy::None, 0),
    row("loss-10", Network::Loss(0.10), Redundancy::None, 0),
    row("loss-20", Network::Loss(0.20), Redundancy::None, 0),
    row("bursts-10-fec", Network::Bursts(0.10), Redundancy::Fec, 10),
    row("bursts-20-fec", Network::Bursts(0.20), Redundancy::Fec, 20),
    row("bursts-10-dred", Network::Bursts(0.10), Redundancy::Dred, 10),
    row("bursts-20-dred", Network::Bursts(0.20), Redundancy::Dred, 20),
    row("wifi", Network::Wifi, Redundancy::None, 0),
    row("stalls", Network::Stalls, Redundancy::None, 0),
    row("stalls-then-calm", Network::StallsThenCalm, Redundancy::None, 0),
    row("late-10", Network::Late, Redundancy::None, 0),
    row("drift-fast", Network::Drift(1_000), Redundancy::None, 0),
    row("drift-slow", Network::Drift(-1_000), Redundancy::None, 0),
];

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let usage = "quality CLIPS HEARD SEED... [-- ROW...]";
    let (clips, heard) = (words.next().ok_or(usage)?, words.next().ok_or(usage)?);
    let seeds: Vec<u64> = words
        .by_ref()
        .take_while(|word| word != "--")
        .map(|word| word.parse())
        .collect::<Result<_, _>>()?;
    let wanted: Vec<String> = words.collect();
    if let Some(unknown) = wanted.iter().find(|name| ROWS.iter().all(|row| row.name != **name)) {
        return Err(format!("there is no row {unknown}: the rows are {:?}", ROWS.map(|row| row.name)).into());
    }
    let clips = clips_of(Path::new(&clips))?;
    fs::create_dir_all(&heard)?;
    for row in ROWS
        .iter()
        .filter(|row| wanted.is_empty() || wanted.iter().any(|name| name == row.name))
    {
        // A clock that drifts draws nothing from the seed.
        let seeds = match row.network {
            Network::Drift(_) => seeds.get(..1).unwrap_or_default(),
            _ => &seeds[..],
        };
        for seed in seeds {
            play(row, *seed, &clips, Path::new(&heard))?;
        }
    }
    Ok(())
}

/// One clip, in whole frames.
struct Clip {
    name: String,
    samples: Vec<i16>,
}

fn clips_of(folder: &Path) -> Result<Vec<Clip>, Box<dyn Error>> {
    let mut clips = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pcm") {
            let mut samples: Vec<i16> = fs::read(&path)?
                .chunks_exact(2)
                .map(|two| i16::from_le_bytes([two[0], two[1]]))
                .collect();
            samples.resize(samples.len().next_multiple_of(SAMPLES), 0);
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            clips.push(Clip { name, samples });
        }
    }
    clips.sort_by(|one, other| one.name.cmp(&other.name));
    if clips.is_empty() {
        return Err(format!("no clip in {}", folder.display()).into());
    }
    Ok(clips)
}

/// One call.
fn play(row: &Row, seed: u64, clips: &[Clip], heard: &Path) -> Result<(), Box<dyn Error>> {
    let mut spoken = vec![0; PAUSE * SAMPLES];
    let mut begins = Vec::new();
    for _ in 0..row.rounds {
        begins.clear();
        for clip in clips {
            begins.push(spoken.len());
            spoken.extend_from_slice(&clip.samples);
            spoken.resize(spoken.len() + PAUSE * SAMPLES, 0);
        }
    }
    let packets = encoded(&spoken, row)?;
    let mut arrivals: Vec<(Duration, usize)> = trace::arrivals(row.network, packets.len(), seed)
        .into_iter()
        .enumerate()
        .filter_map(|(number, arrival)| Some((arrival?, number)))
        .collect();
    arrivals.sort_unstable();
    let lost = packets.len() - arrivals.len();

    let start = Instant::now();
    let mut buffer = JitterBuffer::new(Codec::Opus, Delays::default(), start)?;
    let (mut sound, mut arriving) = (Vec::new(), arrivals.into_iter().peekable());
    let (mut at, end) = (
        Duration::ZERO,
        trace::sent(row.network, packets.len()) + TRANSIT + AFTER,
    );
    // After the first half, the moment from which on the delay was small.
    let (mut calm, half) = (Duration::ZERO, end / 2);
    while at < end {
        while let Some((arrival, number)) = arriving.next_if(|(arrival, _)| *arrival <= at) {
            let packet = Packet {
                codec: Codec::Opus,
                sequence: (seed as u16).wrapping_add(number as u16),
                timestamp: (seed as u32)
                    .wrapping_mul(77_777)
                    .wrapping_add((number * SAMPLES) as u32),
                payload: &packets[number],
            };
            buffer.insert(start + arrival, &packet);
        }
        let mut pulled = [0; PULL];
        buffer.pull(start + at, &mut pulled);
        sound.extend_from_slice(&pulled);
        if at > half && buffer.waiting() >= Duration::from_millis(80) {
            calm = at - half;
        }
        at += PULLED;
    }
    for (clip, begins) in clips.iter().zip(&begins) {
        let from = samples_in(trace::sent(row.network, begins / SAMPLES) + TRANSIT);
        let to = (from + clip.samples.len() + samples_in(AFTER)).min(sound.len());
        let bytes: Vec<u8> = sound[from..to].iter().flat_map(|sample| sample.to_le_bytes()).collect();
        fs::write(heard.join(format!("{}.{seed}.{}.pcm", row.name, clip.name)), bytes)?;
    }
    let counted = buffer.counters();
    let bytes: usize = packets.iter().map(Vec::len).sum();
    let figures = serde_json::json!({
        "row": row.name,
        "seed": seed,
        "seconds": end.as_secs(),
        "kbit_s": bytes as f64 * 8.0 / 1_000.0 / end.as_secs_f64(),
        "sent": packets.len(),
        "lost": lost,
        "late": counted.late,
        "delay_ms": counted.waited.as_secs_f64() * 1_000.0 / counted.played.max(1) as f64,
        "concealed_ms": counted.concealed_samples / 48,
        "shortened_ms": counted.shortened_samples / 48,
        "lengthened_ms": counted.lengthened_samples / 48,
        "recovered": counted.recovered,
        "calm_after_s": calm.as_secs_f64(),
    });
    println!("{figures}");
    Ok(())
}

fn encoded(spoken: &[i16], row: &Row) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let failed = |error: opusic_c::ErrorCode| format!("libopus: {}", error.message());
    let mut encoder = Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Audio).map_err(failed)?;
    encoder.set_bitrate(Bitrate::Value(32_000)).map_err(failed)?;
    encoder.set_complexity(9).map_err(failed)?;
    encoder.set_packet_loss(row.expected).map_err(failed)?;
    match row.redundancy {
        Redundancy::None => {}
        Redundancy::Fec => encoder.set_inband_fec(InbandFec::Mode1).map_err(failed)?,
        Redundancy::Dred => encoder.set_dred_duration(10).map_err(failed)?,
    }
    let mut packets = Vec::with_capacity(spoken.len() / SAMPLES);
    for frame in spoken.chunks_exact(SAMPLES) {
        let frame: Vec<u16> = frame.iter().map(|sample| sample.cast_unsigned()).collect();
        let mut packet = vec![0; 1_275];
        let length = encoder.encode_to_slice(&frame, &mut packet).map_err(failed)?;
        packet.truncate(length);
        packets.push(packet);
    }
    Ok(packets)
}

fn samples_in(duration: Duration) -> usize {
    duration.as_micros() as usize * 48 / 1_000
}
