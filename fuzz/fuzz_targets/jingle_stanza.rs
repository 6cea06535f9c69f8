//! The XML of stanzas: Jingle, Jingle Message Initiation, SDP over XMPP.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| offhook_jingle::fuzzing::jingle_stanza(data));
