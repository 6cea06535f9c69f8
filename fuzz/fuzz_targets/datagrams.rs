//! Datagrams that reach a call, each preceded by its length.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_media::fuzzing::datagrams(data));
