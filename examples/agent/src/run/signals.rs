//! SIGINT and SIGTERM, on a thread of their own: a program that does not read what we write holds up everything else here.

use std::{io, process, sync::mpsc, thread, time::Duration};

use offhook::Client;
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::sleep,
};

/// How long the program has to notice a signal, and to write its last lines once the client has closed.
const PATIENCE: Duration = Duration::from_secs(1);

/// The signals that came.
pub struct Signals {
    count: watch::Receiver<u64>,
    heard: u64,
}

impl Signals {
    /// Watches from now on. A second signal ends the program at once. After the first one the calls end, and the program too,
    /// even if it is held up.
    pub fn watch(client: Client) -> io::Result<Self> {
        let (told, count) = watch::channel(0);
        let (ready, started) = mpsc::sync_channel(1);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || {
            runtime.block_on(async move {
                match Both::new() {
                    Ok(signals) => {
                        drop(ready.send(Ok(())));
                        signals.obey(&client, &told).await;
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
        });
        started.recv().map_err(io::Error::other)??;
        Ok(Self { count, heard: 0 })
    }

    /// Waits for a signal that has not been heard yet.
    pub async fn next(&mut self) {
        let heard = self.heard;
        if let Ok(count) = self.count.wait_for(|count| *count > heard).await {
            self.heard = *count;
        }
    }
}

struct Both {
    interrupt: Signal,
    terminate: Signal,
}

impl Both {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    async fn obey(mut self, client: &Client, told: &watch::Sender<u64>) {
        self.any().await;
        told.send_replace(1);
        let closing = async {
            sleep(PATIENCE).await;
            client.shutdown().await;
            sleep(PATIENCE).await;
        };
        tokio::select! {
            () = self.any() => process::exit(1),
            () = closing => process::exit(0),
        }
    }
}
