//! Why the agent sends something else than the platform's own.

use crate::softphone::Who;

/// The reason, for the table.
pub fn reason(what: &str, only_by: &str) -> &'static str {
    let by_ours = only_by == Who::Ours.name();
    if by_ours && what.starts_with("result of ") {
        "the agent acknowledges every request, as RFC 6120 has it; the client acknowledges Jingle alone"
    } else if !by_ours && what == "diagnostics (REST)" {
        "the agent reports nothing about its user to the platform"
    } else if by_ours && (what.starts_with("GET /api/v2/") || what.ends_with(" (REST)")) {
        "the agent follows its user's calls and station by REST, as the SDK does; the client knows sessions alone"
    } else if !by_ours && what.ends_with("terminate success") {
        "the agent has the platform hang up, as the SDK does"
    } else if !by_ours && (what == "answer" || what.starts_with("iceCandidate")) {
        "the client answers an offer in either dialect; the agent answers in the dialect that was proposed"
    } else if by_ours && what.starts_with("POST /api/v2/notifications/channels?") {
        "the agent asks who its user is and for a channel at once; the client stops when the first of the two is refused"
    } else if !by_ours && what == "error bad-request of content-modify" {
        "the client takes no other direction in Jingle; the agent does"
    } else {
        "not explained"
    }
}
