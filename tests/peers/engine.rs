//! The other side of a call: a process that runs an engine that others wrote.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use offhook_media::{DtlsProtocol, DtlsVersion};
use offhook_tests::diary::Diary;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// How far from its pitch a tone may be heard, in hertz: the grid on which a peer looks for it.
const NEAR: f64 = 6.0;
/// A tone that arrives whole is played at -15 dBov; an engine's gain control may take some of it.
const LOUD_ENOUGH_DBOV: f64 = -30.0;
/// The comfort noise of an engine is louder than nothing.
const SILENT_DBOV: f64 = -60.0;
/// How long it may take to end: longer than it gives itself, and a browser.
const ENDING: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(10);

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    Chromium,
    Libwebrtc,
    Aiortc,
    Libdatachannel,
}

impl Engine {
    pub const ALL: [Self; 4] = [Self::Chromium, Self::Libwebrtc, Self::Aiortc, Self::Libdatachannel];

    pub fn name(self) -> &'static str {
        match self {
            Self::Chromium => "Chromium",
            Self::Libwebrtc => "libwebrtc",
            Self::Aiortc => "aiortc",
            Self::Libdatachannel => "libdatachannel",
        }
    }

    /// Whether it tells names of multicast DNS for addresses, as a page that may not hear the microphone does.
    pub fn hides_its_address(self) -> bool {
        match self {
            Self::Chromium => true,
            Self::Libwebrtc | Self::Aiortc | Self::Libdatachannel => false,
        }
    }

    /// Whether it has a codec; for one that has none PCMU is made and read by hand.
    pub fn has_opus(self) -> bool {
        match self {
            Self::Chromium | Self::Libwebrtc | Self::Aiortc => true,
            Self::Libdatachannel => false,
        }
    }

    /// Whether the policy `relay` keeps it from sending past a relay of its own; else it does no more than tell no other candidate.
    pub fn can_be_relayed_alone(self) -> bool {
        match self {
            Self::Chromium | Self::Libwebrtc | Self::Aiortc => true,
            Self::Libdatachannel => false,
        }
    }

    /// Whether keys can be pressed on it. The binding of libwebrtc for Node has none.
    pub fn has_keys(self) -> bool {
        match self {
            Self::Chromium | Self::Libdatachannel => true,
            Self::Libwebrtc | Self::Aiortc => false,
        }
    }

    /// Whether it takes telephone events.
    pub fn takes_keys(self) -> bool {
        match self {
            Self::Chromium | Self::Libwebrtc | Self::Libdatachannel => true,
            Self::Aiortc => false,
        }
    }

    /// Whether it can prefer another codec in the call that there is.
    pub fn reorders_codecs(self) -> bool {
        match self {
            Self::Chromium | Self::Libwebrtc => true,
            Self::Aiortc | Self::Libdatachannel => false,
        }
    }

    /// Whether it bears it that a section that it offers is declined: aiortc finds no credentials in it.
    pub fn takes_what_is_declined(self) -> bool {
        match self {
            Self::Chromium | Self::Libwebrtc | Self::Libdatachannel => true,
            Self::Aiortc => false,
        }
    }

    /// Whether its answers turn a later offer's direction round.
    pub fn follows_directions(self) -> bool {
        match self {
            Self::Chromium | Self::Libwebrtc | Self::Aiortc => true,
            Self::Libdatachannel => false,
        }
    }

    /// The highest version of DTLS that it speaks too.
    pub fn dtls(self, ours: DtlsVersion) -> DtlsProtocol {
        match self {
            Self::Chromium if ours == DtlsVersion::Auto => DtlsProtocol::V1_3,
            Self::Chromium | Self::Libwebrtc | Self::Aiortc | Self::Libdatachannel => DtlsProtocol::V1_2,
        }
    }

    /// Whether it knows which version it speaks.
    pub fn tells_dtls(self) -> bool {
        match self {
            Self::Chromium | Self::Libwebrtc | Self::Aiortc => true,
            Self::Libdatachannel => false,
        }
    }

    /// Whether it closes DTLS before its sockets. libdatachannel closes both at once.
    pub fn closes_in_order(self) -> bool {
        match self {
            Self::Chromium | Self::Libwebrtc | Self::Aiortc => true,
            Self::Libdatachannel => false,
        }
    }

    /// The process that runs it, out of what `cargo xtask test` installs.
    fn command(self) -> Command {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .expect("the target folder");
        let installed = target.join("tools").join("peers");
        let modules = installed.join("node_modules");
        let in_node = |engine| (modules.clone(), "node".into(), ["peer.js", engine]);
        let python = target.join("tools").join("peers-python").join("bin").join("python");
        let (wanted, program, arguments) = match self {
            Self::Chromium => in_node("chromium"),
            Self::Libwebrtc => in_node("libwebrtc"),
            Self::Libdatachannel => in_node("libdatachannel"),
            Self::Aiortc => (python.clone(), python, ["-u", "peer.py"]),
        };
        assert!(wanted.exists(), "cargo xtask test installs {}", wanted.display());
        let mut command = Command::new(program);
        command.args(arguments).current_dir(programs).env("NODE_PATH", modules);
        command
    }
}

/// One process. Dropped, it ends.
pub struct Peer {
    name: &'static str,
    process: Child,
    input: Option<ChildStdin>,
    told: Diary<Value>,
}

impl Peer {
    pub fn start(engine: Engine) -> Self {
        let mut process = engine
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("its program is installed");
        let (tell, told) = mpsc::unbounded_channel();
        let output = BufReader::new(process.stdout.take().expect("its output"));
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).expect("JSON"));
            }
        });
        Self {
            name: engine.name(),
            input: process.stdin.take(),
            process,
            // What it hears is told too often for a report.
            told: Diary::new(told, |told: &Value| (told["tell"] != "heard").then(|| told.to_string())),
        }
    }

    pub fn does(&mut self, command: &Value) {
        self.told.note(format!("> {command}"));
        let input = self.input.as_mut().expect("it is open until the end");
        writeln!(input, "{command}").expect("it listens");
    }

    pub fn takes_candidate(&mut self, mid: &str, candidate: &str) {
        self.does(&json!({ "do": "candidate", "mid": mid, "candidate": candidate }));
    }

    /// The next that it tells of this kind and of which that is true.
    pub async fn tells(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let found = |told: &Value| (told["tell"] == what && is(told)).then(|| told.clone());
        match self.told.next(found).await {
            Ok(told) => told,
            Err(_) => panic!("{} does not tell {what:?}:\n{}", self.name, self.told.report()),
        }
    }

    /// What it tells when it is asked for this.
    pub async fn answers(&mut self, question: &str) -> Value {
        self.does(&json!({ "do": question }));
        self.tells(question, |_| true).await
    }

    pub async fn is(&mut self, state: &str) {
        self.tells("state", |told| told["state"] == state).await;
    }

    /// Waits until it hears this tone, from now on.
    pub async fn hears(&mut self, hertz: u32) {
        self.told.forget(|told| told["tell"] == "heard");
        let right = |told: &Value| {
            let near = told["hertz"]
                .as_f64()
                .is_some_and(|heard| (heard - f64::from(hertz)).abs() <= NEAR);
            near && told["dbov"].as_f64().is_some_and(|dbov| dbov > LOUD_ENOUGH_DBOV)
        };
        self.tells("heard", right).await;
    }

    /// Waits until it hears nothing, from now on.
    pub async fn hears_nothing(&mut self) {
        self.told.forget(|told| told["tell"] == "heard");
        let is_silent = |told: &Value| told["dbov"].as_f64().is_some_and(|dbov| dbov < SILENT_DBOV);
        self.tells("heard", is_silent).await;
    }
}

impl Drop for Peer {
    /// Told the end of its input, it ends, and the browser that it started with it. One that hangs is killed; its browser ends with
    /// the pipe between them.
    fn drop(&mut self) {
        drop(self.input.take());
        let limit = Instant::now() + ENDING;
        while let Ok(None) = self.process.try_wait() {
            if Instant::now() >= limit {
                let _ = self.process.kill();
                let _ = self.process.wait();
                return;
            }
            thread::sleep(GLANCE);
        }
    }
}
