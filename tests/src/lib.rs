//! What the tests across crates share. The examples of the README and of the guide are compiled here.

#![forbid(unsafe_code)]

pub mod agent;
pub mod authority;
pub mod coturn;
pub mod desk;
pub mod diary;
pub mod gateway;
pub mod interop;
pub mod line;
pub mod prosody;
pub mod proxy;
pub mod recording;
pub mod scale;
pub mod softphone;
pub mod terminator;

/// The README's examples.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The guide's examples.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
pub struct Guide;
