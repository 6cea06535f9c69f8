//! Notices that the network interfaces change.

use std::{net::IpAddr, rc::Rc, time::Duration};

use futures_util::{FutureExt, StreamExt};
use if_addrs::get_if_addrs;
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

/// Whether this is an address of the machine, now. If that cannot be told, it is.
pub(crate) fn have(address: IpAddr) -> bool {
    match get_if_addrs() {
        Ok(interfaces) => interfaces.iter().any(|interface| interface.ip() == address),
        Err(error) => {
            tracing::warn!(%error, "the network interfaces cannot be listed");
            true
        }
    }
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
                while let Some(Some(Ok(_))) = watcher.next().now_or_never() {}
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn the_addresses_of_the_machine_are_told_from_others() {
        assert!(have(Ipv4Addr::LOCALHOST.into()));
        // Of a range for documentation (RFC 5737).
        assert!(!have(Ipv4Addr::new(192, 0, 2, 1).into()));
    }
}
