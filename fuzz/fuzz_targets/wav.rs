//! A WAV file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_audio::fuzzing::wav(data));
