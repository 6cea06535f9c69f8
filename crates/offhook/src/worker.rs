//! Threads of the engine: each has a single-threaded runtime on which actors live, and clocks that all of them share.

use std::{io, rc::Rc, thread, time::Duration};

use actix::{Actor, Addr, Context, dev::channel};
use tokio::{
    runtime::{Builder, Handle, LocalOptions},
    sync::{Notify, mpsc, watch},
    task,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    interfaces::Interfaces,
    suspend::{Suspends, WallClock},
};

/// The public audio frame.
const FRAME: Duration = Duration::from_millis(20);

/// actix asks for a bound; it holds for awaited sends only, and here messages are told, never awaited.
const MAILBOX: usize = 16;

type Job = Box<dyn FnOnce(&Clocks) + Send>;

/// What the actors of one thread share.
pub(crate) struct Clocks {
    pub(crate) frames: FrameClock,
    pub(crate) suspends: Suspends,
    pub(crate) interfaces: Interfaces,
}

/// A handle to a thread; the thread ends when the last one is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    jobs: mpsc::UnboundedSender<Job>,
    runtime: Handle,
}

impl Worker {
    /// Starts a thread.
    pub(crate) fn start(name: String, wall: WallClock) -> io::Result<Self> {
        let (jobs, queue) = mpsc::unbounded_channel();
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        thread::Builder::new()
            .name(name)
            .spawn(move || run(queue, wall, &ready))?;
        let runtime = started.recv().map_err(io::Error::other)??;
        Ok(Self { jobs, runtime })
    }

    /// Makes an actor live on this thread; messages may be sent to it at once.
    pub(crate) fn spawn<A>(&self, make: impl FnOnce(&Clocks, &mut Context<A>) -> A + Send + 'static) -> Addr<A>
    where
        A: Actor<Context = Context<A>>,
    {
        let (sender, receiver) = channel::channel(MAILBOX);
        let job: Job = Box::new(move |clocks| {
            let mut context = Context::with_receiver(receiver);
            let actor = make(clocks, &mut context);
            context.run(actor);
        });
        // The queue is open as long as this handle exists; a thread that is gone drops the job, and what it holds tells.
        drop(self.jobs.send(job));
        Addr::new(sender)
    }

    /// How many tasks live on the thread.
    pub(crate) fn tasks(&self) -> usize {
        self.runtime.metrics().num_alive_tasks()
    }
}

/// The thread's life: jobs are taken until no handle is left, then all its tasks are dropped.
fn run(
    mut queue: mpsc::UnboundedReceiver<Job>,
    wall: WallClock,
    ready: &std::sync::mpsc::SyncSender<io::Result<Handle>>,
) {
    let runtime = match Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
    {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error))),
    };
    drop(ready.send(Ok(runtime.handle().clone())));
    runtime.block_on(async move {
        let clocks = Rc::new(Clocks {
            frames: FrameClock::start(),
            suspends: Suspends::start(wall),
            interfaces: Interfaces::start(),
        });
        while let Some(job) = queue.recv().await {
            let clocks = clocks.clone();
            // A task of its own, so that a panic in it ends neither the thread nor the other calls.
            task::spawn_local(async move { job(&clocks) });
        }
    });
}

/// The beat of all calls of one thread: a counter that rises every 20 ms while somebody watches it.
pub(crate) struct FrameClock {
    counter: watch::Sender<u64>,
    watched: Rc<Notify>,
}

impl FrameClock {
    /// The counter, now and as it rises.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        let receiver = self.counter.subscribe();
        self.watched.notify_one();
        receiver
    }

    fn start() -> Self {
        let clock = Self {
            counter: watch::Sender::new(0),
            watched: Rc::new(Notify::new()),
        };
        let (counter, watched) = (clock.counter.clone(), clock.watched.clone());
        task::spawn_local(async move {
            let start = Instant::now();
            let mut beats = interval(FRAME);
            beats.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                if counter.receiver_count() == 0 {
                    watched.notified().await;
                }
                beats.tick().await;
                // Counted by the time that has passed: a thread that was held up catches up at one beat.
                let count = start.elapsed().as_nanos() / FRAME.as_nanos();
                counter.send_replace(u64::try_from(count).unwrap_or(u64::MAX));
            }
        });
        clock
    }
}
