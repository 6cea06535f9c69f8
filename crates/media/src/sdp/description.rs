//! The structure of a session description: session attributes and media sections.

use crate::OfferError;

/// No real description of an audio call comes near this.
const MAX_BYTES: usize = 64 * 1024;
/// Sections are echoed into the answer, so their number is bounded.
const MAX_SECTIONS: usize = 64;

/// A session description, cut into its sections. Lines that mean nothing here are dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Description {
    pub(crate) attributes: Attributes,
    pub(crate) sections: Vec<Section>,
}

/// One `m=` line with its attributes.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) media: String,
    pub(crate) port: String,
    pub(crate) profile: String,
    pub(crate) formats: Vec<String>,
    pub(crate) attributes: Attributes,
}

/// The `a=` lines of one level, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// The value of the first attribute of this name; empty for a property attribute.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The values of all attributes of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    fn push(&mut self, line: &str) {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        self.0.push((key.trim().to_owned(), value.trim().to_owned()));
    }
}

impl Section {
    /// The mid. One that is no token could not be written into the fragments that trickle
    /// candidates (RFC 8840 section 9), and counts as absent.
    pub(crate) fn mid(&self) -> Option<&str> {
        self.attributes.value("mid").filter(|mid| is_token(mid))
    }

    /// A zero port rejects a section, unless it only rides on a bundle (RFC 9143 section 6).
    pub(crate) fn is_rejected(&self) -> bool {
        self.port.split('/').next() == Some("0") && !self.attributes.has("bundle-only")
    }
}

impl Description {
    /// Reads a description.
    pub(crate) fn read(text: &str) -> Result<Self, OfferError> {
        if text.len() > MAX_BYTES {
            return Err(OfferError::TooLarge {
                bytes: text.len(),
                limit: MAX_BYTES,
            });
        }
        // What is read here is echoed into an XML stanza, where control characters cannot stand.
        if text.contains(|c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t')) {
            return Err(not_sdp("it has control characters"));
        }
        let mut lines = text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty());
        if lines.next() != Some("v=0") {
            return Err(not_sdp("it does not begin with v=0"));
        }
        let mut description = Self::default();
        for line in lines {
            match line.split_once('=') {
                Some(("a", attribute)) => description.level().push(attribute),
                Some(("m", media)) => {
                    if description.sections.len() == MAX_SECTIONS {
                        return Err(not_sdp("it has too many m= lines"));
                    }
                    description.sections.push(media_line(media)?);
                }
                Some(_) | None => {}
            }
        }
        Ok(description)
    }

    /// The section that lends its transport to the bundle this mid is in (RFC 9143 section 7.2.1).
    pub(crate) fn bundle_tag(&self, mid: &str) -> Option<&Section> {
        let tag = self.bundle_of(mid)?.split_ascii_whitespace().nth(1)?;
        self.sections.iter().find(|section| section.mid() == Some(tag))
    }

    pub(crate) fn is_bundled(&self, mid: &str) -> bool {
        self.bundle_of(mid).is_some()
    }

    fn bundle_of(&self, mid: &str) -> Option<&str> {
        self.attributes.all("group").find(|group| {
            let mut words = group.split_ascii_whitespace();
            words.next() == Some("BUNDLE") && words.any(|word| word == mid)
        })
    }

    fn level(&mut self) -> &mut Attributes {
        match self.sections.last_mut() {
            Some(section) => &mut section.attributes,
            None => &mut self.attributes,
        }
    }
}

fn media_line(line: &str) -> Result<Section, OfferError> {
    let mut words = line.split_ascii_whitespace().map(str::to_owned);
    let (Some(media), Some(port), Some(profile)) = (words.next(), words.next(), words.next()) else {
        return Err(not_sdp("an m= line is incomplete"));
    };
    let formats: Vec<String> = words.collect();
    if formats.is_empty() {
        return Err(not_sdp("an m= line names no format"));
    }
    Ok(Section {
        media,
        port,
        profile,
        formats,
        attributes: Attributes::default(),
    })
}

/// RFC 8866 section 9, `token`.
fn is_token(text: &str) -> bool {
    let is_token_char = |byte| matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'~');
    !text.is_empty() && text.bytes().all(is_token_char)
}

fn not_sdp(problem: &'static str) -> OfferError {
    OfferError::NotSdp { problem }
}
