//! Calls between two users: each hears what is heard of the other.

use std::sync::{Arc, Mutex};

use offhook_audio::{Frame, Played, SILENT_FRAME, Source};
use offhook_jingle::Reason;

use super::{CallError, CallRequest, start};
use crate::call_state::{CallHandle, KeptAudio};
use crate::gauge::{Counted, Kind};
use crate::inner::Inner;
use crate::play::Play;

/// Frames by which one hears the other later, so that there always is one.
const BEHIND: u64 = 2;
/// Frames by which nobody is later.
const FAR_BEHIND: u64 = 10;

/// What is heard of another call's client, as it is heard.
pub(crate) struct Overheard {
    audio: Arc<Mutex<KeptAudio>>,
    /// Counts the frames that were taken or left out; none before the first was heard.
    next: Option<u64>,
}

impl Overheard {
    pub(crate) fn new(call: &CallHandle) -> Self {
        Self {
            audio: Arc::clone(&call.audio),
            next: None,
        }
    }
}

impl Source for Overheard {
    fn read(&mut self, frame: &mut Frame) -> Played {
        *frame = SILENT_FRAME;
        let audio = crate::lock(&self.audio);
        let heard = audio.frames();
        let next = match self.next {
            Some(next) if heard <= next + FAR_BEHIND => next,
            Some(_) | None => heard.saturating_sub(BEHIND),
        };
        if audio.frame(next, frame) {
            self.next = Some(next + 1);
        }
        Played::Full
    }
}

/// Calls one user with what the other says, and the other likewise. When one hangs up, so does the gateway with the other.
pub(crate) fn connect(inner: &Arc<Inner>, caller: CallRequest, callee: CallRequest) -> Result<(), CallError> {
    let first = start(inner, caller)?;
    let callee = CallRequest {
        play: Some(Play::Heard(first.clone())),
        ..callee
    };
    let second = match start(inner, callee) {
        Ok(second) => second,
        Err(error) => {
            first.hang_up(Reason::Gone);
            return Err(error);
        }
    };
    first.play(Play::Heard(second.clone()));
    tokio::spawn(end_together(first, second, inner.gauge.count(Kind::Task)));
    Ok(())
}

async fn end_together(first: CallHandle, second: CallHandle, task: Counted) {
    tokio::select! {
        _ = first.ended() => second.hang_up(Reason::Success),
        _ = second.ended() => first.hang_up(Reason::Success),
    }
    tokio::join!(first.ended(), second.ended());
    drop(task);
}
