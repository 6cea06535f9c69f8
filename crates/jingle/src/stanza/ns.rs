//! The namespaces of Jingle and of what goes into it.

/// XEP-0166: the element itself, its contents and reasons.
pub const JINGLE: &str = "urn:xmpp:jingle:1";
/// XEP-0166 section 10: the conditions in error replies.
pub const ERRORS: &str = "urn:xmpp:jingle:errors:1";
/// XEP-0167: RTP descriptions.
pub const RTP: &str = "urn:xmpp:jingle:apps:rtp:1";
/// XEP-0167 section 8: informational messages.
pub const RTP_INFO: &str = "urn:xmpp:jingle:apps:rtp:info:1";
/// XEP-0262: ZRTP hashes.
pub const ZRTP: &str = "urn:xmpp:jingle:apps:rtp:zrtp:1";
/// XEP-0293: RTP feedback.
pub const RTCP_FEEDBACK: &str = "urn:xmpp:jingle:apps:rtp:rtcp-fb:0";
/// XEP-0294: RTP header extensions.
pub const HEADER_EXTENSIONS: &str = "urn:xmpp:jingle:apps:rtp:rtp-hdrext:0";
/// XEP-0339: sources and their groups.
pub const SOURCES: &str = "urn:xmpp:jingle:apps:rtp:ssma:0";
/// The media stream that a content belongs to, as clients say it without a XEP.
pub const MEDIA_STREAMS: &str = "urn:xmpp:jingle:apps:rtp:msid:0";
/// XEP-0338: groups of contents.
pub const GROUPING: &str = "urn:xmpp:jingle:apps:grouping:0";
/// XEP-0320: DTLS fingerprints.
pub const DTLS: &str = "urn:xmpp:jingle:apps:dtls:0";
/// XEP-0176: ICE over UDP.
pub const ICE_UDP: &str = "urn:xmpp:jingle:transports:ice-udp:1";
/// XEP-0371: ICE over UDP and TCP.
pub const ICE: &str = "urn:xmpp:jingle:transports:ice:0";
