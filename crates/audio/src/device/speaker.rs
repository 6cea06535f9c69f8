//! A loudspeaker as a sink.

use std::time::{Duration, Instant};
use std::{io, thread};

use super::keeper::Lease;
use super::{DeviceControl, DeviceOptions, Direction, stream};
use crate::clock::{ClockFigures, Outflow, playback};
use crate::{Frame, SILENT_FRAME, Sink, SinkError};

/// How long a loudspeaker that is finished is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a loudspeaker, or a pair of headphones, plays. It is closed when this is dropped.
///
/// It never fails: while the device is not there, what is written is lost.
pub struct Speaker {
    lease: Lease<Outflow>,
    outflow: Option<Outflow>,
    /// Of the streams before this one.
    before: ClockFigures,
}

impl Speaker {
    /// Has the loudspeaker opened, by a thread; does not wait for it.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn open(options: DeviceOptions) -> io::Result<Self> {
        let reserve = options.reserve;
        let lease = Lease::take(Direction::Speaker, options, move |chosen, watch| {
            let (outflow, drain) = playback(chosen.config.sample_rate, reserve).map_err(|_| stream::UNUSABLE_RATE)?;
            Ok((stream::playback(chosen, watch, drain)?, outflow))
        })?;
        Ok(Self {
            lease,
            outflow: None,
            before: ClockFigures::default(),
        })
    }

    /// By which it is muted and looked at.
    #[must_use]
    pub fn control(&self) -> DeviceControl {
        DeviceControl(self.lease.watch.clone())
    }

    fn renew(&mut self) {
        let now = self.outflow.as_ref().map(Outflow::figures).unwrap_or_default();
        if self.lease.renew(&mut self.outflow).is_some() {
            self.before.underruns += now.underruns;
            self.before.overruns += now.overruns;
        }
    }
}

impl Sink for Speaker {
    fn write(&mut self, frame: &Frame) -> Result<(), SinkError> {
        self.renew();
        let watch = &self.lease.watch;
        watch.loud(frame);
        if let Some(outflow) = &mut self.outflow {
            outflow.write(if watch.is_muted() { &SILENT_FRAME } else { frame }, watch.now());
            watch.figures(self.before, outflow.figures());
        }
        Ok(())
    }

    /// Plays what is still held back, for half a second at most.
    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        let Some(outflow) = &self.outflow else { return Ok(()) };
        let until = Instant::now() + PATIENCE;
        while outflow.waiting() > Duration::ZERO && !outflow.is_abandoned() && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Speaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Speaker")
            .field("outflow", &self.outflow)
            .finish_non_exhaustive()
    }
}
