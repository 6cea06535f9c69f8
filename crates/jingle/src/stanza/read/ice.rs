//! Reading an ICE transport.

use minidom::Element;

use super::{
    super::{Fingerprint, Ice, IceSyntax, JingleError, JingleLimits, RemoteCandidate, ns},
    tag::{Tag, push},
};
use crate::candidate::Candidate;

const COMPONENT: &str = "a number up to 65535";
const PORT: &str = "a number up to 65535";

pub(super) fn syntax(element: &Element) -> Option<IceSyntax> {
    [IceSyntax::IceUdp, IceSyntax::Ice]
        .into_iter()
        .find(|syntax| element.has_ns(syntax.namespace()))
}

pub(super) fn transport(element: &Element, syntax: IceSyntax, limits: &JingleLimits) -> Result<Ice, JingleError> {
    let tag = Tag::new(element, "transport", limits);
    let mut ice = Ice {
        syntax,
        ufrag: tag.text("ufrag")?.map(str::to_owned),
        pwd: tag.text("pwd")?.map(str::to_owned),
        ice2: syntax == IceSyntax::Ice && tag.flag("ice2") == Some(true),
        ..Ice::default()
    };
    for child in element.children() {
        if child.is("fingerprint", ns::DTLS) {
            let fingerprint = fingerprint(child, limits)?;
            push(&mut ice.fingerprints, fingerprint, limits.entries, "fingerprints")?;
        } else if child.has_ns(syntax.namespace()) {
            match child.name() {
                "candidate" => {
                    let candidate = candidate(child, limits)?;
                    push(&mut ice.candidates, candidate, limits.candidates, "candidates")?;
                }
                "remote-candidate" => {
                    let chosen = remote_candidate(child, limits)?;
                    push(&mut ice.remote_candidates, chosen, limits.candidates, "candidates")?;
                }
                "gathering-complete" => ice.gathering_complete = true,
                _ => {}
            }
        }
    }
    Ok(ice)
}

/// XEP-0176 requires every attribute but those of a related address; what clients leave out has an obvious meaning, apart from
/// the address itself.
fn candidate(element: &Element, limits: &JingleLimits) -> Result<Candidate, JingleError> {
    let tag = Tag::new(element, "candidate", limits);
    let text = |attribute| Ok(tag.text(attribute)?.map(str::to_owned));
    let related_port = tag.hint("rel-port")?;
    // A port says nothing without its address.
    let related = text("rel-addr")?.map(|address| (address, related_port));
    Ok(Candidate {
        foundation: text("foundation")?.unwrap_or_else(|| "0".to_owned()),
        component: tag.word("component", COMPONENT)?.unwrap_or(1),
        protocol: text("protocol")?.unwrap_or_else(|| "udp".to_owned()),
        priority: tag.word("priority", "a number of 32 bits")?.unwrap_or(0),
        address: tag.required("ip")?.to_owned(),
        port: tag.required_word("port", PORT)?,
        kind: text("type")?.unwrap_or_else(|| "host".to_owned()),
        related,
        tcp_type: text("tcptype")?,
        generation: tag.hint("generation")?,
        ufrag: None,
        network_id: tag.hint("network")?,
        network_cost: None,
        id: text("id")?,
        extensions: Vec::new(),
    })
}

fn remote_candidate(element: &Element, limits: &JingleLimits) -> Result<RemoteCandidate, JingleError> {
    let tag = Tag::new(element, "remote-candidate", limits);
    Ok(RemoteCandidate {
        component: tag.word("component", COMPONENT)?.unwrap_or(1),
        address: tag.required("ip")?.to_owned(),
        port: tag.required_word("port", PORT)?,
    })
}

fn fingerprint(element: &Element, limits: &JingleLimits) -> Result<Fingerprint, JingleError> {
    let tag = Tag::new(element, "fingerprint", limits);
    Ok(Fingerprint {
        hash: tag.required("hash")?.to_owned(),
        setup: tag.hint("setup")?,
        value: tag.required_body()?,
        required: tag.flag("required"),
    })
}
