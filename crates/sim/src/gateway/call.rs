//! One call's task: it waits for what happens, and does what follows.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jid::FullJid;
use minidom::Element;
use offhook_jingle::{Dialect, Reason};
use offhook_media::CallConfig;
use tokio::sync::{mpsc, watch};

use super::line::{Over, Usage};
use super::media::{Media, Received};
use super::session::{Progress, Session};
use super::signalling::Signalling;
use super::sound::Sound;
use super::words::Words;
use super::{CallInput, Command, MediaPath};
use crate::call_state::{CallState, Ended};
use crate::config::{CallFaults, OtherDialect};
use crate::gauge::{Counted, Kind};
use crate::inner::Inner;
use crate::record::CallEvent;

/// Time between two repetitions of a proposal, or of an offer of new media.
pub(super) const REPEAT: Duration = Duration::from_millis(200);

/// What is special about one call.
pub(super) struct Settings {
    pub(super) clients: Vec<FullJid>,
    pub(super) ring: Duration,
    pub(super) duration: Option<Duration>,
    /// Its audio is packets, and none is decoded.
    pub(super) ready_made: bool,
    pub(super) faults: CallFaults,
    /// Counts the stanzas that reached nobody.
    pub(super) undelivered: Arc<AtomicU64>,
    /// Counts how often the media were replaced.
    pub(super) replaced: watch::Sender<u32>,
}

impl Settings {
    /// What the media of the call are made with.
    pub(super) fn media(&self, inner: &Inner) -> CallConfig {
        let mut config = inner.media();
        config.decode = !self.ready_made;
        config
    }
}

pub(super) struct Call {
    pub(super) inner: Arc<Inner>,
    pub(super) settings: Settings,
    pub(super) signalling: Signalling,
    pub(super) sound: Sound,
    pub(super) phase: Phase,
    pub(super) state: watch::Sender<CallState>,
    input: mpsc::Receiver<CallInput>,
    /// The way to `input`.
    pub(super) sender: mpsc::WeakSender<CallInput>,
    pub(super) usage: Usage,
    /// Counts the calls that the session has had.
    pub(super) number: u32,
    /// Calls that ended, and their sessions stay.
    pub(super) over: Vec<Over>,
    stopping: watch::Receiver<bool>,
    pub(super) clock: watch::Receiver<u64>,
    /// The tick of the last frame.
    pub(super) tick: u64,
    /// Media that were replaced and are to be closed.
    pub(super) retired: Vec<Media>,
    alive: Counted,
}

pub(super) enum Phase {
    /// The proposal is out.
    Ringing {
        until: Instant,
        repetitions: u32,
        next: Instant,
    },
    /// A client has, or gets, the offer. Boxed, since the other phase is small.
    Session(Box<Session>),
}

/// What woke the task.
enum Step {
    Stop,
    Input(Option<CallInput>),
    Datagram(Received),
    /// For the media that are to replace those of the session.
    NextDatagram(Received),
    Tick(u64),
    Timeout,
}

/// Whether the call goes on, or how it ended.
pub(super) type Flow = ControlFlow<Ended>;

impl Call {
    pub(super) fn new(
        inner: Arc<Inner>,
        settings: Settings,
        signalling: Signalling,
        sound: Sound,
        state: watch::Sender<CallState>,
        (sender, input): (mpsc::WeakSender<CallInput>, mpsc::Receiver<CallInput>),
    ) -> Self {
        let now = Instant::now();
        let phase = Phase::Ringing {
            until: now + settings.ring,
            repetitions: settings.faults.repeat_propose,
            next: now + REPEAT,
        };
        let clock = inner.clock.subscribe();
        let tick = *clock.borrow();
        Self {
            stopping: inner.stopping.subscribe(),
            alive: inner.gauge.count(Kind::Call),
            retired: Vec::new(),
            inner,
            settings,
            signalling,
            sound,
            phase,
            state,
            input,
            sender,
            usage: Usage::Call,
            number: 0,
            over: Vec::new(),
            clock,
            tick,
        }
    }

    /// Runs the call to its end. `task` counts the task as alive.
    pub(super) async fn run(mut self, task: Counted) {
        self.propose();
        let ended = loop {
            let step = self.next_step().await;
            match self.handle(step, Instant::now()) {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(ended) => break ended,
            }
            for media in self.retired.drain(..) {
                media.close(Instant::now()).await;
            }
            for over in self.over.drain(..) {
                over.finish(&self.inner).await;
            }
        };
        self.finish(ended, task).await;
    }

    async fn next_step(&mut self) -> Step {
        let deadline = self.deadline();
        let (connected, media, next) = match &mut self.phase {
            Phase::Ringing { .. } => (false, None, None),
            Phase::Session(session) => (
                matches!(session.progress, Progress::Connected),
                Some(&mut session.media),
                session.next.as_mut().map(|next| &mut next.media),
            ),
        };
        let datagram = async |media: Option<&mut Media>| match media {
            Some(media) => media.receive().await,
            None => std::future::pending().await,
        };
        tokio::select! {
            _ = self.stopping.wait_for(|stopping| *stopping) => Step::Stop,
            input = self.input.recv() => Step::Input(input),
            received = datagram(media) => Step::Datagram(received),
            received = datagram(next) => Step::NextDatagram(received),
            Ok(()) = self.clock.changed(), if connected => Step::Tick(*self.clock.borrow()),
            () = tokio::time::sleep_until(deadline.into()) => Step::Timeout,
        }
    }

    fn deadline(&self) -> Instant {
        match &self.phase {
            Phase::Ringing {
                until, repetitions: 0, ..
            } => *until,
            Phase::Ringing { until, next, .. } => *until.min(next),
            Phase::Session(session) => {
                let media = session.media.deadline();
                let next = session.next.as_ref().map(|next| next.deadline());
                [next, session.until].into_iter().flatten().fold(media, Instant::min)
            }
        }
    }

    fn handle(&mut self, step: Step, now: Instant) -> Flow {
        match step {
            Step::Stop => {
                self.take_leave(Reason::Gone);
                return ControlFlow::Break(Ended::CloudStopped);
            }
            Step::Input(Some(CallInput::Stanza { from, stanza })) => {
                self.handle_stanza(now, &from, &stanza)?;
            }
            Step::Input(Some(CallInput::Command { call, command })) => {
                if call == self.number && self.usage != Usage::None {
                    self.handle_command(now, command)?;
                }
            }
            Step::Input(Some(CallInput::Next { number, next })) => self.ring(now, number, *next),
            // Nobody can reach the call any more: the table has forgotten it.
            Step::Input(None) => {
                self.take_leave(Reason::Gone);
                return ControlFlow::Break(Ended::CloudStopped);
            }
            Step::Datagram(received) => {
                if let Phase::Session(session) = &mut self.phase {
                    session.media.datagram(now, received);
                }
            }
            Step::NextDatagram(received) => {
                if let Phase::Session(session) = &mut self.phase
                    && let Some(next) = &mut session.next
                {
                    next.media.datagram(now, received);
                }
            }
            Step::Tick(tick) => self.exchange_frames(now, tick),
            Step::Timeout => self.handle_timeout(now)?,
        }
        self.handle_media(now)?;
        self.handle_next_media(now)
    }

    fn handle_timeout(&mut self, now: Instant) -> Flow {
        match &mut self.phase {
            Phase::Ringing { until, .. } if now >= *until => {
                self.retract();
                return ControlFlow::Break(Ended::Unanswered);
            }
            Phase::Ringing { repetitions, next, .. } => {
                if *repetitions > 0 && now >= *next {
                    *repetitions -= 1;
                    *next = now + REPEAT;
                    self.propose();
                }
            }
            Phase::Session(session) => {
                if session.until.is_some_and(|until| now >= until) {
                    return self.time_is_up();
                }
                session.media.timeout(now);
                self.handle_next_timeout(now);
            }
        }
        ControlFlow::Continue(())
    }

    fn handle_command(&mut self, now: Instant, command: Command) -> Flow {
        match command {
            Command::HangUp(reason) => return self.hang_up(reason),
            Command::Retract => return self.hang_up(Reason::Cancel),
            Command::HandledElsewhere => {
                if let Phase::Ringing { .. } = self.phase {
                    self.tell_that_another_accepted();
                    return ControlFlow::Break(Ended::HandledElsewhere);
                }
            }
            Command::Participate(participation) => {
                let before = self.sound.participate(participation);
                if before.muted != participation.muted {
                    let muted = participation.muted;
                    self.record(CallEvent::UserMuted { muted });
                }
                if before.held != participation.held {
                    let held = participation.held;
                    self.record(CallEvent::UserHeld { held });
                }
            }
            Command::SetMuted(muted) => {
                if self.sound.set_muted(muted) {
                    self.record(CallEvent::GatewayMuted { muted });
                }
            }
            Command::PickUp => self.pick_up(now),
            Command::SendDigits(digits) => self.send_digits(now, &digits),
            Command::Play(play) => match play.open() {
                Ok(source) => self.sound.say(source),
                Err(error) => tracing::warn!(%error, "the gateway goes on with its old source"),
            },
            Command::Hear(voices) => self.sound.hear(&voices),
            Command::Reinvite(reinvite) => self.reinvite(now, reinvite),
            Command::Change(change) => self.change(now, change),
            Command::RepeatCandidate => self.repeat_candidate(),
            Command::SetPath(path) => self.set_path(path),
        }
        ControlFlow::Continue(())
    }

    /// Datagrams of these and of all later media of the call travel like this.
    fn set_path(&mut self, path: MediaPath) {
        self.settings.faults.path = path;
        if let Phase::Session(session) = &mut self.phase {
            session.media.set_path(path);
            if let Some(next) = &mut session.next {
                next.media.set_path(path);
            }
        }
    }

    /// `retract` while it rings, `terminate` later.
    pub(super) fn take_leave(&mut self, reason: Reason) {
        match &self.phase {
            Phase::Ringing { .. } => self.retract(),
            Phase::Session(session) => {
                self.request(&session.client, Words::Terminate(reason));
            }
        }
    }

    pub(super) fn propose(&self) {
        for client in &self.settings.clients {
            let id = self.inner.draw_id();
            self.send(client, self.signalling.propose(&id, client));
        }
    }

    fn retract(&self) {
        for client in &self.settings.clients {
            let id = self.inner.draw_id();
            self.send(client, self.signalling.retract(&id, client));
        }
    }

    fn tell_that_another_accepted(&self) {
        let device = self.signalling.account.with_resource_str(&self.inner.draw_id());
        if let Ok(device) = device {
            let accept = self.signalling.accepted_by(&device);
            self.inner.hub.deliver_to_account(&self.signalling.account, &accept);
        }
    }

    /// Offers the session's media, in both dialects if that is what goes wrong.
    pub(super) fn offer(&mut self, client: &FullJid, sdp: String) {
        let words = self.signalling.offer(sdp, self.settings.faults.offer);
        let other = match self.signalling.dialect {
            Dialect::Jingle => Dialect::SdpOverXmpp,
            Dialect::SdpOverXmpp => Dialect::Jingle,
        };
        let race = self.settings.faults.other_dialect;
        let say = |first| {
            if race == Some(first) {
                let id = self.inner.draw_id();
                let words = words.clone();
                self.send(client, self.signalling.request_in(other, &id, &id, client, words));
            }
        };
        say(OtherDialect::First);
        let id = self.inner.draw_id();
        self.send(client, self.signalling.request(&id, &id, client, words.clone()));
        say(OtherDialect::Last);
        if let Phase::Session(session) = &mut self.phase {
            session.offer_id = Some(id);
        }
    }

    pub(super) fn request(&self, client: &FullJid, words: Words) {
        let id = self.inner.draw_id();
        self.send(client, self.signalling.request(&id, &id, client, words));
    }

    /// A client that is gone hears nothing; its media decides about the call.
    pub(super) fn send(&self, client: &FullJid, stanza: Element) {
        if !self.inner.hub.deliver(client, stanza) {
            self.settings.undelivered.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn record(&self, event: CallEvent) {
        self.inner.recorder.call(&self.signalling.session, event);
    }

    /// Frees everything, and then tells how it ended.
    async fn finish(self, ended: Ended, task: Counted) {
        let Self {
            inner,
            signalling,
            sound,
            phase,
            state,
            mut input,
            usage,
            alive,
            ..
        } = self;
        inner.lines.remove(&signalling.user, &signalling.gateway);
        // Stanzas from here on are answered as strays.
        input.close();
        while let Ok(waiting) = input.try_recv() {
            match waiting {
                CallInput::Stanza { from, stanza } => super::answer_stray(&inner, &from, &stanza),
                CallInput::Next { next, .. } => next.fail(),
                CallInput::Command { .. } => {}
            }
        }
        if let Phase::Session(session) = phase {
            let session = *session;
            session.media.close(Instant::now()).await;
            if let Some(next) = session.next {
                next.media.close(Instant::now()).await;
            }
        }
        sound.finish().await;
        let how = ended.to_string();
        let event = match usage {
            Usage::Call | Usage::Ringing => CallEvent::Ended { how },
            Usage::None => CallEvent::SessionEnded { how },
        };
        inner.recorder.call(&signalling.session, event);
        drop((input, alive, task));
        state.send_replace(CallState::Ended(ended));
    }
}
