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
}

impl SinkSpec {
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
        }
    }
}

/// Why a sink's name was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinkSpecError {
    /// No sink is called that.
    #[error("`{text}` is no audio sink; there are `none` and `stdout`")]
    Unknown {
        /// What was written.
        text: String,
    },
    /// A sink that is planned, and not there.
    #[error(
        "the audio sink `{name}` is not there yet: {missing}; use `none` or `stdout`, or record the call to keep its audio"
    )]
    NotYet {
        /// Its name.
        name: String,
        /// What would have to be there.
        missing: &'static str,
    },
}

impl FromStr for SinkSpec {
    type Err = SinkSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let not_yet = |missing| {
            Err(SinkSpecError::NotYet {
                name: text.to_owned(),
                missing,
            })
        };
        match text {
            "none" => Ok(Self::None),
            "stdout" => Ok(Self::Stdout),
            "device" => not_yet("sound devices are not supported"),
            _ if text.starts_with("device:") => not_yet("sound devices are not supported"),
            _ => Err(SinkSpecError::Unknown { text: text.to_owned() }),
        }
    }
}

/// Writes the name that [`FromStr`] reads.
impl fmt::Display for SinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Stdout => f.write_str("stdout"),
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
    fn a_sink_that_is_to_come_is_refused_by_its_name_and_says_what_to_do() {
        for name in ["device", "device:Headset"] {
            let error = name.parse::<SinkSpec>().expect_err("not there");
            assert!(matches!(&error, SinkSpecError::NotYet { name: told, .. } if told == name));
            assert!(error.to_string().contains("use `none`"), "{error}");
        }
        let error = "speaker".parse::<SinkSpec>().expect_err("unknown");
        assert_eq!(
            error.to_string(),
            "`speaker` is no audio sink; there are `none` and `stdout`"
        );
    }
}
