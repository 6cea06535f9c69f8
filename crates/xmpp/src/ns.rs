//! The namespaces this crate speaks.

/// RFC 7395: `<open/>` and `<close/>`.
pub(crate) const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
/// RFC 6120: `<features/>` and `<error/>` of a stream.
pub(crate) const STREAM: &str = "http://etherx.jabber.org/streams";
/// RFC 6120 section 4.9.3: conditions of stream errors.
pub(crate) const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// RFC 6120: stanzas between client and server.
pub(crate) const CLIENT: &str = "jabber:client";
/// RFC 6120 section 8.3.3: conditions of stanza errors.
pub(crate) const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// RFC 6120 section 6: SASL.
pub(crate) const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// RFC 6120 section 7: resource binding.
pub(crate) const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// RFC 3921 section 3: the session request that some servers still want.
pub(crate) const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// XEP-0199.
pub(crate) const PING: &str = "urn:xmpp:ping";
/// XEP-0215, first version.
pub(crate) const EXTDISCO: &str = "urn:xmpp:extdisco:1";
/// XEP-0060.
pub(crate) const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
/// XEP-0060: notifications.
pub(crate) const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// XEP-0335: JSON in an element.
pub(crate) const JSON: &str = "urn:xmpp:json:0";
/// XEP-0030.
pub(crate) const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// XEP-0115.
pub(crate) const CAPS: &str = "http://jabber.org/protocol/caps";
/// XEP-0198.
pub(crate) const SM: &str = "urn:xmpp:sm:3";
