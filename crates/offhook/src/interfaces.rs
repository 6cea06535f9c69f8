//! Notices that the network interfaces change.

use std::{rc::Rc, time::Duration};

use futures_util::StreamExt;
use if_watch::tokio::IfWatcher;
use tokio::{
    sync::{Notify, watch},
    task,
    time::sleep,
};

/// Changes come in bursts: an address goes, another one comes.
const BURST: Duration = Duration::from_millis(250);

/// How often the interfaces have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Changes(u64);

/// The changes of the machine's interfaces, noticed from the first time on that somebody watches.
pub(crate) struct Interfaces {
    changes: watch::Sender<Changes>,
    watched: Rc<Notify>,
}

impl Interfaces {
    pub(crate) fn start() -> Self {
        let interfaces = Self {
            changes: watch::Sender::new(Changes::default()),
            watched: Rc::new(Notify::new()),
        };
        let (changes, watched) = (interfaces.changes.clone(), interfaces.watched.clone());
        task::spawn_local(async move {
            watched.notified().await;
            let mut watcher = match IfWatcher::new() {
                Ok(watcher) => watcher,
                Err(error) => return tracing::warn!(%error, "changes of the network interfaces go unnoticed"),
            };
            while let Some(event) = watcher.next().await {
                if let Err(error) = event {
                    return tracing::warn!(%error, "changes of the network interfaces go unnoticed from now on");
                }
                sleep(BURST).await;
                changes.send_modify(|Changes(count)| *count += 1);
            }
        });
        interfaces
    }

    /// The changes from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<Changes> {
        let receiver = self.changes.subscribe();
        self.watched.notify_one();
        receiver
    }
}
