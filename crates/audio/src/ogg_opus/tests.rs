use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use opusic_c::{Application, Bitrate, Encoder};
use proptest::prelude::*;

use super::*;
use crate::measure::dominant_tone;
use crate::{FRAME_SAMPLES, Played, SILENT_FRAME, Source, Tone};

/// A tone as packets of 20 ms.
fn tone(hertz: u32, frames: usize, channels: Channels) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(channels, SampleRate::Hz48000, Application::Audio).expect("memory");
    encoder.set_bitrate(Bitrate::Value(32_000)).expect("a bit rate");
    let mut tone = Tone::new(hertz);
    (0..frames)
        .map(|_| {
            let mut frame = SILENT_FRAME;
            let _ = tone.read(&mut frame);
            let each = if channels == Channels::Stereo { 2 } else { 1 };
            let samples: Vec<u16> = frame
                .iter()
                .flat_map(|sample| std::iter::repeat_n(sample.cast_unsigned(), each))
                .collect();
            let mut packet = vec![0; 1275];
            let length = encoder.encode_to_slice(&samples, &mut packet).expect("encodes");
            packet.truncate(length);
            packet
        })
        .collect()
}

/// A file of these packets at these times.
fn file<'a>(packets: impl IntoIterator<Item = (u32, &'a [u8])>) -> Vec<u8> {
    let mut writer = PacketWriter::new(Vec::new(), 7).expect("memory");
    for (timestamp, packet) in packets {
        writer.write(timestamp, packet).expect("memory");
    }
    writer.finish().expect("memory")
}

/// Packets one after the other from this time on.
fn in_a_row(packets: &[Vec<u8>], from: u32) -> impl Iterator<Item = (u32, &[u8])> {
    let times = (0..).map(move |index| from.wrapping_add(index * FRAME_SAMPLES as u32));
    times.zip(packets.iter().map(Vec::as_slice))
}

fn read(bytes: &[u8]) -> Result<OggOpus, OggOpusError> {
    decode(Cursor::new(bytes), Path::new("memory"))
}

#[test]
fn what_was_written_is_read_packet_by_packet_and_sounds_as_it_did() {
    let packets = tone(440, 120, Channels::Mono);
    let opus = read(&file(in_a_row(&packets, u32::MAX - 5_000))).expect("a file");
    assert!(opus.is_ready_made());
    assert!(opus.packets().iter().eq(packets.iter().map(Vec::as_slice)));
    let samples = opus.samples().expect("decodes");
    assert_eq!(samples.len(), 120 * FRAME_SAMPLES - usize::from(opus.head().pre_skip));
    let heard = dominant_tone(&samples).expect("a tone");
    assert!((heard.hertz - 440.0).abs() < 1.0, "{heard:?}");
}

#[test]
fn lost_packets_keep_their_time() {
    let packets = tone(440, 100, Channels::Mono);
    let lossy = in_a_row(&packets, 0)
        .enumerate()
        .filter(|(index, _)| !(30..40).contains(index));
    let opus = read(&file(lossy.map(|(_, packet)| packet))).expect("a file");
    assert_eq!(opus.packets().len(), 100);
    assert!(opus.packets().iter().skip(30).take(10).all(|packet| packet.len() == 1));
    assert_eq!(opus.packets().get(40), Some(&*packets[40]));
    let samples = opus.samples().expect("empty packets are concealed");
    assert_eq!(samples.len(), 100 * FRAME_SAMPLES - usize::from(opus.head().pre_skip));
}

#[test]
fn an_empty_packet_has_the_length_that_was_asked_for_whatever_it_is_like() {
    for contents in (0..=u8::MAX).step_by(4) {
        let packets = [vec![contents, 1, 2], vec![contents, 1, 2]];
        let length = packet_samples(&packets[0]).expect("a packet");
        // 20 ms, 10 ms and 2.5 ms are missing.
        let behind = (length + 960 + 480 + 120) as u32;
        let bytes = file([(0, &*packets[0]), (behind, &*packets[1])]);
        let opus = read(&bytes).expect("a file");
        let lengths: Vec<_> = opus
            .packets()
            .iter()
            .map(|packet| packet_samples(packet).expect("Opus"))
            .collect();
        assert_eq!(
            lengths.iter().sum::<usize>(),
            2 * length + 1560,
            "{contents:#x}: {lengths:?}"
        );
    }
}

#[test]
fn another_stream_with_other_times_follows_at_once() {
    let packets = tone(440, 2, Channels::Mono);
    let bytes = file([(90_000, &*packets[0]), (50_000, &*packets[1])]);
    assert_eq!(read(&bytes).expect("a file").packets().len(), 2);
}

#[test]
fn a_file_that_was_cut_off_is_read_up_to_its_last_whole_page() {
    let packets = tone(440, 120, Channels::Mono);
    let bytes = file(in_a_row(&packets, 0));
    let opus = read(&bytes[..bytes.len() - 10]).expect("a file");
    assert!(
        opus.packets().len() >= 100 && opus.packets().len() < 120,
        "{}",
        opus.packets().len()
    );
    assert!(opus.samples().is_ok());
}

#[test]
fn stereo_is_mixed_down_and_not_handed_on() {
    let packets = tone(440, 50, Channels::Stereo);
    let opus = read(&file(in_a_row(&packets, 0))).expect("a file");
    assert!(!opus.is_ready_made());
    let heard = dominant_tone(&opus.samples().expect("decodes")).expect("a tone");
    assert!((heard.hertz - 440.0).abs() < 1.0, "{heard:?}");
}

#[test]
fn a_clip_of_packets_can_be_taken_as_packets_and_as_samples_in_turn() {
    let packets = tone(440, 50, Channels::Mono);
    let shared: Arc<OpusPackets> = Arc::new(packets.iter().map(Vec::as_slice).collect());
    let mut clip = PacketClip::once(shared.clone());
    let mut samples = Vec::new();
    for (index, packet) in packets.iter().enumerate() {
        assert_eq!(clip.packet(), Some(&**packet));
        let mut frame = SILENT_FRAME;
        let played = if index < 25 { clip.skip() } else { clip.read(&mut frame) };
        assert_eq!(played, Played::Full);
        samples.extend(frame);
    }
    assert_eq!(clip.packet(), None);
    assert_eq!(
        (clip.skip(), clip.read(&mut { SILENT_FRAME })),
        (Played::End, Played::End)
    );
    let heard = dominant_tone(&samples[30 * FRAME_SAMPLES..]).expect("a tone");
    assert!((heard.hertz - 440.0).abs() < 1.0, "{heard:?}");

    let mut again = PacketClip::repeated(shared);
    for packet in packets.iter().chain(&packets) {
        assert_eq!(again.packet(), Some(&**packet));
        assert_eq!(again.skip(), Played::Full);
    }
}

#[test]
fn a_recording_of_packets_is_a_file_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("far.opus");
    let packets = tone(440, 60, Channels::Mono);
    let mut recording = Box::new(PacketRecording::create(&path).expect("created"));
    for (timestamp, packet) in in_a_row(&packets, 1) {
        recording.write(timestamp, packet).expect("takes it");
    }
    recording.finish().expect("written");
    let opus = read_ogg_opus(&path).expect("a file");
    assert!(opus.packets().iter().eq(packets.iter().map(Vec::as_slice)));
    assert!(PacketRecording::create(&path).is_err(), "it is never overwritten");
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let good = file(in_a_row(&tone(440, 60, Channels::Mono), 0));
    assert!(matches!(read(b""), Err(OggOpusError::NotOggOpus { .. })));
    assert!(matches!(read(b"RIFF____WAVE"), Err(OggOpusError::NotOggOpus { .. })));
    assert!(matches!(read(&good[..60]), Err(OggOpusError::Damaged { .. })));
    let mut flipped = good.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let error = read(&flipped).expect_err("damaged");
    assert_eq!(
        error.to_string(),
        "memory is a damaged Ogg Opus file: the checksum of a page is wrong"
    );
    let missing = read_ogg_opus("no/such/file.opus").expect_err("missing");
    assert!(
        missing.to_string().starts_with("no/such/file.opus: cannot be read:"),
        "{missing}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("Linux has one");
    let error = PacketWriter::new(full, 1).err().expect("nothing can be written");
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(position in 0_usize..400, value: u8, cut in 0_usize..2000) {
        let mut bytes = file(in_a_row(&tone(440, 5, Channels::Mono), 0));
        if let Some(byte) = bytes.get_mut(position) {
            *byte = value;
        }
        bytes.truncate(cut);
        if let Ok(opus) = read(&bytes) {
            drop(opus.samples());
        }
    }
}
