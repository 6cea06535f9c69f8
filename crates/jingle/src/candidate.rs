//! ICE candidates: an address where a party may be reached (RFC 8839 section 5.1), as SDP writes it and Jingle carries it.

use std::{fmt, str::FromStr};

/// An ICE candidate: an address where a party may be reached.
///
/// It is read from the value of an `a=candidate` line, with or without the `a=`, and written as such a value:
///
/// ```
/// let text = "candidate:1 1 udp 2122063615 192.0.2.1 34507 typ host generation 0 ufrag D1uO";
/// let candidate: offhook_jingle::Candidate = text.parse()?;
/// assert_eq!((candidate.port, candidate.ufrag.as_deref()), (34507, Some("D1uO")));
/// assert_eq!(candidate.to_string(), text);
/// # Ok::<(), offhook_jingle::candidate::CandidateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Equal for candidates that ICE may treat alike.
    pub foundation: String,
    /// 1 for RTP, 2 for RTCP.
    pub component: u16,
    /// `udp` or `tcp`.
    pub protocol: String,
    /// The higher, the better.
    pub priority: u32,
    /// An IP address or a host name.
    pub address: String,
    /// The port.
    pub port: u16,
    /// `host`, `srflx`, `prflx` or `relay`.
    pub kind: String,
    /// The address it was derived from.
    pub related: Option<(String, Option<u16>)>,
    /// `active`, `passive` or `so` (RFC 6544 section 4.5).
    pub tcp_type: Option<String>,
    /// Which restart of ICE it is of.
    pub generation: Option<u32>,
    /// The ufrag it belongs to (RFC 8838 section 10).
    pub ufrag: Option<String>,
    /// Which network interface it is on.
    pub network_id: Option<u32>,
    /// How much its network costs.
    pub network_cost: Option<u32>,
    /// Its name in Jingle; SDP has none.
    pub id: Option<String>,
    /// Other attributes, as pairs of words.
    pub extensions: Vec<(String, String)>,
}

/// Why a text is no candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// It does not begin as one.
    #[error("not a candidate: it does not begin with `candidate:`")]
    OtherAttribute,
    /// It breaks off.
    #[error("the candidate has no {what}")]
    Missing {
        /// What comes next.
        what: &'static str,
    },
    /// A number is none, or out of range.
    #[error("the {what} of the candidate is not a number in its range")]
    NotANumber {
        /// Which number.
        what: &'static str,
    },
    /// It holds a character that no line of SDP can.
    #[error("the candidate holds a control character")]
    ControlCharacter,
}

impl Candidate {
    /// Whether each of its words is one, so that what is written can be read back. What is made of a stanza may have words that
    /// are none: empty, or with white space in them.
    pub fn is_writable(&self) -> bool {
        let words = [&self.foundation, &self.protocol, &self.address, &self.kind];
        let optional = [&self.tcp_type, &self.ufrag];
        let related = self.related.iter().map(|(address, _)| address);
        let extensions = self.extensions.iter().flat_map(|(name, value)| [name, value]);
        let optional = optional.into_iter().flatten();
        words
            .into_iter()
            .chain(optional)
            .chain(related)
            .chain(extensions)
            .all(|word| is_word(word))
    }
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && !word.contains(|character: char| character.is_whitespace() || character.is_control())
}

impl FromStr for Candidate {
    type Err = CandidateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.contains(char::is_control) {
            return Err(CandidateError::ControlCharacter);
        }
        let value = text.strip_prefix("a=").unwrap_or(text);
        let value = value.strip_prefix("candidate:").ok_or(CandidateError::OtherAttribute)?;
        let mut words = value.split_whitespace();
        let mut word = |what| words.next().ok_or(CandidateError::Missing { what });
        let foundation = word("foundation")?.to_owned();
        let component = number(word("component")?, "component")?;
        let protocol = word("transport protocol")?.to_owned();
        let priority = number(word("priority")?, "priority")?;
        let address = word("address")?.to_owned();
        let port = number(word("port")?, "port")?;
        if word("type")? != "typ" {
            return Err(CandidateError::Missing { what: "type" });
        }
        let kind = word("type")?.to_owned();
        let mut candidate = Self {
            foundation,
            component,
            protocol,
            priority,
            address,
            port,
            kind,
            related: None,
            tcp_type: None,
            generation: None,
            ufrag: None,
            network_id: None,
            network_cost: None,
            id: None,
            extensions: Vec::new(),
        };
        // A last word without a value says nothing.
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            candidate.extend(name, value);
        }
        Ok(candidate)
    }
}

fn number<N: FromStr>(word: &str, what: &'static str) -> Result<N, CandidateError> {
    word.parse().map_err(|_| CandidateError::NotANumber { what })
}

impl Candidate {
    /// Takes in an attribute; what is not understood, or said twice, is kept as it is.
    fn extend(&mut self, name: &str, value: &str) {
        let known = match name {
            "raddr" if self.related.is_none() => {
                self.related = Some((value.to_owned(), None));
                true
            }
            "rport" => match (&mut self.related, value.parse()) {
                (Some((_, port @ None)), Ok(number)) => {
                    *port = Some(number);
                    true
                }
                (_, _) => false,
            },
            "tcptype" => put(&mut self.tcp_type, value),
            "generation" => put(&mut self.generation, value),
            "ufrag" => put(&mut self.ufrag, value),
            "network-id" => put(&mut self.network_id, value),
            "network-cost" => put(&mut self.network_cost, value),
            _ => false,
        };
        if !known {
            self.extensions.push((name.to_owned(), value.to_owned()));
        }
    }
}

fn put<T: FromStr>(place: &mut Option<T>, value: &str) -> bool {
    match value.parse() {
        Ok(value) if place.is_none() => {
            *place = Some(value);
            true
        }
        Ok(_) | Err(_) => false,
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "candidate:{} {} {} {} {} {} typ {}",
            self.foundation, self.component, self.protocol, self.priority, self.address, self.port, self.kind
        )?;
        if let Some((address, port)) = &self.related {
            write!(f, " raddr {address}")?;
            if let Some(port) = port {
                write!(f, " rport {port}")?;
            }
        }
        let mut pair = |name: &str, value: Option<&dyn fmt::Display>| match value {
            Some(value) => write!(f, " {name} {value}"),
            None => Ok(()),
        };
        pair("tcptype", self.tcp_type.as_ref().map(|value| value as _))?;
        pair("generation", self.generation.as_ref().map(|value| value as _))?;
        pair("ufrag", self.ufrag.as_ref().map(|value| value as _))?;
        pair("network-id", self.network_id.as_ref().map(|value| value as _))?;
        pair("network-cost", self.network_cost.as_ref().map(|value| value as _))?;
        for (name, value) in &self.extensions {
            pair(name, Some(value))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
