//! str0m behind the call: how it is built, fed and drained.
//!
//! The engine is told by its direct interface what the descriptions say, because they are read
//! and written here: str0m's own reader refuses what gateways leave out, and its answers list
//! codecs in an order of their own. It runs in RTP mode, so that packets come out as they arrive
//! and the jitter buffer alone decides. Every change is followed by draining it.

use std::time::{Duration, Instant};

use str0m::format::{Codec as EngineCodec, FormatParams};
use str0m::media::{Frequency, MediaKind, Pt};
use str0m::{IceConnectionState, IceCreds, Rtc, RtcConfig, RtcError};

use super::{Call, Negotiation, Role, engine_mid, ssrc};
use crate::io::Datagram;
use crate::sdp::{Formats, LocalAudio, RemoteAudio, Setup};
use crate::{CallConfig, Codec, DtlsVersion, Event, FailureReason, dtls, path};

/// The engine's checks on a path that works, and so the peer's signs of life on a call that is on
/// hold: one a second, so that one lost is nothing and three in a row are an interruption.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// When a first check that was not answered is sent again. The first one often comes before the peer has our answer, so this
/// is what a call waits for its media.
const FIRST_CHECK_AGAIN: Duration = Duration::from_millis(100);
/// Checks beyond one for each second until silence, or lost consent, ends the call. The engine forgets a pair of candidates whose checks all went
/// unanswered, and then nobody checks any more: a path that comes back in the last moment must still be known.
const CHECKS_TO_SPARE: u64 = 8;
/// The engine remembers all checks that went unanswered.
const MOST_CHECKS: u64 = 60;
/// How often the engine reports round trip and loss.
const REPORT_INTERVAL: Duration = Duration::from_secs(2);
/// DTLS records that cannot be read, before the handshake is given up: one can be a forgery or
/// a leftover, a peer that repeats itself cannot.
const HANDSHAKE_ERRORS: u32 = 3;

/// An engine for one audio stream in these formats.
pub(super) fn build(settings: &CallConfig, local: &LocalAudio, formats: &Formats, now: Instant) -> Rtc {
    let credentials = IceCreds {
        ufrag: local.credentials.ufrag.clone(),
        pass: local.credentials.password.clone(),
    };
    let mut config = RtcConfig::new()
        .set_crypto_provider(dtls::crypto())
        .set_dtls_cert(settings.identity.certificate())
        .set_local_ice_credentials(credentials)
        .set_dtls_version(match settings.dtls {
            DtlsVersion::V1_2 => str0m::config::DtlsVersion::Dtls12,
            DtlsVersion::Auto => str0m::config::DtlsVersion::Auto,
        })
        .set_rtp_mode(true)
        .set_stats_interval(Some(REPORT_INTERVAL))
        .clear_extension_map()
        .clear_codecs();
    config.set_initial_stun_rto(FIRST_CHECK_AGAIN);
    config.set_max_stun_rto(CHECK_INTERVAL);
    let longest = settings.failed_after.max(path::CONSENT).as_secs();
    let checks = longest.saturating_add(CHECKS_TO_SPARE);
    config.set_max_stun_retransmits(checks.min(MOST_CHECKS) as usize);
    let codecs = config.codec_config();
    let clock = |rate: u32| Frequency::new(rate).unwrap_or(Frequency::FORTY_EIGHT_KHZ);
    let mut add = |number: u8, codec, rate, channels| {
        codecs.add_config(
            Pt::from(number),
            None,
            codec,
            clock(rate),
            channels,
            FormatParams::default(),
        );
    };
    for format in &formats.audio {
        let (codec, channels) = match format.codec {
            Codec::Opus => (EngineCodec::Opus, Some(2)),
            Codec::Pcmu => (EngineCodec::PCMU, None),
            Codec::Pcma => (EngineCodec::PCMA, None),
        };
        add(format.payload_type, codec, format.codec.clock_rate(), channels);
    }
    for events in &formats.events {
        add(events.payload_type, EngineCodec::Tele, events.clock_rate, None);
    }
    // A later description may number the formats anew, and what the engine has no entry for it drops.
    let is_named = |number: &u8| {
        formats.audio.iter().any(|format| format.payload_type == *number)
            || formats.events.iter().any(|events| events.payload_type == *number)
    };
    for other in (35..=63).chain(96..=127).filter(|number| !is_named(number)) {
        add(other, EngineCodec::Opus, crate::SAMPLE_RATE, Some(2));
    }
    for (fixed, codec) in [(0, EngineCodec::PCMU), (8, EngineCodec::PCMA)] {
        if !is_named(&fixed) {
            add(fixed, codec, Codec::Pcmu.clock_rate(), None);
        }
    }
    let mut rtc = config.build(now);
    let mut direct = rtc.direct_api();
    direct.declare_media(engine_mid(), MediaKind::Audio);
    direct.declare_stream_tx(ssrc(local.ssrc), None, engine_mid(), None);
    rtc
}

impl Call {
    /// Tells the engine who the peer is and which part we play.
    pub(super) fn connect_engine(&mut self, now: Instant, remote: &RemoteAudio) {
        let controlling = match self.role {
            Role::Offerer => true,
            // A peer that sends no checks cannot control (RFC 8445 section 6.1.1).
            Role::Answerer => remote.ice_lite,
        };
        self.checks.sealed_by(&remote.credentials.password);
        let mut direct = self.engine.direct_api();
        direct.set_ice_controlling(controlling);
        direct.set_remote_fingerprint(remote.fingerprint.clone());
        direct.set_remote_ice_credentials(IceCreds {
            ufrag: remote.credentials.ufrag.clone(),
            pass: remote.credentials.password.clone(),
        });
        match self.local.setup {
            // A handshake begun before there is a path would only wear out its timers.
            Setup::Active | Setup::ActPass => self.handshake_due = true,
            Setup::Passive => self.start_handshake(false),
        }
        self.run_engine(now);
    }

    /// Lets time pass in the engine.
    pub(super) fn run_engine(&mut self, now: Instant) {
        self.feed(now, str0m::Input::Timeout(now));
    }

    /// Gives the engine an input and carries out what follows.
    pub(super) fn feed(&mut self, now: Instant, input: str0m::Input<'_>) {
        if let Err(error) = self.engine.handle_input(input) {
            self.input_refused(&error);
        }
        self.drain(now);
    }

    /// Takes everything out of the engine.
    pub(super) fn drain(&mut self, now: Instant) {
        while !self.path.is_over() {
            match self.engine.poll_output() {
                Ok(str0m::Output::Timeout(due)) => {
                    self.engine_due = due;
                    return;
                }
                Ok(str0m::Output::Transmit(transmit)) => {
                    let bytes = Vec::from(transmit.contents);
                    self.transmit(transmit.source, transmit.destination, Datagram(bytes));
                }
                Ok(str0m::Output::Event(event)) => self.engine_event(now, event),
                Err(error) => self.engine_failed(&error),
            }
        }
    }

    pub(super) fn close_engine(&mut self, now: Instant) {
        if let Err(error) = self.engine.close() {
            tracing::debug!(mid = %self.mid, %error, "the engine could not close in order");
        }
        self.drain(now);
    }

    fn engine_event(&mut self, now: Instant, event: str0m::Event) {
        match event {
            str0m::Event::IceConnectionStateChange(state) => self.ice_changed(now, state),
            str0m::Event::Connected => {
                let version = self.engine.direct_api().dtls_protocol_version();
                self.figures.secured(version.and_then(dtls::agreed));
                if let Some(event) = self.path.connected(now) {
                    self.raise(event);
                }
            }
            str0m::Event::RtpPacket(packet) => self.rtp(now, &packet),
            str0m::Event::Closed => {
                tracing::debug!(mid = %self.mid, "the peer closed DTLS");
                self.path.closed(now);
            }
            str0m::Event::MediaEgressStats(stats) => {
                if let (Some(loss), Negotiation::Agreed(agreed)) = (stats.loss, &mut self.negotiation) {
                    agreed.encoder.expect_loss(loss, self.outgoing.since_report());
                    self.figures.loss_reported(loss);
                }
            }
            // The engine's events are an open set, and the others tell an audio call nothing.
            _ => {}
        }
    }

    fn ice_changed(&mut self, now: Instant, state: IceConnectionState) {
        tracing::debug!(mid = %self.mid, ?state, "ICE");
        match state {
            IceConnectionState::Connected | IceConnectionState::Completed => {
                self.figures.ice(now);
                if std::mem::take(&mut self.handshake_due) {
                    self.start_handshake(true);
                }
            }
            // Our checks go unanswered: the path monitor counts the answers itself, and decides when that ends the call.
            IceConnectionState::Disconnected | IceConnectionState::New | IceConnectionState::Checking => {}
        }
    }

    fn start_handshake(&mut self, active: bool) {
        if let Err(error) = self.engine.direct_api().start_dtls(active) {
            self.fail(FailureReason::Engine(error.to_string()));
        }
    }

    fn input_refused(&mut self, error: &RtcError) {
        tracing::debug!(mid = %self.mid, %error, "the engine refused an input");
        if !self.engine.is_alive() {
            self.engine_failed(error);
        } else if matches!(error, RtcError::Dtls(_)) && !self.path.was_connected() {
            self.handshake_errors += 1;
            self.handshake_problem = Some(failure(error));
            if self.handshake_errors >= HANDSHAKE_ERRORS {
                self.engine_failed(error);
            }
        }
    }

    fn engine_failed(&mut self, error: &RtcError) {
        self.fail(failure(error));
    }

    /// Notes what looks like the peer's refusal of the handshake.
    pub(super) fn note_refusal(&mut self, datagram: &[u8]) {
        if !self.path.was_connected()
            && let Some(alert) = dtls::refusal(datagram)
        {
            tracing::debug!(mid = %self.mid, alert, "a DTLS alert before the handshake is through");
            self.handshake_problem = Some(refused(&format!("the peer refused it with TLS alert {alert}")));
        }
    }

    /// A peer that cannot agree on a handshake says so once and falls silent: that, and no path, is why the call did not come
    /// up. Alone it ends no call, since anybody could have said it.
    pub(super) fn handshake_to_blame(&self, event: Event) -> Event {
        match (event, &self.handshake_problem) {
            (Event::Failed(FailureReason::NeverConnected { .. }), Some(problem)) => Event::Failed(problem.clone()),
            (event, _) => event,
        }
    }
}

fn failure(error: &RtcError) -> FailureReason {
    match error {
        RtcError::RemoteSdp(problem) => FailureReason::Security(problem.clone()),
        RtcError::Dtls(problem) => refused(&problem.to_string()),
        other => FailureReason::Engine(other.to_string()),
    }
}

/// What a peer with an RSA certificate says is no more than that there is nothing in common.
fn refused(problem: &str) -> FailureReason {
    FailureReason::Security(format!(
        "{problem}; the peer needs an ECDSA certificate, RSA is not supported"
    ))
}
