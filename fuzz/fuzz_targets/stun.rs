//! A datagram at the simulated cloud's STUN server (RFC 8489).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_sim::fuzzing::stun(data));
