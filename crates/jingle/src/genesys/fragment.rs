//! The fragment of SDP that an `iceCandidate` carries: `m={mid} 9 RTP/AVP 0` and one `a=candidate:` line, or `a=end-of-candidates`
//! with or without an `m=` line. (RFC 8840 has a richer form, which is understood as far as one candidate goes.)

use super::{Method, RpcError};
use crate::SessionId;

const END: &str = "end-of-candidates";

pub(super) fn read(session: SessionId, fragment: &str) -> Result<Method, RpcError> {
    let lines = || fragment.split(['\r', '\n']).map(str::trim);
    let attributes = || lines().filter_map(|line| line.strip_prefix("a="));
    if let Some(candidate) = attributes().find(|attribute| is_candidate(attribute)) {
        return Ok(Method::Candidate {
            session,
            mid: mid(lines(), attributes()),
            candidate: candidate.to_owned(),
        });
    }
    if attributes().any(|attribute| attribute == END) {
        return Ok(Method::EndOfCandidates { session });
    }
    Err(RpcError::NoCandidate)
}

/// `a=mid:` as RFC 8840 has it, else the first word of the `m=` line, where the dialect puts it.
fn mid<'a>(mut lines: impl Iterator<Item = &'a str>, mut attributes: impl Iterator<Item = &'a str>) -> Option<String> {
    let tagged = attributes.find_map(|attribute| attribute.strip_prefix("mid:"));
    let first = lines.find_map(|line| line.strip_prefix("m="));
    tagged
        .or_else(|| first?.split_whitespace().next())
        .filter(|mid| !mid.is_empty())
        .map(str::to_owned)
}

pub(super) fn candidate(mid: Option<&str>, candidate: &str) -> String {
    match mid {
        Some(mid) => format!("m={mid} 9 RTP/AVP 0\r\na={candidate}\r\n"),
        None => format!("a={candidate}\r\n"),
    }
}

pub(super) fn end_of_candidates() -> String {
    format!("a={END}\r\n")
}

/// Whether the text is the value of one attribute line, and that of a candidate.
pub(crate) fn is_candidate(attribute: &str) -> bool {
    attribute
        .strip_prefix("candidate:")
        .is_some_and(|rest| !rest.is_empty())
        && !attribute.contains(char::is_control)
}

/// Whether the text can stand as one word in a line.
pub(crate) fn is_mid(mid: &str) -> bool {
    !mid.is_empty() && !mid.contains(|character: char| character.is_control() || character.is_whitespace())
}
