//! One session: its dialogue, its media, its sockets and its audio. An actor on a media thread.
//!
//! It decides nothing about the protocol: the dialogue is [`offhook_jingle::Session`], the media are one
//! [`offhook_media::Call`], or two while new media take over; this carries each one's words to the other, and both to the outside.

mod addresses;
mod audio;
mod calling;
mod error;
mod figures;
mod keys;
mod network;
mod obituary;
mod offers;
mod orders;
mod put_off;
mod servers;
mod sockets;
mod sound;
mod stage;
mod streams;
mod voices;
mod wishes;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, StreamHandler, fut::wrap_future};
use offhook_jingle::{
    self as jingle, ConversationId, Generation, Reason, SessionId,
    session::{self as dialogue, EndedBy, SessionEvent},
    stanza::Role,
};
use offhook_media::{self as media, Call, Change, DtlsVersion, Identity, Statistics};
use offhook_phone::{IcePolicy, IceServers, SessionReport, SessionStart};
use rustls::ClientConfig;
use tokio_stream::wrappers::WatchStream;
use tracing::Span;

pub(crate) use self::{
    addresses::Addresses,
    audio::AudioWish,
    figures::Measure,
    obituary::Obituary,
    orders::{Abandon, Carry, Deliver, End, Woken},
    sound::{PacketSinkFactory, SinkFactory, SourceFactory},
    voices::VoicePlan,
    wishes::Wish,
};
pub use self::{
    error::{AudioError, SessionError},
    keys::SoundFailure,
    put_off::SessionAcceptance,
};
use self::{
    offers::Offered,
    put_off::PutOff,
    sound::Sound,
    stage::{Flow, Media, Stage},
    streams::{Destination, resolve},
    voices::Voices,
};
use crate::{
    alarm::{Alarm, Rang},
    clock,
    event::{ConnectionState, Event, Publisher},
    supervisor::FromSession,
    worker::Clocks,
};

/// How many frames a call catches up after its thread was held up; what is older is skipped.
const FRAMES_AT_ONCE: u64 = 25;

/// "Nothing to do" as an instant.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// Larger than any datagram of a call: each fits an Ethernet frame.
const LARGEST_DATAGRAM: usize = 2048;

/// What all sessions of a client are made with.
pub(crate) struct Setup {
    /// The DTLS certificate.
    pub(crate) identity: Identity,
    /// Where to gather host candidates.
    pub(crate) addresses: Addresses,
    /// The application's word on which candidates may be used.
    pub(crate) policy: IcePolicy,
    /// What media are encrypted with.
    pub(crate) dtls: DtlsVersion,
    /// Whether datagrams are marked as speech (RFC 8837).
    pub(crate) marked: bool,
    /// Who lets the media begin.
    pub(crate) acceptance: SessionAcceptance,
    /// For TURN over TLS.
    pub(crate) tls: Arc<ClientConfig>,
    /// What the far end hears.
    pub(crate) source: SourceFactory,
    /// Where the far end is heard.
    pub(crate) sink: Option<SinkFactory>,
    /// Where its packets go, which are not decoded then.
    pub(crate) packets: Option<PacketSinkFactory>,
    /// What is done to the voices of both.
    pub(crate) voice: VoicePlan,
    /// Bits a second that are sent at most, if not as many as the media have by themselves.
    pub(crate) bitrate: Option<i32>,
    /// How far behind the quickest packets audio is heard at least, if not as little as the media have by themselves.
    pub(crate) playout_delay: Option<Duration>,
    /// Where recordings go.
    pub(crate) record: Option<PathBuf>,
    /// How often the figures of a session are told, if at all.
    pub(crate) statistics_every: Option<Duration>,
    /// Whether the phone wants to know them, for the cloud.
    pub(crate) measured: bool,
    pub(crate) publisher: Publisher,
}

/// The actor. It lives until its session has ended and its recording is complete.
pub(crate) struct Session {
    id: SessionId,
    conversation: Option<ConversationId>,
    /// It stays open between calls, and there is none.
    between_calls: bool,
    dialogue: jingle::Session,
    media: Option<Media>,
    /// Media that are to take over.
    next: Option<Media>,
    /// The first offer, if it waits for the application.
    put_off: Option<PutOff>,
    /// The application has accepted the session.
    accepted: bool,
    /// How many media there were.
    made: u64,
    /// What former media counted.
    counted: Statistics,
    /// A change of ours that waits for its answer.
    offered: Option<Offered>,
    /// What was told last.
    state: Option<ConnectionState>,
    sound: Sound,
    setup: Arc<Setup>,
    /// The STUN and TURN servers of its media.
    ice: IceServers,
    alarm: Alarm,
    beat: u64,
    obituary: Obituary,
    datagram: Box<[u8]>,
    /// Names the session in the log.
    span: Span,
}

impl Session {
    pub(crate) fn new(
        start: SessionStart,
        setup: Arc<Setup>,
        obituary: Obituary,
        clocks: &Clocks,
        context: &mut Context<Self>,
    ) -> Self {
        let (alarm, rings) = Alarm::new();
        context.add_stream(rings);
        let beats = clocks.frames.watch();
        let beat = *beats.borrow();
        context.add_stream(WatchStream::from_changes(beats));
        if let Addresses::Interfaces { .. } = setup.addresses {
            context.add_stream(WatchStream::from_changes(clocks.interfaces.watch()));
        }
        let SessionStart {
            config,
            role,
            seed,
            ice,
        } = start;
        let (id, conversation) = (config.id.clone(), config.conversation.clone());
        let (sink, no_sink) = match setup.sink.as_ref().map(|make| make()).transpose() {
            Ok(sink) => (sink, None),
            Err(error) => (None, Some(error)),
        };
        let packets = setup.packets.as_ref().map(|make| make(&id));
        let (dialogue, media) = match role {
            Role::Responder => (jingle::Session::new(config, seed, clock::now()), None),
            Role::Initiator => calling::begin(config, seed, &setup, &ice),
        };
        let session = Self {
            between_calls: false,
            dialogue,
            next: None,
            put_off: None,
            accepted: false,
            made: u64::from(media.is_some()),
            media,
            counted: Statistics::default(),
            offered: None,
            state: None,
            sound: Sound::new((setup.source)(), sink, packets, Voices::new(setup.voice)),
            setup,
            ice,
            alarm,
            beat,
            obituary,
            datagram: vec![0; LARGEST_DATAGRAM].into_boxed_slice(),
            span: span_of(&id, conversation.as_ref()),
            conversation,
            id,
        };
        session.tell_figures_regularly(context);
        if let Some(error) = no_sink {
            session.audio_failed(error.into());
        }
        session
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
            match self.media_wake(context) {
                Some(media_wake) => return self.alarm.set(media_wake.min(dialogue_wakes)),
                None => continue,
            }
        }
    }

    /// When the media want to be woken; `None` if they had something to say, which is done.
    fn media_wake(&mut self, context: &mut Context<Self>) -> Option<Instant> {
        let mut wake = clock::now() + IDLE;
        for stage in [Stage::Current, Stage::Next] {
            match self.stage(stage).map(|media| media.call.poll_output()) {
                None => {}
                Some(media::Output::Timeout(at)) => wake = wake.min(at),
                Some(output) => {
                    self.media_said(stage, output, context);
                    return None;
                }
            }
        }
        Some(wake)
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
                self.span = span_of(&self.id, Some(&conversation));
                self.conversation = Some(conversation.clone());
                self.report(SessionReport::ConversationChanged(conversation));
            }
            SessionEvent::Offer { generation, sdp, kind } => {
                if !self.puts_off(generation, &sdp) {
                    self.offered(generation, &sdp, kind, context);
                }
            }
            SessionEvent::RemoteCandidate {
                generation, candidate, ..
            } if self.keeps_candidate(generation, &candidate) => {}
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
            SessionEvent::Answer { generation, sdp } if self.offered.is_some() => {
                self.change_answered(generation, &sdp)
            }
            SessionEvent::Answer { sdp, .. } => self.first_answered(&sdp),
            SessionEvent::OfferDeclined { cause, .. } => self.change_declined(&cause),
            // Where it is called then is the application's to decide, which learns of the end.
            SessionEvent::Redirected { .. } => tracing::info!(?event, "the far end is elsewhere"),
            SessionEvent::Ended { reason, by, text } => {
                if let Some(text) = text {
                    tracing::info!(session = %self.id, %reason, text, "the session ended with words");
                }
                self.ended(reason, by, context);
            }
        }
    }

    fn media_said(&mut self, stage: Stage, output: media::Output, context: &mut Context<Self>) {
        let tls = self.setup.tls.clone();
        let Some(media) = self.stage(stage) else {
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
            media::Output::Resolve { name } => {
                let media = media.sockets.number();
                let resolving = wrap_future(resolve(name.clone()));
                context.spawn(resolving.map(move |addresses, actor: &mut Self, context| {
                    let name = name.as_str();
                    actor.media_input(media, media::Input::Resolved { name, addresses }, context);
                }));
            }
            media::Output::Connect {
                socket,
                host,
                port,
                security,
            } => {
                let destination = Destination {
                    host,
                    port,
                    security,
                    tls,
                };
                media
                    .sockets
                    .connect(socket, destination, |arrivals| context.add_stream(arrivals));
            }
            media::Output::Close { socket } => {
                if let Some(reader) = media.sockets.close(socket) {
                    context.cancel_future(reader);
                }
            }
            // What becomes of the media of a call that we hung up is of no interest.
            media::Output::Event(_) if media.flow == Flow::Over => {}
            media::Output::Event(event) => {
                let generation = media.generation;
                self.media_event(stage, generation, event, context);
            }
            media::Output::Timeout(_) => {}
        }
    }

    fn media_event(&mut self, stage: Stage, generation: Generation, event: media::Event, context: &mut Context<Self>) {
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
                if let Some(media) = self.stage(stage) {
                    media.flow = Flow::Up;
                }
                drop(self.dialogue.media_connected(now, generation));
                match stage {
                    Stage::Current => {
                        self.start_recording(context);
                        self.active();
                    }
                    // The far end may stop listening to the old ones from now on.
                    Stage::Next => {
                        if let (Some(playing), Some(next)) = (&mut self.media, &mut self.next) {
                            keys::hand_digits_over(playing, next);
                        }
                    }
                }
            }
            media::Event::Recovered => {
                drop(self.dialogue.media_connected(now, generation));
                if stage == Stage::Current {
                    self.active();
                }
            }
            media::Event::Digit { digit, duration } => self.tell(Event::Digit {
                session: self.id.clone(),
                digit,
                duration,
            }),
            media::Event::Interrupted if stage == Stage::Current => {
                self.report(SessionReport::Active(false));
                self.changed(ConnectionState::Interrupted);
                // There may be another way, which both sides look for in the time that is left.
                self.change(Change::Restart, None);
            }
            // Those that play decide how the session is.
            media::Event::Interrupted => {}
            media::Event::Failed(reason) if stage == Stage::Next => {
                self.give_next_up(context);
                if !self.media.as_ref().is_some_and(|media| media.flow == Flow::Up) {
                    self.failed(reason.into());
                }
            }
            media::Event::Failed(_) if self.next.is_some() => self.take_over(context),
            media::Event::Failed(reason) => {
                if let Some(media) = &mut self.media {
                    media.flow = Flow::Down;
                }
                self.report(SessionReport::Active(false));
                self.changed(ConnectionState::Failed);
                self.failed(reason.into());
            }
        }
    }

    fn active(&mut self) {
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

    /// The dialogue is over: free everything, complete the recording, and go.
    fn ended(&mut self, reason: Reason, by: EndedBy, context: &mut Context<Self>) {
        self.tell_figures();
        for mut media in self.media.take().into_iter().chain(self.next.take()) {
            media.close();
            offers::free(Some(media), context);
        }
        self.changed(ConnectionState::Closed);
        self.close_sound(reason, by, context);
    }

    fn leave(&mut self, reason: Reason, by: EndedBy, context: &mut Context<Self>) {
        self.obituary.settled = true;
        self.report(SessionReport::Ended { reason, by });
        context.stop();
    }

    fn with_call(&mut self, generation: Generation, act: impl FnOnce(&mut Call, Instant)) {
        let stage = self.stage_of(generation);
        if let Some(media) = stage.and_then(|stage| self.stage(stage)) {
            act(&mut media.call, clock::now());
        }
    }

    /// One frame goes out and one comes in; whether frames go round.
    fn exchange(&mut self, context: &mut Context<Self>) -> bool {
        let Some(media) = self.media.as_mut().filter(|media| media.flow == Flow::Up) else {
            return false;
        };
        let next = self.next.as_mut().filter(|next| next.flow == Flow::Up);
        self.sound.exchange(media, next);
        self.sound_news(context);
        true
    }

    fn report(&self, report: SessionReport) {
        self.obituary.supervisor.do_send(FromSession {
            session: self.id.clone(),
            report,
        });
    }

    /// The session's state is this; told if it was another.
    fn changed(&mut self, state: ConnectionState) {
        if self.state.replace(state) == Some(state) {
            return;
        }
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

    fn started(&mut self, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        if self.media.is_some() {
            self.changed(ConnectionState::Starting);
        }
        self.pump(context);
    }
}

/// What is logged of a session says whose it is.
fn span_of(session: &SessionId, conversation: Option<&ConversationId>) -> Span {
    tracing::info_span!("session", %session, conversation = conversation.map(ConversationId::as_str))
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
            if !self.exchange(context) {
                return;
            }
            if self.next.as_ref().is_some_and(Media::carry_audio) {
                self.take_over(context);
            }
            self.pump(context);
        }
    }
}

impl StreamHandler<Rang> for Session {
    fn handle(&mut self, Rang: Rang, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        let now = clock::now();
        self.dialogue.handle_input(now, dialogue::Input::Timeout);
        for media in self.media.iter_mut().chain(&mut self.next) {
            media.call.handle_input(now, media::Input::Timeout);
        }
        self.pump(context);
    }
}
