use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::fuzzing::an_instant;

use super::{Inserted, JitterBuffer, Step};

const DELAY: Duration = Duration::from_millis(40);
const FRAME: Duration = Duration::from_millis(20);

/// What one step of playout was, short enough to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    Silence,
    Packet(u8),
    Recovered(u8),
    Concealed { lost: bool },
}

/// A buffer with a clock. Packets carry their number as payload.
struct Story {
    start: Instant,
    buffer: JitterBuffer,
    first: (u16, u32),
}

impl Story {
    fn new(first: (u16, u32)) -> Self {
        let start = an_instant();
        Self {
            start,
            buffer: JitterBuffer::new(DELAY, start),
            first,
        }
    }

    fn packet(&mut self, at: u64, number: u8) -> Inserted {
        let sequence = self.first.0.wrapping_add(u16::from(number));
        let timestamp = self.first.1.wrapping_add(u32::from(number) * 960);
        self.packet_with(at, sequence, timestamp, number)
    }

    fn packet_with(&mut self, at: u64, sequence: u16, timestamp: u32, number: u8) -> Inserted {
        let at = self.start + Duration::from_millis(at);
        self.buffer.insert(at, sequence, timestamp, 960, &[number])
    }

    fn pull(&mut self, at: u64) -> Heard {
        match self.buffer.next(self.start + Duration::from_millis(at)) {
            Step::Silence => Heard::Silence,
            Step::Play { payload, .. } => Heard::Packet(payload[0]),
            Step::Recover { next, samples } => {
                assert_eq!(samples, 960);
                Heard::Recovered(next[0])
            }
            Step::Conceal { samples, lost } => {
                assert_eq!(samples, 960);
                Heard::Concealed { lost }
            }
        }
    }

    /// Packets 0, 1, 2 ... every 20 ms, without those that are missing; pulls in between.
    fn run(&mut self, count: u8, missing: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        for number in 0..count {
            let at = u64::from(number) * 20;
            if !missing.contains(&number) {
                self.packet(at, number);
            }
            heard.push(self.pull(at + 5));
        }
        heard
    }
}

fn packets(numbers: std::ops::Range<u8>) -> Vec<Heard> {
    numbers.map(Heard::Packet).collect()
}

#[test]
fn playout_starts_after_the_delay_and_keeps_the_order() {
    let mut story = Story::new((0, 0));
    let heard = story.run(20, &[]);
    assert_eq!(heard[..2], [Heard::Silence, Heard::Silence]);
    assert_eq!(heard[2..], packets(0..18));
    assert_eq!(story.buffer.waiting(), Duration::from_millis(40));
}

#[test]
fn both_numbers_wrap() {
    let mut story = Story::new((u16::MAX - 3, u32::MAX - 5_000));
    assert_eq!(story.run(40, &[])[2..], packets(0..38));
    assert_eq!(story.buffer.counters().lost, 0);
}

#[test]
fn what_was_overtaken_takes_its_place() {
    let mut story = Story::new((7, 7));
    for (at, number) in [(0, 0), (41, 2), (44, 1), (60, 3)] {
        assert_eq!(story.packet(at, number), Inserted::Waiting);
    }
    let heard: Vec<Heard> = [45, 65, 85, 105].map(|at| story.pull(at)).to_vec();
    assert_eq!(heard, packets(0..4));
    assert_eq!(story.buffer.counters().lost, 0);
}

#[test]
fn one_missing_packet_is_recovered_from_the_next() {
    let mut story = Story::new((0, 0));
    let heard = story.run(12, &[4]);
    assert_eq!(heard[2..6], packets(0..4));
    assert_eq!(heard[6], Heard::Recovered(5));
    assert_eq!(heard[7..], packets(5..10));
    let counters = story.buffer.counters();
    assert_eq!((counters.lost, counters.recovered, counters.concealed), (1, 1, 0));
}

#[test]
fn a_burst_is_concealed_up_to_its_last_packet() {
    let mut story = Story::new((0, 0));
    let heard = story.run(16, &[4, 5, 6]);
    // Nothing waits: it could be a pause.
    assert_eq!(heard[6], Heard::Concealed { lost: false });
    assert_eq!(heard[7], Heard::Concealed { lost: true });
    assert_eq!(heard[8], Heard::Recovered(7));
    assert_eq!(heard[9..], packets(7..14));
    let counters = story.buffer.counters();
    assert_eq!((counters.lost, counters.recovered, counters.concealed), (3, 1, 2));
}

#[test]
fn a_pause_of_the_sender_is_no_loss() {
    let mut story = Story::new((0, 0));
    story.run(4, &[]);
    // Sequence 4 carries the timestamp of packet 6: nothing was sent in between.
    for (at, timestamp) in [(80, 6 * 960), (100, 7 * 960)] {
        story.packet_with(at, (timestamp / 960) as u16 - 2, timestamp, (timestamp / 960) as u8);
    }
    let heard: Vec<Heard> = [85, 105, 125, 145, 165].map(|at| story.pull(at)).to_vec();
    assert_eq!(heard[..2], packets(2..4));
    assert_eq!(
        heard[2..4],
        [Heard::Concealed { lost: false }, Heard::Concealed { lost: false }]
    );
    assert_eq!(heard[4], Heard::Packet(6));
    assert_eq!(story.buffer.counters().lost, 0);
}

#[test]
fn repetitions_and_stragglers_are_counted_and_not_played() {
    let mut story = Story::new((0, 0));
    assert_eq!(story.packet(0, 0), Inserted::Waiting);
    assert_eq!(story.packet(1, 0), Inserted::Duplicate);
    story.packet(20, 1);
    story.packet(60, 3);
    let heard: Vec<Heard> = [45, 65, 85].map(|at| story.pull(at)).to_vec();
    assert_eq!(heard[2], Heard::Recovered(3));
    assert_eq!(story.packet(90, 2), Inserted::Late);
    assert_eq!(story.packet(91, 1), Inserted::Duplicate);
    let counters = story.buffer.counters();
    assert_eq!((counters.received, counters.late, counters.duplicate), (4, 1, 2));
    assert_eq!(counters.lost, 0);
}

#[test]
fn one_hiccup_does_not_move_playout() {
    let mut story = Story::new((0, 0));
    story.run(10, &[]);
    // 120 ms of nothing, then all at once.
    for pull in 10..16 {
        story.pull(pull * 20 + 5);
    }
    for number in 10..17 {
        story.packet(320, number);
    }
    let heard: Vec<Heard> = (16..30)
        .map(|number: u8| {
            let at = u64::from(number) * 20;
            if number > 16 {
                story.packet(at, number);
            }
            story.pull(at + 5)
        })
        .collect();
    // Packet n is heard in pull n + 2, as before.
    assert_eq!(heard, packets(14..28));
}

#[test]
fn a_senders_slow_and_fast_clocks_cost_a_frame_now_and_then() {
    // Two per cent, a hundred times what clocks really differ by: ten seconds are short of or have ten frames too many.
    for (micros, inventions) in [(20_400, 8..=12), (19_600, 0..=0)] {
        let mut story = Story::new((0, 0));
        let mut sent = 0_u64;
        let (mut played, mut invented) = (0, 0);
        for tick in 0..500_u64 {
            let at = Duration::from_micros(tick * 20_000);
            while Duration::from_micros(sent * micros) <= at {
                let arrival = story.start + Duration::from_micros(sent * micros);
                story.buffer.insert(arrival, sent as u16, sent as u32 * 960, 960, &[0]);
                sent += 1;
            }
            let heard = story.pull(tick * 20 + 7);
            played += u64::from(matches!(heard, Heard::Packet(_)));
            invented += u64::from(matches!(heard, Heard::Concealed { .. }));
        }
        let counters = story.buffer.counters();
        assert!(inventions.contains(&invented), "{micros} us: {invented}");
        assert_eq!(
            (counters.late, counters.lost, counters.concealed),
            (0, 0, 0),
            "{micros} us"
        );
        assert!(played > 480);
        assert!(
            story.buffer.waiting() < Duration::from_millis(260),
            "{:?}",
            story.buffer.waiting()
        );
    }
}

#[test]
fn a_burst_at_the_start_does_not_make_playout_late() {
    let mut story = Story::new((0, 0));
    for number in 0..6 {
        story.packet(100, number);
    }
    // The last of the burst was the quickest: playout is 40 ms behind it, not behind the first.
    assert_eq!(story.pull(101), Heard::Packet(3));
    assert_eq!(story.pull(121), Heard::Packet(4));
}

#[test]
fn a_restarted_sender_begins_a_new_timeline() {
    let mut story = Story::new((0, 0));
    story.run(10, &[]);
    assert_eq!(story.packet_with(200, 40_000, 10, 100), Inserted::Restarted);
    story.packet_with(220, 40_001, 970, 101);
    assert_eq!(story.pull(225), Heard::Silence);
    assert_eq!(story.pull(245), Heard::Packet(100));
    assert_eq!(story.pull(265), Heard::Packet(101));
    assert_eq!(story.buffer.counters().lost, 0);
}

#[test]
fn a_player_that_stalls_gets_what_is_new() {
    let mut story = Story::new((0, 0));
    story.run(10, &[]);
    for number in 10..110_u8 {
        story.packet(u64::from(number) * 20, number);
    }
    assert!(story.buffer.waiting() < Duration::from_millis(1_400));
    assert_eq!(story.pull(109 * 20 + 5), Heard::Packet(107));
}

#[test]
fn after_a_long_silence_playout_stops_and_starts_afresh() {
    let mut story = Story::new((0, 0));
    story.run(10, &[]);
    let silent = (10..60).map(|pull| story.pull(pull * 20 + 5));
    assert_eq!(silent.filter(|heard| *heard == Heard::Silence).count(), 22);
    story.packet(1_200, 60);
    assert_eq!(story.pull(1_225), Heard::Silence);
    assert_eq!(story.pull(1_245), Heard::Packet(60));
}

#[test]
fn telephone_events_pass_whatever_their_timestamps_are() {
    let mut story = Story::new((65_500, 0));
    let mut heard = Vec::new();
    for number in 0..100_u16 {
        let at = u64::from(number) * 20;
        let sequence = 65_500_u16.wrapping_add(2 * number);
        story.packet_with(at, sequence, u32::from(number) * 960, number as u8);
        story.buffer.pass(sequence.wrapping_add(1));
        story.buffer.pass(sequence.wrapping_add(20_000));
        heard.push(story.pull(at + 5));
    }
    assert_eq!(heard[2..], packets(0..98));
    let counters = story.buffer.counters();
    assert_eq!((counters.received, counters.lost, counters.duplicate), (200, 0, 0));
}

#[test]
fn audio_that_gives_way_to_telephone_events_is_not_lost() {
    let mut story = Story::new((0, 0));
    story.run(10, &[]);
    let heard: Vec<Heard> = (10..20)
        .map(|number| {
            // An event of 100 ms stands in the place of five packets.
            if number < 15 {
                story.buffer.pass(u16::from(number));
            } else {
                story.packet(u64::from(number) * 20, number);
            }
            story.pull(u64::from(number) * 20 + 5)
        })
        .collect();
    assert_eq!(heard[..2], packets(8..10));
    let pause = vec![Heard::Concealed { lost: false }; 5];
    assert_eq!(heard[2..7], pause);
    assert_eq!(heard[7..], packets(15..18));
    let counters = story.buffer.counters();
    assert_eq!((counters.lost, counters.concealed, counters.recovered), (0, 0, 0));
}

#[test]
fn pauses_are_not_counted_as_concealed_and_lost_audio_is() {
    let mut story = Story::new((0, 0));
    let mut sequence = 0;
    for number in 0..500_u64 {
        // A second of speech, then a packet every 400 ms (RFC 7587 section 3.1.3).
        if number < 50 || number % 20 == 0 {
            story.packet_with(number * 20, sequence, number as u32 * 960, 1);
            sequence += 1;
        }
        story.pull(number * 20 + 1);
    }
    assert_eq!(story.buffer.counters().concealed, 0);

    let mut story = Story::new((0, 0));
    story.run(60, &(30..50).collect::<Vec<u8>>());
    let counters = story.buffer.counters();
    assert_eq!(counters.lost, 20);
    assert_eq!(counters.concealed + counters.recovered, 20, "{counters:?}");
}

/// Ten minutes of packets of this length from a sender whose clock is a tenth of a per cent fast.
fn with_a_fast_sender(length: u64) -> JitterBuffer {
    let start = an_instant();
    let mut buffer = JitterBuffer::new(DELAY, start);
    let samples = length as i64 * 48 / 1_000;
    let (mut sent, mut ready) = (0_u64, 0_i64);
    for tick in 0..30_000_u64 {
        let at = start + Duration::from_millis(tick * 20);
        while sent * length * 999 <= tick * 20_000 * 1_000 {
            buffer.insert(
                at,
                sent as u16,
                (sent as u32).wrapping_mul(samples as u32),
                samples as u32,
                &[1],
            );
            sent += 1;
        }
        ready -= 960;
        while ready < 0 {
            match buffer.next(at) {
                Step::Play { squeeze: true, .. } => {}
                Step::Play { squeeze: false, .. } => ready += samples,
                Step::Silence => ready = 0,
                Step::Conceal { samples, .. } | Step::Recover { samples, .. } => ready += samples as i64,
            }
        }
    }
    buffer
}

#[test]
fn delay_is_worked_off_in_packets_of_any_length() {
    for length in [2_500, 10_000, 20_000, 40_000, 60_000, 120_000] {
        let buffer = with_a_fast_sender(length);
        let waiting = buffer.waiting();
        let most = DELAY + 2 * Duration::from_micros(length) + Duration::from_millis(60);
        assert!(waiting < most, "{length} us: {waiting:?}");
        let counters = buffer.counters();
        assert_eq!((counters.lost, counters.late), (0, 0), "{length} us: {counters:?}");
    }
}

#[test]
fn a_second_of_the_shortest_packets_has_room() {
    let mut story = Story::new((0, 0));
    for number in 0..400_u16 {
        let at = story.start + Duration::from_micros(u64::from(number) * 2_500);
        let timestamp = u32::from(number) * 120;
        assert_eq!(story.buffer.insert(at, number, timestamp, 120, &[7]), Inserted::Waiting);
    }
    assert_eq!(story.buffer.waiting(), Duration::from_secs(1));
}

#[test]
fn no_delay_and_no_time_is_too_long() {
    let start = an_instant();
    let mut buffer = JitterBuffer::new(Duration::MAX, start);
    buffer.insert(start, 0, 0, 960, &[1]);
    assert_eq!(buffer.next(start + Duration::from_millis(999)), Step::Silence);
    let step = buffer.next(start + Duration::from_millis(1_001));
    assert!(matches!(step, Step::Play { .. }), "{step:?}");
    let sixty_years = Duration::from_secs(60 * 365 * 86_400);
    assert_eq!(buffer.next(start + sixty_years), Step::Silence);
}

/// What may happen to a buffer.
#[derive(Debug, Clone)]
enum Happening {
    Packet {
        sequence: u16,
        timestamp: u32,
        samples: u32,
    },
    Passed {
        sequence: u16,
    },
    Pull,
    Time {
        millis: u64,
    },
    Reset,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => (any::<u16>(), any::<u32>(), 0..10_000_u32).prop_map(|(sequence, timestamp, samples)| {
            Happening::Packet { sequence, timestamp, samples }
        }),
        16 => (0..40_u16).prop_map(|number| Happening::Packet {
            sequence: number,
            timestamp: u32::from(number) * 960,
            samples: 960,
        }),
        2 => any::<u16>().prop_map(|sequence| Happening::Passed { sequence }),
        2 => (0..40_u16).prop_map(|sequence| Happening::Passed { sequence }),
        24 => Just(Happening::Pull),
        8 => (0..400_u64).prop_map(|millis| Happening::Time { millis }),
        1 => Just(Happening::Reset),
    ]
}

proptest! {
    #[test]
    fn nothing_confuses_the_buffer(happenings in proptest::collection::vec(happening(), 0..200)) {
        let mut now = an_instant();
        let mut buffer = JitterBuffer::new(DELAY, now);
        for happening in happenings {
            match happening {
                Happening::Packet { sequence, timestamp, samples } => {
                    buffer.insert(now, sequence, timestamp, samples, &[1, 2, 3]);
                }
                Happening::Passed { sequence } => buffer.pass(sequence),
                Happening::Time { millis } => now += Duration::from_millis(millis),
                Happening::Reset => buffer.reset(),
                Happening::Pull => match buffer.next(now) {
                    Step::Silence => {}
                    Step::Play { payload, .. } => prop_assert_eq!(payload, [1, 2, 3]),
                    Step::Recover { samples, .. } | Step::Conceal { samples, .. } => {
                        prop_assert!(samples % 120 == 0 && (120..=5_760).contains(&samples));
                    }
                },
            }
            let waiting: i64 = buffer.slots.iter().map(|slot| slot.samples).sum();
            prop_assert!(waiting <= super::MOST_WAITING);
            prop_assert!(buffer.slots.is_sorted_by_key(|slot| slot.timestamp));
        }
    }

    #[test]
    fn any_order_of_a_second_is_played_in_order(seed in any::<u64>()) {
        // Every packet is delayed by up to 35 ms, less than the buffer holds back.
        let mut arrivals: Vec<(u64, u8)> = (0..50_u8)
            .map(|number| (u64::from(number) * 20 + (seed >> (number % 32)) % 35, number))
            .collect();
        arrivals.sort_unstable();
        let mut story = Story::new((60_000, u32::MAX - 9_000));
        let mut heard = Vec::new();
        for tick in 0..54 {
            let at = tick * FRAME.as_millis() as u64 + 10;
            while arrivals.first().is_some_and(|(arrival, _)| *arrival <= at) {
                let (arrival, number) = arrivals.remove(0);
                story.packet(arrival, number);
            }
            heard.push(story.pull(at));
        }
        let numbers: Vec<u8> = heard
            .into_iter()
            .filter_map(|heard| if let Heard::Packet(number) = heard { Some(number) } else { None })
            .collect();
        prop_assert!(numbers.is_sorted(), "{:?}", numbers);
        prop_assert!(numbers.len() >= 48, "{:?}", numbers);
    }
}
