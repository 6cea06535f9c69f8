//! What the tests across crates share.

#![forbid(unsafe_code)]

pub mod desk;
pub mod recording;
