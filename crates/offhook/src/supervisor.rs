//! The actor that owns the phone and carries out what it asks: dials, starts sessions, makes REST requests, tells events.

mod calls;

use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, SpawnHandle, StreamHandler,
    fut::wrap_future,
};
use futures_util::FutureExt;
use offhook_jingle::{ConversationId, Proposal, Reason, SessionId};
use offhook_media::Statistics;
use offhook_phone::{
    AttemptId, BulkOptions, CallChange, CommandError, ConnectError, EndedAll, Event as Told, HttpId, HttpRequest,
    IceServer, IceServers, InitiateError, Initiation, Input, OutboundCall, Output, Phone, PhoneConfig, Priority,
    SessionReport, SessionStart, Station, TokenRequest, Topic, TopicEvent, TopicResult, TopicsToken,
};
use offhook_xmpp::{CloseReason, Jid};
use secrecy::SecretString;
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};
use tokio_stream::wrappers::WatchStream;

use self::calls::Calls;
use crate::{
    alarm::{Alarm, Rang},
    call::Call,
    clock,
    engine::Engine,
    error::{CallChangeFailure, CallFailure, ConnectFailure, TopicsFailure},
    event::Event,
    interfaces::Changes,
    memory::MemoryWriter,
    session::{self, Obituary, Session, Setup, Wish, Woken},
    token::TokenProvider,
    transport::{self, Dial, FromTransport, Said, Transport},
    worker::Clocks,
};

/// When a token provider is let go of; the phone does not wait that long.
const TOKEN_PATIENCE: Duration = Duration::from_secs(60);

/// The actor. It lives until the phone has shut down.
pub(crate) struct Supervisor {
    phone: Phone,
    engine: Engine,
    setup: Arc<Setup>,
    transport: Option<(AttemptId, Addr<Transport>)>,
    sessions: HashMap<SessionId, Addr<Session>>,
    /// The tries of REST requests that are under way.
    requests: HashMap<(HttpId, u32), SpawnHandle>,
    tokens: Option<Arc<dyn TokenProvider>>,
    memory: Option<MemoryWriter>,
    /// How long the machine has slept in all, as far as the phone knows.
    asleep: Duration,
    /// The changes of the machine's network interfaces, for transports.
    interfaces: watch::Receiver<Changes>,
    calls: Calls,
    waiting: Waiting,
    alarm: Alarm,
}

/// Who waits for what.
#[derive(Default)]
struct Waiting {
    connect: Vec<Reply<Result<(), ConnectFailure>>>,
    topics: HashMap<TopicsToken, Reply<Result<Vec<TopicResult>, TopicsFailure>>>,
    shutdown: Vec<Reply<()>>,
}

type Reply<T> = oneshot::Sender<T>;

/// For the supervisor: a command of the application.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum Ask {
    Connect(Reply<Result<(), ConnectFailure>>),
    Disconnect(Reply<Result<(), CommandError>>),
    PlaceCall(OutboundCall, Reply<Result<Call, CallFailure>>),
    ChangeCall(ConversationId, CallChange, Reply<Result<(), CallChangeFailure>>),
    Call(ConversationId, Reply<Option<Call>>),
    Calls(Reply<Vec<Call>>),
    Station(Reply<Option<Station>>),
    ClaimLeader(Reply<Result<(), CallChangeFailure>>),
    Accept(SessionId, Reply<Result<(), CommandError>>),
    Reject {
        session: SessionId,
        ignore: bool,
        reply: Reply<Result<(), CommandError>>,
    },
    Initiate(Initiation, Reply<Result<SessionId, InitiateError>>),
    Cancel(SessionId, Reply<Result<(), CommandError>>),
    End {
        session: SessionId,
        reason: Reason,
        reply: Reply<Result<(), CommandError>>,
    },
    EndAll {
        peer: Option<Jid>,
        reason: Reason,
        reply: Reply<Result<EndedAll, CommandError>>,
    },
    Sessions(Reply<Vec<(SessionId, Option<ConversationId>)>>),
    Proposals(Reply<Vec<Proposal>>),
    Statistics(SessionId, Reply<Option<Statistics>>),
    Wish(SessionId, Wish),
    SetToken(SecretString, Reply<Result<(), CommandError>>),
    IceServers(Reply<IceServers>),
    SetIceServers(Vec<IceServer>, Reply<Result<(), CommandError>>),
    RefreshIceServers(Reply<Result<(), CommandError>>),
    Topics(TopicsAsk, Reply<Result<Vec<TopicResult>, TopicsFailure>>),
    Shutdown(Option<Reply<()>>),
}

/// What is wanted of topics.
pub(crate) enum TopicsAsk {
    Subscribe {
        topics: Vec<Topic>,
        priority: Priority,
        immediate: bool,
    },
    Unsubscribe(Vec<Topic>),
    Bulk {
        topics: Vec<(Topic, Priority)>,
        options: BulkOptions,
    },
}

/// For the supervisor: what a session's dialogue says to the outside.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FromSession {
    pub(crate) session: SessionId,
    pub(crate) report: SessionReport,
}

/// For the supervisor: a session's actor is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SessionLost(pub(crate) SessionId);

/// What a supervisor is made with beside its phone.
pub(crate) struct Shell {
    pub(crate) engine: Engine,
    pub(crate) setup: Setup,
    pub(crate) tokens: Option<Arc<dyn TokenProvider>>,
    pub(crate) memory: Option<MemoryWriter>,
}

impl Supervisor {
    pub(crate) fn new(config: PhoneConfig, shell: Shell, clocks: &Clocks, context: &mut Context<Self>) -> Self {
        let (alarm, rings) = Alarm::new();
        context.add_stream(rings);
        let suspends = clocks.suspends.watch();
        let asleep = *suspends.borrow();
        context.add_stream(WatchStream::from_changes(suspends));
        let Shell {
            engine,
            setup,
            tokens,
            memory,
        } = shell;
        Self {
            phone: Phone::new(config, clock::seed(), clock::now()),
            engine,
            setup: Arc::new(setup),
            transport: None,
            sessions: HashMap::new(),
            requests: HashMap::new(),
            tokens,
            memory,
            asleep,
            interfaces: clocks.interfaces.watch(),
            calls: Calls::default(),
            waiting: Waiting::default(),
            alarm,
        }
    }

    fn input(&mut self, context: &mut Context<Self>, input: Input) {
        self.phone.handle_input(clock::now(), input);
        self.pump(context);
    }

    /// Carries out what the phone asks, until it asks for no more.
    fn pump(&mut self, context: &mut Context<Self>) {
        loop {
            match self.phone.poll_output() {
                Output::Http { id, attempt, request } => self.ask_rest(id, attempt, request, context),
                Output::CancelHttp { id, attempt } => {
                    if let Some(request) = self.requests.remove(&(id, attempt)) {
                        context.cancel_future(request);
                    }
                }
                Output::Dial {
                    attempt,
                    url,
                    config,
                    seed,
                } => {
                    let dial = Dial {
                        attempt,
                        url,
                        config,
                        seed,
                    };
                    let interfaces = self.interfaces.clone();
                    let transport = Transport::dial(dial, self.engine.dialer(), interfaces, context.address());
                    self.transport = Some((attempt, transport));
                }
                Output::Abandon(attempt) => {
                    if let Some((_, transport)) = self.transport.take_if(|(current, _)| *current == attempt) {
                        transport.do_send(transport::Abandon);
                    }
                }
                Output::Stream(command) => {
                    if let Some((_, transport)) = &self.transport {
                        transport.do_send(transport::Command(command));
                    }
                }
                Output::StartSession(start) => self.start_session(*start, context),
                Output::Session { session, input } => {
                    if let Some(session) = self.sessions.get(&session) {
                        session.do_send(session::Deliver(input));
                    }
                }
                Output::EndSession { session, farewell, by } => {
                    if let Some(session) = self.sessions.get(&session) {
                        session.do_send(session::End { farewell, by });
                    }
                }
                Output::Carry { session, conversation } => {
                    if let Some(session) = self.sessions.get(&session) {
                        session.do_send(session::Carry(conversation));
                    }
                }
                Output::DropSession(session) => {
                    if let Some(session) = self.sessions.get(&session) {
                        session.do_send(session::Abandon);
                    }
                }
                Output::Remember(memory) => {
                    if let Some(writer) = &self.memory {
                        writer.remember(memory);
                    }
                }
                Output::AskToken(id) => self.ask_token(id, context),
                Output::Event(event) => self.told(event, context),
                Output::Timeout(at) => return self.alarm.set(at),
            }
        }
    }

    fn ask_rest(&mut self, id: HttpId, attempt: u32, request: HttpRequest, context: &mut Context<Self>) {
        let rest = self.engine.rest();
        let asking = wrap_future(async move { rest.send(request).await });
        let handle = context.spawn(asking.map(move |result, actor: &mut Self, context| {
            actor.requests.remove(&(id, attempt));
            actor.input(context, Input::Reply { id, attempt, result });
        }));
        self.requests.insert((id, attempt), handle);
    }

    fn ask_token(&mut self, id: TokenRequest, context: &mut Context<Self>) {
        // The phone asks only if there is somebody to be asked.
        if let Some(provider) = self.tokens.clone() {
            // What the application's code does is not ours to die of when it panics, nor to keep when it never ends: it goes
            // with the client, or a while after the phone has given it up.
            let asking = AssertUnwindSafe(async move { provider.token().await }).catch_unwind();
            let asking = timeout(TOKEN_PATIENCE, asking);
            context.spawn(wrap_future(asking).map(move |asked, actor: &mut Self, context| {
                let result = match asked {
                    Ok(Ok(result)) => result,
                    Ok(Err(_)) => Err("the token provider panicked".to_owned()),
                    Err(_) => Err("the token provider does not answer".to_owned()),
                };
                actor.input(context, Input::Token { id, result });
            }));
        }
    }

    fn start_session(&mut self, start: SessionStart, context: &mut Context<Self>) {
        let setup = self.setup.clone();
        let id = start.config.id.clone();
        // Made here, so that a session that does not even come to life is told as lost.
        let obituary = Obituary::new(id.clone(), context.address());
        let session = self
            .engine
            .media()
            .spawn(move |clocks, context| Session::new(start, setup, obituary, clocks, context));
        self.sessions.insert(id, session);
    }

    /// Answers who waits, and tells who listens.
    fn told(&mut self, told: Told, context: &mut Context<Self>) {
        let event = match told {
            Told::Connected { jid, channel } => {
                self.answer_connect(&Ok(()));
                Event::Connected { jid, channel }
            }
            Told::ConnectFailed(error) => {
                self.answer_connect(&Err(ConnectFailure::Failed(error.clone())));
                Event::Disconnected {
                    reconnecting: false,
                    error: Some(error),
                }
            }
            Told::Disconnected { reconnecting, error } => {
                if !reconnecting {
                    let failure = error.clone().unwrap_or(ConnectError::Cancelled);
                    self.answer_connect(&Err(ConnectFailure::Failed(failure)));
                }
                Event::Disconnected { reconnecting, error }
            }
            Told::Topics(event) => return self.topics_told(event),
            Told::Call(call) => return self.call_told(call),
            Told::CallChanged { call, result } => return self.call_changed(call, result.map_err(Into::into)),
            Told::Station(station) => Event::Station(station),
            Told::AlertingLeader { connection, ours } => Event::AlertingLeader { connection, ours },
            Told::ActiveChanged { session, active } => Event::ActiveChanged { session, active },
            Told::IceServers(servers) => Event::IceServers(servers),
            Told::Proposed(proposal) => Event::Proposed(proposal),
            Told::ProposalCancelled(session) => Event::ProposalCancelled(session),
            Told::ProposalHandled(session) => Event::ProposalHandled(session),
            Told::InitiationFailed { session, failure } => Event::InitiationFailed { session, failure },
            Told::SessionStarted {
                session,
                conversation,
                peer,
            } => Event::SessionStarted {
                session,
                conversation,
                peer,
            },
            Told::SessionReplaced {
                session,
                replaced,
                conversation,
                peer,
                reconnects,
            } => Event::SessionReplaced {
                session,
                replaced,
                conversation,
                peer,
                reconnects,
            },
            Told::SessionEnded {
                session,
                conversation,
                reason,
                by,
                lasted,
            } => {
                self.sessions.remove(&session);
                Event::SessionEnded {
                    session,
                    conversation,
                    reason,
                    by,
                    lasted,
                }
            }
            Told::CallPlaced { call, conversation } => return self.call_placed(call, &conversation, context),
            Told::CallRefused { call, error } => return self.call_refused(call, CallFailure::Refused(error)),
            Told::ShutDown => {
                self.answer_connect(&Err(ConnectFailure::Command(CommandError::ShutDown)));
                self.setup.publisher.tell(Event::ShutDown);
                for reply in self.waiting.shutdown.drain(..) {
                    let _ = reply.send(());
                }
                return context.stop();
            }
        };
        self.setup.publisher.tell(event);
    }

    // A caller that has stopped waiting wants no answer, so nothing is made of a failed send here and below.

    fn answer_connect(&mut self, result: &Result<(), ConnectFailure>) {
        for reply in self.waiting.connect.drain(..) {
            drop(reply.send(result.clone()));
        }
    }

    fn connect(&mut self, reply: Reply<Result<(), ConnectFailure>>) {
        match self.phone.connect(clock::now()) {
            Ok(()) if self.phone.is_connected() => drop(reply.send(Ok(()))),
            Ok(()) => self.waiting.connect.push(reply),
            Err(error) => drop(reply.send(Err(ConnectFailure::Command(error)))),
        }
    }

    fn measure(&self, session: &SessionId, reply: Reply<Option<Statistics>>) {
        match self.sessions.get(session) {
            Some(session) => session.do_send(session::Measure(reply)),
            None => drop(reply.send(None)),
        }
    }

    fn topics(&mut self, ask: TopicsAsk, reply: Reply<Result<Vec<TopicResult>, TopicsFailure>>) {
        let now = clock::now();
        let asked = match ask {
            TopicsAsk::Subscribe {
                topics,
                priority,
                immediate,
            } => self.phone.subscribe(now, &topics, priority, immediate),
            TopicsAsk::Unsubscribe(topics) => self.phone.unsubscribe(now, &topics),
            TopicsAsk::Bulk { topics, options } => self.phone.bulk_subscribe(now, &topics, options),
        };
        match asked {
            Ok(token) => drop(self.waiting.topics.insert(token, reply)),
            Err(error) => drop(reply.send(Err(TopicsFailure::Command(error)))),
        }
    }

    /// The end of a command is for who gave it, everything else for who listens.
    fn topics_told(&mut self, event: TopicEvent) {
        match event {
            TopicEvent::Settled { command, result } => {
                if let Some(reply) = self.waiting.topics.remove(&command) {
                    drop(reply.send(result.map_err(TopicsFailure::Refused)));
                }
            }
            event => self.setup.publisher.tell(Event::Topics(event)),
        }
    }

    fn sessions(&self) -> Vec<(SessionId, Option<ConversationId>)> {
        self.phone
            .sessions()
            .map(|(session, conversation)| (session.clone(), conversation.cloned()))
            .collect()
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;
}

impl Handler<Ask> for Supervisor {
    type Result = ();

    fn handle(&mut self, ask: Ask, context: &mut Context<Self>) {
        let now = clock::now();
        match ask {
            Ask::Connect(reply) => self.connect(reply),
            Ask::Disconnect(reply) => drop(reply.send(self.phone.disconnect(now))),
            Ask::PlaceCall(call, reply) => self.place_call(&call, reply),
            Ask::Accept(session, reply) => drop(reply.send(self.phone.accept(now, &session))),
            Ask::Reject { session, ignore, reply } => drop(reply.send(self.phone.reject(now, &session, ignore))),
            Ask::Initiate(initiation, reply) => drop(reply.send(self.phone.initiate(now, initiation))),
            Ask::Cancel(session, reply) => drop(reply.send(self.phone.cancel(now, &session))),
            Ask::End { session, reason, reply } => drop(reply.send(self.phone.end(now, &session, reason))),
            Ask::EndAll { peer, reason, reply } => drop(reply.send(self.phone.end_all(now, peer.as_ref(), reason))),
            Ask::ChangeCall(conversation, change, reply) => self.change_call(&conversation, change, reply),
            Ask::Call(conversation, reply) => drop(reply.send(self.call_of(&conversation, context))),
            Ask::Calls(reply) => drop(reply.send(self.live_calls(context))),
            Ask::Station(reply) => drop(reply.send(self.phone.station().cloned())),
            Ask::ClaimLeader(reply) => {
                let claiming = self.phone.claim_alerting_leader(now);
                self.await_change(claiming, reply);
            }
            Ask::Sessions(reply) => drop(reply.send(self.sessions())),
            Ask::Proposals(reply) => drop(reply.send(self.phone.proposals().cloned().collect())),
            Ask::Statistics(session, reply) => self.measure(&session, reply),
            Ask::Wish(id, wish) => match self.sessions.get(&id) {
                Some(session) => session.do_send(wish),
                None => wish.refuse(id),
            },
            Ask::SetToken(token, reply) => drop(reply.send(self.phone.set_token(now, token))),
            Ask::IceServers(reply) => drop(reply.send(self.phone.ice_servers().clone())),
            Ask::SetIceServers(servers, reply) => drop(reply.send(self.phone.set_ice_servers(now, servers))),
            Ask::RefreshIceServers(reply) => drop(reply.send(self.phone.refresh_ice_servers(now))),
            Ask::Topics(ask, reply) => self.topics(ask, reply),
            Ask::Shutdown(reply) => {
                self.waiting.shutdown.extend(reply);
                self.phone.shutdown(now);
            }
        }
        self.pump(context);
    }
}

impl Handler<FromTransport> for Supervisor {
    type Result = ();

    fn handle(&mut self, FromTransport { attempt, said }: FromTransport, context: &mut Context<Self>) {
        let input = match said {
            Said::DialFailed(error) => Input::DialFailed { attempt, error },
            Said::Stream(event) => Input::Stream { attempt, event },
            Said::Closed(reason, resumption) => Input::Closed {
                attempt,
                reason,
                resumption,
            },
            Said::Lost => {
                let reason = "the connection failed within the client".to_owned();
                Input::Closed {
                    attempt,
                    reason: CloseReason::SocketClosed { code: None, reason },
                    resumption: None,
                }
            }
        };
        self.input(context, input);
    }
}

impl Handler<FromSession> for Supervisor {
    type Result = ();

    fn handle(&mut self, FromSession { session, report }: FromSession, context: &mut Context<Self>) {
        self.input(context, Input::Session { session, report });
    }
}

impl Handler<SessionLost> for Supervisor {
    type Result = ();

    fn handle(&mut self, SessionLost(session): SessionLost, context: &mut Context<Self>) {
        self.sessions.remove(&session);
        self.input(context, Input::SessionLost { session });
    }
}

/// The machine's suspends.
impl StreamHandler<Duration> for Supervisor {
    fn handle(&mut self, total: Duration, context: &mut Context<Self>) {
        let asleep = total.saturating_sub(std::mem::replace(&mut self.asleep, total));
        self.input(context, Input::Resumed { asleep });
        for session in self.sessions.values() {
            session.do_send(Woken(asleep));
        }
    }

    /// The thread ends, and this with it.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

impl StreamHandler<Rang> for Supervisor {
    fn handle(&mut self, Rang: Rang, context: &mut Context<Self>) {
        self.input(context, Input::Timeout);
    }
}
