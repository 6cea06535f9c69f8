//! Voice processing for people who talk into a microphone beside a loudspeaker: echo cancellation, noise suppression and automatic gain, by the
//! algorithms of libwebrtc (`sonora`).
//!
//! A [`Voice`] stands around a source and a sink. What goes into the sink is what the echo canceller takes out of the source, some hundred
//! milliseconds later at most: as much as two devices and their buffers take. It knows nothing of devices; any pair can be processed.
//!
//! ```
//! use offhook_audio::{FRAME_SAMPLES, Silence, Sink, Source, Tone, sink::Discard, voice::{Voice, VoiceOptions}};
//!
//! let voice = Voice::new(VoiceOptions { gain: false, ..VoiceOptions::default() });
//! let (mut source, mut sink) = (voice.source(Tone::new(440)), voice.sink(Discard));
//! let mut frame = [0; FRAME_SAMPLES];
//! sink.write(&frame)?;
//! let _ = source.read(&mut frame);
//! voice.set_options(VoiceOptions::off());
//! # Ok::<(), offhook_audio::SinkError>(())
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sonora::config::{AdaptiveDigital, EchoCanceller, GainController2, NoiseSuppression, Pipeline};
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::{FRAME_SAMPLES, Frame, Played, SAMPLE_RATE, Sink, SinkError, Source};

/// Samples that are processed at a time: 10 ms.
const BLOCK: usize = FRAME_SAMPLES / 2;

/// What is done to a voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VoiceOptions {
    /// Takes out what the loudspeaker says into the microphone.
    pub echo: bool,
    /// Takes out steady noise, such as that of a fan.
    pub noise: bool,
    /// Makes people as loud as each other.
    pub gain: bool,
}

impl Default for VoiceOptions {
    /// All of it.
    fn default() -> Self {
        Self {
            echo: true,
            noise: true,
            gain: true,
        }
    }
}

impl VoiceOptions {
    /// Nothing of it.
    #[must_use]
    pub fn off() -> Self {
        Self {
            echo: false,
            noise: false,
            gain: false,
        }
    }

    fn config(self) -> Config {
        Config {
            pipeline: Pipeline {
                maximum_internal_processing_rate: sonora::config::MaxProcessingRate::Rate48kHz,
                multi_channel_render: false,
                multi_channel_capture: false,
                ..Pipeline::default()
            },
            // The filter that takes out what is below a voice costs 1.5 of PESQ, and the canceller does as well without it.
            high_pass_filter: None,
            echo_canceller: self.echo.then(|| EchoCanceller {
                enforce_high_pass_filtering: false,
                ..EchoCanceller::default()
            }),
            noise_suppression: self.noise.then(NoiseSuppression::default),
            gain_controller2: self.gain.then(|| GainController2 {
                adaptive_digital: Some(AdaptiveDigital::default()),
                ..GainController2::default()
            }),
            ..Config::default()
        }
    }
}

/// The processing of one voice; clones are the same.
#[derive(Clone)]
pub struct Voice(Arc<Mutex<Processing>>);

struct Processing {
    inner: AudioProcessing,
    options: VoiceOptions,
}

impl Voice {
    /// Processing that has heard nothing yet. It takes about 3 s of a far end's speech to know an echo.
    #[must_use]
    pub fn new(options: VoiceOptions) -> Self {
        let mono = StreamConfig::new(SAMPLE_RATE, 1);
        let inner = AudioProcessing::builder()
            .config(options.config())
            .capture_config(mono)
            .render_config(mono)
            .build();
        Self(Arc::new(Mutex::new(Processing { inner, options })))
    }

    /// Has what this source gives processed. A ready-made packet of it is not sent as it is.
    pub fn source<S: Source>(&self, source: S) -> ProcessedSource<S> {
        ProcessedSource {
            source,
            voice: self.clone(),
        }
    }

    /// Has what goes into this sink taken for what the microphone hears as echo. The sink gets it as it is.
    pub fn sink<S: Sink>(&self, sink: S) -> ProcessedSink<S> {
        ProcessedSink {
            sink,
            voice: self.clone(),
        }
    }

    /// Does this from the next frame on. It may allocate: not on a frame clock.
    pub fn set_options(&self, options: VoiceOptions) {
        let mut processing = self.processing();
        if processing.options != options {
            processing.options = options;
            processing.inner.apply_config(options.config());
        }
    }

    /// What is done now.
    #[must_use]
    pub fn options(&self) -> VoiceOptions {
        self.processing().options
    }

    /// A call reads its source and writes its sink on one thread, so nobody ever waits for this.
    fn processing(&self) -> MutexGuard<'_, Processing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn capture(&self, frame: &mut Frame) {
        let mut processing = self.processing();
        if processing.options == VoiceOptions::off() {
            return;
        }
        let mut heard = [0; BLOCK];
        for block in frame.as_chunks_mut::<BLOCK>().0 {
            heard.copy_from_slice(block);
            processing
                .inner
                .process_capture_i16(&heard, block)
                .expect("a block is 10 ms of mono");
        }
    }

    fn render(&self, frame: &Frame) {
        let mut processing = self.processing();
        if !processing.options.echo {
            return;
        }
        let mut unchanged = [0; BLOCK];
        for block in frame.as_chunks::<BLOCK>().0 {
            processing
                .inner
                .process_render_i16(block, &mut unchanged)
                .expect("a block is 10 ms of mono");
        }
    }
}

impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Voice").field(&self.options()).finish()
    }
}

/// A source whose audio is processed.
#[derive(Debug)]
pub struct ProcessedSource<S> {
    source: S,
    voice: Voice,
}

impl<S: Source> Source for ProcessedSource<S> {
    fn read(&mut self, frame: &mut Frame) -> Played {
        let played = self.source.read(frame);
        self.voice.capture(frame);
        played
    }
}

/// A sink from which the echo is known.
#[derive(Debug)]
pub struct ProcessedSink<S> {
    sink: S,
    voice: Voice,
}

impl<S: Sink> Sink for ProcessedSink<S> {
    fn write(&mut self, frame: &Frame) -> Result<(), SinkError> {
        self.voice.render(frame);
        self.sink.write(frame)
    }

    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        Box::new(self.sink).finish()
    }
}

#[cfg(test)]
mod tests;
