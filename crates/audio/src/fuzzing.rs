//! Bodies of fuzz targets: plain functions over bytes, which stable tests call too.

use std::io::Cursor;
use std::path::Path;

use crate::ogg_opus::{self, OpusPackets, PacketWriter};
use crate::wav::{self, WavFormat};

/// Reads `data` as a WAV file. What can be read is written, and read again as it was.
pub fn wav(data: &[u8]) {
    let path = Path::new("input");
    let Ok(samples) = wav::decode(data, path) else { return };
    let mut file = Cursor::new(Vec::new());
    wav::encode(&samples, WavFormat::Pcm24, &mut file).expect("memory takes all");
    let again = wav::decode(&*file.into_inner(), path).expect("our own file");
    assert_eq!(samples, again);
}

/// Reads `data` as an Ogg Opus file, whatever its checksums are, and decodes it. What can be read is written, and read again as it was.
pub fn ogg_opus(data: &[u8]) {
    let path = Path::new("input");
    let Ok(opus) = ogg_opus::decode_unchecked(data, path) else {
        return;
    };
    if let Ok(samples) = opus.samples() {
        assert!(
            samples.len() <= opus.packets().len() * 5_760,
            "a packet plays 120 ms at most"
        );
    }
    let mut writer = PacketWriter::new(Vec::new(), 1).expect("memory takes all");
    let mut written = OpusPackets::default();
    let mut timestamp = 0_u32;
    for packet in opus.packets().iter() {
        writer.write(timestamp, packet).expect("memory takes all");
        written.push(packet);
        timestamp = timestamp.wrapping_add(ogg_opus::packet_samples(packet).expect("it was read") as u32);
    }
    let file = writer.finish().expect("memory takes all");
    let again = ogg_opus::decode(&*file, path).expect("our own file");
    assert!(again.packets() == &written);
}
