//! What the application asks of a session's audio in mid-call: another source, prompts, another sink, recordings.

use std::path::{Path, PathBuf};

use actix::{ActorFutureExt, AsyncContext, Context, fut::wrap_future};
use offhook_audio::{PromptId, Recorded, Recording, RecordingError, RecordingOptions, Sink, Source};
use offhook_jingle::{ConversationId, Reason, SessionId, session::EndedBy};
use offhook_phone::CommandError;
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{
    AudioError, Session, SoundFailure,
    sound::{Leftover, News, Recorder},
    span_of,
    stage::Flow,
};
use crate::{clock, event::Event};

type Reply<T> = oneshot::Sender<Result<T, SoundFailure>>;

/// For a session: do this with its audio.
pub(crate) enum AudioWish {
    /// Play this from now on.
    Source(Box<dyn Source>, Reply<()>),
    /// Be heard by this from now on.
    Sink(Box<dyn Sink>, Reply<()>),
    /// Play this over the source.
    Prompt(Box<dyn Source>, Reply<PromptId>),
    /// Do so no longer.
    StopPrompt(PromptId, Reply<bool>),
    /// Record into this file.
    Record(PathBuf, RecordingOptions, Reply<()>),
    /// Record no longer.
    StopRecording(Reply<Recorded>),
}

impl AudioWish {
    /// There is no such session.
    pub(super) fn refuse(self, session: SessionId) {
        let failure = SoundFailure::from(CommandError::UnknownSession(session));
        // Whoever asked may have stopped waiting.
        match self {
            Self::Source(_, reply) | Self::Sink(_, reply) | Self::Record(_, _, reply) => drop(reply.send(Err(failure))),
            Self::Prompt(_, reply) => drop(reply.send(Err(failure))),
            Self::StopPrompt(_, reply) => drop(reply.send(Err(failure))),
            Self::StopRecording(reply) => drop(reply.send(Err(failure))),
        }
    }
}

impl Session {
    pub(super) fn audio(&mut self, wish: AudioWish, context: &mut Context<Self>) {
        match wish {
            AudioWish::Source(source, reply) => {
                self.sound.set_source(source);
                drop(reply.send(Ok(())));
            }
            AudioWish::Sink(sink, reply) => {
                self.sound.set_sink(sink);
                drop(reply.send(Ok(())));
            }
            AudioWish::Prompt(prompt, reply) => {
                drop(reply.send(self.sound.play_prompt(prompt).map_err(SoundFailure::from)));
            }
            AudioWish::StopPrompt(prompt, reply) => drop(reply.send(Ok(self.sound.stop_prompt(prompt)))),
            AudioWish::Record(path, options, reply) => self.record(path, options, Some(reply), context),
            AudioWish::StopRecording(reply) => self.stop_recording(reply, context),
        }
        self.sound_news(context);
    }

    /// Tells, and does, what came of the last frame.
    pub(super) fn sound_news(&mut self, context: &mut Context<Self>) {
        for news in self.sound.news() {
            match news {
                News::PromptEnded(prompt) => self.tell(Event::PromptEnded {
                    session: self.id.clone(),
                    prompt,
                }),
                News::Failed(error) => self.audio_failed(error),
                News::Leftover(leftover) => self.put_away(leftover, context),
            }
        }
    }

    /// Closes it off this thread.
    fn put_away(&self, leftover: Leftover, context: &mut Context<Self>) {
        let closing = wrap_future(spawn_blocking(move || leftover.close()));
        context.spawn(closing.map(|closed, actor: &mut Self, _| {
            if let Ok(Err(error)) = closed {
                actor.audio_failed(error);
            }
        }));
    }

    pub(super) fn audio_failed(&self, error: AudioError) {
        tracing::warn!(session = %self.id, %error, "the audio of a session is in trouble");
        self.tell(Event::AudioError {
            session: self.id.clone(),
            error,
        });
    }

    /// Records each call, if the application wants that.
    pub(super) fn start_recording(&mut self, context: &mut Context<Self>) {
        let Recorder::Off = self.sound.recorder else { return };
        let Some(directory) = &self.setup.record else { return };
        if self.between_calls {
            return;
        }
        let path = file_in(directory, &self.id, self.conversation.as_ref());
        self.record(path, RecordingOptions::default(), None, context);
    }

    /// Makes the file off this thread, and records into it from then on.
    fn record(
        &mut self,
        path: PathBuf,
        options: RecordingOptions,
        reply: Option<Reply<()>>,
        context: &mut Context<Self>,
    ) {
        let Recorder::Off = self.sound.recorder else {
            return self.recording_started(reply, Err(SoundFailure::Recording));
        };
        self.sound.recorder = Recorder::Starting;
        let conversation = self.conversation.clone();
        let creating = wrap_future(spawn_blocking(move || Recording::create_with(path, options)));
        context.spawn(creating.map(move |created, actor: &mut Self, context| {
            actor.sound.recorder = Recorder::Off;
            let started = match created {
                // The call that was to be recorded is over.
                Ok(Ok(recording)) if reply.is_none() && actor.conversation != conversation => {
                    actor.put_away(Leftover::Recording(recording), context);
                    actor.start_recording(context);
                    Ok(())
                }
                Ok(Ok(recording)) => {
                    actor.sound.recorder = Recorder::On(recording);
                    Ok(())
                }
                Ok(Err(error)) => Err(AudioError::from(error).into()),
                Err(_) => Err(SoundFailure::NotRecording),
            };
            actor.recording_started(reply, started);
        }));
    }

    /// Whoever asked is told; if nobody did, everybody is.
    fn recording_started(&self, reply: Option<Reply<()>>, started: Result<(), SoundFailure>) {
        match (reply, started) {
            // They may have stopped waiting.
            (Some(reply), started) => drop(reply.send(started)),
            (None, Err(SoundFailure::Audio(error))) => self.audio_failed(error),
            (None, Ok(()) | Err(_)) => {}
        }
    }

    /// What was of the last call alone is over: its recording, and that it was muted.
    pub(super) fn carries(&mut self, conversation: Option<ConversationId>, context: &mut Context<Self>) {
        self.between_calls = conversation.is_none();
        self.span = span_of(&self.id, conversation.as_ref());
        self.conversation = conversation;
        if self.sound.muted && !self.between_calls {
            self.set_muted(false);
        }
        if self.setup.record.is_none() {
            return;
        }
        if let Recorder::On(_) = self.sound.recorder
            && let Some(recording) = self.sound.recorder.stop()
        {
            self.put_away(recording, context);
        }
        if self.media.as_ref().is_some_and(|media| media.flow == Flow::Up) {
            self.start_recording(context);
        }
    }

    fn stop_recording(&mut self, reply: Reply<Recorded>, context: &mut Context<Self>) {
        let Some(Leftover::Recording(recording)) = self.sound.recorder.stop() else {
            return drop(reply.send(Err(SoundFailure::NotRecording)));
        };
        let completing = wrap_future(spawn_blocking(move || recording.finish()));
        context.spawn(completing.map(|completed, _: &mut Self, _| {
            let completed = completed.unwrap_or_else(|panic| {
                Err(RecordingError::Write {
                    path: PathBuf::new(),
                    source: std::io::Error::other(panic),
                })
            });
            drop(reply.send(completed.map_err(|error| AudioError::from(error).into())));
        }));
    }

    /// Closes what has to be waited for, and goes.
    pub(super) fn close_sound(&mut self, reason: Reason, by: EndedBy, context: &mut Context<Self>) {
        let leftovers = self.sound.close();
        if leftovers.is_empty() {
            return self.leave(reason, by, context);
        }
        let close = move || -> Vec<_> {
            let closed = leftovers.into_iter().map(Leftover::close);
            closed.filter_map(Result::err).collect()
        };
        let closing = wrap_future(spawn_blocking(close));
        context.spawn(closing.map(move |errors, actor: &mut Self, context| {
            for error in errors.unwrap_or_default() {
                actor.audio_failed(error);
            }
            actor.leave(reason, by, context);
        }));
    }
}

/// A new file of this directory.
fn file_in(directory: &Path, session: &SessionId, conversation: Option<&ConversationId>) -> PathBuf {
    let name = conversation.map_or(session.as_str(), ConversationId::as_str);
    directory.join(format!("{}-{}.wav", clock::utc_stamp(), file_name(name)))
}

/// The part of an id that is safe in a file name.
fn file_name(id: &str) -> String {
    id.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(64)
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_id_cannot_leave_the_directory() {
        assert_eq!(super::file_name("../../etc/x-1"), "etcx-1");
    }
}
