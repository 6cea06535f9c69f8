//! A microphone as a source.

use std::io;

use super::keeper::Lease;
use super::{DeviceControl, DeviceOptions, Direction, stream};
use crate::clock::{ClockFigures, Intake, capture};
use crate::{Frame, Played, Source};

/// What a microphone hears, from the moment it is opened. It is closed when this is dropped.
///
/// It never ends and never fails: while the device is not there, it is silent ([`Played::Underrun`]).
pub struct Microphone {
    lease: Lease<Intake>,
    intake: Option<Intake>,
    /// Of the streams before this one.
    before: ClockFigures,
}

impl Microphone {
    /// Has the microphone opened, by a thread; does not wait for it.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn open(options: DeviceOptions) -> io::Result<Self> {
        let reserve = options.reserve;
        let lease = Lease::take(Direction::Microphone, options, move |chosen, watch| {
            let (feed, intake) = capture(chosen.config.sample_rate, reserve).map_err(|_| stream::UNUSABLE_RATE)?;
            Ok((stream::capture(chosen, watch, feed)?, intake))
        })?;
        Ok(Self {
            lease,
            intake: None,
            before: ClockFigures::default(),
        })
    }

    /// By which it is muted and looked at.
    #[must_use]
    pub fn control(&self) -> DeviceControl {
        DeviceControl(self.lease.watch.clone())
    }

    fn renew(&mut self) {
        let now = self.intake.as_ref().map(Intake::figures).unwrap_or_default();
        if self.lease.renew(&mut self.intake).is_some() {
            self.before.underruns += now.underruns;
            self.before.overruns += now.overruns;
        }
    }
}

impl Source for Microphone {
    fn read(&mut self, frame: &mut Frame) -> Played {
        self.renew();
        let watch = &self.lease.watch;
        let Some(intake) = &mut self.intake else {
            frame.fill(0);
            return Played::Underrun;
        };
        let played = intake.read(frame, watch.now());
        watch.figures(self.before, intake.figures());
        watch.passes(frame);
        played
    }
}

impl std::fmt::Debug for Microphone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Microphone")
            .field("intake", &self.intake)
            .finish_non_exhaustive()
    }
}
