//! What the jitter buffer is given, and what it says of it.

use std::time::Duration;

use crate::Codec;

/// How much delay there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delays {
    /// Playout is at least this much behind the quickest packets. 15 ms; at most a second.
    pub least: Duration,
    /// It is at most this much behind them; beyond it, packets are passed over. 600 ms.
    pub most: Duration,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            least: Duration::from_millis(15),
            most: Duration::from_millis(600),
        }
    }
}

/// One packet of a stream.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// What its payload type stands for.
    pub codec: Codec,
    /// The sequence number in its header.
    pub sequence: u16,
    /// The timestamp in its header, in the codec's clock.
    pub timestamp: u32,
    /// What follows its header.
    pub payload: &'a [u8],
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It waits for its turn.
    Waiting,
    /// Its turn is over.
    Late,
    /// It is here already.
    Duplicate,
    /// It begins a new timeline: what waited before it is gone.
    Restarted,
    /// Its payload is none of its codec.
    Unreadable,
}

/// What the buffer has counted since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Packets that came, without repetitions.
    pub received: u64,
    /// Packets missing in the sequence so far; one that comes late is no longer missing.
    pub lost: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets that came again.
    pub duplicate: u64,
    /// Packets that were decoded to be heard.
    pub played: u64,
    /// How long those waited in all, from their arrival until their first sample was heard.
    pub waited: Duration,
    /// Samples invented for audio that was lost or late; not those of the sender's pauses.
    pub concealed_samples: u64,
    /// Samples left out to make up for delay.
    pub shortened_samples: u64,
    /// Samples put in to gain delay.
    pub lengthened_samples: u64,
    /// Lost packets rebuilt from the packet after them.
    pub recovered: u64,
    /// Lost packets rebuilt from the deep redundancy of a later one.
    pub recovered_deep: u64,
}
