//! Ready-made packets as a source.

use std::fmt;
use std::sync::Arc;

use super::PacketDecoder;
use crate::{Frame, Played, SILENT_FRAME, Source, SourceFault};

/// Opus packets in memory, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpusPackets {
    bytes: Vec<u8>,
    /// Where each packet ends.
    ends: Vec<usize>,
}

impl OpusPackets {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds one behind the others.
    pub fn push(&mut self, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
        self.ends.push(self.bytes.len());
    }

    /// One of them, from 0 on; `None` behind the last.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(start..end)
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl<'a> FromIterator<&'a [u8]> for OpusPackets {
    fn from_iter<T: IntoIterator<Item = &'a [u8]>>(packets: T) -> Self {
        let mut all = Self::default();
        packets.into_iter().for_each(|packet| all.push(packet));
        all
    }
}

/// Ready-made packets of 20 ms, mono, played once or over and over. They are shared: a thousand calls can play one clip, and none of them
/// encodes it. They are decoded only where samples are wanted after all: for a recording, under a prompt, for a far end that takes no
/// Opus.
pub struct PacketClip {
    packets: Arc<OpusPackets>,
    position: usize,
    repeat: bool,
    /// Made when samples are first wanted, and whether it has decoded what lies before `position`.
    decoder: Option<PacketDecoder>,
}

impl PacketClip {
    /// Plays these packets once.
    #[must_use]
    pub fn once(packets: Arc<OpusPackets>) -> Self {
        Self::new(packets, false)
    }

    /// Plays these packets again and again.
    #[must_use]
    pub fn repeated(packets: Arc<OpusPackets>) -> Self {
        Self::new(packets, true)
    }

    fn new(packets: Arc<OpusPackets>, repeat: bool) -> Self {
        Self {
            packets,
            position: 0,
            repeat,
            decoder: None,
        }
    }

    /// Goes on to the next packet, and says whether there was one.
    fn step(&mut self) -> Played {
        if self.position >= self.packets.len() {
            return Played::End;
        }
        self.position += 1;
        if self.repeat && self.position == self.packets.len() {
            self.position = 0;
        }
        Played::Full
    }
}

impl Source for PacketClip {
    fn read(&mut self, frame: &mut Frame) -> Played {
        *frame = SILENT_FRAME;
        if let Some(packet) = self.packets.get(self.position) {
            if self.decoder.is_none() {
                self.decoder = PacketDecoder::new();
            }
            let Some(samples) = self.decoder.as_mut().and_then(|decoder| decoder.decode(packet)) else {
                self.position = self.packets.len();
                return Played::Failed(SourceFault::Damaged);
            };
            for (sample, decoded) in frame.iter_mut().zip(samples) {
                *sample = decoded;
            }
        }
        self.step()
    }

    fn packet(&mut self) -> Option<&[u8]> {
        self.packets.get(self.position)
    }

    fn skip(&mut self) -> Played {
        self.step()
    }
}

impl fmt::Debug for PacketClip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PacketClip({} of {} packets)", self.position, self.packets.len())
    }
}
