//! Both sides call at the same time (XEP-0166 section 7.2.16): the call with the lower name goes on.
//!
//! That they meet is no matter of luck: their call waits at our door while ours goes out.

use offhook_jingle::{Reason, session::EndedBy};
use offhook_tests::prosody::Way;
use serde_json::json;

use crate::Pair;

/// Ours are random, and begin with a hexadecimal digit.
const BEFORE_ALL_OF_OURS: &str = "!";
const AFTER_ALL_OF_OURS: &str = "~";

/// Theirs is refused, they end it, and take ours.
#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn of_two_calls_that_meet_ours_goes_first() {
    let mut pair = Pair::connect().await;
    pair.phone.holds_back().await;
    pair.peer
        .does(json!({ "do": "call", "to": pair.phone.jid(), "sid": AFTER_ALL_OF_OURS }));
    pair.phone.is_held_back().await;
    let ours = pair.phone.calls(pair.peer.jid()).await;
    pair.phone.lets_in().await;
    let (incoming, ended) = (pair.peer.tells("incoming").await, pair.peer.tells("terminated").await);
    assert_eq!(incoming["sid"], ours.as_str());
    assert_eq!(
        (&ended["sid"], &ended["reason"]),
        (&json!(AFTER_ALL_OF_OURS), &json!("alternative-session"))
    );
    assert_eq!(pair.phone.frames(Way::Up, "tie-break").await, 1);
    pair.peer.does(json!({ "do": "accept", "sid": ours.as_str() }));
    pair.hear_each_other().await;
    assert_eq!(pair.phone.sessions().await, 1);
}

/// Ours gives way. The peer should refuse it, and does not: it is ended by ourselves.
#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn of_two_calls_that_meet_theirs_goes_first() {
    let mut pair = Pair::connect().await;
    pair.phone.holds_back().await;
    pair.peer
        .does(json!({ "do": "call", "to": pair.phone.jid(), "sid": BEFORE_ALL_OF_OURS }));
    pair.phone.is_held_back().await;
    let ours = pair.phone.calls(pair.peer.jid()).await;
    pair.phone.lets_in().await;
    let theirs = pair.phone.offered().await;
    assert_eq!(theirs.as_str(), BEFORE_ALL_OF_OURS);
    let (by, farewell) = pair.phone.ended(&ours).await;
    assert_eq!((by, farewell.reason), (EndedBy::Local, Reason::AlternativeSession));
    let ended = pair.peer.tells("terminated").await;
    assert_eq!(
        (&ended["sid"], &ended["reason"]),
        (&json!(ours.as_str()), &json!("alternative-session"))
    );
    assert_eq!(pair.phone.frames(Way::Up, "tie-break").await, 0);
    pair.phone.answers(&theirs).await;
    pair.hear_each_other().await;
    assert_eq!(pair.phone.sessions().await, 1);
}
