//! The streaming WebSocket (RFC 7395): sockets, queue and clock around a [`server::Stream`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use jid::FullJid;
use minidom::Element;
use tokio::sync::{mpsc, oneshot, watch};

use super::delivery::{Delivery, Travelling};
use super::{refusal, refused_on_request};
use crate::config::User;
use crate::faults::{Cut, Refused};
use crate::gauge::Kind;
use crate::hub::{self, Hub, Place, Registration, ToSocket, WAITING_STANZAS};
use crate::inner::Inner;
use crate::record::{Direction, What};
use crate::server::{self, Event, Input, Output, Resumable, StreamConfig};
use crate::summary::Summariser;
use crate::wire::Fate;

/// The WebSocket subprotocol (RFC 7395 section 3.1).
const XMPP: &str = "xmpp";

/// How long a client may leave a frame unread before its connection is given up.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// How long a client has for its part of the closing handshake.
const CLOSE_LIMIT: Duration = Duration::from_millis(250);

/// How long the socket that had a stream may take to hand it over.
const HAND_OVER_LIMIT: Duration = Duration::from_secs(1);

/// A message is refused by the stream above 1 MiB; this only bounds the memory.
const LONGEST_MESSAGE: usize = 2 * 1024 * 1024;

pub(super) fn router() -> Router<Arc<Inner>> {
    Router::new().route("/stream/channels/{channel}", get(open))
}

async fn open(
    State(inner): State<Arc<Inner>>,
    ConnectInfo(fate): ConnectInfo<Fate>,
    Path(channel): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Some(refused) = inner.faults.refuse_upgrade(Instant::now()) {
        if let Refused::Status { status, .. } = refused {
            inner.recorder.add(Direction::ToClient, What::UpgradeRefused { status });
        }
        return refused_on_request(&inner, &fate, &format!("/stream/channels/{channel}"), refused);
    }
    let Some(user) = inner.user_of_channel(&channel).cloned() else {
        return refusal(StatusCode::NOT_FOUND, "not.found", "There is no such channel.");
    };
    let upgrade = upgrade.protocols([XMPP]).max_message_size(LONGEST_MESSAGE);
    if upgrade.selected_protocol().is_none() {
        let message = "The WebSocket subprotocol xmpp is required.";
        return refusal(StatusCode::BAD_REQUEST, "bad.request", message);
    }
    // Counted before the upgrade, so that nobody sees a moment with neither request nor stream.
    let (stream, task) = (inner.gauge.count(Kind::Stream), inner.gauge.count(Kind::Task));
    upgrade.on_upgrade(move |web_socket| async move {
        let socket = Socket::new(inner, user, channel, fate, web_socket);
        let left = socket.run().await;
        drop(stream);
        if let Some(left) = left {
            left.wait().await;
        }
        drop(task);
    })
}

/// One client's WebSocket.
struct Socket {
    inner: Arc<Inner>,
    number: u64,
    user: User,
    channel: String,
    fate: Fate,
    web_socket: WebSocket,
    stream: server::Stream,
    summariser: Summariser,
    /// The other end of `queue`, until the client binds and the hub takes it: when the hub lets go
    /// of it, the queue ends.
    sender: Option<mpsc::Sender<ToSocket>>,
    queue: mpsc::Receiver<ToSocket>,
    registration: Option<Registration>,
    delivery: Delivery,
    closing: watch::Receiver<bool>,
}

/// What woke the task.
enum Step {
    Received(Option<Result<Message, axum::Error>>),
    Told(Option<ToSocket>),
    Close,
    Timeout,
}

/// How the socket's task ends.
enum End {
    /// The socket is lost; the stream may be resumed over another one.
    Lost(String),
    /// The stream is over, too.
    Over(String),
    /// The stream goes on over another socket.
    HandedOver(oneshot::Sender<Resumable>),
}

impl Socket {
    fn new(inner: Arc<Inner>, user: User, channel: String, fate: Fate, web_socket: WebSocket) -> Self {
        let config = StreamConfig {
            account: user.jid.clone(),
            tokens: inner.tokens(&user),
            ping_every: inner.config.ping_every,
            switchboard: inner.switchboard.clone(),
            resumable: inner.config.stream_management,
            fault: inner.faults.take_stream(),
        };
        let (sender, queue) = mpsc::channel(WAITING_STANZAS);
        let it = Self {
            number: inner.sockets.next(),
            user,
            channel,
            fate,
            web_socket,
            stream: server::Stream::new(config, inner.draw_seed(), Instant::now()),
            summariser: Summariser::default(),
            sender: Some(sender.clone()),
            queue,
            registration: None,
            delivery: Delivery::default(),
            closing: inner.closing.subscribe(),
            inner,
        };
        it.inner.hub.open(it.place(sender));
        it
    }

    /// Runs the connection to its end; the stream, if it may be resumed.
    async fn run(mut self) -> Option<Left> {
        let socket = self.number;
        self.inner
            .recorder
            .add(Direction::ToCloud, What::SocketOpened { socket });
        let end = loop {
            let deadline = match self.drain().await {
                Ok(deadline) => deadline,
                Err(end) => break end,
            };
            if self.pass_on(Instant::now()) {
                continue;
            }
            let deadline = self.delivery.next().map_or(deadline, |due| due.min(deadline));
            if let Err(end) = self.step(deadline).await {
                break end;
            }
        };
        let reason = match &end {
            End::Lost(reason) | End::Over(reason) => reason.clone(),
            End::HandedOver(_) => "the stream was resumed elsewhere".to_owned(),
        };
        tracing::debug!(%reason, "a streaming WebSocket ended");
        self.inner.hub.opened(self.number);
        if self.stream.is_resumable() {
            for stanza in std::mem::take(&mut self.delivery).into_stanzas_to_client() {
                keep(&mut self.stream, stanza);
            }
        }
        let left = match (end, self.registration.take()) {
            (End::Lost(_), Some(registration)) if self.stream.is_resumable() => {
                registration.gone();
                let lasts = self.inner.config.stream_management.unwrap_or_default();
                Some(Left {
                    stream: self.stream,
                    queue: self.queue,
                    until: Instant::now() + lasts,
                    closing: self.closing,
                    registration,
                })
            }
            (End::HandedOver(to), _) => {
                hand_over(self.stream, self.queue, to);
                None
            }
            (End::Lost(_) | End::Over(_), _) => None,
        };
        self.inner
            .recorder
            .add(Direction::Inside, What::SocketClosed { socket, reason });
        left
    }

    /// Does what the stream asks for, until it wants to wait.
    async fn drain(&mut self) -> Result<Instant, End> {
        loop {
            match self.stream.poll_output() {
                Output::Transmit(text) => self.transmit(text).await?,
                Output::Event(event) => self.handle_event(event).await?,
                Output::Timeout(deadline) => return Ok(deadline),
            }
        }
    }

    async fn handle_event(&mut self, event: Event) -> Result<(), End> {
        let registration = self.registration.as_ref();
        match (event, registration) {
            (Event::Bound(jid), _) => {
                if let Some(sender) = self.sender.take() {
                    let place = self.place(sender);
                    self.registration = Some(Hub::bind(&self.inner, &jid, place));
                    self.inner.hub.opened(self.number);
                }
            }
            (Event::Resume { id }, _) => {
                let left = self.take_over(&id).await;
                self.stream.handle_input(Instant::now(), Input::Resumed(left));
            }
            (Event::Closed { reason }, _) => {
                // Freed first: nobody shall propose to a client that has left.
                self.registration = None;
                self.close(None).await;
                return Err(End::Over(reason));
            }
            (Event::Resumable { id }, Some(registration)) => registration.resumable_by(id),
            (Event::Ready, Some(registration)) => registration.ready(),
            (Event::Subscribed { node }, Some(registration)) => registration.subscribe(node),
            (Event::Unsubscribed { node }, Some(registration)) => registration.unsubscribe(&node),
            (Event::Answered { id }, Some(registration)) => self.inner.transfers.answered(registration.jid(), &id),
            (Event::Stanza { to, stanza }, Some(registration)) => {
                let jid = registration.jid().clone();
                self.send(&jid, Travelling::ToCloud(to, stanza));
            }
            // Cannot be: what is not bound tells nothing of these.
            (
                Event::Resumable { .. }
                | Event::Ready
                | Event::Subscribed { .. }
                | Event::Unsubscribed { .. }
                | Event::Answered { .. }
                | Event::Stanza { .. },
                None,
            ) => {}
        }
        Ok(())
    }

    /// A stanza of this client sets out, as the faults of the moment have it.
    fn send(&mut self, client: &FullJid, stanza: Travelling) {
        let whose = (self.user.id.as_str(), client.as_str());
        let faults = &self.inner.faults;
        self.delivery.send(Instant::now(), stanza, |stanza| {
            faults.take_delivery(whose, stanza.towards(), stanza.stanza())
        });
    }

    /// Hands on what has arrived; whether anything has.
    fn pass_on(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(stanza) = self.delivery.arrived(now) {
            any = true;
            match (stanza, &self.registration) {
                (Travelling::ToClient(stanza), _) => self.stream.handle_input(now, Input::Deliver(stanza)),
                (Travelling::ToCloud(to, stanza), Some(registration)) => {
                    hub::route(&self.inner, registration.jid(), &to, stanza);
                }
                // Who is not bound sends nothing.
                (Travelling::ToCloud(..), None) => {}
            }
        }
        any
    }

    fn place(&self, sender: mpsc::Sender<ToSocket>) -> Place<'_> {
        Place {
            user: &self.user.id,
            channel: &self.channel,
            socket: self.number,
            sender,
        }
    }

    /// Takes the stream with this id over from the socket that had it.
    async fn take_over(&mut self, id: &str) -> Option<Resumable> {
        let sender = self.sender.clone()?;
        let (registration, old) = Hub::take_over(&self.inner, id, self.place(sender))?;
        let (reply, left) = oneshot::channel();
        old.try_send(ToSocket::HandOver(reply)).ok()?;
        let left = tokio::time::timeout(HAND_OVER_LIMIT, left).await.ok()?.ok()?;
        self.registration = Some(registration);
        self.sender = None;
        self.inner.hub.opened(self.number);
        Some(left)
    }

    async fn step(&mut self, deadline: Instant) -> Result<(), End> {
        let step = tokio::select! {
            // What is in the queue goes out before the stream closes.
            biased;
            told = self.queue.recv() => Step::Told(told),
            received = self.web_socket.recv() => Step::Received(received),
            _ = self.closing.wait_for(|closing| *closing) => Step::Close,
            () = tokio::time::sleep_until(deadline.into()) => Step::Timeout,
        };
        let input = match step {
            Step::Received(Some(Ok(message))) => match self.read(message)? {
                Some(input) => input,
                None => return Ok(()),
            },
            Step::Received(Some(Err(error))) => return Err(End::Lost(format!("the socket broke: {error}"))),
            Step::Received(None) => return Err(End::Lost("the client dropped it".to_owned())),
            Step::Told(Some(ToSocket::Deliver(stanza))) => {
                let stanza = Travelling::ToClient(stanza);
                match self
                    .registration
                    .as_ref()
                    .map(|registration| registration.jid().clone())
                {
                    Some(jid) => self.send(&jid, stanza),
                    None => self.delivery.send(Instant::now(), stanza, |_| None),
                }
                return Ok(());
            }
            Step::Told(Some(ToSocket::Fail(condition))) => Input::Fail {
                condition: condition.to_owned(),
            },
            Step::Told(Some(ToSocket::Cut(cut))) => return self.cut(cut).await,
            Step::Told(Some(ToSocket::HandOver(to))) => return Err(End::HandedOver(to)),
            Step::Told(None) => return Err(End::Over("the client did not read".to_owned())),
            Step::Close => Input::Close,
            Step::Timeout => Input::Timeout,
        };
        self.stream.handle_input(Instant::now(), input);
        Ok(())
    }

    async fn cut(&mut self, cut: Cut) -> Result<(), End> {
        let input = match cut {
            Cut::Reset => {
                self.fate.reset();
                return Err(End::Lost("reset on request".to_owned()));
            }
            Cut::Fin => {
                self.fate.finish();
                return Err(End::Lost("dropped on request".to_owned()));
            }
            Cut::CloseFrame { code } => {
                self.close(Some(code)).await;
                return Err(End::Lost(format!("closed on request with code {code}")));
            }
            Cut::Stall => {
                self.fate.stall();
                return Err(self.stall().await);
            }
            Cut::Close => Input::Close,
            Cut::StreamError { condition } => Input::Fail { condition },
        };
        self.stream.handle_input(Instant::now(), input);
        Ok(())
    }

    /// Lets time pass until the client gives the connection up or comes back by another one. What
    /// is to be delivered meanwhile waits in the stream, if it can be resumed.
    async fn stall(&mut self) -> End {
        loop {
            let told = tokio::select! {
                told = self.queue.recv() => told,
                // The wire gives nothing but its end.
                _ = self.web_socket.recv() => return End::Lost("the client dropped it, stalled".to_owned()),
                _ = self.closing.wait_for(|closing| *closing) => {
                    return End::Over("the cloud stopped while it was stalled".to_owned());
                }
            };
            match told {
                Some(ToSocket::Deliver(stanza)) => keep(&mut self.stream, stanza),
                Some(ToSocket::HandOver(to)) => return End::HandedOver(to),
                Some(ToSocket::Cut(Cut::Stall)) => {}
                Some(ToSocket::Cut(Cut::Reset)) => {
                    self.fate.reset();
                    return End::Lost("reset on request, stalled".to_owned());
                }
                Some(ToSocket::Cut(Cut::Fin | Cut::CloseFrame { .. })) => {
                    self.fate.finish();
                    return End::Lost("dropped on request, stalled".to_owned());
                }
                Some(ToSocket::Cut(Cut::Close | Cut::StreamError { .. }) | ToSocket::Fail(_)) | None => {
                    return End::Over("closed while it was stalled".to_owned());
                }
            }
        }
    }

    fn read(&mut self, message: Message) -> Result<Option<Input>, End> {
        match message {
            Message::Text(text) => {
                self.record(Direction::ToCloud, text.as_str());
                Ok(Some(Input::Frame(text.as_str().to_owned())))
            }
            // RFC 7395 section 3.2 knows text frames alone.
            Message::Binary(_) => Err(End::Over("the client sent a binary frame".to_owned())),
            Message::Ping(_) | Message::Pong(_) => Ok(None),
            Message::Close(_) => Err(End::Lost("the client closed the socket".to_owned())),
        }
    }

    async fn transmit(&mut self, text: String) -> Result<(), End> {
        self.record(Direction::ToClient, &text);
        let sent = self.web_socket.send(Message::Text(text.into()));
        match tokio::time::timeout(SEND_LIMIT, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(End::Lost(format!("the socket broke: {error}"))),
            Err(_) => Err(End::Lost("the client did not read".to_owned())),
        }
    }

    /// The closing handshake of RFC 6455, as far as the client takes part in it.
    async fn close(&mut self, code: Option<u16>) {
        let frame = code.map(|code| CloseFrame {
            code,
            reason: "".into(),
        });
        let handshake = async {
            if self.web_socket.send(Message::Close(frame)).await.is_ok() {
                while let Some(Ok(_)) = self.web_socket.recv().await {}
            }
        };
        let _ = tokio::time::timeout(CLOSE_LIMIT, handshake).await;
    }

    fn record(&mut self, direction: Direction, text: &str) {
        let (summary, said) = self.summariser.frame(direction, text);
        let frame = What::Frame {
            socket: self.number,
            summary,
            said,
            bytes: text.len(),
        };
        self.inner.recorder.add(direction, frame);
    }
}

/// A stream that has lost its socket and may be resumed.
struct Left {
    stream: server::Stream,
    queue: mpsc::Receiver<ToSocket>,
    until: Instant,
    closing: watch::Receiver<bool>,
    /// Kept, so that stanzas come here.
    registration: Registration,
}

impl Left {
    /// Collects stanzas until another socket resumes the stream, or nobody did in time.
    async fn wait(mut self) {
        loop {
            let told = tokio::select! {
                told = self.queue.recv() => told,
                _ = self.closing.wait_for(|closing| *closing) => return,
                () = tokio::time::sleep_until(self.until.into()) => return,
            };
            match told {
                Some(ToSocket::Deliver(stanza)) => keep(&mut self.stream, stanza),
                Some(ToSocket::HandOver(to)) => {
                    hand_over(self.stream, self.queue, to);
                    drop(self.registration);
                    return;
                }
                // Nothing is left to be cut.
                Some(ToSocket::Cut(_)) => {}
                Some(ToSocket::Fail(_)) | None => return,
            }
        }
    }
}

/// Hands over a stream with all that waits for it.
fn hand_over(mut stream: server::Stream, mut queue: mpsc::Receiver<ToSocket>, to: oneshot::Sender<Resumable>) {
    queue.close();
    while let Ok(told) = queue.try_recv() {
        if let ToSocket::Deliver(stanza) = told {
            keep(&mut stream, stanza);
        }
    }
    if let Some(left) = stream.into_resumable() {
        // Whoever asked may be gone; then the stream is, too.
        let _ = to.send(left);
    }
}

/// Gives a stream without a socket a stanza to keep. What it has to say to that is lost.
fn keep(stream: &mut server::Stream, stanza: Element) {
    stream.handle_input(Instant::now(), Input::Deliver(stanza));
    while !matches!(stream.poll_output(), Output::Timeout(_)) {}
}
