//! `agent run` and `agent call`: a client that people read and programs drive.

mod command;
mod event;
mod output;
mod placed;
mod signals;
mod text;
pub mod trace;
pub mod view;

use std::{
    future::{Future, pending},
    io::{self, BufRead},
    process, thread,
    time::Duration,
};

use offhook::{
    Call, CallFailure, Client, ConnectError, ConnectFailure, DtlsVersion, Engine, EngineConfig, EngineError, Event,
    Events, IcePolicy, OutboundCall, SessionAcceptance, SessionId,
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::sleep};

use self::{
    command::{Desk, Done},
    event::named,
    output::Output,
    placed::Placed,
    signals::Signals,
    view::Action,
};
use crate::{
    cli::{Accept, Dtls, OutboundOptions, Policy, RunOptions},
    exit::Exit,
};

/// How often figures are told while somebody looks at them.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// Connects, handles calls until the end that the options, a signal or standard input name, and closes properly.
pub async fn run(options: &RunOptions, outbound: Option<&OutboundOptions>, logs: Logs) -> Exit {
    match start(options, logs).await {
        Err(exit) => exit,
        Ok(mut agent) => {
            let exit = match agent.connect().await {
                Ok(()) => agent.serve(options, outbound).await,
                Err(exit) => exit,
            };
            agent.close().await;
            exit
        }
    }
}

struct Agent {
    desk: Desk,
    events: Events,
    output: Output,
    /// A program reads and commands.
    json: bool,
    /// Sessions that run, and have a call where they stay open between calls.
    live: Vec<SessionId>,
    /// They do.
    persistent: bool,
    /// How many conversations have ended.
    conversations: u64,
    placed: Option<Placed>,
    finished: (mpsc::UnboundedSender<Finished>, mpsc::UnboundedReceiver<Finished>),
    /// The log, for a program; nothing without `--trace`.
    traces: mpsc::UnboundedReceiver<Value>,
    /// What the program at standard input says; nothing without `--json`.
    commands: Option<mpsc::Receiver<String>>,
    signals: Signals,
}

/// What is logged, where it is not just written.
pub struct Logs {
    /// For a view.
    pub lines: std::sync::mpsc::Receiver<String>,
    /// For a program.
    pub traces: mpsc::UnboundedReceiver<Value>,
}

/// Something that was going on beside the loop has come to its end.
enum Finished {
    Command(Done),
    PlaceCall(Result<Call, CallFailure>),
    /// The sessions there are, after events were missed.
    Sessions(Vec<SessionId>),
    Action(Result<view::Done, String>),
}

async fn start(options: &RunOptions, logs: Logs) -> Result<Agent, Exit> {
    options.check()?;
    let mut config = EngineConfig::default();
    config.trust_anchors.extend(options.cloud.ca.clone());
    let engine = Engine::new(&config).map_err(|error| match error {
        EngineError::TrustAnchor { .. } => Exit::usage(format!("--ca: {error}")),
        error => Exit::other(error.to_string()),
    })?;
    let endpoints = options.cloud.endpoints()?;
    let token = options.token.token(&endpoints)?;
    let client = Client::builder(endpoints, token)
        .engine(engine.clone())
        .answer(options.policy())
        .rtc_session_survivability(options.survives())
        .ice_policy(match options.ice_policy {
            Policy::All => IcePolicy::All,
            Policy::Relay => IcePolicy::Relay,
        })
        .ipv6(options.ipv6)
        .dscp(options.dscp)
        .accept_sessions(match options.accept {
            Accept::Auto => SessionAcceptance::Automatic,
            Accept::Manual => SessionAcceptance::Manual,
        })
        .dtls(match options.dtls {
            Dtls::V1_2 => DtlsVersion::V1_2,
            Dtls::Auto => DtlsVersion::Auto,
        })
        .play(options.source()?)
        .listen(options.sink()?);
    #[cfg(feature = "device")]
    let client = match options.voice() {
        Some(voice) => client.voice(voice),
        None => client,
    };
    let client = if view::is_wanted(options) {
        client.statistics_every(Some(LOOKED_AT_EVERY))
    } else {
        client
    };
    let client = match options.calls_at_once()? {
        Some(most) => client.calls_at_once(most),
        None => client,
    };
    let client = match &options.record {
        Some(directory) => client.record_to(directory),
        None => client,
    };
    let client = client.build()?;
    let signals = Signals::watch(client.clone());
    let signals = signals.map_err(|error| Exit::other(format!("signals cannot be handled: {error}")))?;
    Ok(Agent {
        events: client.events(),
        desk: Desk { client, engine },
        output: Output::new(options, logs.lines)?,
        json: options.json,
        live: Vec::new(),
        persistent: false,
        conversations: 0,
        placed: None,
        finished: mpsc::unbounded_channel(),
        traces: logs.traces,
        commands: options.json.then(lines_of_stdin),
        signals,
    })
}

impl Agent {
    async fn connect(&mut self) -> Result<(), Exit> {
        self.output.json(&named(
            "ready",
            json!({"protocol": 1, "version": env!("CARGO_PKG_VERSION")}),
        ))?;
        let client = self.desk.client.clone();
        let connecting = client.connect();
        tokio::pin!(connecting);
        loop {
            // A server may have us wait for minutes, and nobody else ends the program meanwhile.
            tokio::select! {
                connected = &mut connecting => return match connected {
                    // By command: there is still a program to say what is next.
                    Err(ConnectFailure::Failed(ConnectError::Cancelled)) if self.json => Ok(()),
                    connected => Ok(connected?),
                },
                line = next_line(&mut self.commands) => self.command(line)?,
                finished = self.finished.1.recv() => finished.map_or(Ok(()), |finished| self.finish(finished))?,
                action = self.output.next_action() => self.act(action)?,
                Some(trace) = self.traces.recv() => self.output.json(&trace)?,
                () = self.signals.next() => return Err(Exit::clean()),
            }
        }
    }

    /// Handles events, commands and signals until one of them ends the program.
    async fn serve(&mut self, options: &RunOptions, outbound: Option<&OutboundOptions>) -> Exit {
        let over = until(options.duration);
        let answered = until(outbound.map(|outbound| outbound.timeout));
        tokio::pin!(over, answered);
        if let Some(outbound) = outbound {
            self.place_call(OutboundCall::to(outbound.destination.clone()));
        }
        loop {
            let unanswered = self.placed.as_ref().is_some_and(|placed| !placed.is_answered());
            let step = tokio::select! {
                event = self.events.next() => self.told(event.as_ref()),
                line = next_line(&mut self.commands) => self.command(line),
                finished = self.finished.1.recv() => finished.map_or(Ok(()), |finished| self.finish(finished)),
                action = self.output.next_action() => self.act(action),
                Some(trace) = self.traces.recv() => self.output.json(&trace),
                () = &mut answered, if unanswered => Err(Exit::call_refused("the call was not answered in time")),
                () = &mut over => Err(Exit::clean()),
                () = self.signals.next() => Err(Exit::clean()),
            };
            if let Err(exit) = step.and_then(|()| self.go_on(options)) {
                return exit;
            }
        }
    }

    /// Whether there is still something to do.
    fn go_on(&self, options: &RunOptions) -> Result<(), Exit> {
        if !self.live.is_empty() {
            return Ok(());
        }
        if options.calls.is_some_and(|calls| self.conversations >= calls) {
            return Err(Exit::clean());
        }
        Ok(())
    }

    fn place_call(&mut self, call: OutboundCall) {
        self.placed = Some(Placed::default());
        let client = self.desk.client.clone();
        self.beside(async move { Finished::PlaceCall(client.place_call(call).await) });
    }

    /// Lets something go on beside the loop, which goes on handling events and signals.
    fn beside(&self, work: impl Future<Output = Finished> + Send + 'static) {
        let finished = self.finished.0.clone();
        tokio::spawn(async move {
            // It fails when the program is ending, and then nobody wants to know.
            drop(finished.send(work.await));
        });
    }

    fn command(&mut self, line: Option<String>) -> Result<(), Exit> {
        let line = line.ok_or_else(Exit::clean)?;
        let desk = self.desk.clone();
        self.beside(async move { Finished::Command(command::carry_out(&line, &desk).await) });
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<(), Exit> {
        if action == Action::Quit {
            return Err(Exit::clean());
        }
        let client = self.desk.client.clone();
        self.beside(async move { Finished::Action(view::act(&client, action).await) });
        Ok(())
    }

    fn finish(&mut self, finished: Finished) -> Result<(), Exit> {
        match finished {
            Finished::Command(Done { lines, quit }) => {
                lines.iter().try_for_each(|line| self.output.json(line))?;
                if quit { Err(Exit::clean()) } else { Ok(()) }
            }
            Finished::PlaceCall(result) => {
                let conversation = result?.conversation().clone();
                self.placed
                    .as_mut()
                    .map_or(Ok(()), |placed| placed.became(conversation))
            }
            Finished::Sessions(sessions) => {
                let ended = self.live.iter().filter(|live| !sessions.contains(live)).count();
                self.conversations += ended as u64;
                self.live = sessions;
                self.output.keep(&self.live)
            }
            Finished::Action(result) => self.output.done(result),
        }
    }

    /// Takes in an event; an `Err` ends the program.
    fn told(&mut self, event: Option<&Event>) -> Result<(), Exit> {
        let event = event.ok_or_else(|| Exit::other("the client is gone"))?;
        self.output.event(event)?;
        match event {
            // Nothing comes back with this token: all calls end now, unless a program has another one.
            Event::Disconnected {
                error: Some(error),
                reconnecting: false,
            } if error.credentials_refused() && !self.json => return Err(Exit::refused(error)),
            Event::SessionStarted { session, .. } => self.live.push(session.clone()),
            Event::SessionReplaced { session, replaced, .. } => {
                self.live.retain(|live| live != replaced);
                self.live.push(session.clone());
            }
            Event::Station(station) => self.persistent = station.as_ref().is_some_and(|station| station.persistent),
            Event::CallState(call) if self.persistent && call.state.is_ended() => {
                if let Some(session) = &call.session {
                    self.over(session);
                    self.placed
                        .as_mut()
                        .map_or(Ok(()), |placed| placed.left(session, &call.state.as_str()))?;
                }
            }
            Event::SessionEnded { session, .. } => self.over(session),
            Event::Lagged(_) => self.look_again(),
            _ => {}
        }
        self.placed.as_mut().map_or(Ok(()), |placed| placed.told(event))
    }

    /// The conversation of a session has ended. One that was replaced has none to end, and is no longer here.
    fn over(&mut self, session: &SessionId) {
        let before = self.live.len();
        self.live.retain(|live| live != session);
        self.conversations += (before - self.live.len()) as u64;
    }

    /// Events were missed: asks what is now, and tells it.
    fn look_again(&self) {
        let desk = self.desk.clone();
        self.beside(async move {
            let sessions = desk.client.sessions().await;
            Finished::Sessions(sessions.into_iter().map(|(session, _)| session).collect())
        });
        let desk = self.desk.clone();
        self.beside(async move { Finished::Command(command::list_sessions(&desk).await) });
    }

    /// Ends all calls and closes; a second signal ends the program at once.
    async fn close(&mut self) {
        let client = self.desk.client.clone();
        let closing = client.shutdown();
        tokio::pin!(closing);
        loop {
            tokio::select! {
                biased;
                event = self.events.next() => match event {
                    Some(Event::ShutDown) | None => return,
                    // The program ends anyway; what it would end for is of no interest any more.
                    Some(event) => drop(self.told(Some(&event))),
                },
                () = &mut closing => return,
                () = self.signals.next() => process::exit(1),
            }
        }
    }
}

/// After so long; never, if it is not said.
async fn until(duration: Option<Duration>) {
    match duration {
        Some(duration) => sleep(duration).await,
        None => pending().await,
    }
}

/// Lines of standard input, from a thread of its own, which the end of the program does not wait for.
fn lines_of_stdin() -> mpsc::Receiver<String> {
    let (lines, receiver) = mpsc::channel(64);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut line = Vec::new();
        while stdin.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            // What is no UTF-8 is no JSON either, and is answered as that.
            let text = String::from_utf8_lossy(&line);
            if !text.trim().is_empty() && lines.blocking_send(text.into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    receiver
}

/// The next command, `None` at the end of input; never comes when none can.
async fn next_line(commands: &mut Option<mpsc::Receiver<String>>) -> Option<String> {
    match commands {
        Some(commands) => commands.recv().await,
        None => pending().await,
    }
}
