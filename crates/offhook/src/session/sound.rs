//! What a session plays, where it is heard, and what is recorded of it. All of it is called once a frame and waits for nothing; what has
//! to be closed is left over for [`Leftover::close`].

use std::sync::Arc;

use offhook_audio::{
    FRAME_SAMPLES, Frame, Mixer, MixerFull, Played, PromptId, Recording, Sink, SinkError, Source, ogg_opus::PacketSink,
};
use offhook_jingle::SessionId;
use offhook_media::Codec;

use super::{AudioError, stage::Media, voices::Voices};
use crate::clock;

/// Makes the source that a session plays.
pub(crate) type SourceFactory = Arc<dyn Fn() -> Box<dyn Source> + Send + Sync>;

/// Makes the sink that a session is heard by.
pub(crate) type SinkFactory = Arc<dyn Fn() -> Result<Box<dyn Sink>, SinkError> + Send + Sync>;

/// Makes the sink that a session's packets go to.
pub(crate) type PacketSinkFactory = Arc<dyn Fn(&SessionId) -> Box<dyn PacketSink> + Send + Sync>;

/// The two ends of a session's audio, and the two frames that go round.
pub(super) struct Sound {
    mixer: Mixer,
    voices: Voices,
    /// The application knows that its source is broken.
    broken: bool,
    sink: Option<Box<dyn Sink>>,
    packets: Option<Box<dyn PacketSink>>,
    pub(super) recorder: Recorder,
    /// The far end is to hear silence, which the media see to; those that are to come, too.
    pub(super) muted: bool,
    sent: Frame,
    heard: Frame,
    news: Vec<News>,
}

/// What a session records.
pub(super) enum Recorder {
    Off,
    /// The file is being made.
    Starting,
    On(Recording),
}

/// What the session has to do something about.
pub(super) enum News {
    PromptEnded(PromptId),
    Failed(AudioError),
    Leftover(Leftover),
}

/// What is to be closed off the frame clock, since that may take its time.
pub(super) enum Leftover {
    Source(Box<dyn Source>),
    Sink(Box<dyn Sink>),
    Packets(Box<dyn PacketSink>),
    Recording(Recording),
}

impl Sound {
    pub(super) fn new(
        source: Box<dyn Source>,
        sink: Option<Box<dyn Sink>>,
        packets: Option<Box<dyn PacketSink>>,
        voices: Voices,
    ) -> Self {
        Self {
            mixer: Mixer::new(voices.source(source)),
            broken: false,
            sink: sink.map(|sink| voices.sink(sink)),
            voices,
            packets,
            recorder: Recorder::Off,
            muted: false,
            sent: [0; FRAME_SAMPLES],
            heard: [0; FRAME_SAMPLES],
            news: Vec::new(),
        }
    }

    /// What the session has to do something about since the last frame; mostly nothing.
    pub(super) fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// A frame goes out and one comes in. Media that are to take over hear and are heard already, so that nothing is missing when they
    /// do.
    pub(super) fn exchange(&mut self, playing: &mut Media, mut next: Option<&mut Media>) {
        self.speak(playing, next.as_deref_mut());
        if let Some(next) = next {
            next.hear(&mut self.heard);
            next.packets(|_, _, _| ());
        }
        playing.hear(&mut self.heard);
        self.keep();
        self.keep_packets(playing);
    }

    fn speak(&mut self, playing: &mut Media, next: Option<&mut Media>) {
        let ready_made = self.mixer.packet();
        let sent = |media: &mut Media| ready_made.is_some_and(|packet| media.send_packet(packet));
        // A far end that takes no Opus gets what the packet holds.
        let by_packet = sent(playing);
        let next = next.map(|next| (sent(next), next));
        let wanted = !by_packet || next.as_ref().is_some_and(|(sent, _)| !sent) || self.recorder.is_on();
        let played = if wanted {
            self.mixer.read(&mut self.sent)
        } else {
            self.mixer.skip()
        };
        if !by_packet {
            playing.send(&self.sent);
        }
        if let Some((false, next)) = next {
            next.send(&self.sent);
        }
        self.played(played);
    }

    fn played(&mut self, played: Played) {
        match played {
            Played::Full | Played::Underrun | Played::End => {}
            Played::Failed(fault) if !std::mem::replace(&mut self.broken, true) => {
                self.news.push(News::Failed(AudioError::Source(fault)));
            }
            Played::Failed(_) => {}
        }
        while let Some(ended) = self.mixer.take_ended() {
            self.news.push(match ended.played {
                Played::Failed(fault) => News::Failed(AudioError::Prompt(fault)),
                Played::Full | Played::Underrun | Played::End => News::PromptEnded(ended.id),
            });
            self.news.push(News::Leftover(Leftover::Source(ended.source)));
        }
    }

    /// Keeps the 20 ms that were just sent and heard.
    fn keep(&mut self) {
        let written = self.sink.as_mut().map_or(Ok(()), |sink| sink.write(&self.heard));
        if let Err(error) = written {
            self.news.push(News::Failed(AudioError::Sink(error)));
            self.news
                .extend(self.sink.take().map(Leftover::Sink).map(News::Leftover));
        }
        if let Recorder::On(recording) = &mut self.recorder {
            if self.muted {
                self.sent.fill(0);
            }
            recording.write(&self.sent, &self.heard);
            if recording.is_broken() {
                // Why, it says when it is closed.
                self.news.extend(self.recorder.stop().map(News::Leftover));
            }
        }
    }

    fn keep_packets(&mut self, playing: &mut Media) {
        let Some(sink) = &mut self.packets else { return };
        let mut written = Ok(());
        playing.packets(|codec, timestamp, packet| {
            if codec == Codec::Opus && written.is_ok() {
                written = sink.write(timestamp, packet);
            }
        });
        if let Err(error) = written {
            self.news.push(News::Failed(AudioError::Sink(error)));
            self.news
                .extend(self.packets.take().map(Leftover::Packets).map(News::Leftover));
        }
    }

    /// Plays another source from the next frame on.
    pub(super) fn set_source(&mut self, source: Box<dyn Source>) {
        self.broken = false;
        let former = self.mixer.set_base(self.voices.source(source));
        self.news.push(News::Leftover(Leftover::Source(former)));
    }

    /// Is heard by another sink from the next frame on.
    pub(super) fn set_sink(&mut self, sink: Box<dyn Sink>) {
        let former = self.sink.replace(self.voices.sink(sink));
        self.news.extend(former.map(Leftover::Sink).map(News::Leftover));
    }

    /// Plays a prompt over the source from the next frame on.
    pub(super) fn play_prompt(&mut self, prompt: Box<dyn Source>) -> Result<PromptId, MixerFull> {
        self.mixer.play(prompt)
    }

    /// Whether it played.
    pub(super) fn stop_prompt(&mut self, prompt: PromptId) -> bool {
        let stopped = self.mixer.stop(prompt);
        let played = stopped.is_some();
        self.news.extend(stopped.map(Leftover::Source).map(News::Leftover));
        played
    }

    /// All that is to be closed at the end; nothing where nothing has to be waited for.
    pub(super) fn close(&mut self) -> Vec<Leftover> {
        let recording = self.recorder.stop();
        let sink = self.sink.take().map(Leftover::Sink);
        let packets = self.packets.take().map(Leftover::Packets);
        recording.into_iter().chain(sink).chain(packets).collect()
    }
}

impl Recorder {
    pub(super) fn is_on(&self) -> bool {
        match self {
            Self::On(_) => true,
            Self::Off | Self::Starting => false,
        }
    }

    /// The recording, to be completed.
    pub(super) fn stop(&mut self) -> Option<Leftover> {
        match std::mem::replace(self, Self::Off) {
            Self::On(recording) => Some(Leftover::Recording(recording)),
            Self::Off | Self::Starting => None,
        }
    }
}

impl Leftover {
    /// Closes it; waits, so it is called off the media threads.
    pub(super) fn close(self) -> Result<(), AudioError> {
        match self {
            Self::Source(source) => {
                drop(source);
                Ok(())
            }
            Self::Sink(sink) => Ok(sink.finish()?),
            Self::Packets(sink) => Ok(sink.finish()?),
            Self::Recording(recording) => Ok(recording.finish().map(drop)?),
        }
    }
}

impl Media {
    /// Whether the far end takes the packet.
    fn send_packet(&mut self, packet: &[u8]) -> bool {
        self.call.send_opus(clock::now(), packet).is_ok()
    }

    /// Gives the packets that came in, when they are not decoded.
    fn packets(&mut self, mut take: impl FnMut(Codec, u32, &[u8])) {
        let now = clock::now();
        while let Some(packet) = self.call.receive_opus(now) {
            take(packet.codec, packet.timestamp, packet.payload);
        }
    }
}
