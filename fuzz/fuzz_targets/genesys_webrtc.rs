//! The JSON-RPC body of a `genesys-webrtc` stanza (SDP over XMPP).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_jingle::fuzzing::genesys_webrtc(data));
