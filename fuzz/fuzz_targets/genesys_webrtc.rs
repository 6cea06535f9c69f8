//! JSON-RPC bodies of `genesys-webrtc` stanzas (SDP over XMPP).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_jingle::fuzzing::genesys_webrtc(data));
