//! Recorded conversations of the platform's own client, replayed from the client's side through the cores in virtual time: the
//! cloud's frames go in as recorded, ours come out and must mean what the recorded client's did, in order for each addressee; so must
//! our HTTP requests, over all.
//!
//! What a person or the media decided in the recording (accepting, the SDP of an answer, candidates, hanging up, topics) is decided
//! likewise here, at the recorded moment; everything else the cores say by themselves. What they say otherwise on purpose is allowed
//! where the comment begins with "Difference on purpose", and nowhere else.

mod acts;
mod cloud;
mod ledger;
mod player;

use std::{collections::BTreeSet, fs, path::PathBuf};

use offhook_tests::recording;

use self::player::Player;

/// How a recording ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Signalling stands.
    Standing,
    /// The application has closed it.
    Closed,
    /// The credentials were refused, and no further attempt is made.
    Refused,
    /// The last attempt failed, and another one will be made.
    Retrying,
    /// The recorded client hears nothing any more and does nothing about it.
    Deaf,
}

/// A recording, the channel of each of its WebSockets, and its end.
type Story = (&'static str, &'static [usize], End);

/// The recordings. `A-*` are calls in Jingle, `B-*` in SDP over XMPP, `stall-*` are faults of the connection.
const REPLAYED: [Story; 45] = [
    ("A-client-terminate", &[1], End::Standing),
    ("A-conn-transfer", &[1, 2], End::Standing),
    ("A-handled-elsewhere", &[1], End::Standing),
    ("A-handled-elsewhere-second", &[1], End::Standing),
    ("A-hard-reconnect", &[1, 2], End::Standing),
    ("A-mute", &[1], End::Standing),
    ("A-outbound", &[1], End::Standing),
    ("A-propose-repeats-before-answer", &[1], End::Standing),
    ("A-reject", &[1], End::Standing),
    ("A-relay", &[1], End::Standing),
    ("A-reproposed", &[1], End::Standing),
    ("A-retract", &[1], End::Standing),
    ("A-sdp-over-xmpp-false", &[1], End::Standing),
    ("A-server-session-info", &[1], End::Standing),
    ("A-server-terminate", &[1], End::Standing),
    ("A-unsolicited-offer", &[1], End::Standing),
    ("A-ws-drop", &[1, 1], End::Standing),
    ("B-also-jingle", &[1], End::Standing),
    ("B-client-terminate", &[1], End::Standing),
    ("B-conn-transfer", &[1, 2], End::Standing),
    ("B-handled-elsewhere", &[1], End::Standing),
    ("B-hard-reconnect", &[1, 2], End::Standing),
    ("B-mid-0", &[1], End::Standing),
    ("B-mute", &[1], End::Standing),
    ("B-outbound", &[1], End::Standing),
    ("B-reinvite", &[1], End::Standing),
    ("B-reject", &[1], End::Standing),
    ("B-relay", &[1], End::Standing),
    ("B-renegotiate", &[1], End::Standing),
    ("B-reproposed", &[1], End::Standing),
    ("B-retract", &[1], End::Standing),
    ("B-server-sends-end-of-candidates", &[1], End::Standing),
    ("B-server-terminate", &[1], End::Standing),
    ("B-unsolicited-offer", &[1], End::Standing),
    ("B-ws-drop", &[1, 1], End::Standing),
    ("connect-idle", &[1], End::Closed),
    ("resubscribe", &[1, 1, 2], End::Standing),
    ("stall-duplicate-id", &[1, 2], End::Standing),
    ("stall-no-longer-subscribed-socket-stays", &[1], End::Deaf),
    ("stall-ping-subscribe-refused", &[1], End::Standing),
    ("stall-sasl-malformed-request", &[1, 2, 3, 4], End::Retrying),
    ("stall-sasl-not-authorized", &[1], End::Refused),
    ("stall-server-goes-silent", &[1, 1], End::Standing),
    ("stall-stream-management", &[1, 1], End::Standing),
    ("stall-unknown-iq-and-ping-from-server", &[1], End::Standing),
];

/// The HTTP requests of a recording with the same name.
const HTTP: [&str; 2] = ["connect-idle", "resubscribe"];

#[test]
fn our_frames_mean_what_the_recorded_ones_meant() {
    for (name, channels, end) in REPLAYED {
        println!("{name}");
        let frames = recording::read(&file(name));
        let http = HTTP
            .contains(&name)
            .then(|| recording::read_http(&file(&format!("http-{name}"))));
        Player::new(&frames, http, channels).play(&frames, end);
    }
}

#[test]
fn no_recording_is_forgotten() {
    let entries = fs::read_dir(folder()).expect("the recordings are there");
    let there: BTreeSet<String> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .map(|path| {
            path.file_stem()
                .expect("files have names")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let replayed = REPLAYED.iter().map(|(name, ..)| (*name).to_owned());
    let http = HTTP.iter().map(|name| format!("http-{name}"));
    assert_eq!(there, replayed.chain(http).collect());
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recordings")
}

fn file(name: &str) -> PathBuf {
    folder().join(format!("{name}.jsonl"))
}
