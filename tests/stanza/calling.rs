//! Calls in both directions, with sound both ways, ended by either side.

use offhook_jingle::{Reason, SessionEvent, SessionId, session::EndedBy, stanza::Farewell};

use crate::{OUR_TONE, Pair, THEIR_TONE};

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    We,
    They,
}

impl Pair {
    /// They call us, it rings, and we accept.
    pub async fn they_call_us(&mut self) -> SessionId {
        self.peer.calls(self.phone.jid());
        let session = self.phone.offered().await;
        self.phone.rings(&session).await;
        self.peer.tells("ringing").await;
        self.phone.answers(&session).await;
        self.peer.tells("connected").await;
        session
    }

    /// We call them, it rings, and they accept.
    pub async fn we_call_them(&mut self) -> SessionId {
        let session = self.phone.calls(self.peer.jid()).await;
        self.peer.tells("incoming").await;
        self.peer.just("ring");
        self.phone.hears_of(&session, SessionEvent::RemoteRinging).await;
        self.peer.just("accept");
        self.peer.tells("connected").await;
        session
    }

    pub async fn hear_each_other(&mut self) {
        tokio::join!(self.phone.hears(THEIR_TONE), self.peer.hears(OUR_TONE));
    }
}

async fn call(caller: Side, ends: Side) {
    let mut pair = Pair::connect().await;
    let session = match caller {
        Side::We => pair.we_call_them().await,
        Side::They => pair.they_call_us().await,
    };
    pair.hear_each_other().await;
    let by = match ends {
        Side::We => {
            pair.phone.ends(&session, Reason::Success).await;
            EndedBy::Local
        }
        Side::They => {
            pair.peer.just("end");
            EndedBy::Remote
        }
    };
    let end = pair.phone.ended(&session).await;
    assert_eq!(end, (by, Farewell::new(Reason::Success)));
    assert_eq!(pair.peer.tells("terminated").await["reason"], "success");
    assert_eq!(pair.phone.sessions().await, 0);
}

#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn they_call_us_and_hang_up() {
    call(Side::They, Side::They).await;
}

#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn they_call_us_and_we_hang_up() {
    call(Side::They, Side::We).await;
}

#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn we_call_them_and_they_hang_up() {
    call(Side::We, Side::They).await;
}

#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn we_call_them_and_hang_up() {
    call(Side::We, Side::We).await;
}

/// One call after the other, in both directions, on the same streams.
#[tokio::test]
#[ignore = "needs Prosody and the library stanza in Node: cargo xtask test installs it and runs this"]
async fn there_is_a_call_after_the_call() {
    let mut pair = Pair::connect().await;
    let first = pair.they_call_us().await;
    pair.hear_each_other().await;
    pair.phone.ends(&first, Reason::Success).await;
    pair.phone.ended(&first).await;
    pair.peer.tells("terminated").await;
    let second = pair.we_call_them().await;
    assert_ne!(first, second);
    pair.hear_each_other().await;
}
