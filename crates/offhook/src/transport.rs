//! One WebSocket and the XMPP stream on it: an actor for one attempt, never reused.

use std::net::IpAddr;

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, StreamHandler, fut::wrap_future};
use offhook_phone::{AttemptId, DialError, DialUrl, StreamCommand};
use offhook_xmpp::{self as xmpp, CloseReason, Input, Output, Resumption, Stream, StreamConfig};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::WatchStream;

use crate::{
    alarm::{Alarm, Rang},
    clock,
    dial::{Dialer, Opened},
    interfaces::{self, Changes},
    supervisor::Supervisor,
    websocket::{self, Incoming, Outgoing},
};

/// How many frames may wait for a server that reads slowly; one that lets more pile up is given up.
const FRAMES_WAITING: usize = 512;

/// What the phone asked for.
pub(crate) struct Dial {
    pub(crate) attempt: AttemptId,
    pub(crate) url: DialUrl,
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
        frames: mpsc::Sender<Outgoing>,
        /// The machine's address that the socket is from.
        local: Option<IpAddr>,
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
    /// Its stream has closed, and perhaps left something for the next one.
    Closed(CloseReason, Option<Box<Resumption>>),
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
struct Dialed(Result<Opened, DialError>);

#[derive(Message)]
#[rtype(result = "()")]
struct WriteFailed(String);

impl Transport {
    /// Begins to dial.
    pub(crate) fn dial(
        dial: Dial,
        dialer: Dialer,
        interfaces: watch::Receiver<Changes>,
        supervisor: Addr<Supervisor>,
    ) -> Addr<Self> {
        Self::create(move |context| {
            let Dial {
                attempt,
                url,
                config,
                seed,
            } = dial;
            let (alarm, rings) = Alarm::new();
            context.add_stream(rings);
            context.add_stream(WatchStream::from_changes(interfaces));
            let address = context.address();
            let dialing = async move { address.do_send(Dialed(dialer.open(url.expose()).await)) };
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
        while let Link::Open { stream, frames, .. } = &mut self.link {
            match stream.poll_output() {
                Output::Transmit(frame) => {
                    if frames.try_send(Outgoing::Text(frame.into_string())).is_err() {
                        let reason = "the server does not read what it is sent".to_owned();
                        stream.handle_input(clock::now(), Input::SocketClosed { code: None, reason });
                    }
                }
                Output::Event(xmpp::Event::Closed(reason)) => return self.leave(reason, context),
                Output::Event(event) => self.say(Said::Stream(event)),
                Output::Timeout(at) => return self.alarm.set(at),
            }
        }
    }

    fn leave(&mut self, reason: CloseReason, context: &mut Context<Self>) {
        let resumption = match std::mem::replace(&mut self.link, Link::Closed) {
            Link::Open { stream, .. } => stream.into_resumption().map(Box::new),
            Link::Dialing { .. } | Link::Closed => None,
        };
        self.say(Said::Closed(reason, resumption));
        context.stop();
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
            Ok(Opened { socket, local }) => {
                // One byte more, so that the stream sees a frame that is too large and says so.
                let largest = config.limits.bytes.saturating_add(1);
                let (frames, incoming, writer) = websocket::open(socket, largest, FRAMES_WAITING, clock::seed());
                context.add_stream(incoming);
                // Its own task, so that what is queued (the `<close/>` above all) still goes out when the actor is gone.
                let address = context.address();
                actix::spawn(async move {
                    if let Err(reason) = writer.run().await {
                        address.do_send(WriteFailed(reason));
                    }
                });
                let stream = Box::new(Stream::new(*config, seed, clock::now()));
                self.link = Link::Open { stream, frames, local };
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
            StreamCommand::Request(request) => {
                let token = request.token;
                let refused = stream.request(now, request).err();
                if refused.is_some() {
                    // The phone waits for an outcome, and the stream will tell none.
                    let outcome = xmpp::Outcome::Lost;
                    self.say(Said::Stream(xmpp::Event::Response { token, outcome }));
                }
                refused.map(|error| error.to_string())
            }
            StreamCommand::Reply { ticket, reply } => {
                stream.reply(now, ticket, reply).err().map(|error| error.to_string())
            }
            StreamCommand::Ignore(ticket) => {
                stream.ignore(ticket);
                None
            }
            StreamCommand::Message { to, payload, urgency } => stream
                .send_message(now, to, payload, urgency)
                .err()
                .map(|error| error.to_string()),
            StreamCommand::RefreshServices => stream.refresh_services(now).err().map(|error| error.to_string()),
            StreamCommand::Resumed { asleep } => {
                stream.handle_input(now, Input::Resumed { asleep });
                None
            }
            StreamCommand::Close => {
                stream.close(now);
                None
            }
        };
        if let Some(reason) = refused {
            // Too much waits for the send rate; or the stream closed while the command was on its way, and the phone learns of
            // that by itself.
            tracing::debug!(reason, "a command was not taken by its stream");
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

impl StreamHandler<Incoming> for Transport {
    fn handle(&mut self, incoming: Incoming, context: &mut Context<Self>) {
        match incoming {
            Incoming::Text(text) => self.input(context, Input::Frame(text)),
            Incoming::Closed { code, reason } => self.closed(context, code, reason),
        }
    }

    fn finished(&mut self, context: &mut Context<Self>) {
        self.closed(context, None, "the connection was cut".to_owned());
    }
}

/// The network interfaces have changed. What leaves from an address that is gone never arrives, which nobody tells.
impl StreamHandler<Changes> for Transport {
    fn handle(&mut self, _: Changes, context: &mut Context<Self>) {
        if let Link::Open { local: Some(local), .. } = self.link
            && !interfaces::have(local)
        {
            self.closed(
                context,
                None,
                "this machine has lost the address that the connection was from".to_owned(),
            );
        }
    }

    /// They are not watched any more.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

impl StreamHandler<Rang> for Transport {
    fn handle(&mut self, Rang: Rang, context: &mut Context<Self>) {
        self.input(context, Input::Timeout);
    }
}
