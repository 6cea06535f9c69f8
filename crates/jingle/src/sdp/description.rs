//! A description as lines, which is all that it has to be to be printed as it was read.

use std::{fmt, str::FromStr};

use super::{
    Direction, SdpError,
    names::{breaks_a_line, is_token},
};

/// A session description: what it says of the whole, and its sections. `Debug` does not show what is in it, since that is addresses and
/// passwords.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SessionDescription {
    /// What comes before the first section.
    pub lines: Vec<Line>,
    /// The sections, in order.
    pub media: Vec<MediaSection>,
}

/// One media description: an `m=` line and what follows it (RFC 8866 section 5.14).
#[derive(Clone, PartialEq, Eq)]
pub struct MediaSection {
    /// `audio`, `video`, `application` and the like.
    pub kind: String,
    /// The port; 0 rejects the section, or leaves it to its bundle.
    pub port: u16,
    /// How many ports, where that is said.
    pub ports: Option<u16>,
    /// `UDP/TLS/RTP/SAVPF` and the like.
    pub protocol: String,
    /// The formats; payload types with RTP.
    pub formats: Vec<String>,
    /// The other lines.
    pub lines: Vec<Line>,
}

/// One line: a letter and a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// What kind of line it is, `a` for attributes.
    pub letter: char,
    /// What comes after the `=`.
    pub value: String,
}

/// How much of a description is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdpLimits {
    /// The text, in bytes: 64 KiB unless told otherwise.
    pub text: usize,
    /// Its lines: 4096 unless told otherwise.
    pub lines: usize,
    /// Its sections: 64 unless told otherwise.
    pub sections: usize,
}

impl Default for SdpLimits {
    fn default() -> Self {
        Self {
            text: 64 * 1024,
            lines: 4096,
            sections: 64,
        }
    }
}

impl Line {
    /// An attribute; without a value it is a flag.
    pub fn attribute(name: &str, value: Option<&str>) -> Self {
        let value = match value {
            Some(value) => format!("{name}:{value}"),
            None => name.to_owned(),
        };
        Self { letter: 'a', value }
    }

    /// The name and the value of an attribute.
    pub fn as_attribute(&self) -> Option<(&str, Option<&str>)> {
        if self.letter != 'a' {
            return None;
        }
        Some(match self.value.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (&self.value, None),
        })
    }
}

/// The attributes among the lines, with their values; a flag has an empty one.
fn attributes(lines: &[Line]) -> impl Iterator<Item = (&str, &str)> {
    lines
        .iter()
        .filter_map(Line::as_attribute)
        .map(|(name, value)| (name, value.unwrap_or_default()))
}

fn first<'a>(lines: &'a [Line], name: &str) -> Option<&'a str> {
    attributes(lines)
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

impl SessionDescription {
    /// Reads a text within these limits. Lines may end in CRLF or LF; empty ones are passed over.
    ///
    /// # Errors
    /// [`SdpError`], if it is larger, or not made of lines of SDP.
    pub fn parse_within(text: &str, limits: &SdpLimits) -> Result<Self, SdpError> {
        if text.len() > limits.text {
            let (bytes, limit) = (text.len(), limits.text);
            return Err(SdpError::TooLong { bytes, limit });
        }
        let mut description = Self::default();
        for (index, text) in text.split('\n').enumerate() {
            let (number, text) = (index + 1, text.strip_suffix('\r').unwrap_or(text));
            if text.is_empty() {
                continue;
            }
            if index >= limits.lines {
                let limit = limits.lines;
                return Err(SdpError::TooMany { what: "lines", limit });
            }
            description.take(read_line(number, text)?, number, limits)?;
        }
        if description.lines.is_empty() && description.media.is_empty() {
            return Err(SdpError::Empty);
        }
        Ok(description)
    }

    fn take(&mut self, line: Line, number: usize, limits: &SdpLimits) -> Result<(), SdpError> {
        if line.letter == 'm' {
            let limit = limits.sections;
            if self.media.len() >= limit {
                return Err(SdpError::TooMany {
                    what: "sections",
                    limit,
                });
            }
            self.media.push(read_media(number, &line.value)?);
            return Ok(());
        }
        match self.media.last_mut() {
            Some(section) => section.lines.push(line),
            None => self.lines.push(line),
        }
        Ok(())
    }

    /// The attributes of the session as a whole, with their values; a flag has an empty one.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        attributes(&self.lines)
    }

    /// The first attribute of this name, of the session as a whole.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        first(&self.lines, name)
    }

    /// The direction of a section: its own, or else the session's.
    pub fn direction(&self, section: &MediaSection) -> Direction {
        let of = |lines| attributes(lines).find_map(|(name, _)| Direction::of(name));
        of(&section.lines).or_else(|| of(&self.lines)).unwrap_or_default()
    }
}

impl MediaSection {
    /// A section without any other lines.
    pub fn new(kind: &str, port: u16, protocol: &str, formats: Vec<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            port,
            ports: None,
            protocol: protocol.to_owned(),
            formats,
            lines: Vec::new(),
        }
    }

    /// The attributes, with their values; a flag has an empty one.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        attributes(&self.lines)
    }

    /// The first attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        first(&self.lines, name)
    }

    /// The identification tag (RFC 5888 section 4).
    pub fn mid(&self) -> Option<&str> {
        self.attribute("mid").map(str::trim).filter(|mid| !mid.is_empty())
    }

    /// Whether it carries nothing: its port is 0, and not because its bundle has the port (RFC 8843 section 6).
    pub fn is_rejected(&self) -> bool {
        self.port == 0 && self.attribute("bundle-only").is_none()
    }

    /// Whether RTP is spoken.
    pub fn is_rtp(&self) -> bool {
        self.protocol.split('/').any(|part| part == "RTP")
    }
}

fn read_line(number: usize, text: &str) -> Result<Line, SdpError> {
    let not_a_line = || SdpError::NotALine { line: number };
    let mut characters = text.chars();
    let letter = characters
        .next()
        .filter(char::is_ascii_alphabetic)
        .ok_or_else(not_a_line)?;
    let value = characters.as_str().strip_prefix('=').ok_or_else(not_a_line)?;
    if value.contains(breaks_a_line) {
        return Err(not_a_line());
    }
    let value = value.to_owned();
    Ok(Line { letter, value })
}

fn read_media(number: usize, value: &str) -> Result<MediaSection, SdpError> {
    let wrong = |what| SdpError::Media { line: number, what };
    let mut words = value.split_whitespace();
    let kind = words
        .next()
        .filter(|kind| is_token(kind))
        .ok_or_else(|| wrong("kind of media"))?;
    let port = words.next().ok_or_else(|| wrong("port"))?;
    let (port, ports) = match port.split_once('/') {
        Some((port, ports)) => (port, Some(ports.parse().map_err(|_| wrong("number of ports"))?)),
        None => (port, None),
    };
    let port = port.parse().map_err(|_| wrong("port"))?;
    let protocol = words.next().ok_or_else(|| wrong("protocol"))?;
    Ok(MediaSection {
        ports,
        ..MediaSection::new(kind, port, protocol, words.map(str::to_owned).collect())
    })
}

impl FromStr for SessionDescription {
    type Err = SdpError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_within(text, &SdpLimits::default())
    }
}

impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| line.fmt(f))?;
        self.media.iter().try_for_each(|section| section.fmt(f))
    }
}

impl fmt::Display for MediaSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {}", self.kind, self.port)?;
        if let Some(ports) = self.ports {
            write!(f, "/{ports}")?;
        }
        write!(f, " {}", self.protocol)?;
        self.formats.iter().try_for_each(|format| write!(f, " {format}"))?;
        f.write_str("\r\n")?;
        self.lines.iter().try_for_each(|line| line.fmt(f))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}\r\n", self.letter, self.value)
    }
}

impl fmt::Debug for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionDescription")
            .field("media", &self.media)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MediaSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaSection")
            .field("kind", &self.kind)
            .field("port", &self.port)
            .field("mid", &self.mid())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.as_attribute().map(|(name, _)| name);
        f.debug_struct("Line")
            .field("letter", &self.letter)
            .field("attribute", &name)
            .finish_non_exhaustive()
    }
}
