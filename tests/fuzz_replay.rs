//! Every committed input of every fuzz target, on the stable toolchain: what once was found, or is worth starting from, stays
//! right. `cargo xtask fuzz TARGET` looks for more.

/// The operations and the model of the test `model`.
#[allow(dead_code, unused_imports, reason = "the test has more use for it")]
#[path = "../crates/jingle/tests/model/play/mod.rs"]
mod play;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use offhook::fuzzing::websocket_frames;
use offhook_audio::fuzzing::{ogg_opus, wav};
use offhook_jingle::fuzzing::{genesys_webrtc, jingle_stanza, proposal_operations, sdp_roundtrip, session_operations};
use offhook_media::fuzzing::{candidate, datagrams, jitter_buffer, sdp_answer, sdp_offer};
use offhook_sim::fuzzing::{server_stream, stun};
use offhook_xmpp::fuzzing::xmpp_frame;
use play::jingle_ops;

/// Gives every input of the target's corpus to its body, and names those that it does not survive.
fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut inputs: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("the corpus {target} cannot be read: {error}"))
        .map(|entry| entry.expect("an entry of the corpus").path())
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "the corpus {target} is empty");
    let fatal: Vec<_> = inputs
        .iter()
        .filter(|input| {
            let data = fs::read(input).expect("an input");
            catch_unwind(AssertUnwindSafe(|| body(&data))).is_err()
        })
        .collect();
    assert!(fatal.is_empty(), "{target} does not survive {fatal:?}");
}

#[test]
fn xmpp_frame_survives_its_corpus() {
    replay("xmpp_frame", xmpp_frame);
}

#[test]
fn genesys_webrtc_survives_its_corpus() {
    replay("genesys_webrtc", genesys_webrtc);
}

#[test]
fn jingle_ops_survive_their_corpus() {
    replay("jingle_ops", jingle_ops);
}

#[test]
fn jingle_stanza_survives_its_corpus() {
    replay("jingle_stanza", jingle_stanza);
}

#[test]
fn sdp_roundtrip_survives_its_corpus() {
    replay("sdp_roundtrip", sdp_roundtrip);
}

#[test]
fn session_operations_survive_their_corpus() {
    replay("session_operations", session_operations);
}

#[test]
fn proposal_operations_survive_their_corpus() {
    replay("proposal_operations", proposal_operations);
}

#[test]
fn sdp_offer_survives_its_corpus() {
    replay("sdp_offer", sdp_offer);
}

#[test]
fn sdp_answer_survives_its_corpus() {
    replay("sdp_answer", sdp_answer);
}

#[test]
fn candidate_survives_its_corpus() {
    replay("candidate", candidate);
}

#[test]
fn datagrams_survive_their_corpus() {
    replay("datagrams", datagrams);
}

#[test]
fn jitter_buffer_survives_its_corpus() {
    replay("jitter_buffer", jitter_buffer);
}

#[test]
fn server_stream_survives_its_corpus() {
    replay("server_stream", server_stream);
}

#[test]
fn stun_survives_its_corpus() {
    replay("stun", stun);
}

#[test]
fn wav_survives_its_corpus() {
    replay("wav", wav);
}

#[test]
fn ogg_opus_survives_its_corpus() {
    replay("ogg_opus", ogg_opus);
}

#[test]
fn websocket_frames_survive_their_corpus() {
    replay("websocket_frames", websocket_frames);
}
