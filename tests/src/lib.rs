//! What the tests across crates share. The examples of the README are compiled here.

#![forbid(unsafe_code)]

pub mod desk;
pub mod recording;

/// The README's examples.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
