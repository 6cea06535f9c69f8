//! `agent run` and `agent call`: a client that people read and programs drive.

mod command;
mod event;
mod text;

use std::{
    future::pending,
    io::{self, BufRead, Write},
    process, thread,
    time::Duration,
};

use offhook::{Client, ConversationId, Engine, EngineConfig, Event, Events, OutboundCall, Service, SessionId};
use serde_json::{Value, json};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::sleep,
};

use self::{
    command::{After, Desk},
    event::{Translator, named},
};
use crate::{
    cli::{OutboundOptions, RunOptions},
    exit::Exit,
};

/// Connects, handles calls until the end that the options, a signal or standard input name, and closes properly.
pub async fn run(options: &RunOptions, outbound: Option<&OutboundOptions>) -> Exit {
    match start(options).await {
        Err(exit) => exit,
        Ok(mut agent) => {
            let exit = match agent.connect(outbound).await {
                Ok(()) => agent.serve(options).await,
                Err(exit) => exit,
            };
            agent.close().await;
            exit
        }
    }
}

struct Agent {
    engine: Engine,
    client: Client,
    events: Events,
    json: bool,
    translator: Translator,
    servers: Vec<Service>,
    /// Sessions that run.
    live: Vec<SessionId>,
    conversations: u64,
    /// `endRtcSessions` that wait for their sessions.
    ending: Vec<Ending>,
    outbound: Option<Outbound>,
    signals: Signals,
}

/// The call of `agent call`.
struct Outbound {
    conversation: ConversationId,
    /// Its session, once it is there.
    session: Option<SessionId>,
}

struct Ending {
    id: Value,
    sessions: Vec<SessionId>,
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

async fn start(options: &RunOptions) -> Result<Agent, Exit> {
    options.check()?;
    let signals = Signals::new().map_err(|error| Exit::other(format!("signals cannot be handled: {error}")))?;
    let mut engine = EngineConfig::default();
    engine.trust_anchors.extend(options.cloud.ca.clone());
    let engine = Engine::new(&engine).map_err(|error| Exit::usage(error.to_string()))?;
    let client = Client::builder(options.cloud.endpoints()?, options.token.token()?)
        .engine(engine.clone())
        .answer(options.policy())
        .play(options.source()?);
    let client = match &options.record {
        Some(directory) => client.record_to(directory),
        None => client,
    };
    let client = client.build()?;
    Ok(Agent {
        engine,
        events: client.events(),
        client,
        json: options.json,
        translator: Translator::default(),
        servers: Vec::new(),
        live: Vec::new(),
        conversations: 0,
        ending: Vec::new(),
        outbound: None,
        signals,
    })
}

impl Agent {
    async fn connect(&mut self, outbound: Option<&OutboundOptions>) -> Result<(), Exit> {
        if self.json {
            print(&named(
                "ready",
                json!({"protocol": 1, "version": env!("CARGO_PKG_VERSION")}),
            ));
        }
        let connected = tokio::select! {
            connected = self.client.connect() => connected,
            () = self.signals.any() => return Err(Exit::clean()),
        };
        connected?;
        if let Some(options) = outbound {
            let call = OutboundCall::to(options.destination.clone());
            let conversation = self.client.place_call(call).await?;
            self.outbound = Some(Outbound {
                conversation,
                session: None,
            });
            self.answered_within(options.timeout).await?;
        }
        Ok(())
    }

    /// Waits for the media of the call that was placed.
    async fn answered_within(&mut self, limit: Duration) -> Result<(), Exit> {
        let deadline = sleep(limit);
        tokio::pin!(deadline);
        while self.outbound.as_ref().is_some_and(|call| call.session.is_none()) {
            tokio::select! {
                event = self.events.next() => self.told(event.as_ref())?,
                () = &mut deadline => {
                    return Err(Exit::call_refused(format!("not answered within {} s", limit.as_secs())));
                }
                () = self.signals.any() => return Err(Exit::clean()),
            }
        }
        Ok(())
    }

    /// Handles events, commands and signals until one of them ends the program.
    async fn serve(&mut self, options: &RunOptions) -> Exit {
        let mut commands = options.json.then(lines_of_stdin);
        let over = async {
            match options.duration {
                Some(duration) => sleep(duration).await,
                None => pending().await,
            }
        };
        tokio::pin!(over);
        loop {
            let step = tokio::select! {
                event = self.events.next() => self.told(event.as_ref()),
                line = next_line(&mut commands) => match line {
                    Some(line) => self.command(&line).await,
                    None => Err(Exit::clean()),
                },
                () = self.signals.any() => Err(Exit::clean()),
                () = &mut over => Err(Exit::clean()),
            };
            if let Err(exit) = step {
                return exit;
            }
            if options.calls.is_some_and(|calls| self.conversations >= calls) && self.live.is_empty() {
                return Exit::clean();
            }
        }
    }

    /// Takes in an event; an `Err` ends the program.
    fn told(&mut self, event: Option<&Event>) -> Result<(), Exit> {
        let Some(event) = event else {
            return Err(Exit::other("the client is gone"));
        };
        self.show(event);
        match event {
            Event::IceServers(servers) => self.servers.clone_from(servers),
            Event::SessionStarted {
                session, conversation, ..
            } => {
                self.live.push(session.clone());
                if let Some(call) = &mut self.outbound
                    && conversation.as_ref() == Some(&call.conversation)
                {
                    call.session = Some(session.clone());
                }
            }
            Event::SessionEnded { session, .. } => return self.ended(session),
            Event::Disconnected {
                error: Some(error),
                reconnecting: false,
            } if self.live.is_empty() => {
                return Err(Exit::disconnected(format!("the connection is lost: {error}")));
            }
            _ => {}
        }
        Ok(())
    }

    fn ended(&mut self, session: &SessionId) -> Result<(), Exit> {
        self.live.retain(|live| live != session);
        self.conversations += 1;
        for ending in std::mem::take(&mut self.ending) {
            self.reply_when_ended(ending);
        }
        match &self.outbound {
            Some(call) if call.session.as_ref() == Some(session) => Err(Exit::clean()),
            _ => Ok(()),
        }
    }

    async fn command(&mut self, line: &str) -> Result<(), Exit> {
        let desk = Desk {
            client: &self.client,
            engine: &self.engine,
            servers: &self.servers,
        };
        let (reply, after) = command::carry_out(line, desk).await;
        if let Some(reply) = reply {
            print(&reply);
        }
        match after {
            After::Nothing => Ok(()),
            After::Quit => Err(Exit::clean()),
            After::Ends(sessions, id) => {
                self.reply_when_ended(Ending { id, sessions });
                Ok(())
            }
        }
    }

    fn reply_when_ended(&mut self, ending: Ending) {
        if ending.sessions.iter().any(|session| self.live.contains(session)) {
            self.ending.push(ending);
        } else {
            print(&command::ended(ending.id, &ending.sessions));
        }
    }

    fn show(&mut self, event: &Event) {
        if self.json {
            self.translator.translate(event).iter().for_each(print);
        } else if let Some(line) = text::line(event) {
            println!("{line}");
        }
    }

    /// Ends all calls and closes; a second signal ends the program at once.
    async fn close(&mut self) {
        let client = self.client.clone();
        let closing = client.shutdown();
        tokio::pin!(closing);
        loop {
            tokio::select! {
                biased;
                event = self.events.next() => match event {
                    Some(Event::ShutDown) | None => return,
                    Some(event) => {
                        // The program ends anyway; what it would exit for is of no interest any more.
                        drop(self.told(Some(&event)));
                    }
                },
                () = &mut closing => return,
                () = self.signals.any() => process::exit(1),
            }
        }
    }
}

impl Signals {
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
}

/// Writes one JSON line.
fn print(value: &Value) {
    let mut stdout = io::stdout().lock();
    // Nobody reads any more: the end of standard input, which such a reader also closes, ends the program.
    drop(writeln!(stdout, "{value}").and_then(|()| stdout.flush()));
}

/// Lines of standard input, from a thread of its own, which the end of the program does not wait for.
fn lines_of_stdin() -> mpsc::Receiver<String> {
    let (lines, receiver) = mpsc::channel(64);
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if !line.trim().is_empty() && lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The next command; never comes when none can.
async fn next_line(commands: &mut Option<mpsc::Receiver<String>>) -> Option<String> {
    match commands {
        Some(commands) => commands.recv().await,
        None => pending().await,
    }
}
