//! The scenarios, and who runs them.

use offhook_jingle::Dialect;

use crate::softphone::Who;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    Connect,
    Inbound(Dialect),
    Outbound(Dialect),
    Reject(Dialect),
    Retract(Dialect),
    Elsewhere(Dialect),
    Mute(Dialect),
    Keys(Dialect),
    Silence(Dialect),
    Hold,
    ClientHangsUp(Dialect),
    GatewayHangsUp(Dialect),
    Cut(Dialect),
    HardReconnect(Dialect),
    Transfer(Dialect),
    Reinvite,
    Unproposed(Dialect),
    LostProceed(Dialect),
    PlatformHolds(Dialect),
    TwoCalls(Dialect),
    Relayed(Dialect),
    CallsAnother(Dialect),
    CalledByAnother(Dialect),
    RefusedToken,
    ExpiredToken,
    EarlyCandidates,
    Persistent(Dialect),
    Turn,
}

impl Scenario {
    /// Whose client runs it.
    pub fn who(self) -> &'static [Who] {
        match self {
            Self::Connect
            | Self::Inbound(_)
            | Self::Outbound(_)
            | Self::Retract(_)
            | Self::Mute(_)
            | Self::ClientHangsUp(_)
            | Self::GatewayHangsUp(_)
            | Self::Cut(_)
            | Self::TwoCalls(_)
            | Self::Reject(_)
            | Self::Relayed(_)
            | Self::CallsAnother(_)
            | Self::CalledByAnother(_)
            | Self::RefusedToken
            | Self::ExpiredToken
            | Self::EarlyCandidates => &[Who::Client, Who::Sdk, Who::Ours],
            // The streaming client asks the platform neither to hold nor to pick up.
            Self::PlatformHolds(_) | Self::Persistent(_) => &[Who::Sdk, Who::Ours],
            Self::Elsewhere(_)
            | Self::Keys(_)
            | Self::Silence(_)
            | Self::Hold
            | Self::HardReconnect(_)
            | Self::Transfer(_)
            | Self::Reinvite
            | Self::Unproposed(_)
            | Self::Turn
            | Self::LostProceed(_) => &[Who::Client, Who::Ours],
        }
    }

    /// What it is called in the table.
    pub fn title(self) -> &'static str {
        let of = |dialect, jingle, sdp| match dialect {
            Dialect::Jingle => jingle,
            Dialect::SdpOverXmpp => sdp,
        };
        match self {
            Self::Connect => "connect",
            Self::Inbound(dialect) => of(dialect, "inbound call, Jingle", "inbound call, SDP over XMPP"),
            Self::Outbound(dialect) => of(dialect, "outbound call, Jingle", "outbound call, SDP over XMPP"),
            Self::Reject(dialect) => of(dialect, "client rejects, Jingle", "client rejects, SDP over XMPP"),
            Self::Retract(dialect) => of(dialect, "caller gives up, Jingle", "caller gives up, SDP over XMPP"),
            Self::Elsewhere(dialect) => of(
                dialect,
                "answered by another client of the user, Jingle",
                "answered by another client of the user, SDP over XMPP",
            ),
            Self::Mute(dialect) => of(dialect, "client mutes, Jingle", "client mutes, SDP over XMPP"),
            Self::Keys(dialect) => of(
                dialect,
                "client presses keys, Jingle",
                "client presses keys, SDP over XMPP",
            ),
            Self::Silence(dialect) => of(dialect, "held by silence, Jingle", "held by silence, SDP over XMPP"),
            Self::Hold => "renegotiated: held by direction, SDP over XMPP",
            Self::ClientHangsUp(dialect) => of(dialect, "client hangs up, Jingle", "client hangs up, SDP over XMPP"),
            Self::GatewayHangsUp(dialect) => of(dialect, "caller hangs up, Jingle", "caller hangs up, SDP over XMPP"),
            Self::Cut(dialect) => of(
                dialect,
                "WebSocket lost, media go on, Jingle",
                "WebSocket lost, media go on, SDP over XMPP",
            ),
            Self::HardReconnect(dialect) => of(
                dialect,
                "channel taken over (`duplicate_id`), another is made, Jingle",
                "channel taken over (`duplicate_id`), another is made, SDP over XMPP",
            ),
            Self::Transfer(dialect) => of(
                dialect,
                "connection transferred, Jingle",
                "connection transferred, SDP over XMPP",
            ),
            Self::Reinvite => "reinvited with other media, SDP over XMPP",
            Self::Unproposed(dialect) => of(
                dialect,
                "both dialects offered, Jingle proposed",
                "both dialects offered, SDP over XMPP proposed",
            ),
            Self::PlatformHolds(dialect) => of(
                dialect,
                "held by the platform, Jingle",
                "held by the platform, SDP over XMPP",
            ),
            Self::TwoCalls(dialect) => of(
                dialect,
                "two calls at a time, Jingle",
                "two calls at a time, SDP over XMPP",
            ),
            Self::Relayed(dialect) => of(
                dialect,
                "relayed alone: the cloud has TURN and no STUN, Jingle",
                "relayed alone: the cloud has TURN and no STUN, SDP over XMPP",
            ),
            Self::CallsAnother(dialect) => of(
                dialect,
                "calls another user, who has the agent, Jingle",
                "calls another user, who has the agent, SDP over XMPP",
            ),
            Self::CalledByAnother(dialect) => of(
                dialect,
                "called by another user, who has the agent, Jingle",
                "called by another user, who has the agent, SDP over XMPP",
            ),
            Self::Turn => "renegotiated: held by direction, Jingle",
            Self::Persistent(dialect) => of(
                dialect,
                "persistent connection: three calls in one session, Jingle",
                "persistent connection: three calls in one session, SDP over XMPP",
            ),
            Self::EarlyCandidates => "candidates before their offer, SDP over XMPP",
            Self::RefusedToken => "token refused",
            Self::ExpiredToken => "token expired in mid-call, WebSocket lost then",
            Self::LostProceed(dialect) => of(
                dialect,
                "proposed again and again, Jingle",
                "proposed again and again, SDP over XMPP",
            ),
        }
    }
}

/// Makes the list of all, and their tests.
macro_rules! scenarios {
    ($($name:ident: $scenario:expr, by $($test:ident: $who:ident),*;)*) => {
        /// All of them, each with its name.
        pub const ALL: &[(&str, Scenario)] = &[$((stringify!($name), $scenario)),*];

        $(
            mod $name {
                use crate::{scenario::*, softphone::Who};

                $(
                    #[tokio::test]
                    #[ignore = "needs Chromium: cargo xtask test installs it and runs this"]
                    async fn $test() {
                        crate::show(stringify!($name), $scenario, Who::$who).await;
                    }
                )*

                #[test]
                fn whoever_can_runs_it() {
                    assert_eq!($scenario.who(), [$(Who::$who),*]);
                }
            }
        )*
    };
}

use Scenario::{
    CalledByAnother, CallsAnother, ClientHangsUp, Connect, Cut, EarlyCandidates, Elsewhere, ExpiredToken,
    GatewayHangsUp, HardReconnect, Hold, Inbound, Keys, LostProceed, Mute, Outbound, Persistent, PlatformHolds,
    RefusedToken, Reinvite, Reject, Relayed, Retract, Silence, Transfer, Turn, TwoCalls, Unproposed,
};
use offhook_jingle::Dialect::{Jingle, SdpOverXmpp};

scenarios! {
    connect: Connect, by client: Client, sdk: Sdk, agent: Ours;
    refused_token: RefusedToken, by client: Client, sdk: Sdk, agent: Ours;
    expired_token: ExpiredToken, by client: Client, sdk: Sdk, agent: Ours;
    inbound_jingle: Inbound(Jingle), by client: Client, sdk: Sdk, agent: Ours;
    inbound_sdp: Inbound(SdpOverXmpp), by client: Client, sdk: Sdk, agent: Ours;
    outbound_jingle: Outbound(Jingle), by client: Client, sdk: Sdk, agent: Ours;
    outbound_sdp: Outbound(SdpOverXmpp), by client: Client, sdk: Sdk, agent: Ours;
    relayed_jingle: Relayed(Jingle), by client: Client, sdk: Sdk, agent: Ours;
    relayed_sdp: Relayed(SdpOverXmpp), by client: Client, sdk: Sdk, agent: Ours;
    calls_another_jingle: CallsAnother(Jingle), by client: Client, sdk: Sdk, agent: Ours;
    calls_another_sdp: CallsAnother(SdpOverXmpp), by client: Client, sdk: Sdk, agent: Ours;
    called_by_another_jingle: CalledByAnother(Jingle), by client: Client, sdk: Sdk, agent: Ours;
    called_by_another_sdp: CalledByAnother(SdpOverXmpp), by client: Client, sdk: Sdk, agent: Ours;
    reject_jingle: Reject(Jingle), by client: Client, sdk: Sdk, agent: Ours;
    reject_sdp: Reject(SdpOverXmpp), by client: Client, sdk: Sdk, agent: Ours;
    retract_jingle: Retract(Jingle), by client: Client, sdk: Sdk, agent: Ours;
    retract_sdp: Retract(SdpOverXmpp), by client: Client, sdk: Sdk, agent: Ours;
    elsewhere_jingle: Elsewhere(Jingle), by client: Client, agent: Ours;
    elsewhere_sdp: Elsewhere(SdpOverXmpp), by client: Client, agent: Ours;
    mute_jingle: Mute(Jingle), by client: Client, sdk: Sdk, agent: Ours;
    mute_sdp: Mute(SdpOverXmpp), by client: Client, sdk: Sdk, agent: Ours;
    keys_jingle: Keys(Jingle), by client: Client, agent: Ours;
    keys_sdp: Keys(SdpOverXmpp), by client: Client, agent: Ours;
    silence_jingle: Silence(Jingle), by client: Client, agent: Ours;
    silence_sdp: Silence(SdpOverXmpp), by client: Client, agent: Ours;
    hold: Hold, by client: Client, agent: Ours;
    hold_jingle: Turn, by client: Client, agent: Ours;
    platform_holds_jingle: PlatformHolds(Jingle), by sdk: Sdk, agent: Ours;
    platform_holds_sdp: PlatformHolds(SdpOverXmpp), by sdk: Sdk, agent: Ours;
    persistent_jingle: Persistent(Jingle), by sdk: Sdk, agent: Ours;
    persistent_sdp: Persistent(SdpOverXmpp), by sdk: Sdk, agent: Ours;
    two_calls_jingle: TwoCalls(Jingle), by client: Client, sdk: Sdk, agent: Ours;
    two_calls_sdp: TwoCalls(SdpOverXmpp), by client: Client, sdk: Sdk, agent: Ours;
    client_hangs_up_jingle: ClientHangsUp(Jingle), by client: Client, sdk: Sdk, agent: Ours;
    client_hangs_up_sdp: ClientHangsUp(SdpOverXmpp), by client: Client, sdk: Sdk, agent: Ours;
    gateway_hangs_up_jingle: GatewayHangsUp(Jingle), by client: Client, sdk: Sdk, agent: Ours;
    gateway_hangs_up_sdp: GatewayHangsUp(SdpOverXmpp), by client: Client, sdk: Sdk, agent: Ours;
    cut_jingle: Cut(Jingle), by client: Client, sdk: Sdk, agent: Ours;
    cut_sdp: Cut(SdpOverXmpp), by client: Client, sdk: Sdk, agent: Ours;
    hard_reconnect_jingle: HardReconnect(Jingle), by client: Client, agent: Ours;
    hard_reconnect_sdp: HardReconnect(SdpOverXmpp), by client: Client, agent: Ours;
    transfer_jingle: Transfer(Jingle), by client: Client, agent: Ours;
    transfer_sdp: Transfer(SdpOverXmpp), by client: Client, agent: Ours;
    early_candidates: EarlyCandidates, by client: Client, sdk: Sdk, agent: Ours;
    reinvite: Reinvite, by client: Client, agent: Ours;
    both_dialects_jingle: Unproposed(Jingle), by client: Client, agent: Ours;
    both_dialects_sdp: Unproposed(SdpOverXmpp), by client: Client, agent: Ours;
    repeated_jingle: LostProceed(Jingle), by client: Client, agent: Ours;
    repeated_sdp: LostProceed(SdpOverXmpp), by client: Client, agent: Ours;
}
