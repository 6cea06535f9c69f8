//! The audio of a call: frames in and out, packets in.

use std::time::Instant;

use str0m::Rtc;
use str0m::media::Pt;
use str0m::rtp::{RtpPacket, RtpWrite, SeqNo};

use super::sources::Turn;
use super::{Call, Negotiation, ssrc};
use crate::codec::EncoderSettings;
use crate::outgoing::Numbers;
use crate::sdp::Wishes;
use crate::{CallConfig, FRAME_SAMPLES, Frame};

/// What a muted call sends.
static SILENCE: Frame = [0; FRAME_SAMPLES];

impl Call {
    /// Gives the next 20 ms to be sent. They are sent when the call is connected and the agreed
    /// direction lets us send; else they are dropped.
    pub fn push_pcm(&mut self, now: Instant, frame: &Frame) {
        self.now = now;
        let frame = if self.muted { &SILENCE } else { frame };
        let sends = match &self.negotiation {
            Negotiation::Agreed(agreed) => self.path.carries_media() && agreed.direction.sends(),
            Negotiation::Offered { .. } => false,
        };
        if !sends {
            self.digits.hold();
            return self.outgoing.skip(now, frame);
        }
        match self.digit_to_send(now) {
            Some((format, event)) => {
                let payload = event.payload.write();
                let numbers = self.outgoing.event(now, frame, &event, payload.len());
                write(&mut self.engine, self.local.ssrc, now, format, numbers, &payload);
            }
            None => self.speak(now, frame),
        }
        self.figures.sent(now);
        self.drain(now);
        self.run_engine(now);
    }

    fn speak(&mut self, now: Instant, frame: &Frame) {
        let Negotiation::Agreed(agreed) = &mut self.negotiation else {
            return;
        };
        let format = agreed.formats.preferred().payload_type;
        let Some((numbers, payload)) = self.outgoing.encode(now, frame, &mut agreed.encoder) else {
            return;
        };
        write(&mut self.engine, self.local.ssrc, now, format, numbers, payload);
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
            agreed.playout.pass(sequence);
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
    let most = wishes.max_bitrate.unwrap_or(i32::MAX);
    EncoderSettings {
        bitrate: config.bitrate.min(most),
        complexity: config.complexity,
        in_band_fec: wishes.in_band_fec,
        deep_redundancy: wishes.deep_redundancy,
        constant_rate: wishes.constant_rate,
        pauses: config.dtx || wishes.pauses,
    }
}
