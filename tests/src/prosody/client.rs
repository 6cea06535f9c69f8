//! A stream on a WebSocket: the smallest shell there can be.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Instant,
};

use futures_util::{SinkExt as _, StreamExt as _};
use offhook_xmpp::{
    BareJid, CloseReason, Connected, Credentials, Element, Event, Input, Jid, Message, Outcome, Output, Request,
    RequestKind, Resumption, Stream, StreamConfig, Token, Urgency,
    frame::{self, Limits},
};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
    time::{sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, client::IntoClientRequest as _, http::HeaderValue},
};

use super::{LIMIT, PASSWORD};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// One stream. Dropped, it drops its socket.
pub struct Client {
    commands: mpsc::UnboundedSender<Command>,
    events: mpsc::UnboundedReceiver<Event>,
    frames: Frames,
    task: JoinHandle<Option<Resumption>>,
}

enum Command {
    Stream(StreamCommand),
    /// Lets go of the socket without any goodbye.
    DropSocket,
}

type StreamCommand = Box<dyn FnOnce(&mut Stream, Instant) + Send>;

/// Every frame, as text.
type Frames = Arc<Mutex<Vec<(Way, String)>>>;

/// Of an account at `localhost`, with its password.
pub fn config(account: &str, resource: &str) -> StreamConfig {
    StreamConfig::new(
        BareJid::new(&format!("{account}@localhost")).unwrap(),
        Credentials::Password(PASSWORD.into()),
        resource,
        Jid::new("pubsub.localhost").unwrap(),
    )
}

/// A payload from its text.
pub fn element(text: &str) -> Element {
    frame::parse(text, &Limits::default()).expect("an element")
}

impl Client {
    /// Dials, and starts the stream.
    ///
    /// # Errors
    ///
    /// The WebSocket could not be opened.
    pub async fn dial(port: u16, config: StreamConfig) -> Result<Self, tungstenite::Error> {
        let socket = timeout(LIMIT, open(port)).await.expect("it opens or fails")?;
        let (commands, commanded) = mpsc::unbounded_channel();
        let (told, events) = mpsc::unbounded_channel();
        let frames = Frames::default();
        let seed = std::array::from_fn(|at| port.to_be_bytes()[at % 2]);
        let stream = Stream::new(config, seed, Instant::now());
        let shell = Shell {
            stream,
            socket: Some(socket),
            told,
            frames: Arc::clone(&frames),
        };
        Ok(Self {
            commands,
            events,
            frames,
            task: tokio::spawn(shell.run(commanded)),
        })
    }

    /// Dials a server that is there.
    pub async fn start(port: u16, config: StreamConfig) -> Self {
        Self::dial(port, config).await.expect("the WebSocket opens")
    }

    /// Dials and gets connected.
    pub async fn connect(port: u16, config: StreamConfig) -> (Self, Connected) {
        let mut client = Self::start(port, config).await;
        let connected = client.connected().await;
        (client, connected)
    }

    /// Does something with the stream.
    pub fn command(&self, command: impl FnOnce(&mut Stream, Instant) + Send + 'static) {
        assert!(
            self.commands.send(Command::Stream(Box::new(command))).is_ok(),
            "it has ended"
        );
    }

    /// Makes a request.
    pub fn ask(&self, token: u64, to: Option<&str>, kind: RequestKind, payload: Element) {
        let to = to.map(|to| Jid::new(to).unwrap());
        self.command(move |stream, now| {
            let request = Request {
                token: Token(token),
                to,
                kind,
                payload,
                urgency: Urgency::Normal,
            };
            stream.request(now, request).expect("it is connected");
        });
    }

    /// Sends a message with this text.
    pub fn say(&self, to: &str, text: &str) {
        let (to, body) = (
            Jid::new(to).unwrap(),
            Element::builder("body", "jabber:client").append(text).build(),
        );
        self.command(move |stream, now| {
            stream
                .send_message(now, to, body, Urgency::Normal)
                .expect("it is connected");
        });
    }

    /// Lets go of the socket without any goodbye.
    pub fn drop_socket(&self) {
        assert!(self.commands.send(Command::DropSocket).is_ok(), "it has ended");
    }

    /// What happens next, however long it takes; `None` after the end.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// What happens next.
    pub async fn event(&mut self) -> Event {
        match timeout(LIMIT, self.next()).await {
            Ok(event) => event.expect("there is another event"),
            Err(_) => panic!("no event came; frames so far:\n{}", self.transcript()),
        }
    }

    /// That it gets connected, which happens next.
    pub async fn connected(&mut self) -> Connected {
        match self.event().await {
            Event::Connected(connected) => connected,
            other => panic!("not connected but {other:?}:\n{}", self.transcript()),
        }
    }

    /// The message that comes next.
    pub async fn message(&mut self) -> Message {
        match self.event().await {
            Event::Message(message) => message,
            other => panic!("no message but {other:?}:\n{}", self.transcript()),
        }
    }

    /// The text of the next message.
    pub async fn hears(&mut self) -> String {
        let message = self.message().await;
        let body = message.payloads.iter().find(|payload| payload.name() == "body");
        body.expect("a message with a text").text()
    }

    /// The response to this request, which comes next.
    pub async fn response(&mut self, expected: u64) -> Outcome {
        match self.event().await {
            Event::Response { token, outcome } if token == Token(expected) => outcome,
            other => panic!("no response to {expected} but {other:?}:\n{}", self.transcript()),
        }
    }

    /// The payload of a result.
    pub async fn result(&mut self, token: u64) -> Element {
        match self.response(token).await {
            Outcome::Result(Some(payload)) => payload,
            other => panic!("no payload but {other:?}:\n{}", self.transcript()),
        }
    }

    /// The end of the stream, and what it leaves behind.
    pub async fn closed(mut self) -> (CloseReason, Option<Resumption>) {
        let reason = match self.event().await {
            Event::Closed(reason) => reason,
            other => panic!("not closed but {other:?}:\n{}", self.transcript()),
        };
        (reason, self.left_behind().await)
    }

    /// What a stream leaves behind that has told its end.
    pub async fn left_behind(self) -> Option<Resumption> {
        timeout(LIMIT, self.task).await.expect("it ends").unwrap()
    }

    /// Closes the stream, and waits for the end.
    pub async fn leave(self) {
        self.command(|stream, now| stream.close(now));
        let (reason, resumption) = self.closed().await;
        assert_eq!(reason, CloseReason::ByUs);
        assert!(resumption.is_none(), "a stream that was closed is over");
    }

    /// How many frames went this way that hold this text.
    pub fn frames(&self, way: Way, text: &str) -> usize {
        let frames = self.frames.lock().unwrap();
        frames
            .iter()
            .filter(|(went, frame)| *went == way && frame.contains(text))
            .count()
    }

    /// Every frame so far, one a line.
    #[must_use]
    pub fn transcript(&self) -> String {
        let frames = self.frames.lock().unwrap();
        frames
            .iter()
            .map(|(way, frame)| format!("{way:?}: {frame}\n"))
            .collect()
    }
}

async fn open(port: u16) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
    let mut request = format!("ws://localhost:{port}/xmpp-websocket").into_client_request()?;
    let protocol = HeaderValue::from_static("xmpp");
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
    let socket = TcpStream::connect(("127.0.0.1", port)).await?;
    Ok(client_async(request, socket).await?.0)
}

struct Shell {
    stream: Stream,
    /// `None` once it is lost.
    socket: Option<WebSocketStream<TcpStream>>,
    told: mpsc::UnboundedSender<Event>,
    frames: Frames,
}

impl Shell {
    async fn run(mut self, mut commanded: mpsc::UnboundedReceiver<Command>) -> Option<Resumption> {
        while let Some(until) = self.carry_out().await {
            tokio::select! {
                input = receive(&mut self.socket) => self.take(input),
                command = commanded.recv() => match command {
                    Some(Command::Stream(command)) => command(&mut self.stream, Instant::now()),
                    Some(Command::DropSocket) => self.lose("dropped"),
                    None => return None,
                },
                () = sleep_until(until.into()) => self.stream.handle_input(Instant::now(), Input::Timeout),
            }
        }
        if let Some(mut socket) = self.socket {
            let _ = socket.close(None).await;
        }
        self.stream.into_resumption()
    }

    /// Does what the stream says. Gives the instant at which it wants to be called again, unless it has ended.
    async fn carry_out(&mut self) -> Option<Instant> {
        let mut ended = false;
        loop {
            match self.stream.poll_output() {
                Output::Transmit(frame) => {
                    let text = frame.into_string();
                    self.record(Way::Up, &text);
                    if let Some(socket) = &mut self.socket
                        && let Err(error) = socket.send(tungstenite::Message::text(text)).await
                    {
                        self.lose(&error.to_string());
                    }
                }
                Output::Event(event) => {
                    ended |= matches!(event, Event::Closed(_));
                    // A test that has seen enough looks no further.
                    let _ = self.told.send(event);
                }
                Output::Timeout(_) if ended => return None,
                Output::Timeout(until) => return Some(until),
            }
        }
    }

    fn take(&mut self, received: Result<tungstenite::Message, String>) {
        let input = match received {
            Ok(tungstenite::Message::Text(text)) => {
                self.record(Way::Down, &text);
                Input::Frame(text.to_string())
            }
            Ok(tungstenite::Message::Close(close)) => Input::SocketClosed {
                code: close.as_ref().map(|close| close.code.into()),
                reason: close.map(|close| close.reason.to_string()).unwrap_or_default(),
            },
            Ok(_) => return,
            Err(reason) => return self.lose(&reason),
        };
        self.stream.handle_input(Instant::now(), input);
    }

    fn lose(&mut self, reason: &str) {
        self.socket = None;
        let reason = reason.to_owned();
        self.stream
            .handle_input(Instant::now(), Input::SocketClosed { code: None, reason });
    }

    fn record(&self, way: Way, text: &str) {
        self.frames.lock().unwrap().push((way, text.to_owned()));
    }
}

async fn receive(socket: &mut Option<WebSocketStream<TcpStream>>) -> Result<tungstenite::Message, String> {
    match socket {
        None => pending().await,
        Some(socket) => match socket.next().await {
            Some(received) => received.map_err(|error| error.to_string()),
            None => Err("the connection ended".to_owned()),
        },
    }
}
