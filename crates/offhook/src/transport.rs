//! One WebSocket and the XMPP stream on it: an actor for one attempt, never reused.

use std::{sync::Arc, time::Duration};

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, StreamHandler, fut::wrap_future};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use offhook_phone::{AttemptId, DialError, StreamCommand};
use offhook_xmpp::{self as xmpp, Input, Output, Stream, StreamConfig};
use rustls::ClientConfig;
use tokio::{net::TcpStream, sync::mpsc, time};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{
        self, Error,
        client::IntoClientRequest,
        http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};
use url::Url;

use crate::{
    alarm::{Alarm, Rang},
    clock,
    rest::authority,
    supervisor::Supervisor,
};

/// From the first packet to the open WebSocket.
const DIAL_TIMEOUT: Duration = Duration::from_secs(15);

/// How many frames may wait for a server that reads slowly; one that lets more pile up is given up.
const FRAMES_WAITING: usize = 512;

/// How long a server may take to read one frame.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What the phone asked for.
pub(crate) struct Dial {
    pub(crate) attempt: AttemptId,
    pub(crate) url: Url,
    pub(crate) config: Box<StreamConfig>,
    pub(crate) seed: [u8; 32],
}

/// The actor. It lives from the dialling until its stream is closed.
pub(crate) struct Transport {
    obituary: Obituary,
    link: Link,
    alarm: Alarm,
}

enum Link {
    Dialing {
        config: Box<StreamConfig>,
        seed: [u8; 32],
    },
    Open {
        stream: Box<Stream>,
        frames: mpsc::Sender<tungstenite::Message>,
    },
    Closed,
}

/// For the supervisor: what a transport says.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FromTransport {
    pub(crate) attempt: AttemptId,
    pub(crate) said: Said,
}

/// What a transport says.
pub(crate) enum Said {
    /// The WebSocket did not open.
    DialFailed(DialError),
    /// What its stream says.
    Stream(xmpp::Event),
    /// It is gone, and did not say so before if this is news.
    Lost,
}

/// Tells the supervisor that the transport is gone, however it went: a panic drops the actor too.
struct Obituary {
    attempt: AttemptId,
    supervisor: Addr<Supervisor>,
}

impl Drop for Obituary {
    fn drop(&mut self) {
        self.supervisor.do_send(FromTransport {
            attempt: self.attempt,
            said: Said::Lost,
        });
    }
}

/// For a transport: a command for its stream.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Command(pub(crate) StreamCommand);

/// For a transport: drop everything, now.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Abandon;

#[derive(Message)]
#[rtype(result = "()")]
struct Dialed(Result<Socket, DialError>);

#[derive(Message)]
#[rtype(result = "()")]
struct WriteFailed(String);

impl Transport {
    /// Begins to dial.
    pub(crate) fn dial(dial: Dial, tls: Arc<ClientConfig>, supervisor: Addr<Supervisor>) -> Addr<Self> {
        Self::create(move |context| {
            let Dial {
                attempt,
                url,
                config,
                seed,
            } = dial;
            let (alarm, rings) = Alarm::new();
            context.add_stream(rings);
            let (address, limit) = (context.address(), config.limits.bytes);
            let dialing = async move { address.do_send(Dialed(open(&url, tls, limit).await)) };
            context.spawn(wrap_future(dialing));
            Self {
                obituary: Obituary { attempt, supervisor },
                link: Link::Dialing { config, seed },
                alarm,
            }
        })
    }

    /// Carries out what the stream says, until it has no more to say.
    fn pump(&mut self, context: &mut Context<Self>) {
        while let Link::Open { stream, frames } = &mut self.link {
            match stream.poll_output() {
                Output::Transmit(frame) => {
                    if frames
                        .try_send(tungstenite::Message::text(frame.into_string()))
                        .is_err()
                    {
                        let reason = "the server does not read what it is sent".to_owned();
                        stream.handle_input(clock::now(), Input::SocketClosed { code: None, reason });
                    }
                }
                Output::Event(event) => {
                    if matches!(event, xmpp::Event::Closed(_)) {
                        self.link = Link::Closed;
                        context.stop();
                    }
                    self.say(Said::Stream(event));
                }
                Output::Timeout(at) => return self.alarm.set(at),
            }
        }
    }

    fn say(&self, said: Said) {
        let Obituary { attempt, supervisor } = &self.obituary;
        supervisor.do_send(FromTransport {
            attempt: *attempt,
            said,
        });
    }

    fn input(&mut self, context: &mut Context<Self>, input: Input) {
        if let Link::Open { stream, .. } = &mut self.link {
            stream.handle_input(clock::now(), input);
            self.pump(context);
        }
    }

    fn closed(&mut self, context: &mut Context<Self>, code: Option<u16>, reason: String) {
        self.input(context, Input::SocketClosed { code, reason });
    }
}

impl Actor for Transport {
    type Context = Context<Self>;
}

impl Handler<Dialed> for Transport {
    type Result = ();

    fn handle(&mut self, Dialed(result): Dialed, context: &mut Context<Self>) {
        let Link::Dialing { config, seed } = std::mem::replace(&mut self.link, Link::Closed) else {
            return;
        };
        match result {
            Err(error) => {
                self.say(Said::DialFailed(error));
                context.stop();
            }
            Ok(socket) => {
                let (sink, incoming) = socket.split();
                let (frames, queue) = mpsc::channel(FRAMES_WAITING);
                context.add_stream(incoming);
                // Its own task, so that what is queued (the `<close/>` above all) still goes out when the actor is gone.
                actix::spawn(write(queue, sink, context.address()));
                let stream = Box::new(Stream::new(*config, seed, clock::now()));
                self.link = Link::Open { stream, frames };
                self.pump(context);
            }
        }
    }
}

impl Handler<Command> for Transport {
    type Result = ();

    fn handle(&mut self, Command(command): Command, context: &mut Context<Self>) {
        let Link::Open { stream, .. } = &mut self.link else {
            return;
        };
        let now = clock::now();
        let refused = match command {
            StreamCommand::Request(request) => stream.request(now, request).err().map(|error| error.to_string()),
            StreamCommand::Reply { ticket, reply } => {
                stream.reply(now, ticket, reply).err().map(|error| error.to_string())
            }
            StreamCommand::Ignore(ticket) => {
                stream.ignore(ticket);
                None
            }
            StreamCommand::Message { to, payload } => stream
                .send_message(now, to, payload)
                .err()
                .map(|error| error.to_string()),
            StreamCommand::Close => {
                stream.close(now);
                None
            }
        };
        if let Some(reason) = refused {
            // The stream closed while the command was on its way; the phone learns of that by itself.
            tracing::debug!(reason, "a command came too late for its stream");
        }
        self.pump(context);
    }
}

impl Handler<Abandon> for Transport {
    type Result = ();

    fn handle(&mut self, Abandon: Abandon, context: &mut Context<Self>) {
        self.link = Link::Closed;
        context.stop();
    }
}

impl Handler<WriteFailed> for Transport {
    type Result = ();

    fn handle(&mut self, WriteFailed(reason): WriteFailed, context: &mut Context<Self>) {
        self.closed(context, None, reason);
    }
}

impl StreamHandler<Result<tungstenite::Message, Error>> for Transport {
    fn handle(&mut self, item: Result<tungstenite::Message, Error>, context: &mut Context<Self>) {
        match item {
            Ok(tungstenite::Message::Text(text)) => self.input(context, Input::Frame(text.as_str().to_owned())),
            Ok(tungstenite::Message::Close(frame)) => {
                let (code, reason) = match frame {
                    Some(frame) => (Some(frame.code.into()), frame.reason.as_str().to_owned()),
                    None => (None, String::new()),
                };
                self.closed(context, code, reason);
            }
            // Answered by the WebSocket library; a binary message means nothing in RFC 7395.
            Ok(
                tungstenite::Message::Ping(_)
                | tungstenite::Message::Pong(_)
                | tungstenite::Message::Binary(_)
                | tungstenite::Message::Frame(_),
            ) => {}
            Err(error) => self.closed(context, None, error.to_string()),
        }
    }

    fn finished(&mut self, context: &mut Context<Self>) {
        self.closed(context, None, "the connection was cut".to_owned());
    }
}

impl StreamHandler<Rang> for Transport {
    fn handle(&mut self, Rang: Rang, context: &mut Context<Self>) {
        self.input(context, Input::Timeout);
    }
}

/// Opens the WebSocket with subprotocol `xmpp` (RFC 7395 section 3.1).
async fn open(url: &Url, tls: Arc<ClientConfig>, largest_frame: usize) -> Result<Socket, DialError> {
    let host = authority(url);
    let unusable = |reason: String| DialError::NotWebSocket {
        host: host.clone(),
        reason,
    };
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|error| unusable(error.to_string()))?;
    request
        .headers_mut()
        .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("xmpp"));
    // One byte more, so that the stream sees a frame that is too large and says so.
    let config = WebSocketConfig::default()
        .max_message_size(Some(largest_frame + 1))
        .max_frame_size(Some(largest_frame + 1));
    let dialing = connect_async_tls_with_config(request, Some(config), true, Some(Connector::Rustls(tls)));
    match time::timeout(DIAL_TIMEOUT, dialing).await {
        Err(_) => Err(DialError::TimedOut { host }),
        Ok(Ok((socket, _response))) => Ok(socket),
        Ok(Err(Error::Io(error))) => Err(DialError::Unreachable {
            host,
            reason: error.to_string(),
        }),
        Ok(Err(Error::Tls(error))) => Err(DialError::Unreachable {
            host,
            reason: error.to_string(),
        }),
        Ok(Err(Error::Http(response))) => Err(unusable(format!("it answered HTTP {}", response.status()))),
        Ok(Err(error)) => Err(unusable(error.to_string())),
    }
}

/// Writes what is queued, then closes the socket. A peer that does not read must not keep it.
async fn write(
    mut queue: mpsc::Receiver<tungstenite::Message>,
    mut sink: SplitSink<Socket, tungstenite::Message>,
    transport: Addr<Transport>,
) {
    while let Some(message) = queue.recv().await {
        let written = time::timeout(WRITE_TIMEOUT, sink.send(message)).await;
        let reason = match written {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the server read nothing for {} s", WRITE_TIMEOUT.as_secs()),
        };
        return transport.do_send(WriteFailed(reason));
    }
    drop(time::timeout(Duration::from_secs(2), sink.close()).await);
}
