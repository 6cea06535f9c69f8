//! Frames of a WebSocket's server (RFC 6455), as its client reads them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook::fuzzing::websocket_frames(data));
