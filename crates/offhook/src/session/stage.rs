//! The media of a session: those that play, and those that are to take over from them.

use offhook_jingle::Generation;
use offhook_media::{self as media, Call, SocketId};

use super::sockets::Sockets;
use crate::clock;

/// How many packets of new media are enough to go over to them: their playout has begun by then.
const PACKETS_ENOUGH: u64 = 3;
/// How many frames new media that are connected may be silent before they take over all the same: one second.
const SILENT_FRAMES: u32 = 50;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Those that play, or the first that come up.
    Current,
    /// Those that are to take over once they carry audio.
    Next,
}

/// Media of one peer connection.
pub(super) struct Media {
    pub(super) generation: Generation,
    pub(super) call: Call,
    pub(super) sockets: Sockets,
    pub(super) flow: Flow,
    /// How many frames went round.
    frames: u32,
}

/// Whether frames go round.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Not yet: ICE and DTLS are coming up.
    Connecting,
    /// Since media were connected, also through an interruption.
    Up,
    /// No more: they failed. Others may still replace them.
    Down,
    /// No more: we hung up, and the far end is being told.
    Over,
}

/// A datagram waits on a socket of one of the session's media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    /// Counts the media of the session.
    pub(super) media: u64,
    pub(super) socket: SocketId,
}

impl Media {
    /// `number` counts the media of the session; `marked` is whether their datagrams are.
    pub(super) fn new(number: u64, generation: Generation, call: Call, marked: bool) -> Self {
        Self {
            generation,
            call,
            sockets: Sockets::of(number, marked),
            flow: Flow::Connecting,
            frames: 0,
        }
    }

    /// A frame goes out.
    pub(super) fn send(&mut self, frame: &media::Frame) {
        self.call.push_pcm(clock::now(), frame);
    }

    /// A frame comes in.
    pub(super) fn hear(&mut self, frame: &mut media::Frame) {
        self.frames = self.frames.saturating_add(1);
        self.call.pull_pcm(clock::now(), frame);
    }

    /// Whether they carry audio, or would if there were any.
    pub(super) fn carry_audio(&self) -> bool {
        self.flow == Flow::Up
            && (self.call.statistics().packets_received >= PACKETS_ENOUGH || self.frames >= SILENT_FRAMES)
    }

    /// Says goodbye to the far end's media, which may be all that it hears of us when signalling is down.
    pub(super) fn close(&mut self) {
        self.call.close(clock::now());
        loop {
            match self.call.poll_output() {
                media::Output::Transmit {
                    socket,
                    destination,
                    payload,
                } => {
                    self.sockets.send(socket, destination, payload.as_ref());
                }
                media::Output::Event(_)
                | media::Output::Open { .. }
                | media::Output::Resolve { .. }
                | media::Output::Connect { .. }
                | media::Output::Close { .. } => {}
                media::Output::Timeout(_) => return,
            }
        }
    }
}
