//! Packets and pulls of the jitter buffer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_media::fuzzing::jitter(data));
