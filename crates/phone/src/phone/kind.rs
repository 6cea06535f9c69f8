//! What a session is for, as the address of its far end shows it.

use jid::Jid;

/// What a session is for. The platform shows it by the address of the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionType {
    /// A softphone call: the far end is a gateway for media, `gjoll` in the domain. This wins over whatever else an address says.
    Softphone,
    /// A screen shared with an agent: `acd-` in front of a conference's name.
    AcdScreenShare,
    /// An agent's screen that is recorded: `screenrecording-` in front.
    ScreenRecording,
    /// An agent's screen that is watched: `livemonitor-` in front.
    LiveScreenMonitoring,
    /// A video conference.
    CollaborateVideo,
    /// Something else.
    Unknown,
}

impl SessionType {
    /// What a session with this far end is for. A resource is chosen by whoever connects, and proves nothing.
    pub fn of(peer: &Jid) -> Self {
        let domain = peer.domain().as_str().to_ascii_lowercase();
        let Some(name) = peer.node() else {
            return Self::Unknown;
        };
        let name = name.as_str();
        if domain.contains("gjoll") {
            Self::Softphone
        } else if name.starts_with("screenrecording-") {
            Self::ScreenRecording
        } else if name.starts_with("livemonitor-") {
            Self::LiveScreenMonitoring
        } else if !domain.starts_with("conference") {
            Self::Unknown
        } else if name.starts_with("acd-") {
            Self::AcdScreenShare
        } else {
            Self::CollaborateVideo
        }
    }

    /// The type's name as the platform's own client tells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Softphone => "softphone",
            Self::AcdScreenShare => "acdScreenShare",
            Self::ScreenRecording => "screenRecording",
            Self::LiveScreenMonitoring => "liveScreenMonitoring",
            Self::CollaborateVideo => "collaborateVideo",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_24_gjoll_wins_in_classification() {
        let cases = [
            ("call@gjoll.example/1", SessionType::Softphone),
            ("acd-call@conference.GJOLL.example/1", SessionType::Softphone),
            ("screenrecording-x@gjoll.example", SessionType::Softphone),
            ("acd-x@conference.example", SessionType::AcdScreenShare),
            ("screenrecording-x@org.example", SessionType::ScreenRecording),
            ("livemonitor-x@org.example", SessionType::LiveScreenMonitoring),
            ("room@conference.example", SessionType::CollaborateVideo),
            ("mallory@example.org/gjoll", SessionType::Unknown),
            ("gjoll.example", SessionType::Unknown),
        ];
        for (jid, expected) in cases {
            let jid: Jid = jid.parse().expect("a JID");
            assert_eq!(SessionType::of(&jid), expected, "{jid}");
        }
    }
}
