//! The thread that opens a device, and opens it again when it is gone or another one.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use std::{io, thread};

use rtrb::{Consumer, Producer, RingBuffer};

use super::list::{default_device, find, id};
use super::{DeviceError, DeviceOptions, Direction, control::Watch, stream};

/// How often it looks after the device.
const ROUND: Duration = Duration::from_millis(100);
/// Between two attempts to open a device.
const AGAIN: Duration = Duration::from_millis(300);
/// How long a stream may do nothing before it counts as dead; at its start, too.
const DEAD: Duration = Duration::from_millis(1500);
/// How long a stream may do nothing but report errors. PulseAudio does so for a moment when a stream begins, and after it ran empty.
const ERRING: Duration = Duration::from_millis(250);
/// How often it asks which device is the default one.
const DEFAULT_ASKED: Duration = Duration::from_secs(1);

/// Streams whose ends are on their way to the call, or back.
const ON_THE_WAY: usize = 4;

/// What a call has of a device: the call's ends of its streams, one after another.
pub(super) struct Lease<E> {
    pub(super) watch: Arc<Watch>,
    fresh: Consumer<E>,
    /// Ends that are given back are dropped on the keeper's thread, not on the call's.
    spent: Producer<E>,
}

impl<E: Send + 'static> Lease<E> {
    /// Has the device opened, by a thread that looks after it until the lease is dropped. `make` makes the two ends of a stream.
    pub(super) fn take(
        direction: Direction,
        options: DeviceOptions,
        make: impl Fn(&stream::Chosen, &Arc<Watch>) -> Result<(cpal::Stream, E), DeviceError> + Send + 'static,
    ) -> io::Result<Self> {
        let watch = Watch::shared();
        let (fresh_in, fresh) = RingBuffer::new(ON_THE_WAY);
        let (spent, spent_out) = RingBuffer::new(ON_THE_WAY);
        let keeper = Keeper {
            watch: Arc::clone(&watch),
            direction,
            options,
            make,
            fresh: fresh_in,
            spent: spent_out,
            told: false,
        };
        let thread = thread::Builder::new()
            .name(format!("audio-{direction}"))
            .spawn(move || keeper.keep())?;
        // Set once, here.
        let _ = watch.keeper.set(thread.thread().clone());
        Ok(Self { watch, fresh, spent })
    }

    /// The end of a new stream, if there is one; the former one is given back.
    pub(super) fn renew(&mut self, current: &mut Option<E>) -> Option<()> {
        let fresh = self.fresh.pop().ok()?;
        if let Some(former) = current.replace(fresh) {
            // If the keeper is gone, it is dropped here.
            let _ = self.spent.push(former);
        }
        Some(())
    }
}

impl<E> Drop for Lease<E> {
    fn drop(&mut self) {
        self.watch.close();
    }
}

struct Keeper<E, M> {
    watch: Arc<Watch>,
    direction: Direction,
    options: DeviceOptions,
    make: M,
    fresh: Producer<E>,
    spent: Consumer<E>,
    /// The present trouble was told.
    told: bool,
}

/// A stream that is open.
struct Open {
    /// Plays until it is dropped.
    _stream: cpal::Stream,
    id: String,
    beats: u64,
    last_beat: Instant,
    default_asked: Instant,
}

impl<E, M> Keeper<E, M>
where
    M: Fn(&stream::Chosen, &Arc<Watch>) -> Result<(cpal::Stream, E), DeviceError>,
{
    fn keep(mut self) {
        let mut open: Option<Open> = None;
        let mut tried: Option<Instant> = None;
        while !self.watch.is_closed() {
            while self.spent.pop().is_ok() {}
            let fault = open.as_mut().and_then(|open| self.fault(open));
            if let Some(fault) = fault {
                tracing::warn!(device = %self.direction, fault, "the sound device is opened anew");
                self.watch.open.store(false, Relaxed);
                open = None;
            }
            // A device that fails as soon as it is opened is not opened without end.
            if open.is_none() && tried.is_none_or(|tried| tried.elapsed() >= AGAIN) {
                tried = Some(Instant::now());
                open = self.open();
            }
            thread::park_timeout(ROUND);
        }
        self.watch.open.store(false, Relaxed);
    }

    fn open(&mut self) -> Option<Open> {
        match self.try_open() {
            Ok(open) => {
                tracing::info!(device = %self.direction, id = open.id, "a sound device is open");
                self.told = false;
                self.watch.openings.fetch_add(1, Relaxed);
                self.watch.open.store(true, Relaxed);
                Some(open)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!(device = %self.direction, %error, "a sound device cannot be opened; it is tried again");
                }
                None
            }
        }
    }

    fn try_open(&mut self) -> Result<Open, DeviceError> {
        let host = cpal::default_host();
        let device = find(&host, self.direction, self.options.name.as_deref())?;
        let id = id(&device);
        let chosen = stream::choose(device, self.direction, &self.options)?;
        self.watch.failed.store(false, Relaxed);
        self.watch.errors.store(0, Relaxed);
        let (stream, end) = (self.make)(&chosen, &self.watch)?;
        // A call that has not looked for so long hears this one later.
        let _ = self.fresh.push(end);
        let now = Instant::now();
        Ok(Open {
            _stream: stream,
            id,
            beats: self.watch.beats.load(Relaxed),
            last_beat: now,
            default_asked: now,
        })
    }

    /// Why the stream has to be replaced.
    fn fault(&self, open: &mut Open) -> Option<&'static str> {
        if self.watch.failed.load(Relaxed) {
            return Some("the device is gone");
        }
        let beats = self.watch.beats.load(Relaxed);
        if std::mem::replace(&mut open.beats, beats) != beats {
            open.last_beat = Instant::now();
        } else if open.last_beat.elapsed() > DEAD {
            return Some("it does nothing any more");
        } else if open.last_beat.elapsed() > ERRING && self.watch.errors.load(Relaxed) > 0 {
            return Some("it has nothing but errors");
        }
        if self.options.name.is_none() && open.default_asked.elapsed() > DEFAULT_ASKED {
            open.default_asked = Instant::now();
            let default = default_device(&cpal::default_host(), self.direction)?;
            if id(&default) != open.id {
                return Some("another device is the default one now");
            }
        }
        None
    }
}
