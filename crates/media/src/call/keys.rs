//! Digits and mute: what of the audio is neither speech nor silence of the line.

use std::time::Instant;

use str0m::rtp::RtpPacket;

use super::{Call, Negotiation};
use crate::digits::{EventPacket, Header, Received};
use crate::{DigitsError, Event};

impl Call {
    /// Presses these digits one after the other, each for 100 ms with 80 ms between them, as telephone events in place of
    /// the audio (RFC 4733). A comma is a pause of two seconds. They are sent whether the call is muted or not; while it
    /// is not connected, on hold or without an answer they wait. If the answer then takes no digits, they are dropped.
    ///
    /// # Errors
    /// When a character is no digit, too many wait, the peer takes none, or the call is over. None is sent then.
    pub fn send_digits(&mut self, now: Instant, digits: &str) -> Result<(), DigitsError> {
        self.now = now;
        if self.path.is_over() {
            return Err(DigitsError::Over);
        }
        match &self.negotiation {
            Negotiation::Agreed(agreed) if agreed.formats.events.is_empty() => Err(DigitsError::NotNegotiated),
            Negotiation::Agreed(_) | Negotiation::Offered { .. } => self.digits.queue(digits),
        }
    }

    /// The digits that wait, which wait no more: for the call that takes this one's place.
    #[must_use]
    pub fn take_digits(&mut self) -> String {
        self.digits.take()
    }

    /// From now on the peer hears silence, or again what is pushed. Packets flow on, so that the path stays known to be
    /// alive.
    pub fn set_muted(&mut self, now: Instant, muted: bool) {
        self.now = now;
        self.muted = muted;
    }

    /// Whether the peer hears silence instead of what is pushed.
    #[must_use]
    pub fn is_muted(&self) -> bool {
        self.muted
    }

    /// Digits that the answer takes from nobody.
    pub(super) fn drop_unwanted_digits(&mut self) {
        if let Negotiation::Agreed(agreed) = &self.negotiation
            && agreed.formats.events.is_empty()
        {
            let dropped = self.digits.clear();
            if dropped > 0 {
                tracing::warn!(mid = %self.mid, dropped, "the peer takes no digits");
            }
        }
    }

    /// The packet of a digit that takes the place of the next frame, and its payload type.
    pub(super) fn digit_to_send(&mut self, now: Instant) -> Option<(u8, EventPacket)> {
        let Negotiation::Agreed(agreed) = &self.negotiation else {
            return None;
        };
        let codec = agreed.encoder.codec();
        let events = agreed.formats.events_beside(codec.clock_rate())?;
        // The header keeps the clock of the audio, whose stream this is; the duration counts by that of the events.
        let timestamp = self.outgoing.due_timestamp(now, codec.frame_ticks());
        let packet = self.digits.next(timestamp, events.clock_rate / 50)?;
        Some((events.payload_type, packet))
    }

    /// A packet that holds no audio: perhaps a telephone event.
    pub(super) fn event_packet(&mut self, now: Instant, packet: &RtpPacket) {
        let Negotiation::Agreed(agreed) = &self.negotiation else {
            return;
        };
        let header = &packet.header;
        let number = *header.payload_type;
        let format = agreed
            .formats
            .events
            .iter()
            .find(|events| events.payload_type == number);
        let Some(format) = format else { return };
        let header = Header {
            ssrc: *header.ssrc,
            timestamp: header.timestamp,
            marker: header.marker,
            clock_rate: format.clock_rate,
        };
        for received in self
            .received_digits
            .take(now, header, &packet.payload)
            .into_iter()
            .flatten()
        {
            self.digit_received(received);
        }
    }

    /// A digit whose end was lost.
    pub(super) fn look_for_digits(&mut self, now: Instant) {
        if let Some(received) = self.received_digits.look(now) {
            self.digit_received(received);
        }
    }

    fn digit_received(&mut self, Received { digit, duration }: Received) {
        tracing::debug!(mid = %self.mid, ?duration, "a digit");
        self.raise(Event::Digit { digit, duration });
    }
}
