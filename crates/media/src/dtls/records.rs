//! Which DTLS records are let in.
//!
//! Until a handshake is through nothing in it is sealed, so that whoever writes the peer's address on a
//! datagram can say anything. What cannot be part of a handshake is left out here before it can fill a queue or be
//! taken for the peer's refusal: records of no known form, data and alerts in the clear, messages
//! that no handshake is long enough for. That a peer refuses us is told when the time to connect is over.

use std::borrow::Cow;

/// Type, version, epoch, sequence number, length (RFC 6347 section 4.1).
const HEADER: usize = 13;
/// Type, length, message number, fragment offset and length (RFC 6347 section 4.2.2).
const HANDSHAKE_HEADER: usize = 12;
/// The longest handshake has a dozen messages on each side.
const MOST_MESSAGES: u16 = 16;
/// A certificate with its chain fits.
const LONGEST_MESSAGE: u32 = 65_536;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// The datagram without the records that cannot be the peer's.
pub(super) fn plausible(datagram: &[u8]) -> Cow<'_, [u8]> {
    let mut kept = Vec::new();
    let (mut rest, mut all) = (datagram, true);
    while !rest.is_empty() {
        let Some((record, after)) = split(rest) else {
            all = false;
            break;
        };
        if is_plausible(record) {
            kept.extend_from_slice(record);
        } else {
            all = false;
        }
        rest = after;
    }
    if all { Cow::Borrowed(datagram) } else { Cow::Owned(kept) }
}

/// The fatal alert in the clear that this datagram is, by its number (RFC 8446 section 6): a peer that cannot agree on a handshake
/// sends one and falls silent. Anybody else can send one too.
pub(crate) fn refusal(datagram: &[u8]) -> Option<u8> {
    const FATAL: u8 = 2;
    let (record, _) = split(datagram)?;
    match (record.first_chunk::<5>()?, record.get(HEADER..)?) {
        ([ALERT, _, _, 0, 0], [FATAL, number]) => Some(*number),
        _ => None,
    }
}

/// The first record, and what follows it.
fn split(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    // Sealed records of DTLS 1.3 (RFC 9147 section 4): a forged one fails its seal.
    if matches!(datagram, [32..=63, ..]) {
        return Some((datagram, &[]));
    }
    let length = usize::from(u16::from_be_bytes([*datagram.get(11)?, *datagram.get(12)?]));
    datagram.split_at_checked(HEADER + length)
}

fn is_plausible(record: &[u8]) -> bool {
    let [kind, major, minor, epoch @ ..] = record else {
        return false;
    };
    if matches!(kind, 32..=63) {
        return true;
    }
    if (*major, *minor) != (0xfe, 0xfd) && (*major, *minor) != (0xfe, 0xff) {
        return false;
    }
    let sealed = !epoch.starts_with(&[0, 0]);
    let body = &record[HEADER..];
    match *kind {
        CHANGE_CIPHER_SPEC => body == [1] || sealed,
        HANDSHAKE => sealed || is_message(body),
        _ => sealed,
    }
}

/// Whether a handshake message, or a fragment of one, begins here.
fn is_message(body: &[u8]) -> bool {
    let Some(header) = body.first_chunk::<HANDSHAKE_HEADER>() else {
        return false;
    };
    let three = |at: usize| u32::from_be_bytes([0, header[at], header[at + 1], header[at + 2]]);
    let (length, offset, fragment) = (three(1), three(6), three(9));
    u16::from_be_bytes([header[4], header[5]]) < MOST_MESSAGES
        && length <= LONGEST_MESSAGE
        && offset + fragment <= length
        && fragment as usize <= body.len() - HANDSHAKE_HEADER
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1, 0, body.len() as u8];
        record.extend_from_slice(body);
        record
    }

    /// A whole message with this number.
    fn message(number: u8) -> Vec<u8> {
        let body = [&[2, 0, 0, 2, 0, number, 0, 0, 0, 0, 0, 2][..], b"hi"].concat();
        record(HANDSHAKE, 0, &body)
    }

    #[test]
    fn what_a_peer_sends_is_let_in_as_it_is() {
        let sealed = record(23, 1, &[7; 30]);
        let flight = [message(3), record(20, 0, &[1]), record(22, 1, &[7; 40])].concat();
        for datagram in [&message(0), &flight, &sealed, &record(21, 1, &[7; 20]), &vec![0x2f; 40]] {
            assert!(matches!(plausible(datagram), Cow::Borrowed(same) if same == datagram.as_slice()));
        }
    }

    #[test]
    fn what_anybody_can_write_and_no_handshake_needs_is_left_out() {
        let alert = record(21, 0, &[2, 40]);
        let data = record(23, 0, &[7; 30]);
        let other_version = [&[22, 3, 3][..], &message(0)[3..]].concat();
        let mut outside = message(0);
        outside[HEADER + 8] = 9;
        for record in [
            &alert,
            &data,
            &message(200),
            &other_version,
            &outside,
            &record(20, 0, &[2]),
        ] {
            assert!(plausible(record).is_empty(), "{record:?}");
            assert_eq!(refusal(record), (*record == alert).then_some(40), "{record:?}");
            let mixed = [message(0), record.clone(), message(1)].concat();
            assert_eq!(plausible(&mixed).as_ref(), [message(0), message(1)].concat());
        }
        assert_eq!(plausible(&message(0)[..20]).as_ref(), b"");
        assert_eq!(plausible(&[22]).as_ref(), b"");
    }
}
