//! What a call needs to know before it starts.

use std::net::IpAddr;
use std::time::Duration;

use crate::Identity;

/// Settings of one call.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallConfig {
    /// The DTLS certificate.
    pub identity: Identity,
    /// The local addresses: one UDP socket is asked for on each.
    pub addresses: Vec<IpAddr>,
    /// Opus target bit rate, bits a second. 32 000.
    pub bitrate: i32,
    /// Opus encoder complexity, 0 to 10. 5.
    pub complexity: i32,
    /// The media path must stand after this time. 30 s.
    pub connect_limit: Duration,
    /// Silence of the peer after which the call is interrupted. 3 s.
    pub interrupted_after: Duration,
    /// Silence of the peer after which the call has failed. 15 s.
    pub failed_after: Duration,
    /// Audio held back at the start of playout to absorb the network's jitter. 40 ms.
    pub playout_delay: Duration,
}

impl CallConfig {
    /// The defaults, for this certificate and these local addresses.
    pub fn new(identity: Identity, addresses: Vec<IpAddr>) -> Self {
        Self {
            identity,
            addresses,
            bitrate: 32_000,
            complexity: 5,
            connect_limit: Duration::from_secs(30),
            interrupted_after: Duration::from_secs(3),
            failed_after: Duration::from_secs(15),
            playout_delay: Duration::from_millis(40),
        }
    }
}
