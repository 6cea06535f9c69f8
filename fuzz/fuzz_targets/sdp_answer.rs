//! An SDP answer to our offer (RFC 8866, RFC 8829).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_media::fuzzing::sdp_answer(data));
