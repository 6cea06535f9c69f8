//! Text frames of RFC 7395: one complete XML document in each WebSocket text message.
//!
//! [`parse`] is the only way in. It makes one pass over the text and gives up at the first breach of a [`Limits`], before
//! anything is built of the part that breaks it, so that what a hostile frame costs is bounded by the limits. XMPP's
//! subset of XML (RFC 6120 section 11.1) has no comments, no processing instructions, no document type and no entities
//! but the five predefined ones; a frame with any of these is refused.

mod print;

use std::fmt;

use minidom::rxml::{Parse, RawEvent, RawParser, RawQName, error::EndOrError};
use minidom::{Element, rxml, tree_builder::TreeBuilder};

use crate::ns;
pub use print::print;

/// What one frame may hold.
///
/// Besides, names and attribute values are limited to 8 KiB each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text (1 MiB).
    pub bytes: usize,
    /// Nesting of elements, the outermost counting as one (64).
    pub depth: usize,
    /// Attributes of one element, namespace declarations included (64).
    pub attributes: usize,
    /// Elements altogether (16 384).
    pub elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1024 * 1024,
            depth: 64,
            attributes: 64,
            elements: 16 * 1024,
        }
    }
}

/// Why a frame was refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// More bytes than [`Limits::bytes`].
    #[error("it has {bytes} bytes, more than the {limit} allowed")]
    TooLarge {
        /// The size of the frame.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Elements nested deeper than [`Limits::depth`].
    #[error("its elements are nested deeper than the {limit} levels allowed")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// An element with more attributes than [`Limits::attributes`].
    #[error("one of its elements has more than the {limit} attributes allowed")]
    TooManyAttributes {
        /// The limit.
        limit: usize,
    },
    /// More elements than [`Limits::elements`].
    #[error("it has more than the {limit} elements allowed")]
    TooManyElements {
        /// The limit.
        limit: usize,
    },
    /// An element with two attributes of one name.
    #[error("one of its elements has two attributes of the same name")]
    DuplicateAttribute,
    /// An element or attribute whose prefix is not declared.
    #[error("it uses a namespace prefix that it does not declare")]
    UndeclaredPrefix,
    /// A construct that XML allows and XMPP forbids (RFC 6120 section 11.1), or a name or attribute value over 8 KiB.
    #[error("it uses XML that XMPP forbids: {construct}")]
    Restricted {
        /// What it is.
        construct: &'static str,
    },
    /// Not one well-formed XML document.
    #[error("it is not one well-formed XML document: {cause}")]
    NotWellFormed {
        /// What the XML parser found.
        #[source]
        cause: rxml::Error,
    },
}

/// An outbound text frame: send it as one WebSocket text message.
///
/// Its `Debug` output shows the size only, since a frame may carry credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(String);

impl Frame {
    /// Writes an element.
    pub(crate) fn of(element: &Element) -> Self {
        Self(print(element))
    }

    /// The name of the outermost element.
    pub(crate) fn name(&self) -> &str {
        let end = self.0.find([' ', '/', '>']).unwrap_or(self.0.len());
        self.0[..end].trim_start_matches('<')
    }

    /// The text to send.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text to send, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.0.len())
    }
}

/// Reads a frame. An outermost element without a default namespace is taken to be in `jabber:client`.
///
/// # Errors
///
/// The first thing in the text that breaks a limit or is not the XML that XMPP allows, as a [`FrameError`].
///
/// ```
/// use offhook_xmpp::frame::{FrameError, Limits, parse};
///
/// let limits = Limits { depth: 2, ..Limits::default() };
/// assert_eq!(parse("<message from='a@b'/>", &limits).unwrap().ns(), "jabber:client");
/// assert_eq!(parse("<a><b><c/></b></a>", &limits), Err(FrameError::TooDeep { limit: 2 }));
/// ```
pub fn parse(text: &str, limits: &Limits) -> Result<Element, FrameError> {
    if text.len() > limits.bytes {
        return Err(FrameError::TooLarge {
            bytes: text.len(),
            limit: limits.bytes,
        });
    }
    let mut parser = RawParser::new();
    let mut builder = TreeBuilder::new().with_prefixes_stack(vec![ns::CLIENT.to_owned().into()]);
    let mut elements = 0;
    let mut head = Head::default();
    let mut rest = text.as_bytes();
    loop {
        let event = match parser.parse(&mut rest, true) {
            Ok(Some(event)) => event,
            Ok(None) => break,
            Err(EndOrError::NeedMoreData) => return Err(incomplete()),
            Err(EndOrError::Error(cause)) => return Err(refusal(cause)),
        };
        match &event {
            RawEvent::ElementHeadOpen(_, _) => {
                if builder.depth() >= limits.depth {
                    return Err(FrameError::TooDeep { limit: limits.depth });
                }
                if elements >= limits.elements {
                    return Err(FrameError::TooManyElements { limit: limits.elements });
                }
                elements += 1;
                head = Head::default();
            }
            RawEvent::Attribute(_, name, _) => head.admit(name, limits)?,
            RawEvent::XmlDeclaration(..)
            | RawEvent::ElementHeadClose(_)
            | RawEvent::ElementFoot(_)
            | RawEvent::Text(..) => {}
        }
        let head_ends = matches!(event, RawEvent::ElementHeadClose(_));
        builder.process_event(event).map_err(|_| FrameError::UndeclaredPrefix)?;
        // The tree keeps one value per expanded name, so a repeated name shows as a missing attribute.
        if head_ends && builder.top().is_some_and(|top| top.attrs().len() != head.attributes) {
            return Err(FrameError::DuplicateAttribute);
        }
    }
    builder.root.take().ok_or_else(incomplete)
}

/// The attributes of the element whose head is being read.
#[derive(Default)]
struct Head {
    /// How many there are besides namespace declarations.
    attributes: usize,
    /// The names of the namespace declarations.
    declarations: Vec<RawQName>,
}

impl Head {
    fn admit(&mut self, name: &RawQName, limits: &Limits) -> Result<(), FrameError> {
        if self.attributes + self.declarations.len() >= limits.attributes {
            return Err(FrameError::TooManyAttributes {
                limit: limits.attributes,
            });
        }
        let is_declaration = match name {
            (None, local) => local.as_str() == "xmlns",
            (Some(prefix), _) => prefix.as_str() == "xmlns",
        };
        if !is_declaration {
            self.attributes += 1;
        } else if self.declarations.contains(name) {
            return Err(FrameError::DuplicateAttribute);
        } else {
            self.declarations.push(name.clone());
        }
        Ok(())
    }
}

/// The text ends before the document does.
fn incomplete() -> FrameError {
    FrameError::NotWellFormed {
        cause: rxml::Error::InvalidEof(None),
    }
}

fn refusal(cause: rxml::Error) -> FrameError {
    match cause {
        rxml::Error::RestrictedXml(construct) => FrameError::Restricted { construct },
        rxml::Error::UndeclaredEntity => FrameError::Restricted {
            construct: "an entity that is not predefined",
        },
        cause => FrameError::NotWellFormed { cause },
    }
}
