//! Operations on two endpoints and a third, each step compared with a model of the standards.
#![no_main]

#[allow(dead_code, unused_imports, reason = "the test has more use for it")]
#[path = "../../crates/jingle/tests/model/play/mod.rs"]
mod play;

libfuzzer_sys::fuzz_target!(|data: &[u8]| play::jingle_ops(data));
