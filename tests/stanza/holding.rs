//! What either side tells the other of holding and muting.

use offhook_jingle::{SessionEvent, SessionId};
use serde_json::{Value, json};

use crate::Pair;

/// The media description in both directions: the caller names it.
async fn tell_each_other(pair: &mut Pair, session: &SessionId, mid: &str) {
    for held in [true, false] {
        pair.phone.holds(session, held).await;
        pair.peer.tells(if held { "held" } else { "resumed" }).await;
    }
    for muted in [true, false] {
        pair.phone.mutes(session, muted).await;
        let told = pair.peer.tells(if muted { "muted" } else { "unmuted" }).await;
        assert!(told["name"] == Value::Null || told["name"] == mid, "{told}");
    }

    pair.peer.just("hold");
    pair.phone
        .hears_of(session, SessionEvent::RemoteHeld { held: true })
        .await;
    // It says `active`, not `unhold`.
    pair.peer.just("resume");
    pair.phone
        .hears_of(session, SessionEvent::RemoteHeld { held: false })
        .await;
    for muted in [true, false] {
        let verb = if muted { "mute" } else { "unmute" };
        pair.peer
            .does(json!({ "do": verb, "creator": "initiator", "name": mid }));
        let mid = Some(mid.to_owned());
        pair.phone
            .hears_of(session, SessionEvent::RemoteMuted { muted, mid })
            .await;
        pair.peer.just(verb);
        let mid = None;
        pair.phone
            .hears_of(session, SessionEvent::RemoteMuted { muted, mid })
            .await;
    }
    pair.hear_each_other().await;
}

#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn in_a_call_of_theirs_each_side_holds_and_mutes() {
    let mut pair = Pair::connect().await;
    let session = pair.they_call_us().await;
    tell_each_other(&mut pair, &session, "0").await;
}

#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn in_a_call_of_ours_each_side_holds_and_mutes() {
    let mut pair = Pair::connect().await;
    let session = pair.we_call_them().await;
    tell_each_other(&mut pair, &session, "audio").await;
}
