//! Sound devices: microphones as sources, loudspeakers as sinks.
//!
//! A thread of its own keeps each device open ([`Microphone`], [`Speaker`]). A device that is unplugged or stops is looked for until it
//! is there again, a default device is followed when it becomes another one, and the call hears of neither but for the silence
//! between. Whatever rate, number of channels and sample format a device has by itself is used, and what its clock does is followed
//! ([`clock`](crate::clock)). The device's thread neither waits, locks nor allocates.
//!
//! ```no_run
//! use offhook_audio::{SILENT_FRAME, Source, device::{DeviceOptions, Microphone}};
//!
//! let mut microphone = Microphone::open(DeviceOptions::default())?;
//! let control = microphone.control();
//! let mut frame = SILENT_FRAME;
//! let _ = microphone.read(&mut frame); // every 20 ms
//! println!("{:.0} dBov", control.level_dbov());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod control;
mod keeper;
mod list;
mod microphone;
mod speaker;
mod stream;

use std::time::Duration;

pub use control::DeviceControl;
pub use list::{Device, Direction, devices, exists};
pub use microphone::Microphone;
pub use speaker::Speaker;

use crate::clock::RESERVE;

/// Which device, and how it is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeviceOptions {
    /// Its name or its id, as [`devices`] tells them; without one the system's default device, whichever that is at a time.
    pub name: Option<String>,
    /// Samples a second, in hertz; without it what the device prefers.
    pub rate: Option<u32>,
    /// Channels; without it what the device prefers. A microphone's are mixed, a loudspeaker's play the same.
    pub channels: Option<u16>,
    /// How samples are written; without it what the device prefers.
    pub format: Option<DeviceFormat>,
    /// How much audio the device gives or takes at once. It is brought into the range that the device allows.
    pub period: Duration,
    /// How late the threads of the call and of the device may be without being heard. Audio is so much later.
    pub reserve: Duration,
}

impl Default for DeviceOptions {
    /// The default device as it is, by 20 ms, with a reserve of 60 ms.
    fn default() -> Self {
        Self {
            name: None,
            rate: None,
            channels: None,
            format: None,
            period: Duration::from_millis(20),
            reserve: RESERVE,
        }
    }
}

impl DeviceOptions {
    /// The device of this name or id, or the default one.
    #[must_use]
    pub fn named(name: Option<String>) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }
}

/// How a device writes samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceFormat {
    /// Whole numbers of 16 bits.
    I16,
    /// Whole numbers of 32 bits.
    I32,
    /// Floats of 32 bits.
    F32,
}

/// Why a device cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The system has no default device of this kind.
    #[error("there is no {direction}; plug one in, or start the sound server")]
    NoDefault {
        /// Of which kind.
        direction: Direction,
    },
    /// No device is called that.
    #[error("no {direction} is called `{name}`; there are: {}", .there.join(", "))]
    Unknown {
        /// Of which kind.
        direction: Direction,
        /// What was asked for.
        name: String,
        /// The ids of those that are there.
        there: Vec<String>,
    },
    /// The device has nothing of what was asked for.
    #[error("the device works at no {what} that can be used here")]
    Unsuitable {
        /// Of what.
        what: &'static str,
    },
    /// The sound system refused.
    #[error("the sound system refused: {0}")]
    System(String),
}

impl From<cpal::Error> for DeviceError {
    fn from(error: cpal::Error) -> Self {
        Self::System(error.to_string())
    }
}
