//! Opus in an Ogg file (RFC 7845).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_audio::fuzzing::ogg_opus(data));
