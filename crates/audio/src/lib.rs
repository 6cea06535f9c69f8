//! Where PCM comes from and where it goes.
//!
//! A call carries frames of 20 ms, mono, 48 kHz, 16 bit ([`Frame`]). A [`Source`] produces them (silence, a tone, a WAV
//! file, later a microphone), a [`Sink`] consumes them, a [`Recording`] keeps both directions of a call in one stereo WAV
//! file, and [`measure`] says what a stretch of audio holds: how loud it is, whether it is a tone, and whether what was
//! heard is what was played.
//!
//! ```
//! use offhook_audio::{FRAME_SAMPLES, Played, SourceSpec, measure};
//!
//! let spec: SourceSpec = "tone:440".parse()?;
//! let mut source = spec.open()?;
//! let mut heard = Vec::new();
//! for _ in 0..25 {
//!     let mut frame = [0; FRAME_SAMPLES];
//!     assert_eq!(source.read(&mut frame), Played::Full);
//!     heard.extend_from_slice(&frame);
//! }
//! let tone = measure::dominant_tone(&heard).expect("half a second of tone");
//! assert!((tone.hertz - 440.0).abs() < 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is here, and what is not
//!
//! | | |
//! |---|---|
//! | sources | `silence`, `tone:HERTZ`, `file:PATH` (WAV), `file:PATH?loop`, any shared clip ([`Clip`]) |
//! | sinks | `none` |
//! | files | WAV: PCM of 8, 16, 24 and 32 bit, floats of 32 and 64 bit, any rate and any number of channels ([`read_wav`]) |
//! | resampling | to 48 kHz, band-limited ([`resample`]) |
//! | recording | stereo WAV, left what we sent, right what we heard, playable at any moment ([`Recording`]) |
//! | not yet | sound devices, raw PCM on standard input and output, Ogg Opus: they are refused by name |
//!
//! Nothing in this crate blocks a frame clock: files are read when a source is opened, and written by a recording's own
//! thread.

pub mod measure;
pub mod recording;
pub mod resample;
pub mod sink;
pub mod source;
pub mod speech;
pub mod wav;

pub use recording::{Recorded, Recording, RecordingError};
pub use sink::{Sink, SinkError, SinkSpec, SinkSpecError};
pub use source::{Clip, Loaded, Played, Silence, Source, SourceError, SourceSpec, SourceSpecError, Tone};
pub use wav::{WavError, read_wav};

/// Samples a second of every [`Frame`], in hertz.
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in a [`Frame`]: 20 ms at [`SAMPLE_RATE`].
pub const FRAME_SAMPLES: usize = 960;

/// 20 ms of mono audio, linear PCM.
pub type Frame = [i16; FRAME_SAMPLES];

/// A frame in which there is nothing to hear.
pub const SILENT_FRAME: Frame = [0; FRAME_SAMPLES];
