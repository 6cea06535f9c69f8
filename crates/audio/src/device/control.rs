//! What is shared between a device's keeper, its callbacks, its call and the application.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::measure::{SILENCE_DBOV, level_dbov};
use crate::{Frame, clock::ClockFigures};

/// How a device is looked at and muted while a call uses it. It may be kept and asked by any thread, also after the device is closed.
#[derive(Debug, Clone)]
pub struct DeviceControl(pub(super) Arc<Watch>);

/// Nobody locks anything.
#[derive(Debug)]
pub(super) struct Watch {
    /// The clock of this device's marks begins here.
    epoch: Instant,
    /// The call needs the device no longer.
    closed: AtomicBool,
    /// The stream that is open is broken.
    pub(super) failed: AtomicBool,
    /// Errors since the last callback that went well.
    pub(super) errors: AtomicU64,
    /// Callbacks so far.
    pub(super) beats: AtomicU64,
    pub(super) open: AtomicBool,
    pub(super) openings: AtomicU64,
    pub(super) xruns: AtomicU64,
    muted: AtomicBool,
    /// The bits of an `f32`.
    level: AtomicU32,
    underruns: AtomicU64,
    overruns: AtomicU64,
    /// The bits of an `f64`.
    ppm: AtomicU64,
    pub(super) keeper: OnceLock<Thread>,
}

impl Watch {
    pub(super) fn shared() -> Arc<Self> {
        Arc::new(Self {
            epoch: Instant::now(),
            closed: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            errors: AtomicU64::new(0),
            beats: AtomicU64::new(0),
            open: AtomicBool::new(false),
            openings: AtomicU64::new(0),
            xruns: AtomicU64::new(0),
            muted: AtomicBool::new(false),
            level: AtomicU32::new(SILENCE_DBOV.to_bits()),
            underruns: AtomicU64::new(0),
            overruns: AtomicU64::new(0),
            ppm: AtomicU64::new(0),
            keeper: OnceLock::new(),
        })
    }

    /// What the time is for this device.
    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Relaxed);
        self.wake();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// The stream has given or taken a block.
    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Relaxed);
        self.errors.store(0, Relaxed);
    }

    /// The stream says that it has a problem.
    pub(super) fn trouble(&self, error: &cpal::Error) {
        let lasts = match error.kind() {
            cpal::ErrorKind::Xrun => {
                self.xruns.fetch_add(1, Relaxed);
                false
            }
            // It goes on as it is.
            cpal::ErrorKind::RealtimeDenied | cpal::ErrorKind::DeviceChanged => false,
            cpal::ErrorKind::DeviceNotAvailable
            | cpal::ErrorKind::HostUnavailable
            | cpal::ErrorKind::StreamInvalidated => true,
            // There are more kinds than are known here. Some pass: the keeper looks whether audio goes on.
            _ => {
                self.errors.fetch_add(1, Relaxed);
                false
            }
        };
        if lasts && !self.failed.swap(true, Relaxed) {
            tracing::warn!(%error, kind = ?error.kind(), "a sound device failed");
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(keeper) = self.keeper.get() {
            keeper.unpark();
        }
    }

    /// Notes how loud the frame is, and silences it when the device is muted.
    pub(super) fn passes(&self, frame: &mut Frame) {
        self.loud(frame);
        if self.muted.load(Relaxed) {
            frame.fill(0);
        }
    }

    pub(super) fn loud(&self, frame: &Frame) {
        self.level.store(level_dbov(frame).to_bits(), Relaxed);
    }

    pub(super) fn is_muted(&self) -> bool {
        self.muted.load(Relaxed)
    }

    /// What there was before the stream of now, and what it adds.
    pub(super) fn figures(&self, before: ClockFigures, now: ClockFigures) {
        self.underruns.store(before.underruns + now.underruns, Relaxed);
        self.overruns.store(before.overruns + now.overruns, Relaxed);
        self.ppm.store(now.device_ppm.to_bits(), Relaxed);
    }
}

impl DeviceControl {
    /// Gives or plays silence, while the device stays open and goes on with what it does.
    pub fn set_muted(&self, muted: bool) {
        self.0.muted.store(muted, Relaxed);
    }

    /// Whether it is muted.
    #[must_use]
    pub fn is_muted(&self) -> bool {
        self.0.is_muted()
    }

    /// How loud the last 20 ms were, in dBov ([`level_dbov`]); of a microphone also when it is muted.
    #[must_use]
    pub fn level_dbov(&self) -> f32 {
        f32::from_bits(self.0.level.load(Relaxed))
    }

    /// Whether the device is there and works.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.open.load(Relaxed)
    }

    /// How often the device was opened: once, and once more each time it came back or became another one.
    #[must_use]
    pub fn openings(&self) -> u64 {
        self.0.openings.load(Relaxed)
    }

    /// How often the device itself told that it had nothing to play, or no room for what it captured.
    #[must_use]
    pub fn xruns(&self) -> u64 {
        self.0.xruns.load(Relaxed)
    }

    /// What went wrong between the device's clock and the call's, since the call began to use it. That a device goes is an underrun, too.
    #[must_use]
    pub fn figures(&self) -> ClockFigures {
        ClockFigures {
            underruns: self.0.underruns.load(Relaxed),
            overruns: self.0.overruns.load(Relaxed),
            device_ppm: f64::from_bits(self.0.ppm.load(Relaxed)),
        }
    }
}
