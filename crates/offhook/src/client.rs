//! The handle that an application holds.

mod sound;

use std::{future::ready, sync::Arc};

use actix::Addr;
use futures_core::Stream;
use futures_util::StreamExt as _;
use offhook_jingle::{ConversationId, Proposal, Reason, SessionId};
use offhook_media::Statistics;
use offhook_phone::{
    BulkOptions, CommandError, Endpoints, IceServer, IceServers, InitiateError, Initiation, Login, OutboundCall,
    PhoneConfig, Priority, Station, Topic, TopicResult,
};
use offhook_xmpp::Jid;
use secrecy::SecretString;
use tokio::sync::oneshot;

use crate::{
    builder::ClientBuilder,
    call::Call,
    error::{CallChangeFailure, CallFailure, ChangeFailure, ConnectFailure, TopicsFailure},
    event::{Event, Events, Listener},
    session::{SoundFailure, Wish},
    supervisor::{Ask, Shell, Supervisor, TopicsAsk},
};

/// One user's softphone. Cheap to clone; works from any runtime, or none.
///
/// When the last handle is dropped, all sessions end with `success` and signalling closes, as by
/// [`shutdown`](Self::shutdown); that call waits for it.
#[derive(Debug, Clone)]
pub struct Client(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    supervisor: Addr<Supervisor>,
    listener: Listener,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.supervisor.do_send(Ask::Shutdown(None));
    }
}

impl Client {
    /// Begins a client of this cloud for the user of this access token.
    pub fn builder(endpoints: Endpoints, token: impl Into<SecretString>) -> ClientBuilder {
        ClientBuilder::new(endpoints, Login::Token(token.into()))
    }

    /// Begins a client of this cloud for a guest with a JWT. Guests take no softphone calls.
    pub fn guest(endpoints: Endpoints, jwt: impl Into<SecretString>) -> ClientBuilder {
        ClientBuilder::new(endpoints, Login::Guest(jwt.into()))
    }

    pub(crate) fn start(phone: PhoneConfig, shell: Shell) -> Self {
        let listener = shell.setup.publisher.listener();
        let signalling = shell.engine.signalling().clone();
        let supervisor = signalling.spawn(move |clocks, context| Supervisor::new(phone, shell, clocks, context));
        Self(Arc::new(Handle { supervisor, listener }))
    }

    /// The events from now on; ask before [`connect`](Self::connect) to miss none.
    pub fn events(&self) -> Events {
        self.0.listener.listen()
    }

    /// Brings signalling up: REST login, WebSocket, XMPP. At once when it stands already. Dropping the future does not cancel
    /// the attempt; [`disconnect`](Self::disconnect) does. A connection that is lost is told by
    /// [`Event::Disconnected`](crate::Event::Disconnected) and brought back, with waits that grow from one failure to the next;
    /// an attempt soon after a failure waits for its time too.
    ///
    /// # Errors
    /// When the token is refused; and when a server cannot be reached or is not what it should be, unless
    /// [`keep_trying`](ClientBuilder::keep_trying) says to go on.
    pub async fn connect(&self) -> Result<(), ConnectFailure> {
        self.ask(Ask::Connect)
            .await
            .unwrap_or(Err(ConnectFailure::Command(CommandError::ShutDown)))
    }

    /// Closes signalling. Sessions live on; end them first if they should not.
    ///
    /// # Errors
    /// After `shutdown`.
    pub async fn disconnect(&self) -> Result<(), CommandError> {
        self.command(Ask::Disconnect).await
    }

    /// Places a call by REST, and returns it when REST has; its media may come before or after. Its proposal is accepted without asking if
    /// [`AnswerPolicy::placed`](crate::AnswerPolicy::placed) says so, which is the default. A call whose future is dropped is
    /// placed all the same.
    ///
    /// # Errors
    /// When signalling does not stand, the API refuses, or the client is a guest.
    pub async fn place_call(&self, call: OutboundCall) -> Result<Call, CallFailure> {
        let answer = self.ask(|reply| Ask::PlaceCall(call, reply)).await;
        answer.unwrap_or(Err(CallFailure::Command(CommandError::ShutDown)))
    }

    /// The call of this conversation, over or not; none if nothing is known of it.
    pub async fn call(&self, conversation: &ConversationId) -> Option<Call> {
        let conversation = conversation.clone();
        self.ask(|reply| Ask::Call(conversation, reply)).await.flatten()
    }

    /// The calls that are not over; none after `shutdown`.
    pub async fn calls(&self) -> Vec<Call> {
        self.ask(Ask::Calls).await.unwrap_or_default()
    }

    /// The station that the user is called at; none before the cloud has told it, and if there is none.
    pub async fn station(&self) -> Option<Station> {
        self.ask(Ask::Station).await.flatten()
    }

    /// Has the user's calls ring at this client rather than at others of the same user.
    /// [`Event::AlertingLeader`](crate::Event::AlertingLeader) tells who rings from then on.
    ///
    /// # Errors
    /// When signalling does not stand, the cloud refuses, or the client is a guest.
    pub async fn claim_alerting_leader(&self) -> Result<(), CallChangeFailure> {
        let claimed = self.ask(Ask::ClaimLeader).await;
        claimed.unwrap_or(Err(CallChangeFailure::Command(CommandError::ShutDown)))
    }

    /// Accepts a proposal; [`Event::SessionStarted`](crate::Event::SessionStarted) follows when its offer comes.
    ///
    /// # Errors
    /// When signalling neither stands nor is coming back, or no such proposal rings.
    pub async fn accept(&self, session: &SessionId) -> Result<(), CommandError> {
        let session = session.clone();
        self.command(|reply| Ask::Accept(session, reply)).await
    }

    /// Refuses a proposal on all clients of the user, or, with `ignore`, on this one without a word.
    ///
    /// # Errors
    /// When signalling neither stands nor is coming back, or no such proposal rings.
    pub async fn reject(&self, session: &SessionId, ignore: bool) -> Result<(), CommandError> {
        let session = session.clone();
        self.command(|reply| Ask::Reject { session, ignore, reply }).await
    }

    /// Proposes a session to another client, by its address and without a call of the platform (XEP-0353 section 3.1); the session's id.
    /// When somebody there wants it, our offer goes out, in Jingle, and [`Event::SessionStarted`](crate::Event::SessionStarted) comes; if
    /// nobody does, [`Event::InitiationFailed`](crate::Event::InitiationFailed).
    ///
    /// # Errors
    /// [`InitiateError`]; nothing was sent.
    pub async fn initiate(&self, initiation: Initiation) -> Result<SessionId, InitiateError> {
        let answer = self.ask(|reply| Ask::Initiate(initiation, reply)).await;
        answer.unwrap_or(Err(CommandError::ShutDown.into()))
    }

    /// Takes a proposal of ours back, before its session has begun; nothing more is told of it.
    ///
    /// # Errors
    /// When we propose no such session (any more), or signalling neither stands nor is coming back.
    pub async fn cancel(&self, session: &SessionId) -> Result<(), CommandError> {
        let session = session.clone();
        self.command(|reply| Ask::Cancel(session, reply)).await
    }

    /// Lets the media of a session begin, where [`ClientBuilder::accept_sessions`] leaves that to the program. Its proposal was accepted
    /// before, and [`Event::SessionStarted`](crate::Event::SessionStarted) told that its offer is here.
    ///
    /// # Errors
    /// When no such session waits to be accepted.
    pub async fn accept_session(&self, session: &SessionId) -> Result<(), CommandError> {
        let id = session.clone();
        let accepted = self.ask(|reply| Ask::Wish(id, Wish::Accept(reply))).await;
        // A session that ends meanwhile has nothing left to begin.
        accepted.unwrap_or_else(|| Err(CommandError::UnknownSession(session.clone())))
    }

    /// Ends a session, or refuses the proposal of this id. [`Event::SessionEnded`](crate::Event::SessionEnded) follows
    /// when the far end has heard of it, at the latest after two seconds.
    ///
    /// # Errors
    /// When nothing has this id.
    pub async fn end(&self, session: &SessionId, reason: Reason) -> Result<(), CommandError> {
        let session = session.clone();
        self.command(|reply| Ask::End { session, reason, reply }).await
    }

    /// Ends every session and refuses every proposal whose far end is at this address, a full or a bare JID; without one, all of them.
    /// Returns their ids when all have ended.
    ///
    /// # Errors
    /// After `shutdown`.
    pub async fn end_sessions(&self, peer: Option<Jid>, reason: Reason) -> Result<Vec<SessionId>, CommandError> {
        let mut events = self.events();
        let ended = self.ask(|reply| Ask::EndAll { peer, reason, reply }).await;
        let ended = ended.unwrap_or(Err(CommandError::ShutDown))?;
        let mut live = ended.sessions.clone();
        let ids = [ended.proposals, ended.sessions].concat();
        while !live.is_empty() {
            match events.next().await {
                Some(Event::SessionEnded { session, .. }) => live.retain(|id| *id != session),
                Some(Event::Lagged(_)) => {
                    let now = self.sessions().await;
                    live.retain(|id| now.iter().any(|(session, _)| session == id));
                }
                Some(_) => {}
                None => break,
            }
        }
        Ok(ids)
    }

    /// Puts the far end of a session on hold, or takes it back: no audio goes either way, and the far end is told. Returns
    /// when it has agreed.
    ///
    /// # Errors
    /// [`ChangeFailure::NotInDialect`] in SDP over XMPP, where holding is the platform's to do; and when the session has no
    /// media, another change is under way, or the far end does not take it.
    pub async fn hold(&self, session: &SessionId, held: bool) -> Result<(), ChangeFailure> {
        self.alter(session, |reply| Wish::Held(held, reply)).await
    }

    /// Has both ends of a session look for another media path while the one that there is goes on (RFC 8445 section 9).
    /// Happens by itself when media are interrupted. Returns when the far end has answered.
    ///
    /// # Errors
    /// As [`hold`](Self::hold).
    pub async fn restart_ice(&self, session: &SessionId) -> Result<(), ChangeFailure> {
        self.alter(session, Wish::Restart).await
    }

    async fn alter(
        &self,
        session: &SessionId,
        wish: impl FnOnce(oneshot::Sender<Result<(), ChangeFailure>>) -> Wish,
    ) -> Result<(), ChangeFailure> {
        let session = session.clone();
        let changed = self.ask(|reply| Ask::Wish(session, wish(reply))).await;
        // A session that ends meanwhile has nothing left to change.
        changed.unwrap_or(Err(ChangeFailure::NoMedia))
    }

    /// The sessions that have not ended, each with its conversation; none after `shutdown`.
    pub async fn sessions(&self) -> Vec<(SessionId, Option<ConversationId>)> {
        self.ask(Ask::Sessions).await.unwrap_or_default()
    }

    /// The proposals that have no offer yet: what rings, and what was accepted just now; none after `shutdown`.
    pub async fn proposals(&self) -> Vec<Proposal> {
        self.ask(Ask::Proposals).await.unwrap_or_default()
    }

    /// The counters of a session's media; none before they have begun and after the session has ended.
    pub async fn statistics(&self, session: &SessionId) -> Option<Statistics> {
        let session = session.clone();
        self.ask(|reply| Ask::Statistics(session, reply)).await.flatten()
    }

    /// The counters of a session's media each time they are told ([`ClientBuilder::statistics_every`]), from now on until the session has
    /// ended. It keeps no client alive.
    pub fn statistics_of(&self, session: &SessionId) -> impl Stream<Item = Statistics> + Send + Unpin + 'static {
        let session = session.clone();
        let ended = {
            let session = session.clone();
            move |event: &Event| matches!(event, Event::SessionEnded { session: ended, .. } if *ended == session)
        };
        let running = self.events().take_while(move |event| ready(!ended(event)));
        running.filter_map(move |event| {
            ready(match event {
                Event::Statistics {
                    session: of,
                    statistics,
                } if of == session => Some(*statistics),
                _ => None,
            })
        })
    }

    /// Lets the far end of a session hear silence from now on, or again what is played; it is told of it, too. Packets flow on.
    /// New media of the session stay muted.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn set_muted(&self, session: &SessionId, muted: bool) -> Result<(), SoundFailure> {
        self.sound(session, |reply| Wish::Muted(muted, reply)).await
    }

    /// Presses keys of a telephone in a session's audio (RFC 4733): `0` to `9`, `*`, `#`, `A` to `D`, and a comma for a pause of
    /// two seconds. They are sent one after the other, 100 ms each, muted or not; while the media are not connected or on hold,
    /// they wait.
    ///
    /// # Errors
    /// When there is no such session or it has no media yet, a character is no digit, more than a hundred would wait, or the
    /// far end takes no digits. None is sent then.
    pub async fn send_digits(&self, session: &SessionId, digits: impl Into<String>) -> Result<(), SoundFailure> {
        self.sound(session, |reply| Wish::Digits(digits.into(), reply)).await
    }

    async fn sound<T>(
        &self,
        session: &SessionId,
        wish: impl FnOnce(oneshot::Sender<Result<T, SoundFailure>>) -> Wish,
    ) -> Result<T, SoundFailure> {
        let id = session.clone();
        let answer = self.ask(|reply| Ask::Wish(id, wish(reply))).await;
        // A session that ends in the meantime answers nothing.
        answer.unwrap_or_else(|| Err(CommandError::UnknownSession(session.clone()).into()))
    }

    /// Uses this access token of the same user from now on; the connection and the calls that stand go on.
    ///
    /// # Errors
    /// After `shutdown`, and for a guest.
    pub async fn set_token(&self, token: impl Into<SecretString>) -> Result<(), CommandError> {
        let token = token.into();
        self.command(|reply| Ask::SetToken(token, reply)).await
    }

    /// The STUN and TURN servers that the next session uses; none after `shutdown`.
    pub async fn ice_servers(&self) -> IceServers {
        self.ask(Ask::IceServers).await.unwrap_or_default()
    }

    /// Uses these servers from the next session on, until [`refresh_ice_servers`](Self::refresh_ice_servers).
    ///
    /// # Errors
    /// After `shutdown`.
    pub async fn set_ice_servers(&self, servers: Vec<IceServer>) -> Result<(), CommandError> {
        self.command(|reply| Ask::SetIceServers(servers, reply)).await
    }

    /// Asks the cloud for its servers again, as happens every six hours by itself.
    /// [`Event::IceServers`](crate::Event::IceServers) tells them.
    ///
    /// # Errors
    /// When signalling does not stand.
    pub async fn refresh_ice_servers(&self) -> Result<(), CommandError> {
        self.command(Ask::RefreshIceServers).await
    }

    /// Subscribes to topics; one subscription at the server serves however many are made here. With `immediate` they are asked
    /// for by pubsub, at once, else with others by REST. While signalling is down all of them, and the answer, wait for the next
    /// connection.
    ///
    /// # Errors
    /// When the API refuses the request as a whole.
    pub async fn subscribe(
        &self,
        topics: Vec<Topic>,
        priority: Priority,
        immediate: bool,
    ) -> Result<Vec<TopicResult>, TopicsFailure> {
        self.topics(TopicsAsk::Subscribe {
            topics,
            priority,
            immediate,
        })
        .await
    }

    /// Takes back one subscription to each topic.
    ///
    /// # Errors
    /// When the API refuses the request as a whole.
    pub async fn unsubscribe(&self, topics: Vec<Topic>) -> Result<Vec<TopicResult>, TopicsFailure> {
        self.topics(TopicsAsk::Unsubscribe(topics)).await
    }

    /// Subscribes to a whole list.
    ///
    /// # Errors
    /// When the API refuses the request as a whole.
    pub async fn bulk_subscribe(
        &self,
        topics: Vec<(Topic, Priority)>,
        options: BulkOptions,
    ) -> Result<Vec<TopicResult>, TopicsFailure> {
        self.topics(TopicsAsk::Bulk { topics, options }).await
    }

    async fn topics(&self, ask: TopicsAsk) -> Result<Vec<TopicResult>, TopicsFailure> {
        let answer = self.ask(|reply| Ask::Topics(ask, reply)).await;
        answer.unwrap_or(Err(TopicsFailure::Command(CommandError::ShutDown)))
    }

    /// Ends all sessions properly, closes signalling, and returns when that is done.
    pub async fn shutdown(&self) {
        // No answer means that it was shut down before.
        let _ = self.ask(|reply| Ask::Shutdown(Some(reply))).await;
    }

    async fn command(
        &self,
        ask: impl FnOnce(oneshot::Sender<Result<(), CommandError>>) -> Ask,
    ) -> Result<(), CommandError> {
        self.ask(ask).await.unwrap_or(Err(CommandError::ShutDown))
    }

    /// `None` when the client was shut down.
    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.0.supervisor.do_send(ask(reply));
        answer.await.ok()
    }
}
