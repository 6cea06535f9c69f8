//! Operations on a session: what the peer, a stranger, the network, the application and the clock do.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_jingle::fuzzing::session_operations(data));
