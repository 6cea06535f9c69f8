//! The connected clients, and the way from one stanza's sender to its receivers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jid::{FullJid, Jid};
use minidom::Element;
use tokio::sync::{mpsc, watch};

use crate::config::GATEWAY;
use crate::gateway;
use crate::inner::Inner;
use crate::stanza::{self, is_request};

/// How many stanzas may wait for one client; one that does not read is dropped.
pub(crate) const WAITING_STANZAS: usize = 1_024;

/// What the task of a WebSocket is told from outside.
#[derive(Debug)]
pub(crate) enum ToSocket {
    /// Send this stanza.
    Deliver(Element),
    /// Close the stream with this error.
    Fail(&'static str),
    /// Drop the connection without a word.
    Drop,
}

struct Client {
    socket: u64,
    user: String,
    ready: bool,
    sender: mpsc::Sender<ToSocket>,
}

/// The connected clients by their full addresses.
pub(crate) struct Hub {
    clients: Mutex<HashMap<FullJid, Client>>,
    changed: watch::Sender<()>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self {
            clients: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// Registers a bound client. One that holds the address already is closed with a conflict
    /// (RFC 6120 section 7.7.2.2).
    pub(crate) fn bind(
        inner: &Arc<Inner>,
        jid: &FullJid,
        user: &str,
        socket: u64,
        sender: mpsc::Sender<ToSocket>,
    ) -> Registration {
        let client = Client {
            socket,
            user: user.to_owned(),
            ready: false,
            sender,
        };
        let old = crate::lock(&inner.hub.clients).insert(jid.clone(), client);
        if let Some(old) = old {
            let _ = old.sender.try_send(ToSocket::Fail("conflict"));
        }
        Registration {
            inner: Arc::clone(inner),
            jid: jid.clone(),
            socket,
        }
    }

    pub(crate) fn ready(&self, jid: &FullJid, socket: u64) {
        if let Some(client) = crate::lock(&self.clients).get_mut(jid)
            && client.socket == socket
        {
            client.ready = true;
        }
        self.changed.send_replace(());
    }

    /// The connected clients of this user, the oldest connection first.
    pub(crate) fn connected(&self, user: &str) -> Vec<FullJid> {
        let clients = crate::lock(&self.clients);
        let mut connected: Vec<_> = clients
            .iter()
            .filter(|(_, client)| client.ready && client.user == user)
            .map(|(jid, client)| (client.socket, jid.clone()))
            .collect();
        connected.sort_by_key(|(socket, _)| *socket);
        connected.into_iter().map(|(_, jid)| jid).collect()
    }

    pub(crate) async fn wait_connected(&self, user: &str) -> FullJid {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(jid) = self.connected(user).pop() {
                return jid;
            }
            // Cannot fail while `self` holds the sender.
            let _ = changed.changed().await;
        }
    }

    pub(crate) fn drop_streams(&self) {
        for client in crate::lock(&self.clients).values() {
            let _ = client.sender.try_send(ToSocket::Drop);
        }
    }

    /// Delivers to one client; whether it is there.
    pub(crate) fn deliver(&self, to: &FullJid, mut stanza: Element) -> bool {
        if stanza.attr("to").is_none() {
            stanza::set(&mut stanza, "to", to.as_str());
        }
        let mut clients = crate::lock(&self.clients);
        let Some(client) = clients.get(to) else { return false };
        match client.sender.try_send(ToSocket::Deliver(stanza)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                tracing::warn!(client = %to, "the client does not read; its connection is given up");
                // The socket's task sees that its queue has no sender left.
                clients.remove(to);
                false
            }
        }
    }

    /// Delivers to all clients of an account.
    pub(crate) fn deliver_to_account(&self, account: &jid::BareJid, stanza: &Element) {
        let resources: Vec<FullJid> = {
            let clients = crate::lock(&self.clients);
            clients
                .keys()
                .filter(|jid| jid.to_bare() == *account)
                .cloned()
                .collect()
        };
        for jid in resources {
            self.deliver(&jid, stanza.clone());
        }
    }
}

/// Takes a stanza of a client to where it belongs: the gateway, the clients of the own account, or
/// back as an error.
pub(crate) fn route(inner: &Arc<Inner>, from: &FullJid, to: &Jid, stanza: Element) {
    if to.domain().as_str() == GATEWAY {
        return gateway::deliver(inner, from, to, stanza);
    }
    if to.to_bare() == from.to_bare() {
        match to.try_as_full() {
            // RFC 6121 section 8.5.2: all resources get a message to the bare address, its sender
            // among them.
            Err(bare) => return inner.hub.deliver_to_account(bare, &stanza),
            Ok(full) => {
                if inner.hub.deliver(full, stanza.clone()) {
                    return;
                }
            }
        }
    }
    if is_request(&stanza) {
        inner
            .hub
            .deliver(from, stanza::error(&stanza, "cancel", "service-unavailable"));
    }
}

/// A client's place in the hub; dropping it frees the place.
pub(crate) struct Registration {
    inner: Arc<Inner>,
    jid: FullJid,
    socket: u64,
}

impl Registration {
    pub(crate) fn jid(&self) -> &FullJid {
        &self.jid
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut clients = crate::lock(&self.inner.hub.clients);
        if clients
            .get(&self.jid)
            .is_some_and(|client| client.socket == self.socket)
        {
            clients.remove(&self.jid);
        }
        drop(clients);
        self.inner.hub.changed.send_replace(());
    }
}
