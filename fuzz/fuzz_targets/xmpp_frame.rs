//! A text frame of the streaming WebSocket (RFC 7395).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_xmpp::fuzzing::xmpp_frame(data));
