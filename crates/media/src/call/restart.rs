//! ICE with new credentials over the same DTLS and RTP (RFC 8445 section 9, RFC 8839 section 4.4.3).
//!
//! The engine goes on sending to the address that it nominated last until it nominates another,
//! so the old path plays while the new one is found. What is left to do here is to have it forget
//! the pairs it checked, and to answer the peer's checks on the old ones for as long as it may not
//! know our new credentials: else it would lose consent on a path that works.
//!
//! A check belongs to one generation, by the names of both sides. A peer that restarts has new ports before it has our
//! answer, and Chromium checks from them by its new name and our old one. Answered, it stays with that for ever: of our new
//! candidate, which has the same address, it makes nothing then.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::ice::StunMessage;
use str0m::{Candidate, IceCreds};

use super::Call;
use crate::checks::is_stun;
use crate::io::Datagram;
use crate::sdp::Credentials;
use crate::{Event, candidate, dtls};

/// How long checks with our former credentials are answered: the life of the consent that they
/// ask for (RFC 7675 section 5.1).
const FORMER_ANSWERED: Duration = Duration::from_secs(30);
/// A success response to a check has 44 bytes with IPv4, 56 with IPv6, and the fingerprint.
const LONGEST_REPLY: usize = 128;

/// What held before the last restart.
pub(super) struct Former {
    /// Ours.
    credentials: Credentials,
    /// The peer's user fragment.
    peer: String,
    until: Instant,
}

impl Call {
    /// Begins to check with the new credentials on both sides.
    pub(super) fn restart_engine(&mut self, now: Instant, former: Credentials, remote: &Credentials) {
        let locals: Vec<Candidate> = self.local_candidates();
        // An address of the former generation may be that of the next one too, before its candidate
        // tells; those of the one before are forgotten.
        let before = std::mem::take(&mut self.terms.candidates.latest);
        let outdated = std::mem::replace(&mut self.terms.candidates.former, before);
        self.checks.sealed_by(&remote.password);
        self.path.restarted(now);
        let mut direct = self.engine.direct_api();
        for candidate in &locals {
            direct.invalidate_candidate(candidate);
        }
        let known = &self.terms.candidates.former;
        for candidate in outdated.iter().filter(|candidate| !known.contains(candidate)) {
            direct.invalidate_candidate(candidate);
        }
        direct.set_local_ice_credentials(creds(&self.local.credentials));
        direct.set_remote_ice_credentials(creds(remote));
        for candidate in locals {
            self.engine.add_local_candidate(candidate);
        }
        self.remote_candidates = 0;
        let peer = self.terms.remote.as_ref().map(|remote| &remote.credentials.ufrag);
        self.terms.former = Some(Former {
            credentials: former,
            peer: peer.cloned().unwrap_or_default(),
            until: now + FORMER_ANSWERED,
        });
        self.run_engine(now);
    }

    /// Tells our candidates under the user fragment of the latest description.
    pub(super) fn tell_candidates_again(&mut self) {
        let ufrag = self.terms.ufrag(&self.local).to_owned();
        let texts: Vec<String> = self
            .local_candidates()
            .iter()
            .map(|candidate| candidate::write(candidate, &ufrag))
            .collect();
        for candidate in texts {
            self.raise(Event::LocalCandidate {
                mid: self.mid.clone(),
                candidate,
            });
        }
        if self.gather.open_until.is_none() {
            self.raise(Event::EndOfCandidates);
        }
    }

    /// Answers a check with our former credentials; whether it was one.
    pub(super) fn answer_former_check(
        &mut self,
        now: Instant,
        source: SocketAddr,
        local: SocketAddr,
        payload: &[u8],
    ) -> bool {
        let Some(former) = &self.terms.former else {
            return false;
        };
        if now >= former.until {
            self.terms.former = None;
            return false;
        }
        let Some(reply) = former.reply(source, payload) else {
            return false;
        };
        // It proves nothing of the path from us to the peer, so it is no sign of life.
        self.transmit(local, source, Datagram(reply));
        true
    }
}

impl Former {
    /// The success response, if this is a check that knows the password.
    fn reply(&self, source: SocketAddr, payload: &[u8]) -> Option<Vec<u8>> {
        // A request has 20 bytes at least.
        if payload.len() < 20 || !is_stun(payload) {
            return None;
        }
        let message = StunMessage::parse(payload).ok()?;
        if !message.is_binding_request() {
            return None;
        }
        let (ours, theirs) = message.split_username()?;
        let crypto = dtls::crypto();
        let hmac = |key: &[u8], parts: &[&[u8]]| crypto.sha1_hmac_provider.sha1_hmac(key, parts);
        let password = self.credentials.password.as_bytes();
        if (ours, theirs) != (&self.credentials.ufrag, &self.peer) || !message.verify(password, hmac) {
            return None;
        }
        let mut reply = vec![0; LONGEST_REPLY];
        let length = StunMessage::binding_reply(message.trans_id(), source)
            .to_bytes(Some(password), &mut reply, hmac)
            .ok()?;
        reply.truncate(length);
        Some(reply)
    }
}

fn creds(credentials: &Credentials) -> IceCreds {
    IceCreds {
        ufrag: credentials.ufrag.clone(),
        pass: credentials.password.clone(),
    }
}
