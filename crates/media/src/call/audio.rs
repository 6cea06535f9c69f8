//! The audio of a call: frames in and out, packets in.

use std::time::Instant;

use str0m::Rtc;
use str0m::media::Pt;
use str0m::rtp::{RtpPacket, RtpWrite, SeqNo};

use super::sources::Turn;
use super::{Call, Negotiation, ssrc};
use crate::codec::EncoderSettings;
use crate::handover::ReceivedPacket;
use crate::outgoing::Numbers;
use crate::sdp::Wishes;
use crate::{CallConfig, Codec, FRAME_SAMPLES, Frame, SendOpusError};

/// What a muted call sends.
static SILENCE: Frame = [0; FRAME_SAMPLES];

impl Call {
    /// Gives the next 20 ms to be sent. They are sent when the call is connected and the agreed
    /// direction lets us send; else they are dropped. The peer's `ptime` and `maxptime` decide whether a packet carries 10, 20, 40 or 60 ms:
    /// a longer one goes out with its last frame, and what was gathered for it is dropped where a hold, a digit or a ready-made packet comes
    /// between.
    pub fn push_pcm(&mut self, now: Instant, frame: &Frame) {
        self.now = now;
        if !self.sends() {
            self.fader.shut();
            self.digits.hold();
            let frame = if self.muted { &SILENCE } else { frame };
            return self.outgoing.skip(now, frame);
        }
        let frame = &self.fader.pass(frame, !self.muted);
        if !self.press(now, frame) {
            self.speak(now, frame);
        }
        self.sent(now);
    }

    /// Gives a ready-made Opus packet to be sent, in place of as many frames of [`push_pcm`](Self::push_pcm) as it plays: mostly one. A
    /// prompt that is [encoded once](crate::OpusClip) is so played to any number of calls. Frames and packets may follow each other in any
    /// order; like frames, packets are dropped before the call is connected and on hold, and while it is muted silence is sent in their
    /// place. A digit that is due takes the place of a packet. Their level is not measured, the statistics tell silence.
    ///
    /// The packet goes out as it is: its bit rate, its redundancy and, after a packet of another origin, a short blur while decoders
    /// adapt, are the caller's.
    ///
    /// # Errors
    /// When the packet is not Opus (RFC 6716), or plays for anything but a multiple of 20 ms, or when the peer takes no Opus. Nothing is
    /// sent then, and no time has passed: push a frame instead.
    pub fn send_opus(&mut self, now: Instant, packet: &[u8]) -> Result<(), SendOpusError> {
        self.now = now;
        let samples = Codec::Opus.packet_samples(packet).ok_or(SendOpusError::NotOpus)?;
        if !samples.is_multiple_of(FRAME_SAMPLES as u32) {
            return Err(SendOpusError::Length { samples });
        }
        let frames = samples / FRAME_SAMPLES as u32;
        let format = match &self.negotiation {
            Negotiation::Agreed(agreed) => agreed.formats.payload_type(Codec::Opus),
            Negotiation::Offered { .. } => None,
        };
        if !self.sends() {
            self.digits.hold();
            self.outgoing.skip_ready_made(now, frames);
            return Ok(());
        }
        let format = format.ok_or(SendOpusError::NotAgreed)?;
        if self.press(now, &SILENCE) {
            // The rest of a longer packet is left out with its beginning.
            if frames > 1 {
                self.outgoing.skip_ready_made(now, frames - 1);
            }
        } else if self.muted {
            for _ in 0..frames {
                self.speak(now, &SILENCE);
            }
        } else {
            let ticks = Codec::Opus.frame_ticks();
            let numbers = self.outgoing.ready_made(now, frames, ticks, packet.len());
            write(&mut self.engine, self.local.ssrc, now, format, numbers, packet);
        }
        self.sent(now);
        Ok(())
    }

    /// Whether what is given now is sent.
    fn sends(&self) -> bool {
        match &self.negotiation {
            Negotiation::Agreed(agreed) => self.path.carries_media() && agreed.direction.sends(),
            Negotiation::Offered { .. } => false,
        }
    }

    /// Sends the digit that is due in place of a frame, if one is.
    fn press(&mut self, now: Instant, frame: &Frame) -> bool {
        let Some((format, event)) = self.digit_to_send(now) else {
            return false;
        };
        let payload = event.payload.write();
        let numbers = self.outgoing.event(now, frame, &event, payload.len());
        write(&mut self.engine, self.local.ssrc, now, format, numbers, &payload);
        true
    }

    fn sent(&mut self, now: Instant) {
        self.figures.sent(now);
        self.drain(now);
        self.run_engine(now);
    }

    fn speak(&mut self, now: Instant, frame: &Frame) {
        let Negotiation::Agreed(agreed) = &mut self.negotiation else {
            return;
        };
        let format = agreed.formats.preferred().payload_type;
        let packet_time = agreed.formats.preferred().wishes.packet_time;
        let source = self.local.ssrc;
        self.outgoing
            .encode(now, frame, packet_time, &mut agreed.encoder, |numbers, payload| {
                write(&mut self.engine, source, now, format, numbers, payload);
            });
    }

    /// Takes the next 20 ms to be heard; silence where there is nothing.
    pub fn pull_pcm(&mut self, now: Instant, frame: &mut Frame) {
        self.now = now;
        match &mut self.negotiation {
            Negotiation::Agreed(agreed) if self.path.was_connected() && agreed.direction.receives() => {
                agreed.playout.pull(now, frame);
            }
            Negotiation::Agreed(_) | Negotiation::Offered { .. } => frame.fill(0),
        }
    }

    /// Takes the next packet of the peer as it came, when [`CallConfig::decode`] is off; call it until there is none, after each input or
    /// every 20 ms. Packets are given in the order of their numbers and once each; one that is missing is waited for up to 60 ms. At most
    /// 512 wait to be taken, then the oldest are dropped and count as lost.
    pub fn receive_opus(&mut self, now: Instant) -> Option<ReceivedPacket<'_>> {
        self.now = now;
        match &mut self.negotiation {
            Negotiation::Agreed(agreed) => agreed.playout.next(now),
            Negotiation::Offered { .. } => None,
        }
    }

    /// A packet of the peer that SRTP found genuine.
    pub(super) fn rtp(&mut self, now: Instant, packet: &RtpPacket) {
        let header = &packet.header;
        let codec = match &self.negotiation {
            Negotiation::Agreed(agreed) => agreed.formats.codec(*header.payload_type),
            Negotiation::Offered { .. } => None,
        };
        let at_48k = codec.map(|codec| codec.timestamp_at_48k(header.timestamp));
        self.figures.received(now, packet.payload.len(), at_48k);
        let event = self.path.heard(now);
        self.tell_path(event);
        let turn = self.sources.genuine(*header.ssrc, now);
        let Negotiation::Agreed(agreed) = &mut self.negotiation else {
            return;
        };
        if !agreed.direction.receives() || turn == Turn::Other {
            return;
        }
        if turn == Turn::Takes {
            tracing::debug!(mid = %self.mid, ssrc = *header.ssrc, "a stream begins");
            agreed.playout.reset();
        }
        let (sequence, timestamp) = (header.sequence_number, header.timestamp);
        if let Some(codec) = codec {
            let numbers = (sequence, timestamp);
            let inserted = agreed.playout.insert(now, numbers, codec, &packet.payload);
            tracing::trace!(mid = %self.mid, sequence, timestamp, ?inserted, "packet");
        } else {
            // Telephone events share the numbers of the audio; there is no audio in them.
            agreed.playout.pass(now, sequence);
            self.event_packet(now, packet);
        }
    }
}

fn write(engine: &mut Rtc, source: u32, now: Instant, format: u8, numbers: Numbers, payload: &[u8]) {
    let sequence = SeqNo::from(numbers.sequence);
    let write = RtpWrite::new(Pt::from(format), sequence, numbers.timestamp, now, payload).marker(numbers.marker);
    if let Some(stream) = engine.direct_api().stream_tx(&ssrc(source)) {
        stream.write_rtp(write);
    }
}

/// How the peer wants to be spoken to, within what the configuration allows.
pub(super) fn encoder_settings(config: &CallConfig, wishes: Wishes) -> EncoderSettings {
    let own = config
        .bitrate
        .clamp(*CallConfig::BIT_RATES.start(), *CallConfig::BIT_RATES.end());
    EncoderSettings {
        // A peer may ask for less than we would choose: its link is its own to know.
        bitrate: wishes.max_bitrate.map_or(own, |most| own.min(most)),
        complexity: config.complexity,
        in_band_fec: wishes.in_band_fec,
        deep_redundancy: wishes.deep_redundancy,
        constant_rate: wishes.constant_rate,
        pauses: config.dtx || wishes.pauses,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    fn bit_rate(ours: i32, most_of_the_peer: Option<i32>) -> i32 {
        let mut config = CallConfig::new(Identity::generate().expect("a certificate"), Vec::new());
        config.bitrate = ours;
        let wishes = Wishes {
            max_bitrate: most_of_the_peer,
            ..Wishes::default()
        };
        encoder_settings(&config, wishes).bitrate
    }

    #[test]
    fn the_bit_rate_stays_where_speech_is_served() {
        assert_eq!(bit_rate(24_000, None), 24_000);
        assert_eq!(bit_rate(-1, None), 16_000);
        assert_eq!(bit_rate(510_000, None), 64_000);
    }

    #[test]
    fn a_peer_may_ask_for_less_and_never_gets_more() {
        assert_eq!(bit_rate(32_000, Some(12_000)), 12_000);
        assert_eq!(bit_rate(32_000, Some(128_000)), 32_000);
        assert_eq!(bit_rate(128_000, Some(510_000)), 64_000);
    }
}
