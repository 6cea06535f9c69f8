//! Calls that need help to find each other: address translators, STUN and TURN servers, in virtual time.

#[allow(dead_code, reason = "shared with the calls on many networks")]
mod bottleneck;
mod errors;
mod reflexive;
mod relayed;
mod trouble;
mod world;
