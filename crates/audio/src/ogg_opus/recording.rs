//! A recording of the packets that are received, into an Ogg file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{Builder, JoinHandle};

use super::{PacketSink, PacketWriter};
use crate::SinkError;

/// Packets that wait for the disk: 5 s of 20 ms each.
const WAITING: usize = 250;

/// Longer than any Opus packet that arrives in a datagram.
const MOST_PACKET_BYTES: usize = 1_500;

/// What a far end says, as it came, in an Ogg Opus file: nothing is decoded, and nothing lost by encoding it again.
///
/// A thread of its own writes; when the disk is more than 5 s behind, packets are missed, as if the network had lost them. Each second is
/// in the file when it is over, also when the process is killed.
#[derive(Debug)]
pub struct PacketRecording {
    path: PathBuf,
    packets: Option<SyncSender<Packet>>,
    writer: Option<JoinHandle<io::Result<()>>>,
}

struct Packet {
    timestamp: u32,
    length: usize,
    bytes: [u8; MOST_PACKET_BYTES],
}

impl PacketRecording {
    /// Creates the file, readable for its owner only, and starts the thread that writes it. An existing file is never overwritten.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let writer = PacketWriter::new(BufWriter::new(open(&path)?), 1)?;
        let (packets, waiting) = mpsc::sync_channel(WAITING);
        let writer = Builder::new()
            .name("recording".to_owned())
            .spawn(move || write_all(writer, &waiting))?;
        Ok(Self {
            path,
            packets: Some(packets),
            writer: Some(writer),
        })
    }

    /// The file that is written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why writing has failed.
    fn fault(&mut self) -> SinkError {
        self.packets = None;
        let written = self.writer.take().map(JoinHandle::join);
        let kind = match written {
            Some(Ok(Err(error))) => error.kind(),
            Some(Ok(Ok(())) | Err(_)) | None => io::ErrorKind::Other,
        };
        SinkError::Write {
            name: self.path.display().to_string(),
            kind,
        }
    }
}

impl PacketSink for PacketRecording {
    fn write(&mut self, timestamp: u32, packet: &[u8]) -> Result<(), SinkError> {
        let Some(packets) = &self.packets else {
            return Err(self.fault());
        };
        let mut bytes = [0; MOST_PACKET_BYTES];
        let Some(place) = bytes.get_mut(..packet.len()) else {
            return Ok(());
        };
        place.copy_from_slice(packet);
        let sent = packets.try_send(Packet {
            timestamp,
            length: packet.len(),
            bytes,
        });
        match sent {
            Ok(()) | Err(mpsc::TrySendError::Full(_)) => Ok(()),
            Err(mpsc::TrySendError::Disconnected(_)) => Err(self.fault()),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        // The end of the channel is the writer's sign to complete the file.
        self.packets = None;
        match self.writer.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(SinkError::Write {
                name: self.path.display().to_string(),
                kind: error.kind(),
            }),
            Some(Err(_)) => Err(self.fault()),
        }
    }
}

fn write_all(mut writer: PacketWriter<BufWriter<File>>, waiting: &Receiver<Packet>) -> io::Result<()> {
    for Packet {
        timestamp,
        length,
        bytes,
    } in waiting
    {
        writer.write(timestamp, &bytes[..length])?;
    }
    writer.finish().map(drop)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // A conversation is nobody else's business.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
