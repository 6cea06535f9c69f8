//! How a source is named on a command line: `silence`, `tone:440`, `file:PATH`, `file:PATH?loop`, `stdin`, `device`, `device:NAME`.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::{Clip, Silence, Source, Tone};
#[cfg(feature = "device")]
use super::{Played, SourceFault};
use crate::channel::ChannelSource;
#[cfg(feature = "device")]
use crate::device::{self, DeviceOptions, Direction, Microphone};
use crate::ogg_opus::{OggOpusError, OpusPackets, PacketClip, read_ogg_opus};
use crate::pipe::{self, Shelf};
use crate::wav::{WavError, read_wav};

/// A source as it is written down, before it is opened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceSpec {
    /// `silence`
    Silence,
    /// `tone:HERTZ`
    Tone {
        /// The pitch, within [`Tone::RANGE`].
        hertz: u32,
    },
    /// `file:PATH`, or `file:PATH?loop`
    File {
        /// A WAV file, or an Ogg Opus file, which is sent as it is where its packets allow that ([`OggOpus::is_ready_made`](crate::ogg_opus::OggOpus::is_ready_made)).
        path: PathBuf,
        /// Whether it starts again at its end.
        repeat: bool,
    },
    /// `stdin`: raw PCM on standard input, 48 kHz, mono, 16 bit, little endian; for one call at a time ([`pipe`](crate::pipe)).
    Stdin,
    /// `device`, or `device:NAME`: a microphone ([`Microphone`](crate::device::Microphone)).
    #[cfg(feature = "device")]
    Device {
        /// Its name or its id; without one the system's default microphone.
        name: Option<String>,
    },
}

/// Why a source's name was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceSpecError {
    /// No source is called that.
    #[error(
        "`{text}` is no audio source; there are `silence`, `tone:HERTZ`, `file:PATH`, `file:PATH?loop`, `stdin`, `device` and `device:NAME`"
    )]
    Unknown {
        /// What was written.
        text: String,
    },
    /// A source for which this program was built without what it takes.
    #[error(
        "the audio source `{name}` needs a program that is built with sound devices: `cargo build --features device`"
    )]
    NotBuilt {
        /// Its name.
        name: String,
    },
    /// `device:` without a name.
    #[error("`device:` needs the name of a microphone; `device` is the default one")]
    NoName,
    /// `tone:` without a usable pitch.
    #[error("`tone:{text}`: the pitch must be a whole number of hertz from 20 to 20000, as in `tone:440`")]
    Pitch {
        /// What stood behind the colon.
        text: String,
    },
    /// `file:` without a path.
    #[error("`file:` needs the path of a WAV or Ogg Opus file, as in `file:greeting.wav`")]
    NoPath,
}

/// Why a source could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The WAV file could not be used.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// The Ogg Opus file could not be used.
    #[error(transparent)]
    OggOpus(#[from] OggOpusError),
    /// A pipe could not be opened.
    #[error("`{name}` cannot be opened: {source}")]
    Pipe {
        /// Its name, as in [`SourceSpec`].
        name: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such microphone.
    #[cfg(feature = "device")]
    #[error(transparent)]
    Device(#[from] crate::device::DeviceError),
}

impl SourceSpec {
    /// Makes the source ready to play once.
    ///
    /// # Errors
    /// As [`SourceSpec::load`].
    pub fn open(&self) -> Result<Box<dyn Source>, SourceError> {
        Ok(self.load()?.source())
    }

    /// Makes the source ready to be played any number of times at once. A file is read and resampled here, whole, so call
    /// this off the frame clock.
    ///
    /// # Errors
    /// [`SourceError::Wav`] when the file is missing, is neither a WAV file nor Ogg, or holds audio that cannot be read;
    /// [`SourceError::OggOpus`] when what is in Ogg cannot be; [`SourceError::Pipe`] when the system has no thread left to read standard input; `SourceError::Device` when there is no such microphone now.
    pub fn load(&self) -> Result<Loaded, SourceError> {
        Ok(Loaded(match self {
            Self::Silence => Kind::Silence,
            Self::Tone { hertz } => Kind::Tone(Tone::new(*hertz)),
            Self::File { path, repeat } => load_file(path, *repeat)?,
            Self::Stdin => Kind::Stdin(pipe::stdin().map_err(|source| SourceError::Pipe { name: "stdin", source })?),
            #[cfg(feature = "device")]
            Self::Device { name } => {
                device::exists(Direction::Microphone, name.as_deref())?;
                Kind::Device { name: name.clone() }
            }
        }))
    }
}

/// Tells the two kinds of files apart by how they begin; what is neither is refused as a WAV file.
fn load_file(path: &Path, repeat: bool) -> Result<Kind, SourceError> {
    let mut beginning = [0; 4];
    let is_ogg =
        File::open(path).is_ok_and(|mut file| file.read_exact(&mut beginning).is_ok() && &beginning == b"OggS");
    let samples = if is_ogg {
        let opus = read_ogg_opus(path)?;
        if opus.is_ready_made() {
            let packets = Arc::new(opus.packets().clone());
            return Ok(Kind::Packets { packets, repeat });
        }
        opus.samples()?
    } else {
        read_wav(path)?
    };
    Ok(Kind::Clip(match repeat {
        true => Clip::repeated(samples.into()),
        false => Clip::once(samples.into()),
    }))
}

/// What a [`SourceSpec`] stands for, in memory: each call gets a source of its own from it, and they share the samples.
/// Of `stdin` there is one, for one call at a time.
#[derive(Debug, Clone)]
pub struct Loaded(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Silence,
    Tone(Tone),
    Clip(Clip),
    Packets {
        packets: Arc<OpusPackets>,
        repeat: bool,
    },
    Stdin(Shelf<ChannelSource>),
    #[cfg(feature = "device")]
    Device {
        name: Option<String>,
    },
}

impl Loaded {
    /// A source that begins at the beginning.
    #[must_use]
    pub fn source(&self) -> Box<dyn Source> {
        match &self.0 {
            Kind::Silence => Box::new(Silence),
            Kind::Tone(tone) => Box::new(tone.clone()),
            Kind::Clip(clip) => Box::new(clip.clone()),
            Kind::Packets { packets, repeat: false } => Box::new(PacketClip::once(Arc::clone(packets))),
            Kind::Packets { packets, repeat: true } => Box::new(PacketClip::repeated(Arc::clone(packets))),
            Kind::Stdin(stdin) => stdin.source(),
            #[cfg(feature = "device")]
            Kind::Device { name } => match Microphone::open(DeviceOptions::named(name.clone())) {
                Ok(microphone) => Box::new(microphone),
                Err(error) => Box::new(Broken(SourceFault::Read(error.kind()))),
            },
        }
    }
}

impl FromStr for SourceSpec {
    type Err = SourceSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, argument) = match text.split_once(':') {
            Some((kind, argument)) => (kind, Some(argument)),
            None => (text, None),
        };
        match (kind, argument) {
            ("silence", None) => Ok(Self::Silence),
            ("tone", argument) => pitch(argument.unwrap_or_default()),
            ("file", argument) => file(argument.unwrap_or_default()),
            ("device", name) => device(text, name),
            ("stdin", None) => Ok(Self::Stdin),
            _ => Err(SourceSpecError::Unknown { text: text.to_owned() }),
        }
    }
}

fn pitch(text: &str) -> Result<SourceSpec, SourceSpecError> {
    match text.parse() {
        Ok(hertz) if Tone::RANGE.contains(&hertz) => Ok(SourceSpec::Tone { hertz }),
        _ => Err(SourceSpecError::Pitch { text: text.to_owned() }),
    }
}

fn file(text: &str) -> Result<SourceSpec, SourceSpecError> {
    let (path, repeat) = match text.strip_suffix("?loop") {
        Some(path) => (path, true),
        None => (text, false),
    };
    if path.is_empty() {
        return Err(SourceSpecError::NoPath);
    }
    Ok(SourceSpec::File {
        path: path.into(),
        repeat,
    })
}

#[cfg(feature = "device")]
fn device(_: &str, name: Option<&str>) -> Result<SourceSpec, SourceSpecError> {
    match name {
        Some("") => Err(SourceSpecError::NoName),
        name => Ok(SourceSpec::Device {
            name: name.map(str::to_owned),
        }),
    }
}

#[cfg(not(feature = "device"))]
fn device(text: &str, _: Option<&str>) -> Result<SourceSpec, SourceSpecError> {
    Err(SourceSpecError::NotBuilt { name: text.to_owned() })
}

/// What a source is that could not even begin.
#[cfg(feature = "device")]
struct Broken(SourceFault);

#[cfg(feature = "device")]
impl Source for Broken {
    fn read(&mut self, frame: &mut crate::Frame) -> Played {
        frame.fill(0);
        Played::Failed(self.0)
    }
}

/// Writes the name that [`FromStr`] reads.
impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => f.write_str("silence"),
            Self::Tone { hertz } => write!(f, "tone:{hertz}"),
            Self::File { path, repeat: false } => write!(f, "file:{}", path.display()),
            Self::File { path, repeat: true } => write!(f, "file:{}?loop", path.display()),
            Self::Stdin => f.write_str("stdin"),
            #[cfg(feature = "device")]
            Self::Device { name: None } => f.write_str("device"),
            #[cfg(feature = "device")]
            Self::Device { name: Some(name) } => write!(f, "device:{name}"),
        }
    }
}
