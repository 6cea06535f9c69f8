//! Session descriptions, from text to Jingle and back.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_jingle::fuzzing::sdp_roundtrip(data));
