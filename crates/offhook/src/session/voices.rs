//! What is done to the voices of a session, between its devices and its media.

#[cfg(feature = "voice")]
use offhook_audio::voice::{Voice, VoiceOptions};
use offhook_audio::{Sink, Source};

/// How voices are processed, if at all; without the feature `voice` they never are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct VoicePlan {
    #[cfg(feature = "voice")]
    pub(crate) options: Option<VoiceOptions>,
}

/// The voices of one session.
pub(super) struct Voices {
    #[cfg(feature = "voice")]
    voice: Option<Voice>,
}

impl Voices {
    #[cfg(feature = "voice")]
    pub(super) fn new(plan: VoicePlan) -> Self {
        Self {
            voice: plan.options.map(Voice::new),
        }
    }

    #[cfg(feature = "voice")]
    pub(super) fn source(&self, source: Box<dyn Source>) -> Box<dyn Source> {
        match &self.voice {
            Some(voice) => Box::new(voice.source(source)),
            None => source,
        }
    }

    #[cfg(feature = "voice")]
    pub(super) fn sink(&self, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        match &self.voice {
            Some(voice) => Box::new(voice.sink(sink)),
            None => sink,
        }
    }

    #[cfg(not(feature = "voice"))]
    pub(super) fn new(VoicePlan {}: VoicePlan) -> Self {
        Self {}
    }

    #[cfg(not(feature = "voice"))]
    pub(super) fn source(&self, source: Box<dyn Source>) -> Box<dyn Source> {
        source
    }

    #[cfg(not(feature = "voice"))]
    pub(super) fn sink(&self, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        sink
    }
}
