//! Where a call stands: what the cloud says and what the media are, judged together.

use offhook_jingle::Reason;

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// It rings with the user, or with whoever the user calls.
    Alerting,
    /// The user's leg is being dialled; its media are not connected.
    Dialing,
    /// A session carries it; its media are not connected, or not at the moment.
    Connecting,
    /// Connected, and so are the media of its session, on hold or not.
    Connected,
    /// Connected, and no session of ours carries it: another device took it, our session serves another call meanwhile, or is still
    /// to come.
    Elsewhere,
    /// Over.
    Ended(CallEnd),
}

impl CallState {
    /// Whether the call is over. What follows, if anything, is another call in the same conversation: a queue rings again, a
    /// transfer comes back.
    pub fn is_ended(self) -> bool {
        match self {
            Self::Ended(_) => true,
            Self::Alerting | Self::Dialing | Self::Connecting | Self::Connected | Self::Elsewhere => false,
        }
    }

    /// The state's name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alerting => "alerting",
            Self::Dialing => "dialing",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Elsewhere => "elsewhere",
            Self::Ended(_) => "ended",
        }
    }
}

/// What ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// The cloud said so, or lists it no more.
    Cloud,
    /// The session that carried it ended, for this reason (XEP-0166 section 7.4).
    Session(Reason),
    /// The session that carried it went on to another conversation.
    Superseded,
    /// The user placed it, and its proposal never came.
    NoProposal,
}

impl CallEnd {
    /// The end's name for programs: why the session ended (XEP-0166 section 7.4), or `ended` by the cloud, `superseded`,
    /// `no-proposal`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cloud => "ended",
            Self::Session(reason) => reason.as_str(),
            Self::Superseded => "superseded",
            Self::NoProposal => "no-proposal",
        }
    }
}

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The user is called.
    Inbound,
    /// The user calls.
    Outbound,
}

impl Direction {
    /// The direction as the cloud names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// The far end of a call as the cloud names it: the participant whom the user talks to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteParty {
    /// `name` of the participant.
    pub name: Option<String>,
    /// `address`, for instance `tel:+493012345678`.
    pub address: Option<String>,
    /// `purpose`: `customer`, `external`, `user`, `agent` and so on.
    pub purpose: Option<String>,
}

/// What went wrong with a call (`errorInfo` of a notification).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// `code`, for instance `error.ininedgecontrol.connection.station.usernotfound`.
    pub code: String,
    /// `message`, if there is one.
    pub message: Option<String>,
}

/// The newest word of the cloud about the user's leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cloud {
    Alerting,
    Dialing,
    Connected,
    Ended,
}

/// The media of the session that carries a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Media {
    pub active: bool,
}

/// The state of a call. It is connected only with media; without a word of the cloud the media alone decide.
pub(super) fn judge(cloud: Option<Cloud>, media: Option<Media>) -> CallState {
    match (cloud, media) {
        (Some(Cloud::Ended), _) => CallState::Ended(CallEnd::Cloud),
        // A persistent connection has media before its call is answered.
        (Some(Cloud::Alerting), _) | (None, None) => CallState::Alerting,
        (Some(Cloud::Dialing), None | Some(Media { active: false })) => CallState::Dialing,
        (Some(Cloud::Connected), None) => CallState::Elsewhere,
        (None | Some(Cloud::Connected), Some(Media { active: false })) => CallState::Connecting,
        (None | Some(Cloud::Dialing | Cloud::Connected), Some(Media { active: true })) => CallState::Connected,
    }
}
