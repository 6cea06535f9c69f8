//! The agent as a program that was built with sound devices.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use offhook_sim::Cloud;

/// The program, connected, with a microphone and a loudspeaker. Dropped, it ends.
pub struct Agent {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Agent {
    pub fn start(cloud: &Cloud) -> Self {
        let build = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--workspace",
                "--bin",
                "agent",
                "--features",
                "agent/device",
            ])
            .status();
        assert!(build.expect("cargo runs").success());
        let test = std::env::current_exe().expect("this program");
        let folder = test.ancestors().nth(2).expect("the folder of what is built");
        let mut child = Command::new(folder.join("agent"))
            .args(["run", "--json", "--answer", "always"])
            .args(["--play", "device", "--listen", "device", "--voice", "echo,gain"])
            .args(["--api", &cloud.api_url(), "--streaming", &cloud.streaming_url()])
            .env("OFFHOOK_TOKEN", "offhook-sim-token")
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut agent = Self { child, lines };
        agent.line_with("\"connected\"");
        agent
    }

    /// Gives it a command.
    pub fn command(&mut self, command: &str) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        writeln!(stdin, "{command}").expect("it reads");
    }

    /// The next line that holds this.
    pub fn line_with(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.lines.read_line(&mut line).expect("lines") > 0,
                "it ended before it said {text}"
            );
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
