//! Calls that need help to find each other: address translators, STUN and TURN servers, in virtual time.

mod reflexive;
mod relayed;
mod trouble;
mod world;
