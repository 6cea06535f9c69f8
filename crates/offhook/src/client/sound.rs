//! The audio of a session in mid-call.

use std::path::PathBuf;

use offhook_audio::{PromptId, Recorded, RecordingOptions, Sink, Source};
use offhook_jingle::SessionId;

use super::Client;
use crate::session::{AudioWish, SoundFailure, Wish};

impl Client {
    /// Lets the far end of a session hear another source, from one frame to the next. What it opens should be open:
    /// [`SourceSpec::open`](crate::SourceSpec::open) reads a whole file and is called where that may take its time.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn set_source(&self, session: &SessionId, source: impl Source + 'static) -> Result<(), SoundFailure> {
        let source = Box::new(source);
        self.sound(session, |reply| Wish::Audio(AudioWish::Source(source, reply)))
            .await
    }

    /// Lets the far end of a session be heard by another sink, from one frame to the next.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn set_sink(&self, session: &SessionId, sink: impl Sink + 'static) -> Result<(), SoundFailure> {
        let sink = Box::new(sink);
        self.sound(session, |reply| Wish::Audio(AudioWish::Sink(sink, reply)))
            .await
    }

    /// Plays a prompt, or music, over the source of a session. [`Event::PromptEnded`](crate::Event::PromptEnded) tells that it is over.
    ///
    /// # Errors
    /// When there is no such session, or [`Mixer::MOST_PROMPTS`](offhook_audio::Mixer::MOST_PROMPTS) play already.
    pub async fn play_prompt(
        &self,
        session: &SessionId,
        prompt: impl Source + 'static,
    ) -> Result<PromptId, SoundFailure> {
        let prompt = Box::new(prompt);
        self.sound(session, |reply| Wish::Audio(AudioWish::Prompt(prompt, reply)))
            .await
    }

    /// Plays a prompt no longer; whether it did.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn stop_prompt(&self, session: &SessionId, prompt: PromptId) -> Result<bool, SoundFailure> {
        self.sound(session, |reply| Wish::Audio(AudioWish::StopPrompt(prompt, reply)))
            .await
    }

    /// Records a session into a new stereo WAV file: left what we send, right what we hear. Returns when the file is there. A recording
    /// that fails later ends with [`Event::AudioError`](crate::Event::AudioError), and the call goes on.
    ///
    /// # Errors
    /// When there is no such session, it is recorded already, or the file exists or cannot be made.
    pub async fn start_recording(
        &self,
        session: &SessionId,
        path: impl Into<PathBuf>,
        options: RecordingOptions,
    ) -> Result<(), SoundFailure> {
        let path = path.into();
        self.sound(session, |reply| Wish::Audio(AudioWish::Record(path, options, reply)))
            .await
    }

    /// Completes the recording of a session, also one that began by itself ([`record_to`](crate::ClientBuilder::record_to)), and says
    /// what it holds.
    ///
    /// # Errors
    /// When there is no such session, it is not recorded, or something could not be written.
    pub async fn stop_recording(&self, session: &SessionId) -> Result<Recorded, SoundFailure> {
        self.sound(session, |reply| Wish::Audio(AudioWish::StopRecording(reply)))
            .await
    }
}
