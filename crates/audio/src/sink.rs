//! Sinks: where the audio that we hear goes.

use std::fmt;
use std::io;
use std::str::FromStr;

use crate::{Frame, pipe};

/// Where the frames that are heard go.
///
/// The call is the clock: it gives one frame every 20 ms, silence when nothing is heard, and, after its thread was held up, up to 25
/// at once. What a sink promises: it does not block, allocate or take a lock that others hold for long, and it does not panic.
///
/// | | the sink | the call |
/// |---|---|---|
/// | overrun: what lies behind is slower than the call | drops frames and counts them ([`channel`](crate::channel)) | goes on |
/// | underrun: what lies behind is faster | plays silence, or waits | never knows |
/// | error | says it once, as an `Err` | tells the application, and [`finish`](Sink::finish)es it |
/// | end | is finished, off the frame clock | |
pub trait Sink: Send {
    /// Takes one frame.
    ///
    /// # Errors
    /// When the sink is broken and will take no more: the caller reports it and stops writing.
    fn write(&mut self, frame: &Frame) -> Result<(), SinkError>;

    /// Plays or stores what is still held back, and closes the sink. It may block: it is called off the frame clock. Dropping a sink
    /// closes it too, and what is held back may be lost.
    ///
    /// # Errors
    /// When something of what was written is lost.
    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn write(&mut self, frame: &Frame) -> Result<(), SinkError> {
        (**self).write(frame)
    }

    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        (*self).finish()
    }
}

/// Why a sink takes no more audio.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// What the audio went to is gone (a device unplugged, a pipe closed).
    #[error("the audio sink `{name}` is closed")]
    Closed {
        /// The sink's name, as in [`SinkSpec`].
        name: String,
    },
    /// There is nothing of that name.
    #[error("the audio sink `{name}` is not there: {reason}")]
    Missing {
        /// The sink's name, as in [`SinkSpec`].
        name: String,
        /// What there is.
        reason: String,
    },
    /// Writing failed.
    #[error("the audio sink `{name}` cannot be written: {kind}")]
    Write {
        /// The sink's name, as in [`SinkSpec`].
        name: String,
        /// What the system said.
        kind: io::ErrorKind,
    },
}

/// A sink that lets everything fall.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl Sink for Discard {
    fn write(&mut self, _frame: &Frame) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A sink as it is written down, before it is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SinkSpec {
    /// `none`: nobody listens.
    #[default]
    None,
    /// `stdout`: raw PCM on standard output, 48 kHz, mono, 16 bit, little endian; for one call at a time ([`pipe`]).
    Stdout,
    /// `device`, or `device:NAME`: a loudspeaker ([`Speaker`](crate::device::Speaker)).
    #[cfg(feature = "device")]
    Device {
        /// Its name or its id; without one the system's default loudspeaker.
        name: Option<String>,
    },
}

impl SinkSpec {
    /// Looks whether what it stands for is there, which may take a moment; so that whoever is told the name learns of it before a call.
    ///
    /// # Errors
    /// [`SinkError::Missing`] when there is no such loudspeaker now.
    pub fn check(&self) -> Result<(), SinkError> {
        match self {
            Self::None | Self::Stdout => Ok(()),
            #[cfg(feature = "device")]
            Self::Device { name } => {
                let found = crate::device::exists(crate::device::Direction::Speaker, name.as_deref());
                found.map_err(|error| SinkError::Missing {
                    name: self.to_string(),
                    reason: error.to_string(),
                })
            }
        }
    }

    /// Makes the sink ready.
    ///
    /// # Errors
    /// When what it stands for cannot be opened; `none` always can.
    pub fn open(&self) -> Result<Box<dyn Sink>, SinkError> {
        match self {
            Self::None => Ok(Box::new(Discard)),
            Self::Stdout => match pipe::stdout() {
                Ok(stdout) => Ok(stdout.sink()),
                Err(error) => Err(SinkError::Write {
                    name: self.to_string(),
                    kind: error.kind(),
                }),
            },
            #[cfg(feature = "device")]
            Self::Device { name } => {
                let options = crate::device::DeviceOptions::named(name.clone());
                match crate::device::Speaker::open(options) {
                    Ok(speaker) => Ok(Box::new(speaker)),
                    Err(error) => Err(SinkError::Write {
                        name: self.to_string(),
                        kind: error.kind(),
                    }),
                }
            }
        }
    }
}

/// Why a sink's name was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinkSpecError {
    /// No sink is called that.
    #[error("`{text}` is no audio sink; there are `none`, `stdout`, `device` and `device:NAME`")]
    Unknown {
        /// What was written.
        text: String,
    },
    /// A sink for which this program was built without what it takes.
    #[error(
        "the audio sink `{name}` needs a program that is built with sound devices: `cargo build --features device`"
    )]
    NotBuilt {
        /// Its name.
        name: String,
    },
    /// `device:` without a name.
    #[error("`device:` needs the name of a loudspeaker; `device` is the default one")]
    NoName,
}

impl FromStr for SinkSpec {
    type Err = SinkSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            None if text == "stdout" => Ok(Self::Stdout),
            None if text == "device" => device(text, None),
            Some(("device", name)) => device(text, Some(name)),
            None | Some(_) => Err(SinkSpecError::Unknown { text: text.to_owned() }),
        }
    }
}

#[cfg(feature = "device")]
fn device(_: &str, name: Option<&str>) -> Result<SinkSpec, SinkSpecError> {
    match name {
        Some("") => Err(SinkSpecError::NoName),
        name => Ok(SinkSpec::Device {
            name: name.map(str::to_owned),
        }),
    }
}

#[cfg(not(feature = "device"))]
fn device(text: &str, _: Option<&str>) -> Result<SinkSpec, SinkSpecError> {
    Err(SinkSpecError::NotBuilt { name: text.to_owned() })
}

/// Writes the name that [`FromStr`] reads.
impl fmt::Display for SinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Stdout => f.write_str("stdout"),
            #[cfg(feature = "device")]
            Self::Device { name: None } => f.write_str("device"),
            #[cfg(feature = "device")]
            Self::Device { name: Some(name) } => write!(f, "device:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sink_that_is_there_opens_and_takes_audio() {
        let spec: SinkSpec = "none".parse().expect("a sink");
        assert_eq!(spec.to_string(), "none");
        let mut sink = spec.open().expect("opens");
        assert_eq!(sink.write(&[1; crate::FRAME_SAMPLES]), Ok(()));
        assert_eq!(sink.finish(), Ok(()));
    }

    #[test]
    fn a_sink_is_read_from_what_it_writes() {
        for spec in [SinkSpec::None, SinkSpec::Stdout] {
            assert_eq!(spec.to_string().parse(), Ok(spec));
        }
    }

    #[test]
    fn a_name_that_stands_for_no_sink_is_told_which_there_are() {
        let error = "speaker".parse::<SinkSpec>().expect_err("unknown");
        assert_eq!(
            error.to_string(),
            "`speaker` is no audio sink; there are `none`, `stdout`, `device` and `device:NAME`"
        );
    }

    #[cfg(not(feature = "device"))]
    #[test]
    fn without_sound_devices_their_names_say_how_to_build_them() {
        for name in ["device", "device:Headset"] {
            let error = name.parse::<SinkSpec>().expect_err("not there");
            assert_eq!(error, SinkSpecError::NotBuilt { name: name.to_owned() });
            assert!(error.to_string().contains("--features device"), "{error}");
        }
    }

    #[cfg(feature = "device")]
    #[test]
    fn a_loudspeaker_is_named_or_the_default_one() {
        for text in ["device", "device:Headset", "device:hw:CARD=0,DEV=1"] {
            assert_eq!(text.parse::<SinkSpec>().expect("a sink").to_string(), text);
        }
        assert_eq!("device:".parse::<SinkSpec>(), Err(SinkSpecError::NoName));
        let error = SinkSpec::Device {
            name: Some("nowhere".to_owned()),
        }
        .check()
        .expect_err("there is none");
        assert!(
            error.to_string().contains("no loudspeaker is called `nowhere`"),
            "{error}"
        );
    }
}
