//! Which streams of the peer are let in (RFC 3550 section 8).
//!
//! A packet whose SSRC stands in no description and that carries no MID extension is dropped by
//! the engine without a word. Gateways send such packets, and change their SSRC in the middle of
//! a call. So the SSRC is read from the header, which is not encrypted, and announced to the
//! engine before the packet is given to it; whether the packet is genuine is still for SRTP to
//! say. What never proves genuine is forgotten again, so that forged headers cannot pile up.

use std::time::{Duration, Instant};

use str0m::Rtc;

use super::{engine_mid, ssrc};

/// Streams of one peer that are known at a time.
const MOST: usize = 8;
/// Another stream takes over when the one being heard has paused this long.
const HANDOVER: Duration = Duration::from_millis(100);

/// The streams of the peer.
#[derive(Debug, Default)]
pub(super) struct Sources {
    known: Vec<Source>,
    heard: Option<(u32, Instant)>,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    genuine: bool,
}

/// What to do with a genuine packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It belongs to the stream that is heard.
    Same,
    /// It begins a stream that takes over.
    Takes,
    /// Another stream is being heard.
    Other,
}

impl Sources {
    /// Lets the engine know of the stream this datagram belongs to, when it is RTP.
    pub(super) fn announce(&mut self, engine: &mut Rtc, datagram: &[u8]) {
        let Some(number) = rtp_source(datagram) else { return };
        if self.known.iter().any(|source| source.ssrc == number) {
            return;
        }
        if self.known.len() == MOST {
            let oldest = self.known.iter().position(|source| !source.genuine).unwrap_or(0);
            let forgotten = self.known.remove(oldest);
            engine.direct_api().remove_stream_rx(ssrc(forgotten.ssrc));
        }
        let mut direct = engine.direct_api();
        // Audio that is repeated comes too late to be heard: no NACK.
        direct
            .expect_stream_rx(ssrc(number), None, engine_mid(), None)
            .suppress_nack(true);
        self.known.push(Source {
            ssrc: number,
            genuine: false,
        });
    }

    /// A packet of this stream passed the engine's check.
    pub(super) fn genuine(&mut self, number: u32, now: Instant) -> Turn {
        if let Some(source) = self.known.iter_mut().find(|source| source.ssrc == number) {
            source.genuine = true;
        }
        match self.heard {
            Some((heard, _)) if heard == number => {
                self.heard = Some((number, now));
                Turn::Same
            }
            Some((_, last)) if now.saturating_duration_since(last) < HANDOVER => Turn::Other,
            Some(_) | None => {
                self.heard = Some((number, now));
                Turn::Takes
            }
        }
    }
}

/// The SSRC, when the datagram is RTP by its first two bytes (RFC 7983, RFC 5761).
fn rtp_source(datagram: &[u8]) -> Option<u32> {
    let [first, second, _, _, _, _, _, _, s0, s1, s2, s3, ..] = *datagram else {
        return None;
    };
    let is_rtp = matches!(first, 128..=191) && !matches!(second & 0x7f, 64..=95);
    // SSRC 0 marks probes of bandwidth estimation, which is not negotiated here.
    Some(u32::from_be_bytes([s0, s1, s2, s3])).filter(|number| is_rtp && *number != 0)
}

#[cfg(test)]
mod tests {
    use str0m::media::MediaKind;

    use super::*;
    use crate::fuzzing::an_instant;

    fn packet(source: u32) -> Vec<u8> {
        let mut packet = vec![0x80, 96, 0, 1, 0, 0, 0, 1];
        packet.extend_from_slice(&source.to_be_bytes());
        packet
    }

    fn engine(now: Instant) -> Rtc {
        let mut engine = Rtc::new(now);
        engine.direct_api().declare_media(engine_mid(), MediaKind::Audio);
        engine
    }

    #[test]
    fn forged_headers_do_not_pile_up_nor_displace_the_genuine() {
        let now = an_instant();
        let (mut engine, mut sources) = (engine(now), Sources::default());
        sources.announce(&mut engine, &packet(1));
        assert_eq!(sources.genuine(1, now), Turn::Takes);

        for forged in 2..2_000 {
            sources.announce(&mut engine, &packet(forged));
        }

        assert_eq!(sources.known.len(), MOST);
        assert!(sources.known.iter().any(|source| source.ssrc == 1));
        assert!(engine.direct_api().stream_rx(&ssrc(1)).is_some());
        assert!(engine.direct_api().stream_rx(&ssrc(2)).is_none());
    }

    #[test]
    fn what_is_no_rtp_announces_nothing() {
        let (mut engine, mut sources) = (engine(an_instant()), Sources::default());
        let rtcp = [0x80, 200, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9];
        for datagram in [&packet(0)[..], &rtcp, &packet(7)[..11], &[], &[22; 40]] {
            sources.announce(&mut engine, datagram);
        }
        assert!(sources.known.is_empty());
    }

    #[test]
    fn another_stream_takes_over_when_the_first_has_paused() {
        let now = an_instant();
        let mut sources = Sources::default();
        assert_eq!(sources.genuine(1, now), Turn::Takes);
        assert_eq!(sources.genuine(2, now + Duration::from_millis(20)), Turn::Other);
        assert_eq!(sources.genuine(1, now + Duration::from_millis(40)), Turn::Same);
        assert_eq!(sources.genuine(2, now + Duration::from_millis(160)), Turn::Takes);
        assert_eq!(sources.genuine(2, now + Duration::from_millis(180)), Turn::Same);
    }
}
