//! The handle that an application holds.

use std::sync::Arc;

use actix::Addr;
use offhook_jingle::{ConversationId, Proposal, Reason, SessionId};
use offhook_phone::{CommandError, Endpoints, OutboundCall, PhoneConfig};
use secrecy::SecretString;
use tokio::sync::oneshot;

use crate::{
    builder::ClientBuilder,
    engine::Engine,
    error::{CallFailure, ConnectFailure},
    event::{Events, Listener},
    session::Setup,
    supervisor::{Ask, Supervisor},
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
        ClientBuilder::new(endpoints, token.into())
    }

    pub(crate) fn start(phone: PhoneConfig, engine: Engine, setup: Setup) -> Self {
        let listener = setup.publisher.listener();
        let signalling = engine.signalling().clone();
        let supervisor = signalling.spawn(move |_, context| Supervisor::new(phone, engine, setup, context));
        Self(Arc::new(Handle { supervisor, listener }))
    }

    /// The events from now on; ask before [`connect`](Self::connect) to miss none.
    pub fn events(&self) -> Events {
        self.0.listener.listen()
    }

    /// Brings signalling up: REST login, WebSocket, XMPP. At once when it stands already. Dropping the future does not cancel
    /// the attempt; [`disconnect`](Self::disconnect) does. A connection that is lost is told by
    /// [`Event::Disconnected`](crate::Event::Disconnected) and not brought back: connect again.
    ///
    /// # Errors
    /// When the token is refused, a server cannot be reached or is not what it should be.
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
        self.ask(Ask::Disconnect).await.unwrap_or(Err(CommandError::ShutDown))
    }

    /// Places a call by REST and says which conversation it became. Its proposal is accepted without asking if
    /// [`AnswerPolicy::placed`](crate::AnswerPolicy::placed) says so, which is the default. A call whose future is dropped is
    /// placed all the same.
    ///
    /// # Errors
    /// When signalling does not stand, or the API refuses.
    pub async fn place_call(&self, call: OutboundCall) -> Result<ConversationId, CallFailure> {
        let answer = self.ask(|reply| Ask::PlaceCall(call, reply)).await;
        answer.unwrap_or(Err(CallFailure::Command(CommandError::ShutDown)))
    }

    /// Accepts a proposal; [`Event::SessionStarted`](crate::Event::SessionStarted) follows when its offer comes.
    ///
    /// # Errors
    /// When signalling does not stand or no such proposal rings.
    pub async fn accept(&self, session: &SessionId) -> Result<(), CommandError> {
        let session = session.clone();
        self.ask(|reply| Ask::Accept(session, reply))
            .await
            .unwrap_or(Err(CommandError::ShutDown))
    }

    /// Refuses a proposal on all clients of the user, or, with `ignore`, on this one without a word.
    ///
    /// # Errors
    /// When signalling does not stand or no such proposal rings.
    pub async fn reject(&self, session: &SessionId, ignore: bool) -> Result<(), CommandError> {
        let session = session.clone();
        self.ask(|reply| Ask::Reject { session, ignore, reply })
            .await
            .unwrap_or(Err(CommandError::ShutDown))
    }

    /// Ends a session, or refuses the proposal of this id. [`Event::SessionEnded`](crate::Event::SessionEnded) follows
    /// when the far end has heard of it, at the latest after two seconds.
    ///
    /// # Errors
    /// When nothing has this id.
    pub async fn end(&self, session: &SessionId, reason: Reason) -> Result<(), CommandError> {
        let session = session.clone();
        self.ask(|reply| Ask::End { session, reason, reply })
            .await
            .unwrap_or(Err(CommandError::ShutDown))
    }

    /// The sessions that have not ended, each with its conversation; none after `shutdown`.
    pub async fn sessions(&self) -> Vec<(SessionId, Option<ConversationId>)> {
        self.ask(Ask::Sessions).await.unwrap_or_default()
    }

    /// The proposals that have no offer yet: what rings, and what was accepted just now; none after `shutdown`.
    pub async fn proposals(&self) -> Vec<Proposal> {
        self.ask(Ask::Proposals).await.unwrap_or_default()
    }

    /// Ends all sessions properly, closes signalling, and returns when that is done.
    pub async fn shutdown(&self) {
        // No answer means that it was shut down before.
        let _ = self.ask(|reply| Ask::Shutdown(Some(reply))).await;
    }

    /// `None` when the client was shut down.
    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.0.supervisor.do_send(ask(reply));
        answer.await.ok()
    }
}
