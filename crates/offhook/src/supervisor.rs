//! The actor that owns the phone and carries out what it asks: dials, starts sessions, makes REST requests, tells events.

use std::{collections::HashMap, sync::Arc};

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, StreamHandler};
use offhook_jingle::{ConversationId, Proposal, Reason, SessionId};
use offhook_phone::{
    AttemptId, CallToken, CommandError, Event as Told, HttpFailure, HttpId, HttpReply, HttpRequest, Input,
    OutboundCall, Output, Phone, PhoneConfig, SessionReport, SessionStart,
};
use offhook_xmpp::{self as xmpp, CloseReason};
use tokio::sync::oneshot;

use crate::{
    alarm::{Alarm, Rang},
    clock,
    engine::Engine,
    error::{CallFailure, ConnectFailure},
    event::Event,
    session::{self, Obituary, Session, Setup},
    transport::{self, Dial, FromTransport, Said, Transport},
};

/// The actor. It lives until the phone has shut down.
pub(crate) struct Supervisor {
    phone: Phone,
    engine: Engine,
    setup: Arc<Setup>,
    transport: Option<(AttemptId, Addr<Transport>)>,
    sessions: HashMap<SessionId, Addr<Session>>,
    waiting: Waiting,
    alarm: Alarm,
}

/// Who waits for what.
#[derive(Default)]
struct Waiting {
    connect: Vec<Reply<Result<(), ConnectFailure>>>,
    calls: HashMap<CallToken, Reply<Result<ConversationId, CallFailure>>>,
    shutdown: Vec<Reply<()>>,
}

type Reply<T> = oneshot::Sender<T>;

/// For the supervisor: a command of the application.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum Ask {
    Connect(Reply<Result<(), ConnectFailure>>),
    Disconnect(Reply<Result<(), CommandError>>),
    PlaceCall(OutboundCall, Reply<Result<ConversationId, CallFailure>>),
    Accept(SessionId, Reply<Result<(), CommandError>>),
    Reject {
        session: SessionId,
        ignore: bool,
        reply: Reply<Result<(), CommandError>>,
    },
    End {
        session: SessionId,
        reason: Reason,
        reply: Reply<Result<(), CommandError>>,
    },
    Sessions(Reply<Vec<(SessionId, Option<ConversationId>)>>),
    Proposals(Reply<Vec<Proposal>>),
    Shutdown(Option<Reply<()>>),
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

#[derive(Message)]
#[rtype(result = "()")]
struct Replied {
    id: HttpId,
    result: Result<HttpReply, HttpFailure>,
}

impl Supervisor {
    pub(crate) fn new(config: PhoneConfig, engine: Engine, setup: Setup, context: &mut Context<Self>) -> Self {
        let (alarm, rings) = Alarm::new();
        context.add_stream(rings);
        Self {
            phone: Phone::new(config, clock::seed(), clock::now()),
            engine,
            setup: Arc::new(setup),
            transport: None,
            sessions: HashMap::new(),
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
                Output::Http { id, request } => self.ask_rest(id, request, context),
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
                    let transport = Transport::dial(dial, self.engine.dialer(), context.address());
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
                Output::EndSession { session, reason } => {
                    if let Some(session) = self.sessions.get(&session) {
                        session.do_send(session::End(reason));
                    }
                }
                Output::Event(event) => self.told(event, context),
                Output::Timeout(at) => return self.alarm.set(at),
            }
        }
    }

    fn ask_rest(&self, id: HttpId, request: HttpRequest, context: &mut Context<Self>) {
        let (rest, address) = (self.engine.rest(), context.address());
        actix::spawn(async move {
            let result = rest.send(request).await;
            address.do_send(Replied { id, result });
        });
    }

    fn start_session(&mut self, start: SessionStart, context: &mut Context<Self>) {
        let setup = self.setup.clone();
        let id = start.config.id.clone();
        // Made here, so that a session that does not even come to life is told as lost.
        let obituary = Obituary::new(id.clone(), context.address());
        let session = self
            .engine
            .media()
            .spawn(move |clock, context| Session::new(start, setup, obituary, clock.watch(), context));
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
            Told::Disconnected { reconnecting, error } => Event::Disconnected { reconnecting, error },
            Told::IceServers(servers) => Event::IceServers(servers),
            Told::Proposed(proposal) => Event::Proposed(proposal),
            Told::ProposalCancelled(session) => Event::ProposalCancelled(session),
            Told::ProposalHandled(session) => Event::ProposalHandled(session),
            Told::SessionStarted {
                session,
                conversation,
                peer,
            } => Event::SessionStarted {
                session,
                conversation,
                peer,
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
            Told::CallPlaced { call, conversation } => return self.answer_call(call, Ok(conversation)),
            Told::CallRefused { call, error } => return self.answer_call(call, Err(CallFailure::Refused(error))),
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

    fn answer_call(&mut self, call: CallToken, result: Result<ConversationId, CallFailure>) {
        if let Some(reply) = self.waiting.calls.remove(&call) {
            drop(reply.send(result));
        }
    }

    fn connect(&mut self, reply: Reply<Result<(), ConnectFailure>>) {
        match self.phone.connect(clock::now()) {
            Ok(()) if self.phone.is_connected() => drop(reply.send(Ok(()))),
            Ok(()) => self.waiting.connect.push(reply),
            Err(error) => drop(reply.send(Err(ConnectFailure::Command(error)))),
        }
    }

    fn place_call(&mut self, call: &OutboundCall, reply: Reply<Result<ConversationId, CallFailure>>) {
        match self.phone.place_call(clock::now(), call) {
            Ok(call) => drop(self.waiting.calls.insert(call, reply)),
            Err(error) => drop(reply.send(Err(CallFailure::Command(error)))),
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
            Ask::End { session, reason, reply } => drop(reply.send(self.phone.end(now, &session, reason))),
            Ask::Sessions(reply) => drop(reply.send(self.sessions())),
            Ask::Proposals(reply) => drop(reply.send(self.phone.proposals().cloned().collect())),
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
            Said::Lost => {
                let reason = "the connection failed within the client".to_owned();
                let event = xmpp::Event::Closed(CloseReason::SocketClosed { code: None, reason });
                Input::Stream { attempt, event }
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

impl Handler<Replied> for Supervisor {
    type Result = ();

    fn handle(&mut self, Replied { id, result }: Replied, context: &mut Context<Self>) {
        self.input(context, Input::Reply { id, result });
    }
}

impl StreamHandler<Rang> for Supervisor {
    fn handle(&mut self, Rang: Rang, context: &mut Context<Self>) {
        self.input(context, Input::Timeout);
    }
}
