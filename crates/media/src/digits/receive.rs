//! Digits that come: every one is told once, however often its packets repeat it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Digit, Payload};

/// A digit whose end was lost has ended when nothing was heard of it for this long: more than three of the longest intervals
/// at which senders update (RFC 4733 section 2.5.2.2).
const END_LOST: Duration = Duration::from_millis(200);
/// Digits told of that are remembered, for repeats that come late.
const REMEMBERED: usize = 8;
/// A digit longer than its duration field can say goes on in a new segment, whose timestamp is the end of the last
/// (RFC 4733 section 2.5.1.3). Nobody presses the same key twice within the shorter half of it and loses the end.
const SEGMENT: u32 = 0x8000;

/// Puts event packets together to digits.
#[derive(Debug, Default)]
pub(crate) struct DigitReader {
    current: Option<Pressed>,
    /// Streams and timestamps of what was told already.
    told: VecDeque<(u32, u32)>,
}

#[derive(Debug)]
struct Pressed {
    digit: Digit,
    ssrc: u32,
    /// Of its present segment.
    timestamp: u32,
    /// Ticks of its earlier segments.
    before: u64,
    duration: u16,
    clock_rate: u32,
    last: Instant,
}

/// A digit that was pressed, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) digit: Digit,
    pub(crate) duration: Duration,
}

/// What of a packet's header matters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) ssrc: u32,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// Of the events' format.
    pub(crate) clock_rate: u32,
}

impl DigitReader {
    /// Takes an event packet; at most two digits end with it, the one before and its own.
    pub(crate) fn take(&mut self, now: Instant, header: Header, payload: &[u8]) -> [Option<Received>; 2] {
        let Some(payload) = Payload::read(payload) else {
            return [None; 2];
        };
        // Other events, such as a flash of the hook, are no digits.
        let Some(digit) = Digit::from_event(payload.event) else {
            return [None; 2];
        };
        let name = (header.ssrc, header.timestamp);
        if self.told.contains(&name) {
            return [None; 2];
        }
        let mut former = None;
        match &mut self.current {
            Some(current) if (current.ssrc, current.timestamp) == name => {}
            Some(current) if current.goes_on(digit, header) => {
                self.told.push_back((current.ssrc, current.timestamp));
                current.before += u64::from(header.timestamp.wrapping_sub(current.timestamp));
                (current.timestamp, current.duration) = (header.timestamp, 0);
            }
            Some(_) => former = self.finish(),
            None => {}
        }
        let current = self.current.get_or_insert(Pressed {
            digit,
            ssrc: header.ssrc,
            timestamp: header.timestamp,
            before: 0,
            duration: 0,
            clock_rate: header.clock_rate,
            last: now,
        });
        current.duration = current.duration.max(payload.duration);
        current.last = now;
        let own = if payload.end { self.finish() } else { None };
        while self.told.len() > REMEMBERED {
            self.told.pop_front();
        }
        [former, own]
    }

    /// A digit whose end does not come.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Received> {
        self.deadline().filter(|deadline| *deadline <= now)?;
        self.finish()
    }

    /// When to look again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.current.as_ref().map(|current| current.last + END_LOST)
    }

    fn finish(&mut self) -> Option<Received> {
        let pressed = self.current.take()?;
        self.told.push_back((pressed.ssrc, pressed.timestamp));
        let ticks = pressed.before + u64::from(pressed.duration);
        Some(Received {
            digit: pressed.digit,
            duration: Duration::from_micros(ticks.saturating_mul(1_000_000) / u64::from(pressed.clock_rate.max(1))),
        })
    }
}

impl Pressed {
    fn goes_on(&self, digit: Digit, header: Header) -> bool {
        let later = header.timestamp.wrapping_sub(self.timestamp);
        let is_segment = (SEGMENT..=u32::from(u16::MAX)).contains(&later);
        self.digit == digit && self.ssrc == header.ssrc && !header.marker && is_segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::an_instant;

    struct Story {
        now: Instant,
        reader: DigitReader,
        told: Vec<(char, u128)>,
    }

    impl Story {
        fn new() -> Self {
            Self {
                now: an_instant(),
                reader: DigitReader::default(),
                told: Vec::new(),
            }
        }

        /// A packet 20 ms after the last.
        fn packet(&mut self, timestamp: u32, key: char, duration: u16, end: bool) -> &mut Self {
            let event = Digit::try_from(key).expect("a key").event();
            let payload = Payload { event, end, duration }.write();
            self.bytes(timestamp, &payload)
        }

        fn bytes(&mut self, timestamp: u32, payload: &[u8]) -> &mut Self {
            self.now += Duration::from_millis(20);
            let header = Header {
                ssrc: 7,
                timestamp,
                marker: false,
                clock_rate: 8_000,
            };
            let told = self.reader.take(self.now, header, payload);
            self.tell(told)
        }

        fn wait(&mut self, millis: u64) -> &mut Self {
            self.now += Duration::from_millis(millis);
            let told = self.reader.look(self.now);
            self.tell([told, None])
        }

        fn tell(&mut self, told: [Option<Received>; 2]) -> &mut Self {
            let told = told.into_iter().flatten();
            self.told
                .extend(told.map(|told| (told.digit.as_char(), told.duration.as_millis())));
            self
        }
    }

    #[test]
    fn a_digit_is_told_once_with_its_duration() {
        let mut story = Story::new();
        story.packet(100, '5', 160, false).packet(100, '5', 320, false);
        assert_eq!(story.told, []);
        for _ in 0..3 {
            story.packet(100, '5', 800, true);
        }
        // A late repeat, also after the next digit.
        story.packet(100, '5', 320, false).packet(2_000, '5', 400, true);
        story.packet(100, '5', 800, true).wait(1_000);
        assert_eq!(story.told, [('5', 100), ('5', 50)]);
    }

    #[test]
    fn a_lost_end_is_found_by_silence_or_by_the_next_digit() {
        let mut story = Story::new();
        story.packet(100, '1', 160, false).wait(199);
        assert_eq!(story.told, []);
        story.wait(1);
        assert_eq!(story.told, [('1', 20)]);
        // Its end comes after all.
        story.packet(100, '1', 800, true);
        story.packet(3_000, '2', 320, false).packet(4_440, '#', 800, true);
        assert_eq!(story.told, [('1', 20), ('2', 40), ('#', 100)]);
        assert_eq!(story.reader.deadline(), None);
    }

    #[test]
    fn a_beginning_that_was_lost_does_not_matter() {
        let mut story = Story::new();
        story.packet(100, 'A', 800, true);
        assert_eq!(story.told, [('A', 100)]);
    }

    #[test]
    fn a_long_digit_in_segments_is_one() {
        let mut story = Story::new();
        story.packet(100, '9', 65_000, false).packet(100, '9', 65_535, false);
        story.packet(65_635, '9', 100, false).packet(100, '9', 65_535, false);
        story.packet(65_635, '9', 14_465, true);
        assert_eq!(story.told, [('9', 10_000)]);
    }

    #[test]
    fn what_is_no_digit_is_passed_over() {
        let mut story = Story::new();
        for payload in [&[][..], &[1, 0x80, 0], &[16, 0x80, 0, 1], &[255, 255, 255, 255]] {
            story.bytes(9, payload);
        }
        assert!(story.told.is_empty() && story.reader.deadline().is_none());
    }
}
