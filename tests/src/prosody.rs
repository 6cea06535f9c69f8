//! Prosody, an XMPP server that others wrote, and clients of it that are nothing but a stream on a WebSocket.

mod client;
mod server;

pub use client::{Client, Way, config, element};
pub use server::{PASSWORD, Prosody};

use std::time::Duration;

/// The longest wait for anything.
pub const LIMIT: Duration = Duration::from_secs(20);
