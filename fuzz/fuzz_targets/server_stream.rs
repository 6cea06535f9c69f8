//! Lines that a client says to the simulated cloud's half of a stream.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_sim::fuzzing::server_stream(data));
