//! Two of the peers that others wrote, without us: what the tests rest upon.

use offhook_tests::prosody::Prosody;

use crate::{OUR_TONE, THEIR_TONE, peer::Peer};

#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn two_of_them_hear_each_other() {
    let prosody = Prosody::start().await;
    let (mut alice, mut bob) = tokio::join!(
        Peer::connect(prosody.port(), "alice", OUR_TONE),
        Peer::connect(prosody.port(), "bob", THEIR_TONE)
    );
    alice.calls(bob.jid());
    bob.tells("incoming").await;
    bob.just("ring");
    alice.tells("ringing").await;
    bob.just("accept");
    alice.hears(THEIR_TONE).await;
    bob.hears(OUR_TONE).await;
    bob.just("end");
    assert_eq!(alice.tells("terminated").await["reason"], "success");
}
