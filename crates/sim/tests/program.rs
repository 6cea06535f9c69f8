//! The program, as it is started.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn with_tls_it_writes_its_authority_and_says_how_to_trust_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("authority.pem");
    let child = Command::new(env!("CARGO_BIN_EXE_offhook-sim"))
        .args(["--listen", "127.0.0.1:0", "--tls"])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut child = Running(child);
    let stdout = child.0.stdout.take().expect("it is piped");
    let lines: Vec<String> = BufReader::new(stdout)
        .lines()
        .take(3)
        .map(|line| line.expect("text"))
        .collect();
    assert!(lines[0].contains("API https://127.0.0.1:"), "{lines:?}");
    assert!(lines[0].contains("streaming wss://127.0.0.1:"), "{lines:?}");
    assert!(lines[1].ends_with(&format!(" --ca {}", path.display())), "{lines:?}");
    assert!(
        lines[2].contains(&format!("curl --cacert {} ", path.display())),
        "{lines:?}"
    );
    let pem = fs::read_to_string(&path).expect("it is written first");
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
}
