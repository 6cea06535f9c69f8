//! One session: its dialogue, its media, its sockets and its audio. An actor on a media thread.
//!
//! It decides nothing about the protocol: the dialogue is [`offhook_jingle::Session`], the media are
//! [`offhook_media::Call`]; this carries each one's words to the other, and both to the outside.

mod addresses;
mod error;
mod sockets;
mod sound;

use std::{path::PathBuf, sync::Arc, time::Instant};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, StreamHandler, fut::wrap_future,
};
use offhook_jingle::{
    self as jingle, ConversationId, Generation, Reason, SessionId,
    session::{self as dialogue, EndedBy, OfferKind, SessionEvent},
    stanza::Farewell,
};
use offhook_media::{self as media, Call, CallConfig, Identity, SocketId, Statistics};
use offhook_phone::{SessionReport, SessionStart};
use tokio::{
    sync::{oneshot, watch},
    task::spawn_blocking,
};
use tokio_stream::wrappers::WatchStream;
use tracing::Span;

pub use self::error::SessionError;
pub(crate) use self::{addresses::Addresses, sound::SourceFactory};
use self::{sockets::Sockets, sound::Sound};
use crate::{
    alarm::{Alarm, Rang},
    clock,
    event::{ConnectionState, Event, Publisher},
    supervisor::{FromSession, SessionLost, Supervisor},
};

/// How many datagrams of one socket are taken before others have their turn.
const DATAGRAMS_AT_ONCE: usize = 64;

/// How many frames a call catches up after its thread was held up; what is older is skipped.
const FRAMES_AT_ONCE: u64 = 25;

/// Larger than any datagram of a call: each fits an Ethernet frame.
const LARGEST_DATAGRAM: usize = 2048;

/// What all sessions of a client are made with.
pub(crate) struct Setup {
    /// The DTLS certificate.
    pub(crate) identity: Identity,
    /// Where to gather host candidates.
    pub(crate) addresses: Addresses,
    /// What the far end hears.
    pub(crate) source: SourceFactory,
    /// Where recordings go.
    pub(crate) record: Option<PathBuf>,
    pub(crate) publisher: Publisher,
}

/// The actor. It lives until its session has ended and its recording is complete.
pub(crate) struct Session {
    id: SessionId,
    conversation: Option<ConversationId>,
    dialogue: jingle::Session,
    media: Option<Media>,
    sound: Sound,
    setup: Arc<Setup>,
    alarm: Alarm,
    beat: u64,
    obituary: Obituary,
    datagram: Box<[u8]>,
    /// Names the session in the log.
    span: Span,
}

/// One generation of media.
struct Media {
    generation: Generation,
    call: Call,
    sockets: Sockets,
    /// What the offer was answered with.
    answer: String,
    flow: Flow,
}

impl Media {
    /// Says goodbye to the far end's media, which may be all that it hears of us when signalling is down.
    fn close(&mut self) {
        self.call.close(clock::now());
        loop {
            match self.call.poll_output() {
                media::Output::Transmit {
                    socket,
                    destination,
                    payload,
                } => {
                    self.sockets.send(socket, destination, payload.as_ref());
                }
                media::Output::Event(_) | media::Output::Open { .. } => {}
                media::Output::Timeout(_) => return,
            }
        }
    }
}

/// Whether frames go round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// Not yet: ICE and DTLS are coming up.
    Connecting,
    /// Since media were connected, also through an interruption.
    Up,
    /// No more: we hung up, and the far end is being told.
    Over,
}

/// Tells the supervisor that the session is gone without having ended: a panic drops the actor too.
pub(crate) struct Obituary {
    session: SessionId,
    supervisor: Addr<Supervisor>,
    /// The session ended properly; there is nothing to tell.
    settled: bool,
}

impl Obituary {
    pub(crate) fn new(session: SessionId, supervisor: Addr<Supervisor>) -> Self {
        Self {
            session,
            supervisor,
            settled: false,
        }
    }
}

impl Drop for Obituary {
    fn drop(&mut self) {
        if !self.settled {
            self.supervisor.do_send(SessionLost(self.session.clone()));
        }
    }
}

/// For a session: something for its dialogue.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Deliver(pub(crate) dialogue::Input);

/// For a session: end.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct End {
    pub(crate) farewell: Farewell,
    pub(crate) by: EndedBy,
}

/// For a session: go, as you are.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Abandon;

/// For a session: say how its media are doing, if it has any.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Measure(pub(crate) oneshot::Sender<Option<Statistics>>);

impl Session {
    pub(crate) fn new(
        start: SessionStart,
        setup: Arc<Setup>,
        obituary: Obituary,
        beats: watch::Receiver<u64>,
        context: &mut Context<Self>,
    ) -> Self {
        let (alarm, rings) = Alarm::new();
        context.add_stream(rings);
        let beat = *beats.borrow();
        context.add_stream(WatchStream::from_changes(beats));
        let SessionStart { config, seed } = start;
        let (id, conversation) = (config.id.clone(), config.conversation.clone());
        Self {
            conversation: conversation.clone(),
            dialogue: jingle::Session::new(config, seed, clock::now()),
            media: None,
            sound: Sound::new((setup.source)()),
            setup,
            alarm,
            beat,
            obituary,
            datagram: vec![0; LARGEST_DATAGRAM].into_boxed_slice(),
            span: tracing::info_span!("session", session = %id, conversation = conversation.as_ref().map(ConversationId::as_str)),
            id,
        }
    }

    /// Carries words to and fro until both cores have no more to say.
    fn pump(&mut self, context: &mut Context<Self>) {
        loop {
            let dialogue_wakes = match self.dialogue.poll_output() {
                dialogue::Output::Timeout(at) => at,
                output => {
                    self.dialogue_said(output, context);
                    continue;
                }
            };
            match self.media.as_mut().map(|media| media.call.poll_output()) {
                None => return self.alarm.set(dialogue_wakes),
                Some(media::Output::Timeout(at)) => return self.alarm.set(at.min(dialogue_wakes)),
                Some(output) => self.media_said(output, context),
            }
        }
    }

    fn dialogue_said(&mut self, output: dialogue::Output, context: &mut Context<Self>) {
        match output {
            dialogue::Output::Request { token, to, payload } => {
                self.report(SessionReport::Request { token, to, payload });
            }
            dialogue::Output::Reply { ticket, reply } => self.report(SessionReport::Reply { ticket, reply }),
            dialogue::Output::Message { to, payload } => self.report(SessionReport::Message { to, payload }),
            dialogue::Output::Farewell { to, payload } => self.report(SessionReport::Farewell { to, payload }),
            dialogue::Output::Event(event) => self.dialogue_event(event, context),
            dialogue::Output::Timeout(_) => {}
        }
    }

    fn dialogue_event(&mut self, event: SessionEvent, context: &mut Context<Self>) {
        match event {
            SessionEvent::ConversationChanged { conversation } => {
                self.conversation = Some(conversation.clone());
                self.report(SessionReport::ConversationChanged(conversation));
            }
            SessionEvent::Offer { generation, sdp, kind } => self.offered(generation, &sdp, kind, context),
            SessionEvent::RemoteCandidate {
                generation, candidate, ..
            } => {
                self.with_call(generation, |call, now| {
                    if let Err(error) = call.add_remote_candidate(now, &candidate) {
                        tracing::debug!(%error, "a candidate of the peer is passed over");
                    }
                });
            }
            // ICE ends by itself when all pairs have failed.
            SessionEvent::RemoteEndOfCandidates { .. } | SessionEvent::AnswerAcknowledged { .. } => {}
            // What the far end says of itself changes nothing here: its media say the same.
            SessionEvent::RemoteRinging
            | SessionEvent::RemoteActive
            | SessionEvent::RemoteHeld { .. }
            | SessionEvent::RemoteMuted { .. } => tracing::debug!(?event, "the far end says"),
            // Of sessions and offers of our own, of which there are none.
            SessionEvent::Answer { .. } | SessionEvent::OfferDeclined { .. } | SessionEvent::Redirected { .. } => {
                tracing::debug!(?event, "of an offer that nobody made");
            }
            SessionEvent::Ended { reason, by, text } => {
                if let Some(text) = text {
                    tracing::info!(session = %self.id, %reason, text, "the session ended with words");
                }
                self.ended(reason, by, context);
            }
        }
    }

    /// Answers an offer. New media replace the old ones at once; new terms for the same media are answered with those that
    /// hold, since a call cannot change them yet.
    fn offered(&mut self, generation: Generation, sdp: &str, kind: OfferKind, context: &mut Context<Self>) {
        let now = clock::now();
        match (&self.media, kind) {
            (Some(media), OfferKind::Renegotiation) => {
                let answer = media.answer.clone();
                return self.answer(generation, answer);
            }
            (Some(_), OfferKind::Restart) => return self.decline(generation),
            // A restart of what is not there is a beginning.
            (None, OfferKind::Renegotiation | OfferKind::Restart)
            | (Some(_) | None, OfferKind::Initial | OfferKind::Reinvite) => {}
        }
        self.changed(ConnectionState::Starting);
        let addresses = self.setup.addresses.list().unwrap_or_else(|error| {
            tracing::warn!(%error, "the network interfaces cannot be listed");
            Vec::new()
        });
        let config = CallConfig::new(self.setup.identity.clone(), addresses);
        match Call::answerer(config, sdp, clock::seed(), now) {
            Ok((call, answer)) => {
                let media = Media {
                    generation,
                    call,
                    sockets: Sockets::default(),
                    answer: answer.clone(),
                    flow: Flow::Connecting,
                };
                self.replace_media(Some(media), context);
                self.answer(generation, answer);
                self.changed(ConnectionState::Connecting);
            }
            Err(error) => self.failed(error.into()),
        }
    }

    fn answer(&mut self, generation: Generation, answer: String) {
        if let Err(error) = self.dialogue.answer(clock::now(), generation, answer) {
            // The session ended, or a later offer came, while the answer was made; both are told by themselves.
            tracing::debug!(%error, "an answer that nobody waits for any more");
        }
    }

    /// Media cannot move to other ICE candidates yet, and go on over those that they have.
    fn decline(&mut self, generation: Generation) {
        tracing::info!(session = %self.id, "a restart of ICE is declined");
        if let Err(error) = self.dialogue.decline(clock::now(), generation) {
            tracing::debug!(%error, "a restart that nobody waits for any more");
        }
    }

    fn replace_media(&mut self, media: Option<Media>, context: &mut Context<Self>) {
        if let Some(old) = std::mem::replace(&mut self.media, media) {
            for reader in old.sockets.readers() {
                context.cancel_future(reader);
            }
        }
    }

    fn media_said(&mut self, output: media::Output, context: &mut Context<Self>) {
        let Some(media) = &mut self.media else {
            return;
        };
        match output {
            media::Output::Transmit {
                socket,
                destination,
                payload,
            } => {
                media.sockets.send(socket, destination, payload.as_ref());
            }
            media::Output::Open { socket, address } => {
                let opened = media
                    .sockets
                    .open(socket, address, |readable| context.add_stream(readable));
                let input = match opened {
                    Ok(address) => media::Input::Opened { socket, address },
                    Err(error) => media::Input::Refused {
                        socket,
                        reason: error.to_string(),
                    },
                };
                media.call.handle_input(clock::now(), input);
            }
            // What becomes of the media of a call that we hung up is of no interest.
            media::Output::Event(_) if media.flow == Flow::Over => {}
            media::Output::Event(event) => {
                let generation = media.generation;
                self.media_event(generation, event);
            }
            media::Output::Timeout(_) => {}
        }
    }

    fn media_event(&mut self, generation: Generation, event: media::Event) {
        let now = clock::now();
        // The dialogue refuses only what comes after its end or from an older generation; then nobody wants to know.
        match event {
            media::Event::LocalCandidate { mid, candidate } => {
                drop(self.dialogue.local_candidate(now, generation, &mid, &candidate));
            }
            media::Event::EndOfCandidates => {
                drop(self.dialogue.end_of_candidates(now, generation));
                self.tell(Event::EndOfCandidates(self.id.clone()));
            }
            media::Event::Connected => {
                if let Some(media) = &mut self.media {
                    media.flow = Flow::Up;
                }
                self.start_recording();
                self.media_connected(now, generation);
            }
            media::Event::Recovered => self.media_connected(now, generation),
            media::Event::Interrupted => {
                self.report(SessionReport::Active(false));
                self.changed(ConnectionState::Interrupted);
            }
            media::Event::Failed(reason) => {
                self.report(SessionReport::Active(false));
                self.changed(ConnectionState::Failed);
                self.failed(reason.into());
            }
        }
    }

    fn media_connected(&mut self, now: Instant, generation: Generation) {
        drop(self.dialogue.media_connected(now, generation));
        self.report(SessionReport::Active(true));
        self.changed(ConnectionState::Connected);
    }

    /// The session goes on, or ends, as the error says.
    fn failed(&mut self, error: SessionError) {
        tracing::warn!(session = %self.id, %error, "a session is in trouble");
        if let Some(reason) = error.ends_with() {
            drop(self.dialogue.media_failed(clock::now(), reason));
        }
        self.tell(Event::SessionError {
            session: self.id.clone(),
            error,
        });
    }

    fn start_recording(&mut self) {
        let Some(directory) = self.setup.record.as_ref().filter(|_| !self.sound.is_recording()) else {
            return;
        };
        if let Err(error) = self.sound.record(directory, &self.id, self.conversation.as_ref()) {
            self.failed(error);
        }
    }

    /// The dialogue is over: free everything, complete the recording, and go.
    fn ended(&mut self, reason: Reason, by: EndedBy, context: &mut Context<Self>) {
        if let Some(media) = &mut self.media {
            media.close();
        }
        self.replace_media(None, context);
        self.changed(ConnectionState::Closed);
        let Some(recording) = self.sound.take_recording() else {
            return self.leave(reason, by, context);
        };
        let completing = wrap_future(spawn_blocking(move || sound::complete(recording)));
        context.spawn(completing.map(move |completed, actor: &mut Self, context| {
            if let Ok(Err(error)) = completed {
                actor.failed(error);
            }
            actor.leave(reason, by, context);
        }));
    }

    fn leave(&mut self, reason: Reason, by: EndedBy, context: &mut Context<Self>) {
        self.obituary.settled = true;
        self.report(SessionReport::Ended { reason, by });
        context.stop();
    }

    fn with_call(&mut self, generation: Generation, act: impl FnOnce(&mut Call, Instant)) {
        if let Some(media) = self.media.as_mut().filter(|media| media.generation == generation) {
            act(&mut media.call, clock::now());
        }
    }

    fn report(&self, report: SessionReport) {
        self.obituary.supervisor.do_send(FromSession {
            session: self.id.clone(),
            report,
        });
    }

    fn changed(&self, state: ConnectionState) {
        self.tell(Event::ConnectionState {
            session: self.id.clone(),
            state,
        });
    }

    fn tell(&self, event: Event) {
        self.setup.publisher.tell(event);
    }
}

impl Actor for Session {
    type Context = Context<Self>;
}

impl Handler<Deliver> for Session {
    type Result = ();

    fn handle(&mut self, Deliver(input): Deliver, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        self.dialogue.handle_input(clock::now(), input);
        self.pump(context);
    }
}

impl Handler<End> for Session {
    type Result = ();

    fn handle(&mut self, End { farewell, by }: End, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        // The far end need not be reached for our side to fall silent.
        if let Some(media) = &mut self.media {
            media.flow = Flow::Over;
        }
        // It is refused only when the session is ending already.
        drop(match by {
            EndedBy::Network => self.dialogue.media_failed(clock::now(), farewell.reason),
            EndedBy::Local | EndedBy::Remote => self.dialogue.end_with(clock::now(), farewell),
        });
        self.pump(context);
    }
}

impl Handler<Abandon> for Session {
    type Result = ();

    fn handle(&mut self, Abandon: Abandon, context: &mut Context<Self>) {
        if let Some(media) = &mut self.media {
            media.close();
        }
        self.obituary.settled = true;
        context.stop();
    }
}

impl Handler<Measure> for Session {
    type Result = ();

    fn handle(&mut self, Measure(reply): Measure, _: &mut Context<Self>) {
        // Whoever asked may have stopped waiting.
        let _ = reply.send(self.media.as_ref().map(|media| media.call.statistics()));
    }
}

/// Datagrams of one of the call's sockets.
impl StreamHandler<SocketId> for Session {
    fn handle(&mut self, socket: SocketId, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        for _ in 0..DATAGRAMS_AT_ONCE {
            let Some(media) = &mut self.media else {
                return;
            };
            let Some((length, source)) = media.sockets.receive(socket, &mut self.datagram) else {
                return;
            };
            let payload = &self.datagram[..length];
            media.call.handle_input(
                clock::now(),
                media::Input::Datagram {
                    socket,
                    source,
                    payload,
                },
            );
            self.pump(context);
        }
    }

    /// A socket is gone; that of an earlier generation, or of a call that is over.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

/// The frame clock.
impl StreamHandler<u64> for Session {
    fn handle(&mut self, beat: u64, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        let frames = beat.saturating_sub(self.beat).min(FRAMES_AT_ONCE);
        self.beat = beat;
        if !self.obituary.supervisor.connected() {
            // The client failed; a call that nobody can end must not go on.
            self.obituary.settled = true;
            return context.stop();
        }
        for _ in 0..frames {
            let Some(media) = self.media.as_mut().filter(|media| media.flow == Flow::Up) else {
                return;
            };
            let now = clock::now();
            self.sound.play();
            media.call.push_pcm(now, &self.sound.sent);
            media.call.pull_pcm(now, &mut self.sound.heard);
            self.sound.keep();
            self.pump(context);
        }
    }
}

impl StreamHandler<Rang> for Session {
    fn handle(&mut self, Rang: Rang, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        let now = clock::now();
        self.dialogue.handle_input(now, dialogue::Input::Timeout);
        if let Some(media) = &mut self.media {
            media.call.handle_input(now, media::Input::Timeout);
        }
        self.pump(context);
    }
}
