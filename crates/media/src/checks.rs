//! Answers to our own checks: the proof that the peer still consents to what we send (RFC 7675).
//!
//! The engine sends the checks and keeps to itself when they are answered. So each that goes out is
//! noted here by its transaction id, and what claims to answer one is taken for an answer only
//! when it carries that id and the peer's password has sealed it: an address alone can be forged.
//!
//! They also tell which way works. The engine stays with a nominated pair of addresses until all of
//! its checks have run out, which takes longer than a call may be silent; after a change of address
//! behind a translator another pair is answered at once, and media go there until the engine
//! follows.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::ice::{StunMessage, TransId};

use crate::dtls;

/// Checks of some dozen pairs of candidates over the time that an answer may take.
const MOST: usize = 256;

/// A way that is answered this recently works, and one that is not answered for so long does not: two checks in a row.
const WORKS: Duration = Duration::from_millis(2_500);
/// Ways that are remembered: as many as the candidates of a peer.
const WAYS: usize = 100;

/// From which of our addresses to which of the peer's.
pub(crate) type Way = (SocketAddr, SocketAddr);

/// The checks under way. There are passwords in it: it is not to be printed.
#[derive(Default)]
pub(crate) struct Checks {
    sent: VecDeque<(TransId, Instant, Way)>,
    /// When a way was last answered; the oldest first.
    works: Vec<(Way, Instant)>,
    /// The first check of the call.
    first: Option<Instant>,
    /// What the peer seals its answers with. After a restart of ICE those to earlier checks are still sealed with the former.
    passwords: VecDeque<String>,
}

impl Checks {
    /// The peer's password from now on.
    pub(crate) fn sealed_by(&mut self, password: &str) {
        self.passwords.push_front(password.to_owned());
        self.passwords.truncate(2);
    }

    /// A datagram goes out; it may be a check.
    pub(crate) fn note(&mut self, now: Instant, way: Way, datagram: &[u8]) {
        if !is_stun(datagram) {
            return;
        }
        let Ok(message) = StunMessage::parse(datagram) else {
            return;
        };
        if message.is_binding_request() {
            self.first.get_or_insert(now);
            if self.sent.len() == MOST {
                self.sent.pop_front();
            }
            self.sent.push_back((message.trans_id(), now, way));
        }
    }

    /// When the check was sent that this datagram answers; `None` when it answers none. Each is answered once.
    pub(crate) fn answered(&mut self, now: Instant, datagram: &[u8]) -> Option<Instant> {
        let message = Some(datagram)
            .filter(|bytes| is_stun(bytes))
            .and_then(|bytes| StunMessage::parse(bytes).ok())?;
        if !message.is_successful_binding_response() {
            return None;
        }
        let index = self.sent.iter().position(|(id, _, _)| *id == message.trans_id())?;
        let hmac = dtls::crypto().sha1_hmac_provider;
        let sealed = |password: &String| message.verify(password.as_bytes(), |key, parts| hmac.sha1_hmac(key, parts));
        self.passwords.iter().any(sealed).then_some(())?;
        let (_, sent, way) = self.sent.remove(index)?;
        self.works.retain(|(other, _)| *other != way);
        if self.works.len() == WAYS {
            self.works.remove(0);
        }
        self.works.push((way, now));
        Some(sent)
    }

    /// Where media go that the engine wants to send this way: there, unless only another way works.
    pub(crate) fn working(&self, now: Instant, wanted: Way) -> Way {
        let lately = |at: Instant| now.saturating_duration_since(at) < WORKS;
        match self.works.iter().find(|(way, _)| *way == wanted) {
            Some((_, at)) if !lately(*at) => {}
            // What was never asked about is not known to fail.
            Some(_) | None => return wanted,
        }
        let latest = self.works.last().filter(|(_, at)| lately(*at));
        latest.map_or(wanted, |(way, _)| *way)
    }

    /// When the first check was sent.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.first
    }
}

/// STUN by its first byte (RFC 7983).
pub(crate) fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram, [0..=3, ..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::an_instant;

    fn sealed(message: StunMessage<'_>, password: &str) -> Vec<u8> {
        let hmac = dtls::crypto().sha1_hmac_provider;
        let mut bytes = vec![0; 256];
        let length = message
            .to_bytes(Some(password.as_bytes()), &mut bytes, |key, parts| {
                hmac.sha1_hmac(key, parts)
            })
            .expect("room for a short message");
        bytes.truncate(length);
        bytes
    }

    fn check(id: TransId) -> Vec<u8> {
        sealed(StunMessage::binding_request("a:b", id, true, 7, 1, false), "theirs")
    }

    fn answer(id: TransId, password: &str) -> Vec<u8> {
        let address = "192.0.2.1:4000".parse().expect("an address");
        sealed(StunMessage::binding_reply(id, address), password)
    }

    fn way(last: u8) -> Way {
        let ours = SocketAddr::from(([192, 0, 2, 2], 4_000));
        (ours, SocketAddr::from(([192, 0, 2, last], 4_000)))
    }

    #[test]
    fn media_leave_a_way_that_is_not_answered_for_one_that_is() {
        let start = an_instant();
        let (mut checks, mut now) = (Checks::default(), start);
        checks.sealed_by("theirs");
        let ask = |checks: &mut Checks, now, asked, answers| {
            let id = TransId::new();
            checks.note(now, asked, &check(id));
            if answers {
                assert!(checks.answered(now, &answer(id, "theirs")).is_some());
            }
        };
        assert_eq!(checks.working(now, way(1)), way(1), "nothing is known yet");
        ask(&mut checks, now, way(1), true);
        ask(&mut checks, now, way(9), true);
        assert_eq!(checks.working(now, way(1)), way(1));

        for second in 1..=4 {
            now = start + Duration::from_secs(second);
            ask(&mut checks, now, way(1), false);
            ask(&mut checks, now, way(9), true);
            let expected = if second < 3 { way(1) } else { way(9) };
            assert_eq!(checks.working(now, way(1)), expected, "{second} s");
        }
        ask(&mut checks, now, way(1), true);
        assert_eq!(checks.working(now, way(1)), way(1), "it is answered again");

        now += Duration::from_secs(10);
        assert_eq!(checks.working(now, way(1)), way(1), "no way works");
    }

    #[test]
    fn an_answer_counts_once_and_tells_when_its_check_was_sent() {
        let now = an_instant();
        let (mut checks, id) = (Checks::default(), TransId::new());
        checks.sealed_by("theirs");
        assert_eq!(checks.answered(now, &answer(id, "theirs")), None, "nothing was asked");

        checks.note(now, way(1), &check(id));
        checks.note(now + Duration::from_secs(1), way(1), &check(TransId::new()));

        assert_eq!(checks.answered(now, &check(id)), None, "a check is no answer");
        assert_eq!(checks.answered(now, &answer(id, "theirs")), Some(now));
        assert_eq!(checks.answered(now, &answer(id, "theirs")), None, "repeated");
        assert_eq!(checks.first(), Some(now));
    }

    #[test]
    fn an_answer_without_the_peers_seal_counts_for_nothing() {
        let now = an_instant();
        let (mut checks, id) = (Checks::default(), TransId::new());
        checks.sealed_by("theirs");
        checks.note(now, way(1), &check(id));

        assert_eq!(checks.answered(now, &answer(id, "forged")), None);
        let mut damaged = answer(id, "theirs");
        damaged[30] ^= 1;
        assert_eq!(checks.answered(now, &damaged), None);

        checks.sealed_by("of the restart");
        assert_eq!(
            checks.answered(now, &answer(id, "theirs")),
            Some(now),
            "the former is good yet"
        );
        checks.note(now, way(1), &check(id));
        checks.sealed_by("of one more");
        assert_eq!(checks.answered(now, &answer(id, "theirs")), None);
    }

    #[test]
    fn checks_without_answers_do_not_pile_up() {
        let now = an_instant();
        let mut checks = Checks::default();
        for _ in 0..3 * MOST {
            checks.note(now, way(1), &check(TransId::new()));
        }
        assert_eq!(checks.sent.len(), MOST);
    }
}
