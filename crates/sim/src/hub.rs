//! The connected clients, and the way from one stanza's sender to its receivers.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use jid::{FullJid, Jid};
use minidom::Element;
use tokio::sync::{mpsc, oneshot, watch};

use crate::channels::Channels;
use crate::config::GATEWAY;
use crate::faults::Cut;
use crate::gateway;
use crate::inner::Inner;
use crate::server::Resumable;
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
    /// Lose the connection in this way.
    Cut(Cut),
    /// Another socket resumes the stream: hand it over, and end.
    HandOver(oneshot::Sender<Resumable>),
}

struct Client {
    socket: u64,
    user: String,
    /// The notification channel of its socket.
    channel: String,
    /// The topics that it subscribed to over its stream.
    topics: BTreeSet<String>,
    ready: bool,
    presence: Presence,
    /// The id by which its stream can be resumed.
    resumption: Option<String>,
    sender: mpsc::Sender<ToSocket>,
}

/// Whether what is sent to a client reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Here,
    /// It does not, and the cloud would not know.
    Stalled,
    /// Its connection is lost, or about to be.
    Gone,
}

/// The connected clients by their full addresses.
pub(crate) struct Hub {
    clients: Mutex<HashMap<FullJid, Client>>,
    /// The sockets that are not bound yet, by their numbers, and their users. What is theirs is
    /// theirs alone: nothing here keeps a queue open.
    opening: Mutex<HashMap<u64, (String, mpsc::WeakSender<ToSocket>)>>,
    changed: watch::Sender<()>,
}

/// A socket that has, or wants, a place in the hub.
pub(crate) struct Place<'a> {
    pub(crate) user: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) socket: u64,
    pub(crate) sender: mpsc::Sender<ToSocket>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self {
            clients: Mutex::default(),
            opening: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// A socket has opened; until it is bound, or gone, it can be cut.
    pub(crate) fn open(&self, place: Place<'_>) {
        let sender = place.sender.downgrade();
        crate::lock(&self.opening).insert(place.socket, (place.user.to_owned(), sender));
    }

    /// A socket is bound, or gone.
    pub(crate) fn opened(&self, socket: u64) {
        crate::lock(&self.opening).remove(&socket);
    }

    /// Registers a bound client. One that holds the address already is closed with a conflict
    /// (RFC 6120 section 7.7.2.2).
    pub(crate) fn bind(inner: &Arc<Inner>, jid: &FullJid, place: Place<'_>) -> Registration {
        let socket = place.socket;
        let client = Client {
            socket,
            user: place.user.to_owned(),
            channel: place.channel.to_owned(),
            topics: BTreeSet::new(),
            ready: false,
            presence: Presence::Here,
            resumption: None,
            sender: place.sender,
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

    /// Gives the place of the client whose stream has this resumption id to another socket of the
    /// same user: the place, and the way to the socket that had it.
    pub(crate) fn take_over(
        inner: &Arc<Inner>,
        resumption: &str,
        place: Place<'_>,
    ) -> Option<(Registration, mpsc::Sender<ToSocket>)> {
        let mut clients = crate::lock(&inner.hub.clients);
        let (jid, client) = clients
            .iter_mut()
            .find(|(_, client)| client.resumption.as_deref() == Some(resumption) && client.user == place.user)?;
        client.socket = place.socket;
        client.channel = place.channel.to_owned();
        client.presence = Presence::Here;
        let old = std::mem::replace(&mut client.sender, place.sender);
        let registration = Registration {
            inner: Arc::clone(inner),
            jid: jid.clone(),
            socket: place.socket,
        };
        drop(clients);
        inner.hub.changed.send_replace(());
        Some((registration, old))
    }

    /// Changes the client of this registration, if it still is there.
    fn change(&self, registration: &Registration, change: impl FnOnce(&mut Client)) {
        if let Some(client) = crate::lock(&self.clients).get_mut(&registration.jid)
            && client.socket == registration.socket
        {
            change(client);
        }
        self.changed.send_replace(());
    }

    /// The connected clients of this user, the oldest connection first.
    pub(crate) fn connected(&self, user: &str) -> Vec<FullJid> {
        self.clients(|client| client.ready && client.presence != Presence::Gone && client.user == user)
    }

    /// All clients that are bound, or those of one user, the oldest connection first.
    pub(crate) fn bound(&self, user: Option<&str>) -> Vec<FullJid> {
        self.clients(|client| user.is_none_or(|user| client.user == user))
    }

    /// The clients, of one user if it is given, that are subscribed to this topic.
    pub(crate) fn subscribed(&self, channels: &Channels, user: Option<&str>, topic: &str) -> Vec<FullJid> {
        self.clients(|client| {
            let asked = user.is_none_or(|user| client.user == user);
            asked && (client.topics.contains(topic) || channels.topics(&client.channel).contains(topic))
        })
    }

    /// The topics of a client: those of its channel, and those of its stream.
    pub(crate) fn topics(&self, channels: &Channels, jid: &FullJid) -> BTreeSet<String> {
        let clients = crate::lock(&self.clients);
        let of_client = clients.get(jid);
        of_client.map_or_else(BTreeSet::new, |client| {
            let mut topics = channels.topics(&client.channel);
            topics.extend(client.topics.iter().cloned());
            topics
        })
    }

    fn clients(&self, wanted: impl Fn(&Client) -> bool) -> Vec<FullJid> {
        let clients = crate::lock(&self.clients);
        let mut found: Vec<_> = clients
            .iter()
            .filter(|(_, client)| wanted(client))
            .map(|(jid, client)| (client.socket, jid.clone()))
            .collect();
        found.sort_by_key(|(socket, _)| *socket);
        found.into_iter().map(|(_, jid)| jid).collect()
    }

    /// Changes whenever a client comes, goes or changes.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
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

    /// Cuts the streams of all clients, or of those of one user, also those that are not bound yet;
    /// how many there are.
    pub(crate) fn cut(&self, user: Option<&str>, cut: &Cut) -> usize {
        let opening = crate::lock(&self.opening);
        let opening = opening
            .values()
            .filter(|(owner, _)| user.is_none_or(|user| owner == user));
        let mut reached = opening
            .filter_map(|(_, sender)| sender.upgrade())
            .filter(|sender| sender.try_send(ToSocket::Cut(cut.clone())).is_ok())
            .count();
        for client in crate::lock(&self.clients).values_mut() {
            let meant = user.is_none_or(|user| client.user == user) && client.presence != Presence::Gone;
            if meant && client.sender.try_send(ToSocket::Cut(cut.clone())).is_ok() {
                client.presence = match cut {
                    Cut::Stall => Presence::Stalled,
                    Cut::Reset | Cut::Fin | Cut::CloseFrame { .. } | Cut::Close | Cut::StreamError { .. } => {
                        Presence::Gone
                    }
                };
                reached += 1;
            }
        }
        reached
    }

    /// Delivers to one client; whether it reaches the client, now or when its stream is resumed.
    pub(crate) fn deliver(&self, to: &FullJid, mut stanza: Element) -> bool {
        if stanza.attr("to").is_none() {
            stanza::set(&mut stanza, "to", to.as_str());
        }
        let mut clients = crate::lock(&self.clients);
        let Some(client) = clients.get(to) else { return false };
        if client.presence != Presence::Here && client.resumption.is_none() {
            return false;
        }
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

/// Takes a stanza of a client to where it belongs: the gateway, clients of the own or another account, or back as an error.
pub(crate) fn route(inner: &Arc<Inner>, from: &FullJid, to: &Jid, stanza: Element) {
    if to.domain().as_str() == GATEWAY {
        return gateway::deliver(inner, from, to, stanza);
    }
    match to.try_as_full() {
        // RFC 6121 section 8.5.2: all resources get a message to the bare address, its sender among them.
        Err(bare) if stanza.name() == "message" => return inner.hub.deliver_to_account(bare, &stanza),
        Err(_) => {}
        Ok(full) => {
            if inner.hub.deliver(full, stanza.clone()) {
                return;
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

    /// The client counts as connected.
    pub(crate) fn ready(&self) {
        self.inner.hub.change(self, |client| client.ready = true);
    }

    /// The client's connection is lost.
    pub(crate) fn gone(&self) {
        self.inner.hub.change(self, |client| client.presence = Presence::Gone);
    }

    /// The client's stream can be resumed by this id.
    pub(crate) fn resumable_by(&self, id: String) {
        self.inner.hub.change(self, |client| client.resumption = Some(id));
    }

    pub(crate) fn subscribe(&self, topic: String) {
        self.inner.hub.change(self, |client| _ = client.topics.insert(topic));
    }

    pub(crate) fn unsubscribe(&self, topic: &str) {
        self.inner.hub.change(self, |client| _ = client.topics.remove(topic));
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut clients = crate::lock(&self.inner.hub.clients);
        let own = |client: &Client| client.socket == self.socket;
        let gone = clients.get(&self.jid).is_some_and(own);
        let gone = gone.then(|| clients.remove(&self.jid)).flatten();
        drop(clients);
        self.inner.hub.changed.send_replace(());
        if let Some(client) = gone {
            let names = [self.jid.as_str(), self.jid.resource().as_str(), &client.channel];
            self.inner.leaders.gone(&self.inner, &client.user, names);
        }
    }
}
