use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use super::*;
use crate::measure::{compare, level_dbov};
use crate::{Clip, SILENT_FRAME, Silence, Tone, sink::Discard, speech};

/// From the loudspeaker to the microphone and through all buffers: 60 ms.
const DELAY: usize = SAMPLE_RATE as usize * 60 / 1000;
/// -10 dB.
const RETURN: f32 = 0.316;

/// A room with a loudspeaker, a microphone and somebody who talks.
#[derive(Clone)]
struct Room {
    /// What is on its way to the microphone.
    air: Arc<Mutex<VecDeque<i16>>>,
    talks: Arc<Mutex<Box<dyn Source>>>,
}

impl Room {
    fn new() -> Self {
        Self {
            air: Arc::new(Mutex::new(VecDeque::from(vec![0; DELAY]))),
            talks: Arc::new(Mutex::new(Box::new(Silence))),
        }
    }
}

impl Sink for Room {
    fn write(&mut self, frame: &Frame) -> Result<(), SinkError> {
        self.air.lock().expect("nobody panicked").extend(frame);
        Ok(())
    }
}

impl Source for Room {
    fn read(&mut self, frame: &mut Frame) -> Played {
        let played = self.talks.lock().expect("nobody panicked").read(frame);
        let mut air = self.air.lock().expect("nobody panicked");
        for sample in frame {
            let echo = f32::from(air.pop_front().unwrap_or(0)) * RETURN;
            *sample = sample.saturating_add(echo as i16);
        }
        played
    }
}

/// A far end that plays into the room, and hears what comes back.
fn hears(sink: &mut impl Sink, source: &mut impl Source, far: &mut impl Source, seconds: u32) -> Vec<i16> {
    let (mut frame, mut heard) = (SILENT_FRAME, Vec::new());
    for _ in 0..seconds * 50 {
        // An end is silence.
        let _ = far.read(&mut frame);
        sink.write(&frame).expect("it takes all");
        let _ = source.read(&mut frame);
        heard.extend_from_slice(&frame);
    }
    heard
}

#[test]
fn an_echo_is_taken_out_and_who_talks_is_heard_as_before() {
    let (room, plain) = (Room::new(), Room::new());
    let voice = Voice::new(VoiceOptions {
        gain: false,
        noise: false,
        ..VoiceOptions::default()
    });
    let (mut sink, mut source) = (voice.sink(room.clone()), voice.source(room.clone()));
    let far = || Clip::repeated(speech::CLIP_B.samples());

    let echo = hears(&mut plain.clone(), &mut plain.clone(), &mut far(), 20);
    let left = hears(&mut sink, &mut source, &mut far(), 20);
    let converged = |heard: &[i16]| level_dbov(&heard[15 * SAMPLE_RATE as usize..]);
    let reduced = converged(&echo) - converged(&left);
    println!("{reduced:.1} dB less of {:.1} dBov", converged(&echo));
    assert!(reduced >= 25.0, "{reduced} dB");

    *room.talks.lock().expect("nobody panicked") = Box::new(Clip::once(speech::CLIP_A.samples()));
    let heard = hears(&mut sink, &mut source, &mut Silence, 6);
    let said = speech::CLIP_A.samples();
    let likeness = compare(&said, &heard);
    let louder = level_dbov(&heard[..said.len()]) - level_dbov(&said);
    println!("median {:.3}, {louder:.1} dB louder", likeness.median());
    assert!(likeness.passes() && likeness.median() > 0.97, "{likeness:?}");
    assert!(louder.abs() < 1.5, "{louder} dB");
}

/// Wide-band PESQ (ITU-T P.862.2) of what was heard of the clip.
fn rated(heard: &[i16]) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = |samples: &[i16]| -> Vec<u8> { samples.iter().flat_map(|sample| sample.to_le_bytes()).collect() };
    let (said, heard_in) = (folder.path().join("said"), folder.path().join("heard"));
    fs::create_dir(&said).expect("a folder");
    fs::create_dir(&heard_in).expect("a folder");
    fs::write(said.join("clip.pcm"), bytes(&speech::CLIP_A.samples())).expect("a file");
    fs::write(heard_in.join("voice.0.clip.pcm"), bytes(heard)).expect("a file");
    let program = std::env::current_exe().expect("this program");
    let mut folders = program
        .ancestors()
        .map(|folder| folder.join("tools/quality-python/bin/python"));
    let python = folders
        .find(|python| python.exists())
        .expect("cargo xtask test installs it");
    let score = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/quality/score.py");
    let scored = Command::new(python)
        .arg(score)
        .arg("--fast")
        .args([said, heard_in])
        .output();
    let scored = String::from_utf8(scored.expect("Python runs").stdout).expect("a line of JSON");
    let (_, value) = scored.split_once("\"pesq\": ").expect("a score");
    value.trim_end().trim_end_matches('}').parse().expect("a number")
}

#[test]
#[ignore = "needs PESQ: cargo xtask test installs it and runs this"]
fn who_talks_after_an_echo_was_learnt_sounds_as_good_as_before() {
    let room = Room::new();
    let voice = Voice::new(VoiceOptions {
        gain: false,
        noise: false,
        ..VoiceOptions::default()
    });
    let (mut sink, mut source) = (voice.sink(room.clone()), voice.source(room.clone()));
    let far = &mut Clip::repeated(speech::CLIP_B.samples());
    hears(&mut sink, &mut source, far, 20);
    // What is left of the echo dies away.
    hears(&mut sink, &mut source, &mut Silence, 1);
    *room.talks.lock().expect("nobody panicked") = Box::new(Clip::once(speech::CLIP_A.samples()));
    let heard = hears(&mut sink, &mut source, &mut Silence, 6);
    let (before, after) = (rated(&speech::CLIP_A.samples()), rated(&heard));
    println!("PESQ {after:.2}, unprocessed {before:.2}");
    assert!(before - after < 0.3, "{after} instead of {before}");
}

/// A generator of noise that is the same each time, at about -45 dBov.
struct Fan(u32);

impl Source for Fan {
    fn read(&mut self, frame: &mut Frame) -> Played {
        for sample in frame {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = (self.0 >> 16) as i16 / 100;
        }
        Played::Full
    }
}

#[test]
fn noise_is_suppressed_when_that_is_wanted() {
    let only = VoiceOptions {
        noise: true,
        ..VoiceOptions::off()
    };
    let voice = Voice::new(only);
    let mut source = voice.source(Fan(1));
    let mut level = |seconds| level_dbov(&hears(&mut Discard, &mut source, &mut Silence, seconds));
    level(5);
    let suppressed = level(1);
    voice.set_options(VoiceOptions::off());
    assert_eq!(voice.options(), VoiceOptions::off());
    let noise = level(1);
    assert!(noise - suppressed > 8.0, "{noise} dBov became {suppressed}");
}

#[test]
fn a_quiet_voice_is_made_louder_when_that_is_wanted() {
    let quiet: Vec<i16> = speech::CLIP_A.samples().iter().map(|sample| sample / 16).collect();
    let voice = Voice::new(VoiceOptions {
        gain: true,
        ..VoiceOptions::off()
    });
    let mut source = voice.source(Clip::repeated(quiet.clone().into()));
    let heard = hears(&mut Discard, &mut source, &mut Silence, 20);
    let louder = level_dbov(&heard[15 * SAMPLE_RATE as usize..]) - level_dbov(&quiet);
    assert!(louder > 6.0, "{louder} dB");
}

#[test]
fn what_is_switched_off_changes_nothing() {
    let voice = Voice::new(VoiceOptions::off());
    let (mut source, mut plain) = (voice.source(Tone::new(500)), Tone::new(500));
    let mut sink = voice.sink(Discard);
    let heard = hears(&mut sink, &mut source, &mut Tone::new(300), 1);
    assert_eq!(heard, hears(&mut Discard, &mut plain, &mut Silence, 1));
}
