use hound::{SampleFormat, WavSpec, WavWriter};
use proptest::prelude::*;

use super::*;
use crate::measure::{compare, dominant_tone};
use crate::speech::{CLIP_A, CLIP_B};

const HALF_SECOND_OF_440: fn(u32) -> Vec<f32> = |rate| {
    let phase = |n: u32| std::f32::consts::TAU * 440.0 * n as f32 / rate as f32;
    (0..rate / 2).map(|n| phase(n).sin() * 0.25).collect()
};

/// A WAV file as `hound` writes it, every channel holding the same.
fn written(rate: u32, channels: u16, bits: u16, format: SampleFormat, samples: &[f32]) -> Vec<u8> {
    let spec = WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: bits,
        sample_format: format,
    };
    let mut bytes = io::Cursor::new(Vec::new());
    let mut wav = WavWriter::new(&mut bytes, spec).expect("a writer");
    let scale = 2f32.powi(i32::from(bits) - 1);
    for &sample in samples {
        for _ in 0..channels {
            match format {
                SampleFormat::Int => wav.write_sample((sample * scale).round() as i32).expect("written"),
                SampleFormat::Float => wav.write_sample(sample).expect("written"),
            }
        }
    }
    wav.finalize().expect("complete");
    bytes.into_inner()
}

fn decoded(bytes: &[u8]) -> Result<Vec<i16>, WavError> {
    decode(bytes, Path::new("test.wav"))
}

/// A WAV file put together by hand: chunks in their order, padded as they must be.
fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVE".to_vec();
    for (name, body) in chunks {
        bytes.extend_from_slice(*name);
        bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
        bytes.extend_from_slice(body);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
    }
    bytes
}

fn format(tag: u16, channels: u16, rate: u32, block: u16, bits: u16) -> Vec<u8> {
    let mut chunk = Vec::new();
    chunk.extend_from_slice(&tag.to_le_bytes());
    chunk.extend_from_slice(&channels.to_le_bytes());
    chunk.extend_from_slice(&rate.to_le_bytes());
    chunk.extend_from_slice(&(rate * u32::from(block)).to_le_bytes());
    chunk.extend_from_slice(&block.to_le_bytes());
    chunk.extend_from_slice(&bits.to_le_bytes());
    chunk
}

#[test]
fn every_coding_rate_and_number_of_channels_gives_the_same_tone() {
    let codings = [8, 16, 24, 32].map(|bits| (bits, SampleFormat::Int));
    for (bits, coding) in codings.into_iter().chain([(32, SampleFormat::Float)]) {
        for (rate, channels) in [(8_000, 1), (16_000, 2), (44_100, 2), (48_000, 1), (48_000, 6)] {
            let samples = decoded(&written(rate, channels, bits, coding, &HALF_SECOND_OF_440(rate))).expect("decodes");
            assert_eq!(samples.len(), 24_000);
            let tone = dominant_tone(&samples).expect("a tone");
            assert!(
                (tone.hertz - 440.0).abs() < 0.5,
                "{bits} bit, {rate} Hz: {} Hz",
                tone.hertz
            );
            assert!(
                (tone.dbov + 15.05).abs() < 0.15,
                "{bits} bit, {rate} Hz: {} dBov",
                tone.dbov
            );
        }
    }
}

#[test]
fn channels_are_averaged() {
    let left_and_right: Vec<u8> = [1000i16, 3000, -2000, 2000]
        .iter()
        .flat_map(|s| s.to_le_bytes())
        .collect();
    let wav = riff(&[(b"fmt ", &format(1, 2, 48_000, 4, 16)), (b"data", &left_and_right)]);
    assert_eq!(decoded(&wav).expect("decodes"), [2000, 0]);
}

#[test]
fn floats_of_64_bit_and_chunks_nobody_needs_are_read() {
    let body: Vec<u8> = [0.5f64, -0.25].iter().flat_map(|s| s.to_le_bytes()).collect();
    let wav = riff(&[
        (b"LIST", b"odd"),
        (b"fmt ", &format(3, 1, 48_000, 8, 64)),
        (b"fact", &[2, 0, 0, 0]),
        (b"data", &body),
    ]);
    assert_eq!(decoded(&wav).expect("decodes"), [16_384, -8192]);
}

#[test]
fn a_file_that_was_cut_off_is_read_as_far_as_it_goes() {
    let whole = written(48_000, 2, 16, SampleFormat::Int, &HALF_SECOND_OF_440(48_000));
    let expected = decoded(&whole).expect("decodes");
    let cut = decoded(&whole[..whole.len() / 2 + 1]).expect("decodes");
    assert!(cut.len() > 11_000);
    assert_eq!(cut, expected[..cut.len()]);
}

#[test]
fn a_file_written_to_a_pipe_has_no_known_length_and_is_read_to_its_end() {
    let mut wav = written(48_000, 1, 16, SampleFormat::Int, &[0.5, 0.25, 0.125]);
    wav[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(decoded(&wav).expect("decodes"), [16_384, 8192, 4096]);
}

#[test]
fn a_file_of_another_kind_says_that_it_is_no_wav_file() {
    for bytes in [
        &b"OggS\0\x02 and more than twelve bytes"[..],
        b"ID3",
        b"",
        b"RIFF\0\0\0\0AVI LIST",
    ] {
        let error = decoded(bytes).expect_err("no WAV");
        assert!(matches!(error, WavError::NotWav { .. }));
        assert!(error.to_string().starts_with("test.wav is no WAV file:"), "{error}");
    }
}

#[test]
fn what_is_wrong_with_a_wav_file_is_said() {
    let pcm = format(1, 1, 48_000, 2, 16);
    let cases = [
        (
            riff(&[(b"data", &[0; 4])]),
            "test.wav is a damaged WAV file: it has no format before its audio",
        ),
        (
            riff(&[(b"fmt ", &pcm)]),
            "test.wav is a damaged WAV file: it ends before its audio begins",
        ),
        (
            riff(&[(b"fmt ", &pcm[..14])]),
            "test.wav is a damaged WAV file: its format chunk is shorter than 16 bytes",
        ),
        (
            riff(&[(b"fmt ", &format(1, 0, 48_000, 2, 16))]),
            "test.wav is a damaged WAV file: it has no channels",
        ),
        (
            riff(&[(b"fmt ", &format(1, 2, 48_000, 5, 16))]),
            "test.wav is a damaged WAV file: its format contradicts itself: bits, channels and block length do not agree",
        ),
        (
            riff(&[(b"fmt ", &format(7, 1, 8000, 1, 8))]),
            "test.wav holds G.711 mu-law; 8, 16, 24 and 32 bit PCM, 32 and 64 bit float are read; convert it first",
        ),
        (
            riff(&[(b"fmt ", &format(1, 1, 48_000, 8, 64))]),
            "test.wav holds PCM of 64 bit; 8, 16, 24 and 32 bit PCM, 32 and 64 bit float are read; convert it first",
        ),
        (
            riff(&[(b"fmt ", &format(1, 1, 500, 2, 16)), (b"data", &[])]),
            "test.wav: a rate of 500 Hz cannot be resampled; it must be from 1000 to 768000 Hz",
        ),
    ];
    for (bytes, message) in cases {
        assert_eq!(decoded(&bytes).expect_err(message).to_string(), message);
    }
}

#[test]
fn a_file_without_end_is_refused_at_the_limit_and_not_kept() {
    let mut head = riff(&[(b"fmt ", &format(1, 1, 48_000, 2, 16)), (b"data", &[])]);
    head.truncate(head.len() - 4);
    head.extend_from_slice(&u32::MAX.to_le_bytes());
    let endless = io::Cursor::new(head).chain(io::repeat(0));
    let limit = Duration::from_secs(5);
    let error = decode_within(endless, Path::new("test.wav"), limit).expect_err("too long");
    assert_eq!(error.to_string(), "test.wav is longer than 5s; cut it first");
}

#[test]
fn the_clips_in_the_program_are_two_stretches_of_speech() {
    for clip in [&CLIP_A, &CLIP_B] {
        let seconds = clip.samples().len() as f32 / 48_000.0;
        assert!((4.5..6.0).contains(&seconds), "{} is {seconds} s long", clip.name());
        assert!((-30.0..-15.0).contains(&crate::measure::level_dbov(&clip.samples())));
        assert_eq!(dominant_tone(&clip.samples()), None);
    }
    assert!(!compare(&CLIP_A.samples(), &CLIP_B.samples()).passes());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decoded(&bytes);
    }

    #[test]
    fn no_header_makes_it_panic(
        tag in prop_oneof![Just(1u16), Just(3), Just(0xfffe), any::<u16>()],
        channels: u16, rate: u32, block: u16, bits: u16,
        extra in prop::collection::vec(any::<u8>(), 0..30),
        body in prop::collection::vec(any::<u8>(), 0..300),
        length: u32,
    ) {
        let mut chunk = format(tag, channels, 0, block, bits);
        chunk[4..8].copy_from_slice(&rate.to_le_bytes());
        chunk.extend(extra);
        let mut wav = riff(&[(b"fmt ", &chunk)]);
        wav.extend_from_slice(b"data");
        wav.extend_from_slice(&length.to_le_bytes());
        wav.extend(body);
        let _ = decoded(&wav);
    }
}
