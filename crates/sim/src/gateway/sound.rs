//! What one call plays, hears, keeps and records.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use offhook_audio::measure::level_dbov;
use offhook_audio::ogg_opus::{OpusPackets, PacketClip};
use offhook_audio::{Played, Recording, SILENT_FRAME, Silence, Source};
use offhook_media::{Frame, Statistics};

use super::voices::{self, Party, Voice};
use crate::call_state::KeptAudio;
use crate::conversation::Participation;

/// Above this level a frame counts as audio rather than silence.
const AUDIBLE_DBOV: f32 = -60.0;

pub(super) struct Sound {
    /// What the client hears.
    source: Box<dyn Source>,
    /// What the client hears instead.
    ready_made: Option<PacketClip>,
    /// The party beyond the gateway that the call is with, if it is with one.
    party: Option<Arc<Party>>,
    muted: bool,
    participation: Participation,
    kept: Arc<Mutex<KeptAudio>>,
    recording: Option<Recording>,
    heard_something: bool,
}

impl Sound {
    /// Nobody is heard at first.
    pub(super) fn new(
        muted: bool,
        kept: Arc<Mutex<KeptAudio>>,
        recording: Option<Recording>,
        party: Option<Arc<Party>>,
        ready_made: Option<Arc<OpusPackets>>,
    ) -> Self {
        Self {
            source: Box::new(Silence),
            ready_made: ready_made.map(PacketClip::repeated),
            party,
            muted,
            participation: Participation::default(),
            kept,
            recording,
            heard_something: false,
        }
    }

    /// That of a session without a call.
    pub(super) fn of_nobody() -> Self {
        Self::new(
            false,
            Arc::new(Mutex::new(KeptAudio::new(Duration::ZERO))),
            None,
            None,
            None,
        )
    }

    /// The next packet to be sent, of a call whose audio is packets; a frame while it is muted or held.
    pub(super) fn next_packet(&mut self) -> Option<&[u8]> {
        if self.muted || self.participation.held {
            return None;
        }
        let packets = self.ready_made.as_mut()?;
        // A packet lives as long as it is the next one, so the former is left first.
        let Played::Full = packets.skip() else { return None };
        packets.packet()
    }

    /// The next frame to be sent. A muted source goes on unheard.
    pub(super) fn next_frame(&mut self) -> Frame {
        let mut frame = SILENT_FRAME;
        match self.source.read(&mut frame) {
            // The source fills up with silence by itself.
            Played::Full | Played::Underrun | Played::End => {}
            Played::Failed(fault) => tracing::debug!(%fault, "the gateway's source is broken"),
        }
        if self.muted || self.participation.held {
            SILENT_FRAME
        } else {
            frame
        }
    }

    /// Takes the frame that was heard while the other one was sent; whether it is the first audio.
    pub(super) fn take(&mut self, played: &Frame, heard: &Frame) -> bool {
        // What the far end of the platform hears of the user.
        let Participation { muted, held } = self.participation;
        let heard = if muted || held { &SILENT_FRAME } else { heard };
        crate::lock(&self.kept).add(played, heard);
        if let Some(recording) = &mut self.recording {
            recording.write(played, heard);
        }
        let first = !self.heard_something && level_dbov(heard) > AUDIBLE_DBOV;
        self.heard_something |= first;
        first
    }

    pub(super) fn set_statistics(&self, statistics: Statistics) {
        crate::lock(&self.kept).statistics = statistics;
    }

    /// Whether that changed anything.
    pub(super) fn set_muted(&mut self, muted: bool) -> bool {
        std::mem::replace(&mut self.muted, muted) != muted
    }

    /// What is done to the user's part from now on; what was done before.
    pub(super) fn participate(&mut self, participation: Participation) -> Participation {
        std::mem::replace(&mut self.participation, participation)
    }

    /// The party beyond the gateway says something else; where there is none, the client hears this and nobody.
    pub(super) fn say(&mut self, source: Box<dyn Source>) {
        match &self.party {
            Some(party) => party.say(source),
            None => self.source = source,
        }
    }

    /// The client hears these from now on.
    pub(super) fn hear(&mut self, voices: &[Voice]) {
        self.source = voices::mix(voices);
    }

    /// Completes the recording, off the runtime's threads since that waits for the disk.
    pub(super) async fn finish(self) {
        let Some(recording) = self.recording else { return };
        match tokio::task::spawn_blocking(move || recording.finish()).await {
            Ok(Ok(recorded)) => {
                tracing::info!(path = %recorded.path.display(), "the gateway's recording is complete");
            }
            Ok(Err(error)) => tracing::warn!(%error, "the gateway's recording is incomplete"),
            Err(error) => tracing::warn!(%error, "the gateway's recording was not completed"),
        }
    }
}
