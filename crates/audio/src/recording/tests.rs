use std::fs;
use std::time::Instant;

use super::*;
use crate::{FRAME_SAMPLES, read_wav};

const ONES: Frame = [1; FRAME_SAMPLES];
const TWOS: Frame = [2; FRAME_SAMPLES];

/// Both channels of a recording, as they are on the disk now.
fn channels(path: &Path) -> (Vec<i16>, Vec<i16>) {
    let samples: Vec<i16> = hound::WavReader::open(path)
        .expect("a WAV file")
        .into_samples()
        .collect::<Result<_, _>>()
        .expect("complete to the last sample that its header promises");
    (
        samples.iter().copied().step_by(2).collect(),
        samples.iter().copied().skip(1).step_by(2).collect(),
    )
}

#[test]
fn a_recording_holds_what_was_sent_on_the_left_and_what_was_heard_on_the_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("call.wav");
    let mut recording = Recording::create(&path).expect("created");
    for _ in 0..100 {
        recording.write(&ONES, &TWOS);
    }
    let recorded = recording.finish().expect("written");
    assert_eq!(
        recorded,
        Recorded {
            path: path.clone(),
            further: Vec::new(),
            duration: Duration::from_secs(2),
            missed_frames: 0
        }
    );

    let (left, right) = channels(&path);
    assert_eq!(left, vec![1; 96_000]);
    assert_eq!(right, vec![2; 96_000]);
    assert_eq!(read_wav(&path).expect("reads").len(), 96_000);
}

#[test]
fn a_recording_can_be_played_while_it_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("call.wav");
    let mut recording = Recording::create(&path).expect("created");
    assert_eq!(channels(&path).0, [], "it is a WAV file from the first moment");

    for _ in 0..120 {
        recording.write(&ONES, &TWOS);
    }
    let patience = Instant::now() + Duration::from_secs(20);
    while channels(&path).0.len() < 96_000 {
        assert!(
            Instant::now() < patience,
            "two seconds were given 20 s ago, and are not in the file"
        );
        std::thread::yield_now();
    }
    // What a killed process leaves is this file: whole seconds, and perhaps samples that the header does not count yet.
    let killed = folder.path().join("killed.wav");
    fs::copy(&path, &killed).expect("copied");
    assert_eq!(channels(&killed).0.len() % 48_000, 0);
    assert_eq!(
        recording.finish().expect("written").duration,
        Duration::from_millis(2400)
    );
}

#[test]
fn a_dropped_recording_completes_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("call.wav");
    let mut recording = Recording::create(&path).expect("created");
    recording.write(&ONES, &TWOS);
    drop(recording);
    let patience = Instant::now() + Duration::from_secs(20);
    while channels(&path).0.len() < FRAME_SAMPLES {
        assert!(Instant::now() < patience, "the frame never reached the file");
        std::thread::yield_now();
    }
}

#[test]
fn frames_that_the_disk_cannot_follow_become_silence_in_their_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("call.wav");
    let (frames, waiting) = mpsc::sync_channel(2);
    let files = Files::create(&path, RecordingOptions::default()).expect("created");
    // A disk that stands still: nobody takes frames while five are given.
    let mut recording = Recording {
        path: path.clone(),
        frames,
        writer: std::thread::spawn(|| Ok((0, vec![PathBuf::new()]))),
        missed: 0,
        missed_in_all: 0,
    };
    for _ in 0..5 {
        recording.write(&ONES, &TWOS);
    }
    // It moves again; one more frame finds a place.
    let first = waiting.recv().expect("a frame");
    let second = waiting.recv().expect("a frame");
    recording.write(&ONES, &TWOS);
    let third = waiting.recv().expect("a frame");
    assert_eq!((first.missed, second.missed, third.missed), (0, 0, 3));
    assert_eq!(recording.finish().expect("written").missed_frames, 3);

    let (replayed, waiting) = mpsc::channel();
    for pair in [first, second, third] {
        replayed.send(pair).expect("kept");
    }
    drop(replayed);
    let writer = start(files, waiting).expect("started");
    assert_eq!(writer.join().expect("no panic").expect("written").0, 6);
    let (left, _) = channels(&path);
    let by_frame: Vec<i16> = left.chunks(FRAME_SAMPLES).map(|frame| frame[0]).collect();
    assert_eq!(by_frame, [1, 1, 0, 0, 0, 1]);
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("call.wav");
    fs::write(&path, "precious").expect("written");
    let error = Recording::create(&path).expect_err("exists");
    assert!(matches!(error, RecordingError::Create { .. }));
    assert_eq!(fs::read_to_string(&path).expect("still there"), "precious");
}

#[test]
#[cfg(unix)]
fn a_recording_is_readable_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("call.wav");
    let recording = Recording::create(&path).expect("created");
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o077, 0);
    recording.finish().expect("written");
}

#[test]
fn a_recording_that_is_full_goes_on_in_the_next_file_without_a_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("call.wav");
    // Two frames, and not quite a third.
    let options = RecordingOptions {
        most_bytes: 128 + 3 * 4 * FRAME_SAMPLES as u64 - 1,
        ..RecordingOptions::default()
    };
    let mut recording = Recording::create_with(&path, options).expect("created");
    for sample in 0..5 {
        recording.write(&[sample; FRAME_SAMPLES], &TWOS);
    }
    let recorded = recording.finish().expect("written");
    assert_eq!(recorded.duration, Duration::from_millis(100));
    assert_eq!(
        recorded.further,
        [folder.path().join("call-2.wav"), folder.path().join("call-3.wav")]
    );
    let mut left = Vec::new();
    for path in [path].iter().chain(&recorded.further) {
        assert!(fs::metadata(path).expect("there").len() <= options.most_bytes);
        left.extend(channels(path).0.chunks(FRAME_SAMPLES).map(|frame| frame[0]));
    }
    assert_eq!(left, [0, 1, 2, 3, 4]);
}

#[test]
fn a_recording_that_fails_on_its_way_is_noticed_and_what_was_written_can_be_played() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("call.wav");
    fs::write(folder.path().join("call-2.wav"), "precious").expect("written");
    let options = RecordingOptions {
        most_bytes: 1,
        ..RecordingOptions::default()
    };
    let mut recording = Recording::create_with(&path, options).expect("created");
    let patience = Instant::now() + Duration::from_secs(20);
    while !recording.is_broken() {
        assert!(Instant::now() < patience, "the recording never noticed");
        recording.write(&ONES, &TWOS);
        std::thread::yield_now();
    }
    let error = recording.finish().expect_err("the second file is in the way");
    assert!(matches!(&error, RecordingError::Write { source, .. } if source.kind() == io::ErrorKind::AlreadyExists));
    assert_eq!(channels(&path).0, ONES);
}

#[test]
fn a_recording_has_the_format_that_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    for format in [WavFormat::Pcm24, WavFormat::Float32] {
        let path = folder.path().join(format!("{format:?}.wav"));
        let options = RecordingOptions {
            format,
            ..RecordingOptions::default()
        };
        let mut recording = Recording::create_with(&path, options).expect("created");
        recording.write(&ONES, &ONES);
        recording.finish().expect("written");
        let spec = hound::WavReader::open(&path).expect("a WAV file").spec();
        assert_eq!((spec.channels, spec.bits_per_sample), (2, 8 * format.bytes()));
        assert_eq!(read_wav(&path).expect("reads"), ONES);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_when_the_recording_is_created_on_it() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("Linux has one");
    let error = crate::wav::Writer::new(io::BufWriter::new(full), 2, WavFormat::Pcm16).err();
    assert_eq!(error.map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
}
