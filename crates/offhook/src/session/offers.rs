//! Offers in both directions: what the far end's mean for the media, and what we change ourselves.
//!
//! New terms and new ICE are for the media that there are. New media come up beside those that play, which go on until the
//! new ones carry audio: make before break.

use actix::{AsyncContext, Context};
use offhook_jingle::{
    Dialect, Generation,
    session::{DeclineCause, OfferKind},
    stanza::Role,
};
use offhook_media::{Call, CallConfig, Change, Direction, ReofferError};
use offhook_phone::IceServers;
use tokio::sync::oneshot;

use super::{
    Session, Setup, figures,
    keys::hand_digits_over,
    servers,
    stage::{Flow, Media, Stage},
};
use crate::{clock, error::ChangeFailure, event::ConnectionState};

/// Who wants to know what becomes of a change.
pub(super) type ChangeReply = oneshot::Sender<Result<(), ChangeFailure>>;

/// A change of ours that the far end has not answered.
pub(super) struct Offered {
    /// The generation that holds if it is declined.
    former: Generation,
    reply: Option<ChangeReply>,
}

impl Session {
    /// Answers an offer.
    pub(super) fn offered(&mut self, generation: Generation, sdp: &str, kind: OfferKind, context: &mut Context<Self>) {
        let latest = self.next.as_mut().or(self.media.as_mut());
        let answered = match (latest, kind) {
            (Some(media), OfferKind::Renegotiation | OfferKind::Restart) => media.call.accept_offer(clock::now(), sdp),
            // A change of what is not there is a beginning.
            (None, OfferKind::Renegotiation | OfferKind::Restart)
            | (Some(_) | None, OfferKind::Initial | OfferKind::Reinvite) => Err(ReofferError::NotAgreed),
        };
        match answered {
            Ok(answer) => {
                if let Some(media) = self.next.as_mut().or(self.media.as_mut()) {
                    media.generation = generation;
                }
                self.answer(generation, answer);
            }
            Err(ReofferError::NotAgreed | ReofferError::OtherAssociation) => self.begin(generation, sdp, context),
            Err(error) => {
                tracing::info!(session = %self.id, %error, "an offer that the media cannot follow is declined");
                if let Err(error) = self.dialogue.decline(clock::now(), generation) {
                    tracing::debug!(%error, "an offer that cannot be declined");
                }
            }
        }
    }

    /// New media.
    pub(super) fn begin(&mut self, generation: Generation, sdp: &str, context: &mut Context<Self>) {
        let beside = self.media.as_ref().is_some_and(|media| media.flow == Flow::Up);
        if !beside {
            self.changed(ConnectionState::Starting);
        }
        let config = media_config(&self.setup, &self.ice);
        let (mut call, answer) = match Call::answerer(config, sdp, clock::seed(), clock::now()) {
            Ok(answered) => answered,
            Err(error) => return self.failed(error.into()),
        };
        call.set_muted(clock::now(), self.sound.muted);
        self.made += 1;
        let media = Media::new(self.made, generation, call, self.setup.marked);
        if beside {
            let given_up = self.next.replace(media);
            free(given_up, context);
        } else {
            let given_up = self.next.take();
            free(given_up, context);
            let replaced = self.media.replace(media);
            free(replaced, context);
        }
        self.answer(generation, answer);
        if !beside {
            self.changed(ConnectionState::Connecting);
        }
    }

    fn answer(&mut self, generation: Generation, answer: String) {
        if let Err(error) = self.dialogue.answer(clock::now(), generation, answer) {
            // The session ended, or a later offer came, while the answer was made; both are told by themselves.
            tracing::debug!(%error, "an answer that nobody waits for any more");
        }
    }

    /// The new media carry audio, or the old ones do not any more: those end, the session does not notice.
    pub(super) fn take_over(&mut self, context: &mut Context<Self>) {
        let Some(mut next) = self.next.take() else { return };
        let is_up = next.flow == Flow::Up;
        tracing::info!(session = %self.id, generation = %next.generation, "new media take over");
        if let Some(playing) = &mut self.media {
            hand_digits_over(playing, &mut next);
        }
        if let Some(mut old) = self.media.replace(next) {
            self.counted = figures::total(&self.counted, old.call.statistics());
            old.close();
            free(Some(old), context);
        }
        if is_up {
            self.active();
        } else {
            self.changed(ConnectionState::Connecting);
        }
    }

    /// The new media failed: the old ones go on.
    pub(super) fn give_next_up(&mut self, context: &mut Context<Self>) {
        tracing::warn!(session = %self.id, "new media come to nothing");
        let mut next = self.next.take();
        if let (Some(next), Some(playing)) = (&mut next, &mut self.media) {
            hand_digits_over(next, playing);
        }
        free(next, context);
    }

    /// Changes the media that play, if the dialect has words for it and nothing else is being negotiated.
    pub(super) fn change(&mut self, change: Change, reply: Option<ChangeReply>) {
        let failure = match self.offer_change(change) {
            Ok(former) => {
                self.offered = Some(Offered { former, reply });
                return;
            }
            Err(failure) => failure,
        };
        tracing::debug!(session = %self.id, ?change, %failure, "no change");
        settle(reply, Err(failure));
    }

    /// The generation that there was before.
    fn offer_change(&mut self, change: Change) -> Result<Generation, ChangeFailure> {
        // Known before the media are asked, whose candidates are told at once.
        if (self.dialogue.dialect(), self.dialogue.role()) == (Dialect::SdpOverXmpp, Role::Responder) {
            return Err(ChangeFailure::NotInDialect);
        }
        if self.next.is_some() || self.offered.is_some() {
            return Err(ChangeFailure::Negotiating);
        }
        let media = self.media.as_mut().ok_or(ChangeFailure::NoMedia)?;
        let now = clock::now();
        let sdp = media.call.offer(now, change).map_err(|_| ChangeFailure::NoMedia)?;
        match self.dialogue.offer(now, &sdp) {
            Ok(generation) => Ok(std::mem::replace(&mut media.generation, generation)),
            Err(error) => {
                media.call.withdraw_offer(now);
                Err(ChangeFailure::Refused(error.to_string()))
            }
        }
    }

    /// Holds or takes back: no audio either way, and a word about it.
    pub(super) fn hold(&mut self, held: bool, reply: Option<ChangeReply>) {
        let direction = if held { Direction::Inactive } else { Direction::SendRecv };
        self.change(Change::Direction(direction), reply);
        if self.offered.is_some() {
            // A courtesy, which the dialect may have no word for.
            drop(self.dialogue.set_held(clock::now(), held));
        }
    }

    /// The far end answers our change.
    pub(super) fn change_answered(&mut self, generation: Generation, sdp: &str) {
        let Some(offered) = self.offered.take() else { return };
        let Some(media) = self.media.as_mut().filter(|media| media.generation == generation) else {
            return settle(offered.reply, Err(ChangeFailure::NoMedia));
        };
        let now = clock::now();
        let accepted = media.call.accept_answer(now, sdp);
        if let Err(error) = &accepted {
            tracing::warn!(session = %self.id, %error, "the answer to a change cannot be used");
            media.call.withdraw_offer(now);
        }
        settle(
            offered.reply,
            accepted.map_err(|error| ChangeFailure::Refused(error.to_string())),
        );
    }

    /// The far end does not take our change; what held before it holds again.
    pub(super) fn change_declined(&mut self, cause: &DeclineCause) {
        let Some(offered) = self.offered.take() else { return };
        if let Some(media) = &mut self.media {
            media.call.withdraw_offer(clock::now());
            media.generation = offered.former;
        }
        tracing::info!(session = %self.id, ?cause, "a change of the media is declined");
        settle(offered.reply, Err(ChangeFailure::Declined));
    }

    /// The media that candidates of this generation are for.
    pub(super) fn stage_of(&self, generation: Generation) -> Option<Stage> {
        let is = |media: &Option<Media>| media.as_ref().is_some_and(|media| media.generation == generation);
        // Candidates for the path of now may come while a restart of ours is not answered.
        let former = self
            .offered
            .as_ref()
            .is_some_and(|offered| offered.former == generation);
        if is(&self.next) {
            Some(Stage::Next)
        } else {
            (is(&self.media) || former).then_some(Stage::Current)
        }
    }

    pub(super) fn stage(&mut self, stage: Stage) -> Option<&mut Media> {
        match stage {
            Stage::Current => self.media.as_mut(),
            Stage::Next => self.next.as_mut(),
        }
    }
}

/// What the media of a session are made with.
pub(super) fn media_config(setup: &Setup, ice: &IceServers) -> CallConfig {
    let addresses = setup.addresses.list().unwrap_or_else(|error| {
        tracing::warn!(%error, "the network interfaces cannot be listed");
        Vec::new()
    });
    let mut config = CallConfig::new(setup.identity.clone(), addresses);
    config.servers = servers::servers(ice);
    config.policy = servers::policy(ice, setup.policy);
    config.dtls = setup.dtls;
    config.decode = setup.packets.is_none();
    if let Some(bitrate) = setup.bitrate {
        config.bitrate = bitrate;
    }
    if let Some(delay) = setup.playout_delay {
        config.playout_delay = delay;
    }
    config
}

/// Frees media that are over, or were never used.
pub(super) fn free(media: Option<Media>, context: &mut Context<Session>) {
    for reader in media.iter().flat_map(|media| media.sockets.readers()) {
        context.cancel_future(reader);
    }
}

fn settle(reply: Option<ChangeReply>, result: Result<(), ChangeFailure>) {
    if let Some(reply) = reply {
        // Whoever asked may have stopped waiting.
        drop(reply.send(result));
    }
}
