//! The first offer of a session whose acceptance is the application's: it waits, with the candidates that came since.

use actix::Context;
use offhook_jingle::Generation;
use offhook_phone::CommandError;

use super::Session;
use crate::{clock, event::ConnectionState};

/// More candidates than a far end has; further ones are passed over.
const CANDIDATES: usize = 64;

/// Who lets the media of a session begin, once its offer is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SessionAcceptance {
    /// Nobody has to: who has accepted the proposal wants to speak.
    #[default]
    Automatic,
    /// The program, by [`Client::accept_session`](crate::Client::accept_session), after
    /// [`Event::SessionStarted`](crate::Event::SessionStarted). Media of a session that was accepted may change as they like.
    Manual,
}

/// An offer that waits.
pub(super) struct PutOff {
    generation: Generation,
    sdp: String,
    candidates: Vec<String>,
}

impl Session {
    /// Whether an offer has to wait, which it does from then on; a later one takes its place.
    pub(super) fn puts_off(&mut self, generation: Generation, sdp: &str) -> bool {
        let is_first = self.media.is_none() && (self.put_off.is_some() || !self.accepted);
        if !is_first || self.setup.acceptance == SessionAcceptance::Automatic {
            return false;
        }
        self.put_off = Some(PutOff {
            generation,
            sdp: sdp.to_owned(),
            candidates: Vec::new(),
        });
        self.changed(ConnectionState::Starting);
        true
    }

    /// Keeps a candidate of an offer that waits; whether it is of one.
    pub(super) fn keeps_candidate(&mut self, generation: Generation, candidate: &str) -> bool {
        match &mut self.put_off {
            Some(put_off) if put_off.generation == generation => {
                if put_off.candidates.len() < CANDIDATES {
                    put_off.candidates.push(candidate.to_owned());
                }
                true
            }
            Some(_) | None => false,
        }
    }

    /// The application accepts the session.
    pub(super) fn accept(&mut self, context: &mut Context<Self>) -> Result<(), CommandError> {
        let PutOff {
            generation,
            sdp,
            candidates,
        } = self
            .put_off
            .take()
            .ok_or_else(|| CommandError::UnknownSession(self.id.clone()))?;
        self.accepted = true;
        self.begin(generation, &sdp, context);
        self.with_call(generation, |call, _| {
            for candidate in &candidates {
                if let Err(error) = call.add_remote_candidate(clock::now(), candidate) {
                    tracing::debug!(%error, "a candidate of the peer is passed over");
                }
            }
        });
        Ok(())
    }
}
