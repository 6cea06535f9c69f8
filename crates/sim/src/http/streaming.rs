//! The streaming WebSocket (RFC 7395): sockets, queue and clock around a [`server::Stream`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use tokio::sync::{mpsc, watch};

use super::refusal;
use crate::config::User;
use crate::gauge::Kind;
use crate::hub::{self, Hub, Registration, ToSocket, WAITING_STANZAS};
use crate::inner::Inner;
use crate::record::{Direction, What};
use crate::server::{self, Event, Input, Output, StreamConfig};
use crate::summary::Summariser;

/// The WebSocket subprotocol (RFC 7395 section 3.1).
const XMPP: &str = "xmpp";

/// How long a client may leave a frame unread before its connection is given up.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// How long a client has for its part of the closing handshake.
const CLOSE_LIMIT: Duration = Duration::from_millis(250);

/// A message is refused by the stream above 1 MiB; this only bounds the memory.
const LONGEST_MESSAGE: usize = 2 * 1024 * 1024;

pub(super) fn router() -> Router<Arc<Inner>> {
    Router::new().route("/stream/channels/{channel}", get(open))
}

async fn open(State(inner): State<Arc<Inner>>, Path(channel): Path<String>, upgrade: WebSocketUpgrade) -> Response {
    let Some(user) = inner.user_of_channel(&channel).cloned() else {
        return refusal(StatusCode::NOT_FOUND, "not.found", "There is no such channel.");
    };
    let upgrade = upgrade.protocols([XMPP]).max_message_size(LONGEST_MESSAGE);
    if upgrade.selected_protocol().is_none() {
        let message = "The WebSocket subprotocol xmpp is required.";
        return refusal(StatusCode::BAD_REQUEST, "bad.request", message);
    }
    // Counted before the upgrade, so that nobody sees a moment with neither request nor stream.
    let alive = (inner.gauge.count(Kind::Stream), inner.gauge.count(Kind::Task));
    upgrade.on_upgrade(move |web_socket| async move {
        let reason = Socket::new(inner.clone(), user, web_socket).run().await;
        tracing::debug!(%reason, "a streaming WebSocket ended");
        drop(alive);
    })
}

/// One client's WebSocket.
struct Socket {
    inner: Arc<Inner>,
    number: u64,
    user: User,
    web_socket: WebSocket,
    stream: server::Stream,
    summariser: Summariser,
    /// The other end of `queue`, until the client binds and the hub takes it: when the hub lets go
    /// of it, the queue ends.
    sender: Option<mpsc::Sender<ToSocket>>,
    queue: mpsc::Receiver<ToSocket>,
    registration: Option<Registration>,
    closing: watch::Receiver<bool>,
}

/// What woke the task.
enum Step {
    Received(Option<Result<Message, axum::Error>>),
    Told(Option<ToSocket>),
    Close,
    Timeout,
}

/// Why the socket's task ends.
type End = String;

impl Socket {
    fn new(inner: Arc<Inner>, user: User, web_socket: WebSocket) -> Self {
        let config = StreamConfig {
            account: user.jid.clone(),
            token: user.token.clone(),
            ping_every: inner.config.ping_every,
            stun: Some(inner.stun),
            fault: crate::lock(&inner.faults).stream.clone(),
        };
        let (sender, queue) = mpsc::channel(WAITING_STANZAS);
        Self {
            number: inner.sockets.next(),
            user,
            web_socket,
            stream: server::Stream::new(config, inner.draw_seed(), Instant::now()),
            summariser: Summariser::default(),
            sender: Some(sender),
            queue,
            registration: None,
            closing: inner.closing.subscribe(),
            inner,
        }
    }

    /// Runs the connection to its end; why it ended.
    async fn run(mut self) -> End {
        let socket = self.number;
        self.inner
            .recorder
            .add(Direction::ToCloud, What::SocketOpened { socket });
        let end = loop {
            let deadline = match self.drain().await {
                Ok(deadline) => deadline,
                Err(end) => break end,
            };
            if let Err(end) = self.step(deadline).await {
                break end;
            }
        };
        self.registration = None;
        let reason = end.clone();
        self.inner
            .recorder
            .add(Direction::Inside, What::SocketClosed { socket, reason });
        end
    }

    /// Does what the stream asks for, until it wants to wait.
    async fn drain(&mut self) -> Result<Instant, End> {
        loop {
            match self.stream.poll_output() {
                Output::Transmit(text) => self.transmit(text).await?,
                Output::Event(Event::Bound(jid)) => {
                    if let Some(sender) = self.sender.take() {
                        let (user, number) = (&self.user.id, self.number);
                        let registration = Hub::bind(&self.inner, &jid, user, number, sender);
                        self.registration = Some(registration);
                    }
                }
                Output::Event(Event::Ready) => {
                    if let Some(registration) = &self.registration {
                        self.inner.hub.ready(registration.jid(), self.number);
                    }
                }
                Output::Event(Event::Stanza { to, stanza }) => {
                    if let Some(registration) = &self.registration {
                        hub::route(&self.inner, registration.jid(), &to, stanza);
                    }
                }
                Output::Event(Event::Closed { reason }) => {
                    // Freed first: nobody shall propose to a client that has left.
                    self.registration = None;
                    self.close().await;
                    return Err(reason);
                }
                Output::Timeout(deadline) => return Ok(deadline),
            }
        }
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
            Step::Received(Some(Err(error))) => return Err(format!("the socket broke: {error}")),
            Step::Received(None) => return Err("the client dropped it".to_owned()),
            Step::Told(Some(ToSocket::Deliver(stanza))) => Input::Deliver(stanza),
            Step::Told(Some(ToSocket::Fail(condition))) => Input::Fail { condition },
            Step::Told(Some(ToSocket::Drop)) => return Err("dropped on request".to_owned()),
            Step::Told(None) => return Err("the client did not read".to_owned()),
            Step::Close => Input::Close,
            Step::Timeout => Input::Timeout,
        };
        self.stream.handle_input(Instant::now(), input);
        Ok(())
    }

    fn read(&mut self, message: Message) -> Result<Option<Input>, End> {
        match message {
            Message::Text(text) => {
                self.record(Direction::ToCloud, text.as_str());
                Ok(Some(Input::Frame(text.as_str().to_owned())))
            }
            // RFC 7395 section 3.2 knows text frames alone.
            Message::Binary(_) => Err("the client sent a binary frame".to_owned()),
            Message::Ping(_) | Message::Pong(_) => Ok(None),
            Message::Close(_) => Err("the client closed the socket".to_owned()),
        }
    }

    async fn transmit(&mut self, text: String) -> Result<(), End> {
        self.record(Direction::ToClient, &text);
        let sent = self.web_socket.send(Message::Text(text.into()));
        match tokio::time::timeout(SEND_LIMIT, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("the socket broke: {error}")),
            Err(_) => Err("the client did not read".to_owned()),
        }
    }

    /// The closing handshake of RFC 6455, as far as the client takes part in it.
    async fn close(&mut self) {
        let handshake = async {
            if self.web_socket.send(Message::Close(None)).await.is_ok() {
                while let Some(Ok(_)) = self.web_socket.recv().await {}
            }
        };
        let _ = tokio::time::timeout(CLOSE_LIMIT, handshake).await;
    }

    fn record(&mut self, direction: Direction, text: &str) {
        let frame = What::Frame {
            socket: self.number,
            summary: self.summariser.frame(direction, text),
            bytes: text.len(),
        };
        self.inner.recorder.add(direction, frame);
    }
}
