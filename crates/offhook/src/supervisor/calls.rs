//! Calls: who watches which, and who waits for what becomes of a change.

use std::collections::HashMap;

use actix::{AsyncContext, Context};
use offhook_jingle::ConversationId;
use offhook_phone::{CallChange, CallToken, CommandError, OutboundCall, TrackedCall};
use tokio::sync::watch;

use super::{Reply, Supervisor};
use crate::{
    call::Call,
    clock,
    error::{CallChangeFailure, CallFailure},
    event::Event,
};

/// The live calls, for whoever watches them, and the commands about calls that wait for their outcome.
#[derive(Default)]
pub(super) struct Calls {
    live: HashMap<ConversationId, watch::Sender<TrackedCall>>,
    placing: HashMap<CallToken, Reply<Result<Call, CallFailure>>>,
    changing: HashMap<CallToken, Reply<Result<(), CallChangeFailure>>>,
}

// A caller that has stopped waiting wants no answer, so nothing is made of a failed send here.

impl Supervisor {
    /// A call stands elsewhere than before.
    pub(super) fn call_told(&mut self, call: TrackedCall) {
        match self.calls.live.get(&call.conversation) {
            Some(watched) => drop(watched.send_replace(call.clone())),
            None => {
                let (watched, _) = watch::channel(call.clone());
                self.calls.live.insert(call.conversation.clone(), watched);
            }
        }
        if call.state.is_ended() {
            self.calls.live.remove(&call.conversation);
        }
        self.setup.publisher.tell(Event::CallState(Box::new(call)));
    }

    pub(super) fn call_of(&self, conversation: &ConversationId, context: &Context<Self>) -> Option<Call> {
        let states = match self.calls.live.get(conversation) {
            Some(watched) => watched.subscribe(),
            // It is over; there is nothing to watch, but how it ended to be seen.
            None => watch::channel(self.phone.call(conversation)?.clone()).1,
        };
        Some(Call::new(states, context.address()))
    }

    pub(super) fn live_calls(&self, context: &Context<Self>) -> Vec<Call> {
        let watched = self.calls.live.values();
        watched
            .map(|watched| Call::new(watched.subscribe(), context.address()))
            .collect()
    }

    pub(super) fn place_call(&mut self, call: &OutboundCall, reply: Reply<Result<Call, CallFailure>>) {
        match self.phone.place_call(clock::now(), call) {
            Ok(call) => drop(self.calls.placing.insert(call, reply)),
            Err(error) => drop(reply.send(Err(CallFailure::Command(error)))),
        }
    }

    pub(super) fn call_placed(&mut self, token: CallToken, conversation: &ConversationId, context: &Context<Self>) {
        let call = self.call_of(conversation, context);
        if let (Some(reply), Some(call)) = (self.calls.placing.remove(&token), call) {
            drop(reply.send(Ok(call)));
        }
    }

    pub(super) fn call_refused(&mut self, token: CallToken, failure: CallFailure) {
        if let Some(reply) = self.calls.placing.remove(&token) {
            drop(reply.send(Err(failure)));
        }
    }

    pub(super) fn change_call(
        &mut self,
        conversation: &ConversationId,
        change: CallChange,
        reply: Reply<Result<(), CallChangeFailure>>,
    ) {
        let changing = self.phone.change_call(clock::now(), conversation, change);
        self.await_change(changing, reply);
    }

    pub(super) fn await_change(
        &mut self,
        changing: Result<CallToken, CommandError>,
        reply: Reply<Result<(), CallChangeFailure>>,
    ) {
        match changing {
            Ok(token) => drop(self.calls.changing.insert(token, reply)),
            Err(error) => drop(reply.send(Err(CallChangeFailure::Command(error)))),
        }
    }

    pub(super) fn call_changed(&mut self, token: CallToken, result: Result<(), CallChangeFailure>) {
        if let Some(reply) = self.calls.changing.remove(&token) {
            drop(reply.send(result));
        }
    }
}
