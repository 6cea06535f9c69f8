//! The XML of Jingle.

mod actions;
mod limits;
mod mutations;
mod properties;
mod recordings;
mod specimens;
mod tolerance;

use minidom::Element;

use super::*;

/// An element of Jingle's namespace, of which only the attributes of the root and what is in it are given.
fn jingle(attributes: &str, children: &str) -> Element {
    let xml = format!("<jingle xmlns='urn:xmpp:jingle:1' {attributes}>{children}</jingle>");
    xml.parse().unwrap_or_else(|error| panic!("{error}: {xml}"))
}

fn read(element: &Element) -> Jingle {
    Jingle::parse(element).unwrap_or_else(|error| panic!("{error}: {}", String::from(element)))
}

/// A transport-info with one audio content, whose transport has these children.
fn with_transport(children: &str) -> Element {
    jingle(
        "action='transport-info' sid='s'",
        &format!(
            "<content creator='initiator' name='audio'>\
                <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='u' pwd='p'>{children}</transport>\
            </content>"
        ),
    )
}

/// A session-initiate with one content `audio`, whose description has these attributes and children.
fn with_description(attributes: &str, children: &str) -> Element {
    jingle(
        "action='session-initiate' sid='s'",
        &format!(
            "<content creator='initiator' name='audio'>\
                <description xmlns='urn:xmpp:jingle:apps:rtp:1' {attributes}>{children}</description>\
            </content>"
        ),
    )
}

fn transport(element: &Element) -> Ice {
    let jingle = read(element);
    jingle.contents[0].ice().expect("the transport is ICE").clone()
}

fn description(element: &Element) -> Rtp {
    let jingle = read(element);
    jingle.contents[0].rtp().expect("the description is of RTP").clone()
}
