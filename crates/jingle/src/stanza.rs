//! The XML of Jingle: the `<jingle/>` element of XEP-0166 and what the specifications around it put into it, read tolerantly and
//! written exactly.
//!
//! [`Jingle::parse`] takes what peers really send: candidates without `id`, `generation`, `network` or even `foundation`, addresses that
//! are host names (`.local`), TCP candidates, elements under any prefix, a missing `creator` or `media`. What it does not know it passes
//! over, except for a content's whole description or transport, which is kept as it came. What it cannot do without is a
//! [`JingleError`] with the name of what is wrong, and so is whatever exceeds the [`JingleLimits`].
//!
//! [`Jingle::to_element`] writes what the specifications require, also where reading does not insist on it.
//!
//! ```
//! use offhook_jingle::{Element, SessionId, stanza::{Action, Content, Ice, Jingle, Role, Transport}};
//!
//! let received: Element = "<jingle xmlns='urn:xmpp:jingle:1' action='transport-info' sid='s-1'>\
//!     <content name='audio'>\
//!         <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='D1uO'>\
//!             <candidate ip='2b5e.local' port='40000' priority='2122063615' type='host'/>\
//!         </transport>\
//!     </content>\
//! </jingle>".parse()?;
//! let jingle = Jingle::parse(&received)?;
//! let audio = jingle.content(Role::Initiator, "audio").expect("a content without creator is the initiator's");
//! assert_eq!(audio.ice().expect("the transport is ICE").candidates[0].address, "2b5e.local");
//!
//! let mut ours = Jingle::new(Action::TransportInfo, SessionId::new("s-1"));
//! let mut audio = Content::new(Role::Initiator, "audio");
//! audio.transport = Some(Transport::Ice(Ice { gathering_complete: true, ..Ice::default() }));
//! ours.contents.push(audio);
//! assert_eq!(Jingle::parse(&ours.to_element())?, ours);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | document | elements |
//! |---|---|
//! | [XEP-0166] Jingle | all actions, contents, reasons with text, error conditions |
//! | [XEP-0167] RTP sessions | description, payload types, `encryption`, `bandwidth`, `rtcp-mux`, all informational messages |
//! | [XEP-0176] ICE-UDP, [XEP-0371] ICE | credentials, candidates (also TCP), `remote-candidate`, `gathering-complete` |
//! | [XEP-0262] ZRTP | `zrtp-hash` |
//! | [XEP-0293] RTP feedback | `rtcp-fb`, `rtcp-fb-trr-int`, of a payload type or of all |
//! | [XEP-0294] RTP header extensions | `rtp-hdrext`, `extmap-allow-mixed` |
//! | [XEP-0320] DTLS-SRTP | `fingerprint` with `setup` and `required` |
//! | [XEP-0338] grouping | `group` |
//! | [XEP-0339] source-specific media | `source`, `ssrc-group` |
//! | of no XEP, but what clients send | `stream` of `urn:xmpp:jingle:apps:rtp:msid:0`, `rtcp-reduced-size` |
//!
//! [XEP-0166]: https://xmpp.org/extensions/xep-0166.html
//! [XEP-0167]: https://xmpp.org/extensions/xep-0167.html
//! [XEP-0176]: https://xmpp.org/extensions/xep-0176.html
//! [XEP-0262]: https://xmpp.org/extensions/xep-0262.html
//! [XEP-0293]: https://xmpp.org/extensions/xep-0293.html
//! [XEP-0294]: https://xmpp.org/extensions/xep-0294.html
//! [XEP-0320]: https://xmpp.org/extensions/xep-0320.html
//! [XEP-0338]: https://xmpp.org/extensions/xep-0338.html
//! [XEP-0339]: https://xmpp.org/extensions/xep-0339.html
//! [XEP-0371]: https://xmpp.org/extensions/xep-0371.html

mod action;
mod condition;
mod content;
mod error;
mod ice;
mod info;
mod limits;
pub mod ns;
mod read;
mod rtp;
mod write;

#[cfg(test)]
mod tests;

use jid::Jid;
use minidom::Element;

pub use action::{Action, UnknownAction};
pub use condition::JingleCondition;
pub use content::{Application, Content, Role, Senders, Transport, UnknownWord};
pub use error::JingleError;
pub use ice::{Fingerprint, Ice, IceSyntax, RemoteCandidate, Setup};
pub use info::{Farewell, Info};
pub use limits::JingleLimits;
pub use ns::JINGLE as NAMESPACE;
pub(crate) use read::{address, farewell as read_farewell, measure};
pub use rtp::{
    Bandwidth, Crypto, Encryption, Feedback, HeaderExtension, MediaStream, Parameter, PayloadType, Rtp, Source,
    SourceGroup, ZrtpHash,
};
pub(crate) use write::farewell as write_farewell;

use crate::SessionId;

/// The name of the element.
pub const NAME: &str = "jingle";

/// One `<jingle/>` element (XEP-0166 section 7.1): what it asks of which session.
#[derive(Debug, Clone, PartialEq)]
pub struct Jingle {
    /// What is asked.
    pub action: Action,
    /// `sid`: the session that it is asked of.
    pub sid: SessionId,
    /// `initiator`: who began the session. The `from` of the stanza decides; this only says so once more, and counts as unsaid if it
    /// is no JID.
    pub initiator: Option<Jid>,
    /// `responder`: who took it, in the same manner.
    pub responder: Option<Jid>,
    /// The contents that the action is about. No two have the same creator and name.
    pub contents: Vec<Content>,
    /// Which contents belong together (XEP-0338).
    pub groups: Vec<Group>,
    /// Why, of actions that end or refuse something.
    pub reason: Option<Farewell>,
    /// The payload of a session-info; without one it is a ping of the session (XEP-0166 section 6.8).
    pub info: Option<Info>,
}

/// Contents that belong together, and how (XEP-0338; `a=group` of RFC 5888).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `BUNDLE`, `LS` or another word of the registry.
    pub semantics: String,
    /// The names of the contents, in order.
    pub contents: Vec<String>,
}

impl Jingle {
    /// The bare action, with nothing else said.
    pub fn new(action: Action, sid: SessionId) -> Self {
        Self {
            action,
            sid,
            initiator: None,
            responder: None,
            contents: Vec::new(),
            groups: Vec::new(),
            reason: None,
            info: None,
        }
    }

    /// Reads the element, with the default [`JingleLimits`].
    ///
    /// # Errors
    /// [`JingleError`], if the element is another one, lacks what cannot be done without, or is larger than allowed.
    pub fn parse(element: &Element) -> Result<Self, JingleError> {
        Self::parse_within(element, &JingleLimits::default())
    }

    /// Reads the element, with these limits.
    ///
    /// # Errors
    /// As [`Jingle::parse`].
    pub fn parse_within(element: &Element, limits: &JingleLimits) -> Result<Self, JingleError> {
        read::jingle(element, limits)
    }

    /// Writes the element, as the payload of an IQ set.
    ///
    /// What XEP-0176 requires of a candidate is written also where it is unsaid: an `id` made from what else is said of it, the
    /// generation 0, the network 0. A character that XML cannot carry becomes U+FFFD.
    pub fn to_element(&self) -> Element {
        write::element(self)
    }

    /// The content that this party added under this name.
    pub fn content(&self, creator: Role, name: &str) -> Option<&Content> {
        let mut contents = self.contents.iter();
        contents.find(|content| content.creator == creator && content.name == name)
    }
}
