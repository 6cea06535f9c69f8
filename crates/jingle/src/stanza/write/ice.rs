//! Writing an ICE transport.

use minidom::Element;

use super::{
    super::{Fingerprint, Ice, IceSyntax, RemoteCandidate, Setup, ns},
    tag::Tag,
};
use crate::candidate::Candidate;

pub(super) fn transport(ice: &Ice) -> Element {
    let namespace = ice.syntax.namespace();
    let ice2 = ice.ice2 && ice.syntax == IceSyntax::Ice;
    Tag::new("transport", namespace)
        .optional("ice2", ice2.then_some("true"))
        .optional("pwd", ice.pwd.as_deref())
        .optional("ufrag", ice.ufrag.as_deref())
        .children(ice.fingerprints.iter().map(fingerprint))
        .children(ice.candidates.iter().map(|one| candidate(one, namespace)))
        .children(ice.remote_candidates.iter().map(|one| remote_candidate(one, namespace)))
        .mark(ice.gathering_complete, "gathering-complete", namespace)
        .build()
}

fn candidate(candidate: &Candidate, namespace: &str) -> Element {
    let related = candidate.related.as_ref();
    Tag::new("candidate", namespace)
        .shown("component", Some(candidate.component))
        .text("foundation", &candidate.foundation)
        .shown("generation", Some(candidate.generation.unwrap_or(0)))
        .text("id", &candidate.id.clone().unwrap_or_else(|| made_id(candidate)))
        .text("ip", &candidate.address)
        .shown("network", Some(candidate.network_id.unwrap_or(0)))
        .shown("port", Some(candidate.port))
        .shown("priority", Some(candidate.priority))
        .text("protocol", &candidate.protocol)
        .optional("rel-addr", related.map(|(address, _)| address.as_str()))
        .shown("rel-port", related.and_then(|(_, port)| *port))
        .optional("tcptype", candidate.tcp_type.as_deref())
        .text("type", &candidate.kind)
        .build()
}

/// An id for a candidate that was given none: an XML name, equal for the same candidate and different for other ones (FNV-1a, of 64
/// bits).
fn made_id(candidate: &Candidate) -> String {
    let Candidate {
        foundation,
        component,
        protocol,
        priority,
        address,
        port,
        kind,
        related,
        tcp_type,
        generation,
        ..
    } = candidate;
    let said = format!(
        "{foundation} {component} {protocol} {priority} {address} {port} {kind} {related:?} {tcp_type:?} {}",
        generation.unwrap_or(0)
    );
    let hash = said.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("c{hash:016x}")
}

fn remote_candidate(candidate: &RemoteCandidate, namespace: &str) -> Element {
    Tag::new("remote-candidate", namespace)
        .shown("component", Some(candidate.component))
        .text("ip", &candidate.address)
        .shown("port", Some(candidate.port))
        .build()
}

fn fingerprint(fingerprint: &Fingerprint) -> Element {
    Tag::new("fingerprint", ns::DTLS)
        .text("hash", &fingerprint.hash)
        .optional(
            "required",
            fingerprint
                .required
                .map(|required| if required { "true" } else { "false" }),
        )
        .optional("setup", fingerprint.setup.map(Setup::as_str))
        .body(&fingerprint.value)
        .build()
}
