//! What a call does with its audio every 20 ms allocates nothing.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook_audio::{Clip, Mixer, Played, Recording, SILENT_FRAME, Sink, Source, Tone, Volume, channel};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Frames before it is counted, in which everything has begun.
const WARM: u64 = 60;
/// Frames that are counted: 10 s.
const COUNTED: u64 = 500;

#[test]
fn no_frame_of_sources_prompts_sinks_and_recordings_allocates() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("call.wav");
    let (mut program, source) = channel::source(4);
    let (mut sink, mut listener) = channel::sink(4);
    let mut recording = Recording::create(&path).expect("created");
    let mut mixer = Mixer::new(Box::new(source));
    mixer
        .play(Box::new(Volume::new(Tone::new(440), -12.0)))
        .expect("there is room");
    mixer
        .play(Box::new(Clip::once(Arc::new([7; 100_000]))))
        .expect("there is room");
    let mut voice = Tone::new(1000);
    let mut frame = SILENT_FRAME;
    let mut round = || {
        assert_eq!(voice.read(&mut frame), Played::Full);
        program.try_send(&frame).expect("there is room");
        assert_eq!(mixer.read(&mut frame), Played::Full);
        sink.write(&frame).expect("it is open");
        assert!(listener.try_next().is_some());
        recording.write(&frame, &frame);
    };
    let _profiler = dhat::Profiler::builder().testing().build();
    (0..WARM).for_each(|_| round());
    // A second is on the disk: the thread that writes has done all that it does, but perhaps to wait, for which it needs a block once.
    let patience = Instant::now() + Duration::from_secs(20);
    while fs::metadata(&path).expect("it is there").len() < 192_000 {
        assert!(Instant::now() < patience, "the recording writes nothing");
        std::thread::yield_now();
    }
    let before = dhat::HeapStats::get().total_blocks;
    (0..COUNTED).for_each(|_| round());
    let after = dhat::HeapStats::get().total_blocks;
    assert!(after - before <= 2, "{} blocks in {COUNTED} frames", after - before);
}
