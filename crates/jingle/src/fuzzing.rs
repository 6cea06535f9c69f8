//! Bodies of the fuzz targets, as plain functions: a fuzzer runs them, and so do the tests, on stored inputs and random ones. Each
//! runs its input twice and compares what came out.

mod ledger;
mod proposals;
mod sdp;
mod session;
mod stanza;
mod watched;

/// JSON texts, separated by RS (0x1E, as in RFC 7464), each in a `genesys-webrtc` element given to a session. Of the first
/// byte, bit 0 makes a stranger send them, bits 1 and 2 choose the state to begin in, and bit 3 has every offer answered.
pub fn genesys_webrtc(data: &[u8]) {
    assert_eq!(session::texts(data), session::texts(data));
}

/// Operations on a session, two bytes each: what the peer, a stranger, the network, the application and the clock do. At the
/// end, all that has no answer is lost together with the stream, and signalling is restored: then the peer was told everything.
pub fn session_operations(data: &[u8]) {
    assert_eq!(session::operations(data), session::operations(data));
}

/// Operations on the table of proposals, two bytes each: what gateways, strangers, the other devices of our account and those whom we
/// call say, what the application wants, and the clock.
pub fn proposal_operations(data: &[u8]) {
    assert_eq!(proposals::operations(data), proposals::operations(data));
}

/// The XML of a stanza or of its payload: whoever of this crate understands it writes it so that the same is understood again.
pub fn jingle_stanza(data: &[u8]) {
    assert_eq!(stanza::text(data), stanza::text(data));
}

/// A session description: printed it is read as it was, and what of it Jingle can say comes back from there. Or a `<jingle/>` element,
/// which begins with `<`: what it says is a description.
pub fn sdp_roundtrip(data: &[u8]) {
    assert_eq!(sdp::text(data), sdp::text(data));
}

/// An instant has to come from somewhere; nothing that is watched depends on which it is.
#[allow(clippy::disallowed_methods)]
pub(crate) fn some_instant() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests;
