//! Writing Ogg Opus files.

use std::io::{self, Write};

use ogg::PacketWriteEndInfo;

use super::head::{self, Head};
use super::{is_stereo, packet_samples};
use crate::SAMPLE_RATE;

/// How far encoders look ahead as a rule, 6.5 ms (RFC 7845 section 4.2): a stream is recorded from its beginning.
const PRE_SKIP: u16 = 312;

/// Samples of a page: 1 s, which is what a killed process loses.
const PAGE_SAMPLES: u64 = SAMPLE_RATE as u64;

/// The longest gap that is filled; behind a longer step of the times lies another stream, which follows at once.
const LONGEST_GAP: u64 = 600 * SAMPLE_RATE as u64;

/// The samples of the packets that fill gaps, by the configuration of the packet behind them: 20 ms where there are such, else its own.
const FILL: [usize; 3] = [960, 480, 120];

/// An Ogg Opus file that is written packet by packet, as they were received.
///
/// What is missing between two packets is filled with empty ones, in whose place decoders conceal (RFC 7845 section 4.1), so that the file
/// keeps the sender's clock. A page is completed and given to the system every second: the file can be played at any moment.
pub struct PacketWriter<W: Write> {
    ogg: ogg::PacketWriter<'static, W>,
    serial: u32,
    /// Held back, since the last packet is written in another way.
    held: Option<Vec<u8>>,
    /// The granule position behind what is held back, which tells samples.
    position: u64,
    page_began: u64,
    /// The time of the packet that would follow without a gap.
    next: Option<u32>,
}

impl<W: Write> PacketWriter<W> {
    /// Begins a file; the serial number tells streams of one file apart (RFC 3533 section 6).
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(writer: W, serial: u32) -> io::Result<Self> {
        let mut ogg = ogg::PacketWriter::new(writer);
        let head = Head {
            channels: 1,
            pre_skip: PRE_SKIP,
            gain: 0,
        };
        // Each header packet has a page of its own (RFC 7845 section 3).
        ogg.write_packet(head.write(), serial, PacketWriteEndInfo::EndPage, 0)?;
        ogg.write_packet(head::tags(), serial, PacketWriteEndInfo::EndPage, 0)?;
        ogg.inner_mut().flush()?;
        Ok(Self {
            ogg,
            serial,
            held: None,
            position: 0,
            page_began: 0,
            next: None,
        })
    }

    /// Adds a packet whose first sample has this time, in samples at 48 kHz, as in RTP. One that is no Opus is left out.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&mut self, timestamp: u32, packet: &[u8]) -> io::Result<()> {
        let Some(samples) = packet_samples(packet) else {
            return Ok(());
        };
        let gap = self.next.map_or(0, |next| timestamp.wrapping_sub(next));
        if u64::from(gap) <= LONGEST_GAP {
            self.fill(gap as usize, packet)?;
        }
        self.push(packet.to_vec(), samples)?;
        self.next = Some(timestamp.wrapping_add(samples as u32));
        Ok(())
    }

    /// Completes the file and gives back where it was written.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        if let Some(last) = self.held.take() {
            self.ogg
                .write_packet(last, self.serial, PacketWriteEndInfo::EndStream, self.position)?;
        }
        self.ogg.inner_mut().flush()?;
        Ok(self.ogg.into_inner())
    }

    /// Writes empty packets of the kind of `like` for a gap of so many samples. Less than a packet of it stays open.
    fn fill(&mut self, mut gap: usize, like: &[u8]) -> io::Result<()> {
        let Some(&contents) = like.first() else { return Ok(()) };
        for length in FILL {
            let empty = [empty_packet(contents, length)];
            while gap >= length {
                self.push(empty.to_vec(), length)?;
                gap -= length;
            }
        }
        Ok(())
    }

    fn push(&mut self, packet: Vec<u8>, samples: usize) -> io::Result<()> {
        let full = self.position - self.page_began >= PAGE_SAMPLES;
        if let Some(before) = self.held.replace(packet) {
            let end = if full {
                PacketWriteEndInfo::EndPage
            } else {
                PacketWriteEndInfo::NormalPacket
            };
            self.ogg.write_packet(before, self.serial, end, self.position)?;
            if full {
                self.page_began = self.position;
                self.ogg.inner_mut().flush()?;
            }
        }
        self.position += samples as u64;
        Ok(())
    }
}

/// The first byte of a packet of one frame without bytes, of this length in samples, in the mode and with the channels of another packet
/// (RFC 6716 section 3.1).
fn empty_packet(contents: u8, samples: usize) -> u8 {
    let configuration = contents >> 3;
    let voice = configuration < 12;
    let configuration = match (configuration, samples) {
        (0..12, 960) => configuration & !3 | 1,
        (0..12, 480) => configuration & !3,
        (12..16, 960) => configuration | 1,
        (12..16, 480) => configuration & !1,
        (_, 960) => configuration | 3,
        (_, 480) => configuration & !3 | 2,
        // Voice has no frames this short.
        (_, _) if voice || configuration < 16 => 16,
        (_, _) => configuration & !3,
    };
    let stereo = if is_stereo(&[contents]) { 4 } else { 0 };
    configuration << 3 | stereo
}
