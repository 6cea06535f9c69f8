//! What the client says of itself: service discovery (XEP-0030) and entity capabilities (XEP-0115).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use minidom::Element;
use sha1::{Digest as _, Sha1};

use crate::{Condition, ErrorKind, Reply, StanzaError, ns, xml};

/// What an entity is (XEP-0030 section 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Such as `client`.
    pub category: String,
    /// Such as `phone`.
    pub kind: String,
    /// The name of the software, for people.
    pub name: String,
}

/// What the client answers when it is asked what it is and can do.
///
/// ```
/// use offhook_xmpp::Disco;
///
/// let disco = Disco {
///     features: vec!["urn:xmpp:jingle:1".into()],
///     ..Disco::default()
/// };
/// assert_eq!(disco.caps().attr("hash"), Some("sha-1"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disco {
    /// Names the software, by a URI if it has one (XEP-0115 section 4); `offhook`.
    pub node: String,
    /// A client, of the kind `phone`, named `offhook`.
    pub identity: Identity,
    /// Namespaces of what the application can do, in any order. What the stream itself does is added.
    pub features: Vec<String>,
}

impl Default for Disco {
    fn default() -> Self {
        Self {
            node: "offhook".to_owned(),
            identity: Identity {
                category: "client".to_owned(),
                kind: "phone".to_owned(),
                name: "offhook".to_owned(),
            },
            features: Vec::new(),
        }
    }
}

impl Disco {
    /// The `<c/>` of a presence (XEP-0115 section 4), by SHA-1.
    pub fn caps(&self) -> Element {
        let verification = verification(&self.identity, &self.all_features());
        xml::element(
            "c",
            ns::CAPS,
            &[("hash", "sha-1"), ("node", &self.node), ("ver", &verification)],
        )
    }

    /// What is answered to `<query xmlns="http://jabber.org/protocol/disco#info"/>`: the client has no nodes but the one
    /// of its capabilities.
    pub(crate) fn answer(&self, query: &Element) -> Reply {
        let features = self.all_features();
        let mut info = Element::bare("query", ns::DISCO_INFO);
        if let Some(node) = query.attr("node") {
            let own = format!("{}#{}", self.node, verification(&self.identity, &features));
            if node != own {
                return Reply::Error(StanzaError::new(ErrorKind::Cancel, Condition::ItemNotFound));
            }
            xml::set_attribute(&mut info, "node", node);
        }
        info.append_child(xml::element(
            "identity",
            ns::DISCO_INFO,
            &[
                ("category", &self.identity.category),
                ("type", &self.identity.kind),
                ("name", &self.identity.name),
            ],
        ));
        for feature in features {
            info.append_child(xml::element("feature", ns::DISCO_INFO, &[("var", feature)]));
        }
        Reply::Result(Some(info))
    }

    /// The features of the application and of the stream, in the order in which they are hashed.
    fn all_features(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.features.iter().map(String::as_str).collect();
        all.extend([ns::CAPS, ns::DISCO_INFO, ns::PING]);
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The verification string (XEP-0115 section 5.1) of one identity and features that are sorted.
fn verification(identity: &Identity, features: &[&str]) -> String {
    let mut text = format!("{}/{}//{}<", identity.category, identity.kind, identity.name);
    for feature in features {
        text.push_str(feature);
        text.push('<');
    }
    BASE64_STANDARD.encode(Sha1::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verification_string_is_that_of_the_document() {
        // XEP-0115 section 5.2.
        let identity = Identity {
            category: "client".to_owned(),
            kind: "pc".to_owned(),
            name: "Exodus 0.9.1".to_owned(),
        };
        let features = [
            "http://jabber.org/protocol/caps",
            "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items",
            "http://jabber.org/protocol/muc",
        ];
        assert_eq!(verification(&identity, &features), "QgayPKawpkPSDYmwT/WM94uAlu0=");
    }
}
