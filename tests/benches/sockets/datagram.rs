//! The datagrams that go to and fro: as large as those of a call, with no more in them than what they are told apart by.

use std::time::{Duration, Instant};

/// Opus at 32 kb/s in SRTP.
pub(crate) const LENGTH: usize = 112;

/// What a datagram is: the first byte, as in RFC 7983 and RFC 8489.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio,
    Check,
    Answer,
}

/// Names a call in the checks for it.
pub(crate) type Ufrag = [u8; 8];
/// Names a check.
pub(crate) type Transaction = [u8; 12];

/// A datagram of a call, written now.
pub(crate) fn write(kind: Kind, start: Instant, ufrag: Ufrag, transaction: Transaction) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[0] = match kind {
        Kind::Check => 0,
        Kind::Answer => 1,
        Kind::Audio => 0x80,
    };
    let written = u64::try_from(start.elapsed().as_nanos()).expect("a run is short");
    bytes[8..16].copy_from_slice(&written.to_be_bytes());
    bytes[16..24].copy_from_slice(&ufrag);
    bytes[24..36].copy_from_slice(&transaction);
    bytes
}

pub(crate) fn kind(bytes: &[u8]) -> Kind {
    match bytes[0] {
        0 => Kind::Check,
        1 => Kind::Answer,
        _ => Kind::Audio,
    }
}

/// How long ago it was written.
pub(crate) fn age(bytes: &[u8], start: Instant) -> Duration {
    let written = u64::from_be_bytes(bytes[8..16].try_into().expect("eight bytes"));
    start.elapsed().saturating_sub(Duration::from_nanos(written))
}

pub(crate) fn ufrag(bytes: &[u8]) -> Ufrag {
    bytes[16..24].try_into().expect("eight bytes")
}

pub(crate) fn transaction(bytes: &[u8]) -> Transaction {
    bytes[24..36].try_into().expect("twelve bytes")
}

/// The name of the call of this number.
pub(crate) fn ufrag_of(call: usize) -> Ufrag {
    (call as u64).to_be_bytes()
}

/// The name of a check of this call.
pub(crate) fn transaction_of(call: usize, check: u32) -> Transaction {
    let mut transaction = [0; 12];
    transaction[..8].copy_from_slice(&ufrag_of(call));
    transaction[8..].copy_from_slice(&check.to_be_bytes());
    transaction
}
