//! Digits pressed on a telephone, as named events in the audio stream (RFC 4733).

use std::fmt;

use thiserror::Error;

mod receive;
mod send;

pub(crate) use receive::{DigitReader, Header, Received};
pub(crate) use send::{DigitSender, EventPacket};

/// One key of a telephone: `0` to `9`, `*`, `#`, and `A` to `D`. `Debug` does not show which: digits are card numbers and the
/// like, and have no place in a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(u8);

/// The keys by their event codes (RFC 4733 section 3.2).
const KEYS: &[u8; 16] = b"0123456789*#ABCD";

impl Digit {
    /// The key's character.
    #[must_use]
    pub fn as_char(self) -> char {
        char::from(KEYS[usize::from(self.0 & 15)])
    }

    fn from_event(code: u8) -> Option<Self> {
        (code < 16).then_some(Self(code))
    }

    fn event(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digit")
    }
}

impl TryFrom<char> for Digit {
    type Error = DigitsError;

    fn try_from(character: char) -> Result<Self, DigitsError> {
        let upper = character.to_ascii_uppercase();
        let code = KEYS.iter().position(|key| char::from(*key) == upper);
        code.map(|code| Self(code as u8))
            .ok_or(DigitsError::Unknown { character })
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_char())
    }
}

/// Why digits cannot be sent. None of them was then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DigitsError {
    /// A character that no telephone has.
    #[error("{character:?} is no digit; 0 to 9, *, #, A to D and the comma, a pause of two seconds, are")]
    Unknown {
        /// The character.
        character: char,
    },
    /// More than are kept waiting.
    #[error("{waiting} digits would wait to be sent; at most {limit} can")]
    TooMany {
        /// How many they would be.
        waiting: usize,
        /// The limit.
        limit: usize,
    },
    /// The peer's description names no telephone-event.
    #[error("the peer takes no digits in the audio stream (its description has no telephone-event)")]
    NotNegotiated,
    /// The call is over.
    #[error("the call is over")]
    Over,
}

/// The payload of an event packet (RFC 4733 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) event: u8,
    pub(crate) end: bool,
    /// Ticks of the events' clock.
    pub(crate) duration: u16,
}

impl Payload {
    /// The tone's power, -10 dBm0, as softphones send it.
    const VOLUME: u8 = 10;

    fn read(bytes: &[u8]) -> Option<Self> {
        let [event, flags, high, low, ..] = *bytes else {
            return None;
        };
        Some(Self {
            event,
            end: flags & 0x80 != 0,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    pub(crate) fn write(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, u8::from(self.end) << 7 | Self::VOLUME, high, low]
    }
}
