//! Calls by Jingle with a peer that others wrote: the library `stanza` in Node, with the WebRTC engine of Chromium under it.
//!
//! Both sides are logged into a Prosody of the test's own. Ours is as small as can be: a stream on a WebSocket, an endpoint
//! on the stream, a media call for each session, and a tone that it plays and listens for. `cargo xtask test` installs the
//! library, by `package-lock.json`, among the workspace's tools.

mod alone;
mod calling;
mod declining;
mod desk;
mod holding;
mod meeting;
mod peer;
mod phone;

use offhook_tests::prosody::Prosody;

use peer::Peer;
use phone::Phone;

/// What each side plays, in hertz.
const OUR_TONE: u32 = 440;
const THEIR_TONE: u32 = 700;

/// Our phone and their peer, both logged in.
struct Pair {
    phone: Phone,
    peer: Peer,
    /// Lives as long as they do.
    _prosody: Prosody,
}

impl Pair {
    async fn connect() -> Self {
        let prosody = Prosody::start().await;
        let (phone, peer) = tokio::join!(
            Phone::connect(prosody.port(), "alice", OUR_TONE),
            Peer::connect(prosody.port(), "bob", THEIR_TONE)
        );
        Self {
            phone,
            peer,
            _prosody: prosody,
        }
    }
}
