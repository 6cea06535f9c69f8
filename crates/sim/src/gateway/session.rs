//! A call from `proceed` on: the offer, the candidates, the media.

use std::ops::ControlFlow;
use std::time::Instant;

use jid::FullJid;
use offhook_audio::SILENT_FRAME;
use offhook_jingle::{Dialect, Reason};
use offhook_media::Event;

use super::call::{Call, Flow, Phase};
use super::change::Changing;
use super::line::Usage;
use super::media::Media;
use super::reinvite::Next;
use super::words::Words;
use crate::call_state::{CallState, Ended};
use crate::record::CallEvent;

/// How many of the client's candidates are kept until its answer comes.
const EARLY_CANDIDATES: usize = 64;

/// How many frames a call makes up for when it wakes late: one second.
const MOST_FRAMES: u64 = 50;

pub(super) struct Session {
    pub(super) client: FullJid,
    pub(super) media: Media,
    pub(super) progress: Progress,
    /// The media that are to replace these.
    pub(super) next: Option<Box<Next>>,
    /// Why the media failed, while others are to replace them.
    pub(super) failed: Option<String>,
    /// When the gateway hangs up by itself.
    pub(super) until: Option<Instant>,
    /// The candidate that the client was told of last, with its media section.
    pub(super) candidate: Option<(String, String)>,
    /// The id of the IQ that offered its first media.
    pub(super) offer_id: Option<String>,
    /// The client's description.
    pub(super) remote: String,
    /// A change of the gateway that has no answer yet.
    pub(super) change: Option<Changing>,
}

/// How far a session has come.
pub(super) enum Progress {
    /// The offer waits until the candidates are out.
    Held {
        offer: String,
    },
    /// The answer is awaited; candidates that came before it.
    Offered {
        candidates: Vec<String>,
    },
    Answered,
    Connected,
}

impl Call {
    /// A client has proceeded: the offer goes out, and the candidates as they are found.
    pub(super) fn begin(&mut self, now: Instant, client: FullJid) {
        let config = self.settings.media(&self.inner);
        let seed = self.inner.draw_seed();
        let (media, offer) = Media::offer(config, self.settings.faults.path, seed, now, self.inner.gauge.clone());
        self.state.send_replace(CallState::Offered { client: client.clone() });
        self.phase = Phase::Session(Box::new(Session {
            client: client.clone(),
            media,
            progress: Progress::Held { offer },
            next: None,
            failed: None,
            until: None,
            candidate: None,
            offer_id: None,
            remote: String::new(),
            change: None,
        }));
        if !self.settings.faults.early_candidates {
            self.release_offer(&client);
        }
    }

    /// Passes on what the peer connection says.
    pub(super) fn handle_media(&mut self, now: Instant) -> Flow {
        let Phase::Session(session) = &mut self.phase else {
            return ControlFlow::Continue(());
        };
        let events = session.media.take_events();
        let client = session.client.clone();
        for event in events {
            match event {
                Event::LocalCandidate { mid, candidate } => self.tell_candidate(&client, mid, candidate),
                Event::EndOfCandidates => {
                    self.release_offer(&client);
                    self.tell_end_of_candidates(&client);
                }
                Event::Connected => self.connected(now, &client),
                Event::Interrupted => self.record(CallEvent::MediaInterrupted),
                Event::Recovered => self.record(CallEvent::MediaRecovered),
                Event::Digit { digit, .. } => self.record(CallEvent::DigitHeard { digit: digit.as_char() }),
                Event::Failed(reason) => {
                    let reason = reason.to_string();
                    self.record(CallEvent::MediaFailed { reason: reason.clone() });
                    if let Phase::Session(session) = &mut self.phase
                        && session.next.is_some()
                    {
                        session.failed = Some(reason);
                        continue;
                    }
                    self.take_leave(Reason::FailedTransport);
                    return ControlFlow::Break(Ended::MediaFailed { reason });
                }
            }
        }
        ControlFlow::Continue(())
    }

    pub(super) fn send_digits(&mut self, now: Instant, digits: &str) {
        if let Phase::Session(session) = &mut self.phase
            && let Err(error) = session.media.send_digits(now, digits)
        {
            tracing::warn!(%error, "no digits for the client");
        }
    }

    pub(super) fn tell_candidate(&mut self, client: &FullJid, mid: String, candidate: String) {
        if let Phase::Session(session) = &mut self.phase {
            session.candidate = Some((mid.clone(), candidate.clone()));
        }
        self.request(client, Words::Candidate { mid, candidate });
    }

    /// In Jingle; the platform's clients of SDP over XMPP know no end of the gateway's candidates.
    pub(super) fn tell_end_of_candidates(&self, client: &FullJid) {
        if let Phase::Session(session) = &self.phase
            && let Some((mid, _)) = session.candidate.clone()
            && self.signalling.dialect == Dialect::Jingle
        {
            self.request(client, Words::EndOfCandidates { mid });
        }
    }

    /// Says again what the client has heard before.
    pub(super) fn repeat_candidate(&self) {
        if let Phase::Session(session) = &self.phase
            && let Some((mid, candidate)) = session.candidate.clone()
        {
            self.request(&session.client, Words::Candidate { mid, candidate });
        }
    }

    pub(super) fn release_offer(&mut self, client: &FullJid) {
        let Phase::Session(session) = &mut self.phase else {
            return;
        };
        if let Progress::Held { offer } = &mut session.progress {
            let offer = std::mem::take(offer);
            session.progress = Progress::Offered { candidates: Vec::new() };
            self.offer(client, offer);
        }
    }

    pub(super) fn connected(&mut self, now: Instant, client: &FullJid) {
        if let Phase::Session(session) = &mut self.phase {
            session.progress = Progress::Connected;
            session.until = session
                .until
                .or_else(|| self.settings.duration.map(|duration| now + duration));
        }
        self.tick = *self.clock.borrow_and_update();
        self.record(CallEvent::MediaConnected);
        match self.usage {
            Usage::Call => _ = self.state.send_replace(CallState::Connected { client: client.clone() }),
            Usage::Ringing | Usage::None => {}
        }
    }

    /// Plays and hears as many frames as are due.
    pub(super) fn exchange_frames(&mut self, now: Instant, tick: u64) {
        let Phase::Session(session) = &mut self.phase else {
            return;
        };
        let due = tick.saturating_sub(self.tick).min(MOST_FRAMES);
        self.tick = tick;
        let mut first_audio = false;
        if self.usage != Usage::Call {
            // The media stay, and nothing is heard.
            for _ in 0..due {
                session.media.exchange(now, &SILENT_FRAME);
            }
            return;
        }
        for _ in 0..due {
            if let Some(packet) = self.sound.next_packet() {
                session.media.exchange_packets(now, packet);
                continue;
            }
            let played = self.sound.next_frame();
            let heard = session.media.exchange(now, &played);
            first_audio |= self.sound.take(&played, &heard);
        }
        self.sound.set_statistics(session.media.statistics());
        if first_audio {
            self.record(CallEvent::FirstAudio);
        }
    }
}

impl Session {
    /// Takes one for the newest media that were offered.
    pub(super) fn take_candidate(&mut self, now: Instant, candidate: String) -> Result<(), String> {
        let (progress, media) = match &mut self.next {
            Some(next) => (&mut next.progress, &mut next.media),
            None => (&mut self.progress, &mut self.media),
        };
        match progress {
            Progress::Held { .. } => Ok(()),
            Progress::Offered { candidates } => {
                if candidates.len() < EARLY_CANDIDATES {
                    candidates.push(candidate);
                }
                Ok(())
            }
            Progress::Answered | Progress::Connected => {
                media.add_candidate(now, &candidate).map_err(|error| error.to_string())
            }
        }
    }
}
