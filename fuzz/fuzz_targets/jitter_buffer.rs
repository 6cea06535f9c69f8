//! Packets to a jitter buffer, and what is heard of them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_media::fuzzing::jitter_buffer(data));
