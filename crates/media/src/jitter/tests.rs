use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Delays, FADE, Inserted, JitterBuffer, PULL, Packet};
use crate::codec::{Decoder, Encoder, EncoderSettings, MAX_PACKET_SAMPLES};
use crate::fuzzing::{an_instant, jitter_buffer};
use crate::{Codec, FRAME_SAMPLES, Frame};

const FRAME: Duration = Duration::from_millis(20);

/// A sender, its packets, and a listener on one clock.
struct Story {
    start: Instant,
    buffer: JitterBuffer,
    codec: Codec,
    packets: Vec<Vec<u8>>,
    /// The numbers of the first packet.
    first: (u16, u32),
    /// Milliseconds since the start.
    at: u64,
    heard: Vec<i16>,
}

/// The packets of something like a voice: a sound of many harmonics that comes and goes.
fn spoken(codec: Codec, hertz: f64, amplitude: f64, count: usize) -> Vec<Vec<u8>> {
    let settings = EncoderSettings {
        bitrate: 32_000,
        complexity: 1,
        in_band_fec: true,
        ..EncoderSettings::default()
    };
    let mut encoder = Encoder::new(codec, settings).expect("an encoder");
    let sample = |at: usize| {
        let seconds = at as f64 / 48_000.0;
        let turn = (seconds * hertz).fract();
        let loudness = (seconds * std::f64::consts::TAU * 1.3).sin().max(0.0);
        (amplitude * loudness * (1.0 - 2.0 * turn) * (1.0 - turn)) as i16
    };
    let frame = |number: usize| -> Frame { std::array::from_fn(|index| sample(number * FRAME_SAMPLES + index)) };
    (0..count)
        .map(|number| encoder.encode(&frame(number)).expect("a packet").to_vec())
        .collect()
}

impl Story {
    fn new(codec: Codec, count: usize) -> Self {
        let start = an_instant();
        Self {
            start,
            buffer: JitterBuffer::new(codec, Delays::default(), start).expect("a decoder"),
            codec,
            packets: spoken(codec, 130.0, 9_000.0, count),
            first: (65_500, u32::MAX - 9_000),
            at: 0,
            heard: Vec::new(),
        }
    }

    fn give(&mut self, number: usize) -> Inserted {
        self.give_at(number, number as u16, number as u32)
    }

    /// Packet `number` with the numbers of these places in the stream.
    fn give_at(&mut self, number: usize, sequence: u16, frame: u32) -> Inserted {
        let packet = Packet {
            codec: self.codec,
            sequence: self.first.0.wrapping_add(sequence),
            timestamp: self.first.1.wrapping_add(frame * self.codec.frame_ticks()),
            payload: &self.packets[number],
        };
        self.buffer.insert(self.start + Duration::from_millis(self.at), &packet)
    }

    fn pull(&mut self) {
        let mut out = [0; PULL];
        self.buffer.pull(self.start + Duration::from_millis(self.at), &mut out);
        self.heard.extend_from_slice(&out);
        self.at += 10;
    }

    /// Packet n is given at 20 n and so many milliseconds, or never.
    fn run(&mut self, late: impl Fn(usize) -> Option<u64>) {
        let arrival = |number: usize| Some((20 * number as u64 + late(number)?, number));
        let mut arrivals: Vec<(u64, usize)> = (0..self.packets.len()).filter_map(arrival).collect();
        arrivals.sort_unstable();
        let mut arrivals = arrivals.into_iter().peekable();
        while self.at < 20 * self.packets.len() as u64 {
            while let Some((_, number)) = arrivals.next_if(|(arrival, _)| *arrival <= self.at) {
                self.give(number);
            }
            self.pull();
        }
    }

    /// What a decoder makes of all packets.
    fn decoded(&self) -> Vec<i16> {
        let mut decoder = Decoder::new(self.codec).expect("a decoder");
        let mut out = Box::new([0; MAX_PACKET_SAMPLES]);
        let packet = |packet: &Vec<u8>| {
            let samples = decoder.decode(packet, &mut out);
            out[..samples].to_vec()
        };
        self.packets.iter().flat_map(packet).collect()
    }
}

#[test]
fn without_loss_and_jitter_the_decoders_own_samples_are_heard() {
    for codec in Codec::ALL {
        for transit in [0, 3, 9] {
            let mut story = Story::new(codec, 500);
            story.run(|_| Some(transit));
            let decoded = story.decoded();
            let after = story.heard.iter().position(|sample| *sample != 0).unwrap();
            let within = decoded.iter().position(|sample| *sample != 0).unwrap();
            let delay = after - within;
            assert!((720..=1_920).contains(&delay), "{codec}: {delay} samples");
            assert!(
                story.heard[delay..] == decoded[..story.heard.len() - delay],
                "{codec} after {transit} ms"
            );
            let counters = story.buffer.counters();
            assert_eq!((counters.received, counters.lost, counters.late), (500, 0, 0));
            assert_eq!(counters.concealed_samples, 0);
        }
    }
}

#[test]
fn a_lost_packet_is_rebuilt_from_the_next_without_more_delay() {
    let mut story = Story::new(Codec::Opus, 200);
    story.run(|number| (number % 20 != 13).then_some(0));
    let counters = story.buffer.counters();
    assert_eq!((counters.lost, counters.late), (10, 0));
    // Of pauses there is no redundancy.
    assert!(counters.recovered >= 5, "{counters:?}");
    assert_eq!(
        counters.recovered * 960 + counters.concealed_samples,
        9_600,
        "{counters:?}"
    );
    assert!(
        story.buffer.delay() <= Duration::from_millis(45),
        "{:?}",
        story.buffer.delay()
    );
}

#[test]
fn what_was_invented_stands_for_a_burst_of_losses() {
    let mut story = Story::new(Codec::Opus, 300);
    story.run(|number| (!(100..104).contains(&number)).then_some(0));
    let counters = story.buffer.counters();
    assert_eq!(counters.lost, 4);
    assert_eq!(
        counters.concealed_samples + 960 * counters.recovered,
        4 * 960,
        "{counters:?}"
    );
    assert!(
        story.buffer.delay() < Duration::from_millis(45),
        "{:?}",
        story.buffer.delay()
    );
}

#[test]
fn pauses_and_telephone_events_are_no_losses() {
    let mut story = Story::new(Codec::Opus, 400);
    let mut sequence = 0;
    for number in 0..400 {
        // From the second second on, a packet every 400 ms, and events whose timestamps are somewhere else.
        if number < 100 || number % 20 == 0 {
            story.give_at(number, sequence, number as u32);
            sequence += 1;
        } else if number % 20 < 5 {
            story.buffer.pass(story.first.0.wrapping_add(sequence));
            sequence += 1;
        }
        story.pull();
        story.pull();
    }
    let counters = story.buffer.counters();
    assert_eq!(
        (counters.concealed_samples, counters.lost, counters.late),
        (0, 0, 0),
        "{counters:?}"
    );
    assert!(
        story.buffer.delay() < Duration::from_millis(45),
        "{:?}",
        story.buffer.delay()
    );
}

#[test]
fn repetitions_and_stragglers_are_counted_and_not_played() {
    let mut story = Story::new(Codec::Opus, 100);
    assert_eq!(story.give(0), Inserted::Waiting);
    assert_eq!(story.give(0), Inserted::Duplicate);
    for number in 1..50 {
        if number != 20 {
            story.give(number);
        }
        story.pull();
        story.pull();
    }
    assert_eq!(story.give(20), Inserted::Late);
    assert_eq!(story.give(21), Inserted::Duplicate);
    story.packets[60] = vec![0xff; 2];
    assert_eq!(story.give(60), Inserted::Unreadable);
    let counters = story.buffer.counters();
    assert_eq!(
        (counters.received, counters.late, counters.duplicate, counters.lost),
        (50, 1, 2, 0)
    );
}

#[test]
fn after_a_stall_everything_is_heard_and_the_delay_is_made_up_for() {
    let mut story = Story::new(Codec::Opus, 700);
    // 240 ms of nothing, then all at once.
    story.run(|number| {
        Some(if (100..112).contains(&number) {
            20 * (112 - number as u64)
        } else {
            0
        })
    });
    let counters = story.buffer.counters();
    assert_eq!((counters.lost, counters.late), (0, 0));
    assert!(counters.shortened_samples > 48 * 150, "{counters:?}");
    assert!(
        story.buffer.delay() < Duration::from_millis(80),
        "{:?}",
        story.buffer.delay()
    );
}

#[test]
fn jitter_is_met_with_as_much_delay_as_it_needs() {
    let mut story = Story::new(Codec::Opus, 1_000);
    story.run(|number| Some((number as u64 * 7_919 % 41) * u64::from(number % 3 == 0)));
    let counters = story.buffer.counters();
    assert!(counters.late + counters.concealed_samples / 960 < 15, "{counters:?}");
    let delay = story.buffer.delay();
    assert!((40..75).contains(&delay.as_millis()), "{delay:?}");
}

#[test]
fn clocks_that_drift_are_followed() {
    for micros in [19_980, 20_020_u64] {
        let mut story = Story::new(Codec::Opus, 3_000);
        let mut number = 0;
        while number < story.packets.len() {
            while number < story.packets.len() && number as u64 * micros <= story.at * 1_000 {
                story.give(number);
                number += 1;
            }
            story.pull();
            assert!(
                story.buffer.delay() < Duration::from_millis(50),
                "{micros}: {:?}",
                story.buffer.delay()
            );
        }
        let counters = story.buffer.counters();
        assert_eq!((counters.late, counters.lost), (0, 0), "{micros}: {counters:?}");
        assert!(counters.concealed_samples < 48 * 30, "{micros}: {counters:?}");
    }
}

#[test]
fn after_an_outage_of_two_seconds_the_stream_goes_on() {
    let mut story = Story::new(Codec::Opus, 400);
    story.run(|number| (!(100..200).contains(&number)).then_some(0));
    assert_eq!(story.buffer.counters().lost, 100);
    assert!(
        story.buffer.delay() < Duration::from_millis(45),
        "{:?}",
        story.buffer.delay()
    );
    let (heard, decoded) = (&story.heard[300 * 960..], story.decoded());
    let last = &decoded[decoded.len() - 96_000..decoded.len() - 9_600];
    assert!(heard.windows(last.len()).any(|window| window == last));
}

#[test]
fn of_an_outage_that_ends_all_at_once_no_more_is_heard_than_the_most_delay() {
    let mut story = Story::new(Codec::Opus, 600);
    story.run(|number| {
        Some(if (100..150).contains(&number) {
            20 * (150 - number as u64)
        } else {
            0
        })
    });
    let most = Delays::default().most;
    assert!(
        story.buffer.delay() < Duration::from_millis(80),
        "{:?}",
        story.buffer.delay()
    );
    assert!(story.buffer.counters().waited / 600 < most);
}

#[test]
fn a_player_that_stalls_gets_what_is_new() {
    let mut story = Story::new(Codec::Opus, 200);
    for number in 0..10 {
        story.give(number);
        story.pull();
        story.pull();
    }
    for number in 10..110 {
        story.at = number as u64 * 20;
        story.give(number);
    }
    assert!(story.buffer.held() < Duration::from_millis(1_300));
    story.pull();
    assert!(
        story.buffer.delay() < Duration::from_millis(45),
        "{:?}",
        story.buffer.delay()
    );
}

#[test]
fn a_new_stream_sounds_as_if_there_had_been_no_other() {
    let quiet = spoken(Codec::Opus, 300.0, 1_000.0, 50);
    let mut fresh = Story::new(Codec::Opus, 0);
    fresh.packets.clone_from(&quiet);
    fresh.run(|_| Some(0));
    for restarted in [false, true] {
        let mut story = Story::new(Codec::Opus, 25);
        story.run(|_| Some(0));
        if !restarted {
            story.buffer.reset();
        }
        story.packets.clone_from(&quiet);
        (story.first, story.at) = ((20_000, 50_000_000), 0);
        story.start += 25 * FRAME;
        let before = story.heard.len();
        story.run(|_| Some(0));
        // After the fade of the former stream.
        assert!(
            story.heard[before + FADE..] == fresh.heard[FADE..],
            "restarted: {restarted}"
        );
    }
}

#[test]
fn the_former_stream_fades_out() {
    let mut story = Story::new(Codec::Opus, 16);
    story.run(|_| Some(0));
    let before = story.heard.len();
    story.buffer.reset();
    for _ in 0..5 {
        story.pull();
    }
    let after = &story.heard[before..];
    assert!(after[..120].iter().any(|sample| sample.abs() > 500));
    assert!(after[FADE..].iter().all(|sample| *sample == 0));
}

#[test]
fn no_delay_and_no_time_is_too_long() {
    let mut story = Story::new(Codec::Opus, 60);
    let delays = Delays {
        least: Duration::MAX,
        most: Duration::MAX,
    };
    story.buffer = JitterBuffer::new(Codec::Opus, delays, story.start).expect("a decoder");
    story.run(|_| Some(0));
    let silent = story.heard.iter().take_while(|sample| **sample == 0).count();
    assert!((48_000..50_000).contains(&silent), "{silent}");
    let mut out = [1; PULL];
    story
        .buffer
        .pull(story.start + Duration::from_secs(60 * 365 * 86_400), &mut out);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn nothing_confuses_the_buffer(data in proptest::collection::vec(any::<u8>(), 0..800)) {
        jitter_buffer(&data);
    }

    #[test]
    fn any_order_within_the_delay_is_put_right(seed in any::<u64>()) {
        let mut story = Story::new(Codec::Pcmu, 150);
        // The delay is there from the start.
        let delays = Delays {
            least: Duration::from_millis(50),
            ..Delays::default()
        };
        story.buffer = JitterBuffer::new(Codec::Pcmu, delays, story.start).expect("a decoder");
        story.run(|number| Some(if number < 2 { 0 } else { (seed >> (number % 40)) % 49 }));
        let counters = story.buffer.counters();
        prop_assert_eq!((counters.late, counters.lost, counters.concealed_samples), (0, 0, 0));
    }
}
