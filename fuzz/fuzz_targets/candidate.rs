//! ICE candidates, one a line (RFC 8839).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_media::fuzzing::candidate(data));
