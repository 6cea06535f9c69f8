//! Digits to be sent: one after the other, paced by the frames whose places their packets take.

use std::collections::VecDeque;

use super::{Digit, DigitsError, Payload};

/// Digits that wait at most.
const MOST: usize = 100;
/// A digit sounds for five frames, 100 ms.
const SOUNDING: u32 = 5;
/// Its last packet is sent three times in all (RFC 4733 section 2.5.1.4).
const REPEATS: u32 = 2;
/// From the end of a digit to the next one at least 80 ms, of which the repeats take the first half.
const GAP: u32 = 4;
/// A comma is a pause of two seconds.
const PAUSE: u32 = 100;

/// What was asked for and not yet sent.
#[derive(Debug, Default)]
pub(crate) struct DigitSender {
    queue: VecDeque<Key>,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum Key {
    Digit(Digit),
    Pause,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Idle,
    Sounding {
        digit: Digit,
        /// Frames since its beginning.
        frames: u32,
        /// The RTP timestamp of its beginning.
        timestamp: u32,
    },
    /// Frames to wait for.
    Waiting(u32),
}

/// A packet in place of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventPacket {
    pub(crate) payload: Payload,
    /// The RTP timestamp of the event's beginning.
    pub(crate) timestamp: u32,
    /// The event's first packet.
    pub(crate) marker: bool,
}

impl DigitSender {
    /// Queues these digits, all of them or none.
    pub(crate) fn queue(&mut self, digits: &str) -> Result<(), DigitsError> {
        let keys: Vec<Key> = digits
            .chars()
            .map(|character| match character {
                ',' => Ok(Key::Pause),
                other => Digit::try_from(other).map(Key::Digit),
            })
            .collect::<Result<_, _>>()?;
        let waiting = self.queue.len() + keys.len();
        if waiting > MOST {
            return Err(DigitsError::TooMany { waiting, limit: MOST });
        }
        self.queue.extend(keys);
        Ok(())
    }

    /// Nothing can be sent now. A digit that has begun is not begun again: the peer has heard it.
    pub(crate) fn hold(&mut self) {
        if let State::Sounding { .. } = self.state {
            self.state = State::Waiting(GAP);
        }
    }

    /// What waits, which waits no more. A digit that sounds is heard here to its end.
    pub(crate) fn take(&mut self) -> String {
        let keys = self.queue.drain(..).map(|key| match key {
            Key::Digit(digit) => digit.as_char(),
            Key::Pause => ',',
        });
        keys.collect()
    }

    /// Nobody will take them.
    pub(crate) fn clear(&mut self) -> usize {
        self.state = State::Idle;
        let dropped = self.queue.len();
        self.queue.clear();
        dropped
    }

    /// What takes the place of the frame of this RTP timestamp, if anything does; `frame` is the length of a frame by the
    /// clock of the events.
    pub(crate) fn next(&mut self, timestamp: u32, frame: u32) -> Option<EventPacket> {
        self.begin(timestamp);
        match &mut self.state {
            State::Idle => None,
            State::Waiting(frames) => {
                *frames -= 1;
                if *frames == 0 {
                    self.state = State::Idle;
                }
                None
            }
            State::Sounding {
                digit,
                frames,
                timestamp,
            } => {
                *frames += 1;
                let sounding = (*frames).min(SOUNDING);
                let packet = EventPacket {
                    payload: Payload {
                        event: digit.event(),
                        end: *frames >= SOUNDING,
                        // 100 ms are 4,800 ticks.
                        duration: (sounding * frame) as u16,
                    },
                    timestamp: *timestamp,
                    marker: *frames == 1,
                };
                if *frames == SOUNDING + REPEATS {
                    self.state = State::Waiting(GAP - REPEATS);
                }
                Some(packet)
            }
        }
    }

    fn begin(&mut self, timestamp: u32) {
        if let State::Idle = self.state {
            self.state = match self.queue.pop_front() {
                None => State::Idle,
                Some(Key::Pause) => State::Waiting(PAUSE),
                Some(Key::Digit(digit)) => State::Sounding {
                    digit,
                    frames: 0,
                    timestamp,
                },
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent in so many frames, as text: the key in each packet, `!` at ends, dots for audio.
    fn sent(sender: &mut DigitSender, frames: u32) -> String {
        let mut text = String::new();
        for frame in 0..frames {
            match sender.next(frame * 160, 160) {
                None => text.push('.'),
                Some(packet) => {
                    let key = Digit::from_event(packet.payload.event).expect("a key");
                    text.push(if packet.payload.end { '!' } else { key.as_char() });
                }
            }
        }
        text
    }

    #[test]
    fn digits_follow_each_other_with_their_ends_repeated() {
        let mut sender = DigitSender::default();
        assert_eq!(sent(&mut sender, 3), "...");
        sender.queue("1d").expect("digits");
        assert_eq!(sent(&mut sender, 20), "1111!!!..DDDD!!!....");
    }

    #[test]
    fn the_durations_grow_and_the_timestamp_stands_still() {
        let mut sender = DigitSender::default();
        sender.queue("#").expect("a digit");
        let packets: Vec<EventPacket> = (10..17).filter_map(|frame| sender.next(frame * 960, 160)).collect();
        let durations: Vec<u16> = packets.iter().map(|packet| packet.payload.duration).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        assert!(packets.iter().all(|packet| packet.timestamp == 9_600));
        let markers: Vec<bool> = packets.iter().map(|packet| packet.marker).collect();
        assert_eq!(markers, [true, false, false, false, false, false, false]);
        assert_eq!(packets[6].payload.write(), [11, 0x8a, 3, 32]);
    }

    #[test]
    fn a_comma_pauses_for_two_seconds() {
        let mut sender = DigitSender::default();
        sender.queue("1,2").expect("digits");
        let text = sent(&mut sender, 130);
        assert_eq!(text.find('2'), Some(109));
    }

    #[test]
    fn a_digit_that_was_cut_short_is_not_pressed_again() {
        let mut sender = DigitSender::default();
        sender.queue("12").expect("digits");
        assert_eq!(sent(&mut sender, 2), "11");
        sender.hold();
        sender.hold();
        assert_eq!(sent(&mut sender, 13), "....2222!!!..");
    }

    #[test]
    fn what_is_no_digit_or_too_much_changes_nothing() {
        let mut sender = DigitSender::default();
        assert_eq!(sender.queue("12x"), Err(DigitsError::Unknown { character: 'x' }));
        assert_eq!(
            sender.queue(&"1".repeat(101)),
            Err(DigitsError::TooMany {
                waiting: 101,
                limit: 100
            })
        );
        assert_eq!(sent(&mut sender, 2), "..");
        assert_eq!(sender.queue(""), Ok(()));
        sender.queue(&"1".repeat(100)).expect("as many as can wait");
        assert!(sender.queue("1").is_err());
        assert_eq!(sender.clear(), 100);
        assert_eq!(sent(&mut sender, 2), "..");
    }
}
