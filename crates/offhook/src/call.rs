//! One call: the conversation that the cloud shows and the session that carries it, in one handle.

use actix::Addr;
use offhook_jingle::{ConversationId, SessionId};
use offhook_phone::{CallChange, CallEnd, CallState, CommandError, TrackedCall};
use tokio::sync::{oneshot, watch};

use crate::{
    error::{CallChangeFailure, CallOver},
    supervisor::{Ask, Supervisor},
};

/// One call of a [`Client`](crate::Client). Cheap to clone; works from any runtime, or none. It does not keep the client alive.
///
/// A call is known by its conversation. Where it stands is what the cloud says of that and what our session shows, together; either may
/// come first. Without [`ClientBuilder::softphone`](crate::ClientBuilder::softphone) only the session speaks, and of what is done here only
/// [`end`](Self::end) works.
#[derive(Debug, Clone)]
pub struct Call {
    conversation: ConversationId,
    states: watch::Receiver<TrackedCall>,
    supervisor: Addr<Supervisor>,
}

impl Call {
    pub(crate) fn new(states: watch::Receiver<TrackedCall>, supervisor: Addr<Supervisor>) -> Self {
        let conversation = states.borrow().conversation.clone();
        Self {
            conversation,
            states,
            supervisor,
        }
    }

    /// Which call this is.
    pub fn conversation(&self) -> &ConversationId {
        &self.conversation
    }

    /// The call as it is now; as it ended, if it is over.
    pub fn now(&self) -> TrackedCall {
        self.states.borrow().clone()
    }

    /// Where it stands now.
    pub fn state(&self) -> CallState {
        self.states.borrow().state
    }

    /// The session that carries it now, if one of ours does.
    pub fn session(&self) -> Option<SessionId> {
        self.states.borrow().session.clone()
    }

    /// The call after its next change; `None` when there will be none, since it is over or the client is shut down.
    pub async fn changed(&mut self) -> Option<TrackedCall> {
        self.states.changed().await.ok()?;
        Some(self.states.borrow_and_update().clone())
    }

    /// Waits until somebody is heard: the call is connected, and so are the media of its session, which is returned.
    ///
    /// # Errors
    /// When the call ends before.
    pub async fn connected(&self) -> Result<SessionId, CallOver> {
        let mut states = self.states.clone();
        let settled = |call: &TrackedCall| call.state == CallState::Connected || call.state.is_ended();
        let call = states.wait_for(settled).await.map_err(|_| CallOver(None))?;
        match (call.state, &call.session) {
            (CallState::Ended(end), _) => Err(CallOver(Some(end))),
            (_, Some(session)) => Ok(session.clone()),
            (_, None) => Err(CallOver(None)),
        }
    }

    /// Waits until the call is over, and says what ended it; `None` if the client was shut down while others still had the call.
    pub async fn ended(&self) -> Option<CallEnd> {
        let mut states = self.states.clone();
        let call = states.wait_for(|call| call.state.is_ended()).await.ok()?;
        match call.state {
            CallState::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Has the cloud take nothing from our microphone, or take it again. To send silence ourselves,
    /// see [`Client::set_muted`](crate::Client::set_muted).
    ///
    /// # Errors
    /// When the cloud refuses, or the call is over.
    pub async fn mute(&self, muted: bool) -> Result<(), CallChangeFailure> {
        self.change(CallChange::Muted(muted)).await
    }

    /// Puts the others on hold, or talks to them again; whoever else the user talks to is put on hold for that, where the station has
    /// lines for several. A call that is not connected needs no hold, and that is no error.
    ///
    /// # Errors
    /// When the cloud refuses, or the call is over.
    pub async fn hold(&self, held: bool) -> Result<(), CallChangeFailure> {
        self.change(CallChange::Held(held)).await
    }

    /// Has the cloud press keys: `0` to `9`, `*`, `#`, `A` to `D`, and a comma for a pause. To press them in our own
    /// audio, see [`Client::send_digits`](crate::Client::send_digits).
    ///
    /// # Errors
    /// When the cloud refuses, or the call is over.
    pub async fn send_digits(&self, digits: impl Into<String>) -> Result<(), CallChangeFailure> {
        self.change(CallChange::Digits(digits.into())).await
    }

    /// Refuses a call that rings: one to the user goes to voicemail, any other to whoever is next.
    ///
    /// # Errors
    /// When the cloud refuses, or the call is over.
    pub async fn decline(&self) -> Result<(), CallChangeFailure> {
        self.change(CallChange::Declined).await
    }

    /// Sends the call to the user's voicemail.
    ///
    /// # Errors
    /// When the cloud refuses, or the call is over.
    pub async fn to_voicemail(&self) -> Result<(), CallChangeFailure> {
        self.change(CallChange::Voicemail).await
    }

    /// Hangs up, and returns when the call is over. If the cloud does not do it within five seconds, the session that carries the call is
    /// ended. A session that stays open between calls stays open.
    ///
    /// # Errors
    /// When neither works. A call that is over already is no error.
    pub async fn end(&self) -> Result<(), CallChangeFailure> {
        if self.state().is_ended() {
            return Ok(());
        }
        match self.change(CallChange::Ended).await {
            Ok(()) => {
                self.ended().await;
                Ok(())
            }
            Err(_) if self.state().is_ended() => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    async fn change(&self, change: CallChange) -> Result<(), CallChangeFailure> {
        let (reply, answer) = oneshot::channel();
        let conversation = self.conversation.clone();
        self.supervisor.do_send(Ask::ChangeCall(conversation, change, reply));
        answer
            .await
            .unwrap_or(Err(CallChangeFailure::Command(CommandError::ShutDown)))
    }
}
