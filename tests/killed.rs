//! Recordings whose process is killed: other programs open what is left, and it holds all but the last second.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use offhook_audio::{FRAME_SAMPLES, Recording};
use rand::RngExt as _;

/// How many processes are killed.
const PROCESSES: usize = 20;
/// Frames of a recording's last second.
const LAST_SECOND: u64 = 50;
/// Frames on their way to the thread that writes, on a machine that is busy.
const UNDER_WAY: u64 = 10;
/// Tells a process which it is what to record.
const WHERE: &str = "OFFHOOK_KILLED_RECORDING";

#[test]
#[ignore = "needs soxi and ffprobe: cargo xtask test installs them and runs this"]
fn a_recording_of_a_killed_process_holds_all_but_the_last_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let killed: Vec<_> = (0..PROCESSES)
        .map(|number| {
            let path = folder.path().join(format!("{number}.wav"));
            thread::spawn(move || (record_and_kill(&path), path))
        })
        .collect();
    for process in killed {
        let (given, path) = process.join().expect("no panic");
        for length in [by_sox(&path), by_ffmpeg(&path)] {
            assert!(
                length + LAST_SECOND + UNDER_WAY >= given && length <= given + UNDER_WAY,
                "{} of {given} frames are in {}",
                length,
                path.display()
            );
        }
    }
}

/// The process that is killed. It records in real time and says how many frames it has given.
#[test]
#[ignore = "is a part of another test, and nothing by itself"]
fn records_until_it_is_killed() {
    let Some(path) = std::env::var_os(WHERE) else {
        return;
    };
    let mut recording = Recording::create(PathBuf::from(path)).expect("created");
    let start = Instant::now();
    for frame in 1_u32.. {
        recording.write(&[1; FRAME_SAMPLES], &[2; FRAME_SAMPLES]);
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
    frames(Command::new("soxi").arg("-D").arg(path))
}

fn by_ffmpeg(path: &Path) -> u64 {
    let show = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"];
    frames(Command::new("ffprobe").args(show).arg(path))
}

/// The duration in seconds that a program prints, as frames.
fn frames(program: &mut Command) -> u64 {
    let output = program.output().expect("the program runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{program:?}: {complaint}"
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let seconds: f64 = text.trim().parse().unwrap_or_else(|_| panic!("{program:?}: {text}"));
    (seconds * 50.0).round() as u64
}
