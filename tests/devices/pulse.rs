//! A sound server of one's own: PulseAudio with sinks that lead nowhere, and ALSA on top of it.
//!
//! Sound libraries learn from the environment where their server is, and a test cannot change its own: it runs itself again, as a child
//! with an environment of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where the folder of the server is told to the child.
const FOLDER: &str = "OFFHOOK_SOUND_SERVER";
/// Longest that the server may take to start or to carry out a command.
const LIMIT: Duration = Duration::from_secs(20);

/// What the loudspeaker is called, and what the microphone hears.
const SINKS: &str = "\
load-module module-native-protocol-unix auth-anonymous=1 socket=FOLDER/run/native
load-module module-null-sink sink_name=spare norewinds=1
load-module module-null-sink sink_name=micfeed rate=48000 channels=1 norewinds=1
load-module module-remap-source source_name=mic master=micfeed.monitor
load-module module-null-sink sink_name=spk rate=48000 channels=2 norewinds=1
set-default-sink spk
set-default-source mic
";

/// Runs the test of this name as a child that finds a sound server of its own; one at a time, since all of them listen to the clock.
/// In the child, this runs `body`.
pub fn with_server(test: &str, body: impl FnOnce(&Server)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return body(&Server::start(Path::new(&folder)));
    }
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    prepare(&folder);
    let run = folder.path().join("run");
    let ended = Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact", "--include-ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .env("HOME", folder.path())
        .env("XDG_RUNTIME_DIR", &run)
        .env("XDG_CONFIG_HOME", folder.path())
        .env("PULSE_RUNTIME_PATH", &run)
        .env("PULSE_SERVER", format!("unix:{}", run.join("native").display()))
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .output()
        .expect("this program runs");
    let told = String::from_utf8_lossy(&ended.stdout);
    told.lines()
        .filter(|line| line.starts_with('|'))
        .for_each(|row| println!("{row}"));
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{}\n{told}\n{errors}", ended.status);
}

/// Nobody else runs a test while this is held.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // What another test came to is no concern of this one.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn prepare(folder: &TempDir) {
    let run = folder.path().join("run");
    fs::create_dir(&run).expect("a folder");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).expect("ours");
    let sinks = SINKS.replace("FOLDER", &folder.path().display().to_string());
    fs::write(folder.path().join("pulse.pa"), sinks).expect("a file");
    let alsa = "pcm.!default { type pulse }\nctl.!default { type pulse }\n";
    fs::write(folder.path().join(".asoundrc"), alsa).expect("a file");
}

/// A sound server that runs until it is dropped.
pub struct Server {
    folder: PathBuf,
    process: Mutex<Child>,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let server = Self {
            folder: folder.to_owned(),
            process: Mutex::new(spawn(folder)),
        };
        server.answers();
        server
    }

    /// Ends the server with all its devices, and starts it again.
    pub fn restart(&self) {
        self.end();
        *self.process.lock().expect("nobody panicked") = spawn(&self.folder);
        self.answers();
    }

    fn end(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have ended by itself.
        let _ = process.kill();
        let _ = process.wait();
        let _ = fs::remove_file(self.folder.join("run/native"));
        let _ = fs::remove_file(self.folder.join("run/pid"));
    }

    fn answers(&self) {
        let until = Instant::now() + LIMIT;
        let ready = || {
            let told = Command::new("pactl").args(["list", "short", "sinks"]).output();
            told.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).contains("spk"))
        };
        while !ready() {
            assert!(Instant::now() < until, "the sound server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Has `pactl` do something, and gives what it says.
    pub fn control(&self, arguments: &[&str]) -> String {
        let done = Command::new("pactl").args(arguments).output().expect("pactl runs");
        assert!(done.status.success(), "pactl {arguments:?}: {done:?}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Takes the loudspeaker away.
    pub fn unplug(&self) {
        let modules = self.control(&["list", "short", "modules"]);
        let module = modules.lines().find(|line| line.contains("sink_name=spk"));
        let number = module
            .and_then(|line| line.split_whitespace().next())
            .expect("it is there");
        self.control(&["unload-module", number]);
    }

    /// Brings the loudspeaker back.
    pub fn plug_in(&self) {
        self.control(&[
            "load-module",
            "module-null-sink",
            "sink_name=spk",
            "rate=48000",
            "channels=2",
        ]);
        self.control(&["set-default-sink", "spk"]);
    }

    /// Says these samples (48 kHz, mono) into the microphone, until the speech is over or this is dropped.
    pub fn say(&self, samples: &[i16]) -> Speaking {
        let mut process = Command::new("pacat")
            .args([
                "--playback",
                "--device=micfeed",
                "--format=s16le",
                "--rate=48000",
                "--channels=1",
                "--raw",
            ])
            .stdin(Stdio::piped())
            .spawn()
            .expect("pacat runs");
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut stdin = process.stdin.take().expect("piped");
        // It ends with the process, if not before.
        std::thread::spawn(move || drop(stdin.write_all(&bytes)));
        Speaking(process)
    }

    /// Listens to the loudspeaker from now on.
    pub fn listen(&self) -> Listening {
        self.listen_to("spk.monitor")
    }

    /// Listens to this source from now on.
    pub fn listen_to(&self, source: &str) -> Listening {
        let mut process = Command::new("pacat")
            .args(["--record", "--format=s16le", "--rate=48000", "--channels=1", "--raw"])
            .args(["--latency-msec=20", &format!("--device={source}")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("pacat runs");
        let mut stdout = process.stdout.take().expect("piped");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (begun, begins) = mpsc::channel();
        let all = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            let mut odd = Vec::new();
            while let Ok(length @ 1..) = stdout.read(&mut bytes) {
                odd.extend_from_slice(&bytes[..length]);
                let whole = odd.len() / 2 * 2;
                let samples = odd[..whole]
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|bytes| i16::from_le_bytes(*bytes));
                all.lock().expect("nobody panics with it").extend(samples);
                odd.drain(..whole);
                // Nobody may wait for it any more.
                let _ = begun.send(());
            }
        });
        begins.recv_timeout(LIMIT).expect("the monitor tells something");
        Listening { process, heard }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(folder: &Path) -> Child {
    Command::new("pulseaudio")
        .args(["-n", "-F"])
        .arg(folder.join("pulse.pa"))
        .args([
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
            "--realtime=no",
            "--high-priority=no",
        ])
        .stderr(Stdio::null())
        .spawn()
        .expect("pulseaudio is installed")
}

/// What is said into the microphone.
pub struct Speaking(Child);

impl Drop for Speaking {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the loudspeaker plays.
pub struct Listening {
    process: Child,
    heard: Arc<Mutex<Vec<i16>>>,
}

impl Listening {
    /// Everything so far, 48 kHz, mono.
    pub fn heard(&self) -> Vec<i16> {
        self.heard.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
