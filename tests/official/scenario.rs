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
}

impl Scenario {
    /// Whose client runs it.
    pub fn who(self) -> &'static [Who] {
        &[Who::Client, Who::Ours]
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
    ($($name:ident: $scenario:expr,)*) => {
        /// All of them, each with its name.
        pub const ALL: &[(&str, Scenario)] = &[$((stringify!($name), $scenario)),*];

        $(
            mod $name {
                use crate::{scenario::*, softphone::Who};

                #[tokio::test]
                #[ignore = "needs Chromium: cargo xtask test installs it and runs this"]
                async fn by_the_client() {
                    crate::show(stringify!($name), $scenario, Who::Client).await;
                }

                #[tokio::test]
                #[ignore = "needs Chromium: cargo xtask test installs it and runs this"]
                async fn by_ours() {
                    crate::show(stringify!($name), $scenario, Who::Ours).await;
                }
            }
        )*
    };
}

use Scenario::{
    ClientHangsUp, Connect, Cut, Elsewhere, GatewayHangsUp, HardReconnect, Hold, Inbound, Keys, LostProceed, Mute,
    Outbound, Reinvite, Reject, Retract, Silence, Transfer, Unproposed,
};
use offhook_jingle::Dialect::{Jingle, SdpOverXmpp};

scenarios! {
    connect: Connect,
    inbound_jingle: Inbound(Jingle),
    inbound_sdp: Inbound(SdpOverXmpp),
    outbound_jingle: Outbound(Jingle),
    outbound_sdp: Outbound(SdpOverXmpp),
    reject_jingle: Reject(Jingle),
    reject_sdp: Reject(SdpOverXmpp),
    retract_jingle: Retract(Jingle),
    retract_sdp: Retract(SdpOverXmpp),
    elsewhere_jingle: Elsewhere(Jingle),
    elsewhere_sdp: Elsewhere(SdpOverXmpp),
    mute_jingle: Mute(Jingle),
    mute_sdp: Mute(SdpOverXmpp),
    keys_jingle: Keys(Jingle),
    keys_sdp: Keys(SdpOverXmpp),
    silence_jingle: Silence(Jingle),
    silence_sdp: Silence(SdpOverXmpp),
    hold: Hold,
    client_hangs_up_jingle: ClientHangsUp(Jingle),
    client_hangs_up_sdp: ClientHangsUp(SdpOverXmpp),
    gateway_hangs_up_jingle: GatewayHangsUp(Jingle),
    gateway_hangs_up_sdp: GatewayHangsUp(SdpOverXmpp),
    cut_jingle: Cut(Jingle),
    cut_sdp: Cut(SdpOverXmpp),
    hard_reconnect_jingle: HardReconnect(Jingle),
    hard_reconnect_sdp: HardReconnect(SdpOverXmpp),
    transfer_jingle: Transfer(Jingle),
    transfer_sdp: Transfer(SdpOverXmpp),
    reinvite: Reinvite,
    both_dialects_jingle: Unproposed(Jingle),
    both_dialects_sdp: Unproposed(SdpOverXmpp),
    repeated_jingle: LostProceed(Jingle),
    repeated_sdp: LostProceed(SdpOverXmpp),
}
