//! Calls that come to nothing, and a part of a call that does.

use offhook_jingle::{
    Reason,
    session::{EndedBy, OfferKind},
    stanza::Farewell,
};
use serde_json::json;

use crate::Pair;

fn farewell(reason: Reason, text: Option<&str>) -> Farewell {
    Farewell {
        text: text.map(str::to_owned),
        ..Farewell::new(reason)
    }
}

#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn we_decline_their_call_in_our_words() {
    let mut pair = Pair::connect().await;
    pair.peer.calls(pair.phone.jid());
    let session = pair.phone.offered().await;
    pair.phone
        .ends(&session, farewell(Reason::Busy, Some("in a meeting")))
        .await;
    let end = pair.peer.tells("terminated").await;
    assert_eq!((&end["reason"], &end["text"]), (&json!("busy"), &json!("in a meeting")));
}

#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn they_decline_our_call_in_their_words() {
    let mut pair = Pair::connect().await;
    let session = pair.phone.calls(pair.peer.jid()).await;
    pair.peer.tells("incoming").await;
    pair.peer
        .does(json!({ "do": "end", "reason": "decline", "text": "not today" }));
    let end = pair.phone.ended(&session).await;
    assert_eq!(end, (EndedBy::Remote, farewell(Reason::Decline, Some("not today"))));
}

#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn they_give_up_before_we_answer() {
    let mut pair = Pair::connect().await;
    pair.peer.calls(pair.phone.jid());
    let session = pair.phone.offered().await;
    pair.peer.does(json!({ "do": "end", "reason": "cancel" }));
    let end = pair.phone.ended(&session).await;
    assert_eq!(end, (EndedBy::Remote, farewell(Reason::Cancel, None)));
}

#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn we_give_up_before_they_answer() {
    let mut pair = Pair::connect().await;
    let session = pair.phone.calls(pair.peer.jid()).await;
    pair.peer.tells("incoming").await;
    pair.phone.ends(&session, Reason::Cancel).await;
    assert_eq!(pair.peer.tells("terminated").await["reason"], "cancel");
}

/// A section that is declined has to stay in its place, or the peer cannot use the answer.
#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn of_a_call_with_pictures_we_take_the_sound() {
    let mut pair = Pair::connect().await;
    pair.peer
        .does(json!({ "do": "call", "to": pair.phone.jid(), "video": true }));
    let session = pair.phone.offered().await;
    pair.phone.answers(&session).await;
    pair.peer.tells("accepted").await;
    pair.hear_each_other().await;
}

/// New ICE for the media that there are is more than our media can do.
#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn a_restart_of_ice_that_we_decline_leaves_the_sound_as_it_is() {
    let mut pair = Pair::connect().await;
    let session = pair.they_call_us().await;
    pair.hear_each_other().await;
    pair.peer.just("restart");
    assert_eq!(pair.phone.offered_a_change().await, OfferKind::Restart);
    pair.phone.declines(&session).await;
    pair.hear_each_other().await;
    pair.phone.ends(&session, Reason::Success).await;
    assert_eq!(pair.peer.tells("terminated").await["reason"], "success");
}
