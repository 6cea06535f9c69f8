//! Where PCM comes from and where it goes.
//!
//! A call carries frames of 20 ms, mono, 48 kHz, 16 bit ([`Frame`]). A [`Source`] produces them (silence, a tone, a WAV
//! file, a pipe, a program), a [`Sink`] consumes them, a [`Recording`] keeps both directions of a call in one stereo WAV
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
//! # One's own
//!
//! [`Source`] and [`Sink`] say what a call expects. A bot that answers every word it hears with a sine:
//!
//! ```
//! use std::sync::{Arc, atomic::{AtomicBool, Ordering::Relaxed}};
//! use offhook_audio::{Frame, Played, SILENT_FRAME, Silence, Sink, SinkError, Source, Tone, measure::level_dbov};
//!
//! /// Notices when a word is over.
//! struct Ear { word_over: Arc<AtomicBool>, in_word: bool }
//!
//! impl Sink for Ear {
//!     fn write(&mut self, frame: &Frame) -> Result<(), SinkError> {
//!         let loud = level_dbov(frame) > -40.0;
//!         if std::mem::replace(&mut self.in_word, loud) && !loud {
//!             self.word_over.store(true, Relaxed);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! /// Answers with 200 ms of 880 Hz.
//! struct Mouth { word_over: Arc<AtomicBool>, sine: Tone, frames_left: u32 }
//!
//! impl Source for Mouth {
//!     fn read(&mut self, frame: &mut Frame) -> Played {
//!         if self.word_over.swap(false, Relaxed) {
//!             self.frames_left = 10;
//!         }
//!         let Some(left) = self.frames_left.checked_sub(1) else {
//!             return Silence.read(frame);
//!         };
//!         self.frames_left = left;
//!         self.sine.read(frame)
//!     }
//! }
//!
//! let word_over = Arc::new(AtomicBool::new(false));
//! let mut ear = Ear { word_over: word_over.clone(), in_word: false };
//! let mut mouth = Mouth { word_over, sine: Tone::new(880), frames_left: 0 };
//! let (mut word, mut answer) = (SILENT_FRAME, SILENT_FRAME);
//! assert_eq!(Tone::new(300).read(&mut word), Played::Full);
//! ear.write(&word)?;
//! let _ = mouth.read(&mut answer);
//! assert_eq!(answer, SILENT_FRAME, "it does not interrupt");
//! ear.write(&SILENT_FRAME)?;
//! let _ = mouth.read(&mut answer);
//! assert_ne!(answer, SILENT_FRAME);
//! # Ok::<(), SinkError>(())
//! ```
//!
//! # What is here, and what is not
//!
//! | | |
//! |---|---|
//! | sources | `silence`, `tone:HERTZ`, `file:PATH` (WAV, Ogg Opus), `file:PATH?loop`, `stdin` (raw PCM), `device`, `device:NAME` (a microphone), any shared clip ([`Clip`]), a program ([`channel`]) |
//! | mixing | a source with prompts or music over it ([`Mixer`], [`Volume`]) |
//! | sinks | `none`, `stdout` (raw PCM), `device`, `device:NAME` (a loudspeaker), a program ([`channel`]) |
//! | files | WAV: PCM of 8, 16, 24 and 32 bit, floats of 32 and 64 bit, any rate and any number of channels, read ([`read_wav`]) and, at 48 kHz, written ([`wav::encode`]) |
//! | | Ogg Opus: read as samples or as packets that are sent as they are, written from packets as they came ([`ogg_opus`]) |
//! | resampling | to 48 kHz, band-limited ([`resample`]) |
//! | devices | with the feature `device`: any rate, channels and format; unplugged and plugged in again in mid-call |
//! | voices | with the feature `voice`, which `device` brings along: echo cancellation, noise suppression, automatic gain |
//! | clocks | a device's clock and the call's, brought together by adaptive resampling ([`clock`]) |
//! | recording | stereo WAV, left what we sent, right what we heard, playable at any moment, in files of limited size ([`Recording`]) |
//!
//! Nothing in this crate blocks a frame clock: files are read when a source is opened, and written by a recording's own
//! thread; pipes and devices have a thread each, too.

pub mod channel;
pub mod clock;
#[cfg(feature = "device")]
pub mod device;
#[doc(hidden)]
pub mod fuzzing;
pub mod measure;
pub mod mixer;
pub mod ogg_opus;
pub mod pipe;
pub mod recording;
pub mod resample;
pub mod sink;
pub mod source;
pub mod speech;
#[cfg(feature = "voice")]
pub mod voice;
pub mod wav;

pub use mixer::{Mixer, MixerFull, PromptId, Volume};
pub use recording::{Recorded, Recording, RecordingError, RecordingOptions};
pub use sink::{Sink, SinkError, SinkSpec, SinkSpecError};
pub use source::{Clip, Loaded, Played, Silence, Source, SourceError, SourceFault, SourceSpec, SourceSpecError, Tone};
pub use wav::{WavError, WavFormat, read_wav};

/// Samples a second of every [`Frame`], in hertz.
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in a [`Frame`]: 20 ms at [`SAMPLE_RATE`].
pub const FRAME_SAMPLES: usize = 960;

/// 20 ms of mono audio, linear PCM.
pub type Frame = [i16; FRAME_SAMPLES];

/// A frame in which there is nothing to hear.
pub const SILENT_FRAME: Frame = [0; FRAME_SAMPLES];
