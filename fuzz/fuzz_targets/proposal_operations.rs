//! Operations on the table of proposals (XEP-0353).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_jingle::fuzzing::proposal_operations(data));
