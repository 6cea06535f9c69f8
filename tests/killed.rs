//! Recordings whose process is killed: other programs open what is left, and it holds all but the last second.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use offhook_audio::{
    FRAME_SAMPLES, Recording,
    ogg_opus::{PacketRecording, PacketSink},
};
use rand::RngExt as _;

/// How many processes are killed.
const PROCESSES: usize = 20;
/// Frames of a recording's last second.
const LAST_SECOND: u64 = 50;
/// Frames on their way to the thread that writes, on a machine that is busy.
const UNDER_WAY: u64 = 10;
/// Tells a process which it is what to record.
const WHERE: &str = "OFFHOOK_KILLED_RECORDING";

/// Twenty milliseconds of silence in Opus.
const PACKET: [u8; 3] = [0xf8, 0xff, 0xfe];

#[test]
#[ignore = "needs SoX and FFmpeg: cargo xtask test installs it and runs this"]
fn a_recording_of_a_killed_process_holds_all_but_the_last_second() {
    hold_all_but_the_last_second("wav", &[by_sox, by_ffmpeg]);
}

#[test]
#[ignore = "needs opus-tools and FFmpeg: cargo xtask test installs it and runs this"]
fn a_recording_of_packets_of_a_killed_process_holds_all_but_the_last_second() {
    hold_all_but_the_last_second("opus", &[by_opus_tools, by_ffmpeg]);
}

/// Kills processes, and measures their recordings with each of these programs.
fn hold_all_but_the_last_second(extension: &str, programs: &[fn(&Path) -> u64]) {
    let folder = tempfile::tempdir().expect("a folder");
    let killed: Vec<_> = (0..PROCESSES)
        .map(|number| {
            let path = folder.path().join(format!("{number}.{extension}"));
            thread::spawn(move || (record_and_kill(&path), path))
        })
        .collect();
    for process in killed {
        let (given, path) = process.join().expect("no panic");
        for length in programs.iter().map(|program| program(&path)) {
            assert!(
                length + LAST_SECOND + UNDER_WAY >= given && length <= given + UNDER_WAY,
                "{length} of {given} frames are in {}",
                path.display()
            );
        }
    }
}

/// The process that is killed. It records in real time and says how many frames it has given.
#[test]
#[ignore = "needs one of the others to start it, else it is nothing: cargo xtask test runs this"]
fn records_until_it_is_killed() {
    let Some(path) = std::env::var_os(WHERE).map(PathBuf::from) else {
        return;
    };
    let mut write: Box<dyn FnMut(u32)> = if path.extension().is_some_and(|extension| extension == "opus") {
        let mut recording = PacketRecording::create(path).expect("created");
        Box::new(move |frame| recording.write(frame * 960, &PACKET).expect("takes it"))
    } else {
        let mut recording = Recording::create(path).expect("created");
        Box::new(move |_| recording.write(&[1; FRAME_SAMPLES], &[2; FRAME_SAMPLES]))
    };
    let start = Instant::now();
    for frame in 1.. {
        write(frame);
        println!("{frame}");
        let next = start + Duration::from_millis(20) * frame;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Lets a process record for a random time and kills it; how many frames it had given.
fn record_and_kill(path: &Path) -> u64 {
    let mut random = rand::rng();
    let until = random.random_range(LAST_SECOND..4 * LAST_SECOND);
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "records_until_it_is_killed", "--ignored", "--nocapture"])
        .env(WHERE, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let said = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut frames = said.map_while(Result::ok).filter_map(|line| line.parse::<u64>().ok());
    let given = frames.find(|&frame| frame >= until).expect("it records");
    thread::sleep(Duration::from_micros(random.random_range(0..20_000)));
    child.kill().expect("it lives");
    child.wait().expect("it is over");
    frames.last().unwrap_or(given)
}

fn by_sox(path: &Path) -> u64 {
    frames(&said(Command::new("soxi").arg("-D").arg(path)))
}

fn by_ffmpeg(path: &Path) -> u64 {
    let show = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"];
    frames(&said(Command::new("ffprobe").args(show).arg(path)))
}

fn by_opus_tools(path: &Path) -> u64 {
    // The stream was cut off, which makes the program fail; anything else that it complains of is our fault.
    let output = Command::new("opusinfo").arg(path).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let warnings: Vec<_> = said.lines().filter(|line| line.contains("WARNING")).collect();
    assert!(
        warnings.iter().all(|warning| warning.contains("EOS not set")),
        "{warnings:?}"
    );
    // As in `Playback length: 0m:02.340s`.
    let length = said
        .split_once("Playback length: ")
        .and_then(|(_, rest)| rest.split_once('s'));
    let (minutes, seconds) = length
        .and_then(|(length, _)| length.split_once("m:"))
        .expect("a length");
    assert_eq!(minutes, "0");
    frames(seconds)
}

/// What a program prints; it has nothing to complain about.
fn said(program: &mut Command) -> String {
    let output = program.output().expect("the program runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{program:?}: {complaint}"
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A duration in seconds, as frames.
fn frames(seconds: &str) -> u64 {
    let seconds: f64 = seconds.trim().parse().expect("seconds");
    (seconds * 50.0).round() as u64
}
