//! Calls of half an hour between two clocks, in virtual time.

use super::*;
use crate::{FRAME_SAMPLES, Frame, Played, SAMPLE_RATE, SILENT_FRAME, Source as _, Tone};

/// How long a call lasts.
const CALL: f64 = 1800.0;
const PITCH: u32 = 440;
/// More than either side is ever late.
const PATIENT: Duration = Duration::from_millis(120);
/// Until the first audio has passed and the filters are full.
const BEGINNING: f64 = 1.0;
/// From here on the device's clock is known.
const SETTLED: f64 = 240.0;

/// Two clocks, which say when the next block and the next frame are due. Their threads are late by up to 8 ms, and once in 20 s by 100 ms.
struct Clocks {
    /// Of the device, in real seconds.
    block: f64,
    blocks: u64,
    frames: u64,
    device_free: f64,
    call_free: f64,
    noise: u32,
}

enum Turn {
    Device(Duration),
    Call(Duration),
}

impl Clocks {
    fn new(device_rate: u32, ppm: f64, block: usize) -> Self {
        Self {
            block: block as f64 / (f64::from(device_rate) * (1.0 + ppm * 1e-6)),
            blocks: 0,
            frames: 0,
            device_free: 0.0,
            call_free: 0.0,
            noise: 1,
        }
    }

    fn late(&mut self, count: u64, every: u64) -> f64 {
        self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let burst = if count % every == every - 1 { 0.1 } else { 0.0 };
        burst + f64::from(self.noise >> 16) / 65_536.0 * 8e-3
    }

    /// Who is next, and when. A thread that was late is not earlier with what comes after.
    fn next(&mut self) -> Turn {
        let device = (self.blocks as f64 * self.block).max(self.device_free);
        let call = (self.frames as f64 * 0.02).max(self.call_free);
        if device <= call {
            self.blocks += 1;
            self.device_free = self.blocks as f64 * self.block + self.late(self.blocks, 977);
            Turn::Device(Duration::from_secs_f64(device))
        } else {
            self.frames += 1;
            self.call_free = self.frames as f64 * 0.02 + self.late(self.frames, 1000);
            Turn::Call(Duration::from_secs_f64(call))
        }
    }
}

/// The largest step from one sample to the next, and of steps.
#[derive(Default)]
struct Smoothness {
    last: f64,
    last_step: f64,
    step: f64,
    bend: f64,
    seen: u64,
}

impl Smoothness {
    fn look(&mut self, sample: f64) {
        let step = sample - self.last;
        if self.seen > 2 {
            self.step = self.step.max(step.abs());
            self.bend = self.bend.max((step - self.last_step).abs());
        }
        (self.last, self.last_step) = (sample, step);
        self.seen += 1;
    }

    /// A tone of full scale -12 dB at this rate has no larger steps than these; a sample that is missing or repeated makes a bend as large as a step.
    fn assert_is_a_tone(&self, rate: u32) {
        let turn = std::f64::consts::TAU * f64::from(PITCH) / f64::from(rate);
        let peak = f64::from(Tone::PEAK) / 32768.0;
        // Numbers of 16 bits are wrong by half a step each.
        let rounding = 1.5 / 32768.0;
        assert!(
            self.seen as f64 > f64::from(rate) * (CALL - 10.0),
            "{} samples",
            self.seen
        );
        assert!(self.step < peak * turn * 1.01 + rounding, "a step of {}", self.step);
        assert!(
            self.bend < peak * turn * turn * 1.05 + 2.0 * rounding,
            "a bend of {}",
            self.bend
        );
    }
}

fn capture_for_half_an_hour(rate: u32, ppm: f64, block: usize) {
    let (mut feed, mut intake) = capture(rate, PATIENT).expect("a rate");
    let mut clocks = Clocks::new(rate, ppm, block);
    let turn = std::f64::consts::TAU * f64::from(PITCH) / f64::from(rate);
    let peak = f64::from(Tone::PEAK) / 32768.0;
    let (mut phase, mut tone, mut least, mut most) = (0_u64, Smoothness::default(), 1.0_f64, 0.0_f64);
    let mut frame = SILENT_FRAME;
    loop {
        match clocks.next() {
            Turn::Device(now) => {
                feed.push(
                    (0..block).map(|n| (peak * ((phase + n as u64) as f64 * turn).sin()) as f32),
                    now,
                );
                phase += block as u64;
            }
            Turn::Call(now) => {
                let seconds = now.as_secs_f64();
                if seconds > CALL {
                    break;
                }
                let played = intake.read(&mut frame, now);
                if seconds < BEGINNING {
                    continue;
                }
                assert_eq!(played, Played::Full, "at {seconds} s");
                frame.iter().for_each(|sample| tone.look(f64::from(*sample) / 32768.0));
                least = least.min(intake.waiting().as_secs_f64());
                most = most.max(intake.waiting().as_secs_f64());
                if seconds > SETTLED {
                    let found = intake.figures().device_ppm;
                    assert!((found - ppm).abs() < 30.0, "{found} ppm at {seconds} s");
                }
            }
        }
    }
    let figures = intake.figures();
    println!("{rate} Hz {ppm} ppm: {least:.3} to {most:.3} s wait, {figures:?}");
    assert_eq!((figures.underruns, figures.overruns), (0, 0));
    assert!(least > 0.0 && most < 0.3, "{least} to {most} s");
    tone.assert_is_a_tone(SAMPLE_RATE);
}

fn play_for_half_an_hour(rate: u32, ppm: f64, block: usize) {
    let (mut outflow, mut drain) = playback(rate, PATIENT).expect("a rate");
    let mut clocks = Clocks::new(rate, ppm, block);
    let (mut source, mut tone, mut most) = (Tone::new(PITCH), Smoothness::default(), 0.0_f64);
    let mut frame: Frame = [0; FRAME_SAMPLES];
    loop {
        match clocks.next() {
            Turn::Device(now) => {
                let begun = now.as_secs_f64() > BEGINNING;
                drain.fill(block, now, |_, sample| {
                    if begun {
                        tone.look(f64::from(sample));
                    }
                });
            }
            Turn::Call(now) => {
                if now.as_secs_f64() > CALL {
                    break;
                }
                assert_eq!(source.read(&mut frame), Played::Full);
                outflow.write(&frame, now);
                most = most.max(outflow.waiting().as_secs_f64());
            }
        }
    }
    let figures = outflow.figures();
    println!("{rate} Hz {ppm} ppm: up to {most:.3} s wait, {figures:?}");
    assert_eq!((figures.underruns, figures.overruns), (0, 0));
    assert!((figures.device_ppm - ppm).abs() < 30.0, "{figures:?}");
    assert!(most < 0.3, "{most} s");
    tone.assert_is_a_tone(rate);
}

#[test]
fn a_fast_microphone_is_heard_for_half_an_hour_without_a_click() {
    capture_for_half_an_hour(48_000, 200.0, 1024);
}

#[test]
fn a_slow_microphone_is_heard_for_half_an_hour_without_a_click() {
    capture_for_half_an_hour(44_100, -200.0, 441);
}

#[test]
fn a_fast_loudspeaker_plays_for_half_an_hour_without_a_click() {
    play_for_half_an_hour(44_100, 200.0, 882);
}

#[test]
fn a_slow_loudspeaker_plays_for_half_an_hour_without_a_click() {
    play_for_half_an_hour(48_000, -200.0, 512);
}
