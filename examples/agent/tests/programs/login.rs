//! Logging in by a browser, and what `run` does with it.

use std::{fs, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

use crate::harness::{Cloud, LIMIT};

#[tokio::test]
async fn who_has_logged_in_needs_no_token() {
    let cloud = Cloud::with(&["--oauth-client", "app=http://127.0.0.1/"]).await;
    let settings = tempfile::tempdir().unwrap();
    let agent = |arguments: &[&str]| {
        let mut agent = Command::new(env!("CARGO_BIN_EXE_agent"));
        agent
            .args(arguments)
            .args(["--api", &cloud.api, "--streaming", &cloud.streaming])
            .env_remove("OFFHOOK_TOKEN")
            .env("XDG_CONFIG_HOME", settings.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        agent
    };
    let without = agent(&["run", "--json"]).output();
    let without = timeout(LIMIT, without).await.unwrap().unwrap();
    let said = String::from_utf8(without.stderr).unwrap();
    assert_eq!(without.status.code(), Some(2), "{said}");
    assert!(said.contains("agent login"), "{said}");

    let mut login = agent(&["login", "--client-id", "app", "--port", "0", "--print"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(login.stdout.take().unwrap()).lines();
    let place = loop {
        let line = timeout(LIMIT, lines.next_line()).await.unwrap().unwrap();
        let line = line.expect("it says where to go");
        if line.starts_with("http://") {
            break line;
        }
    };
    // A browser in which this user is logged in follows where it is sent.
    let page = cloud.http().get(format!("{place}&user=user-agent")).send();
    let page = timeout(LIMIT, page).await.unwrap().unwrap().text().await.unwrap();
    assert!(page.contains("You are logged in"), "{page}");
    let status = timeout(LIMIT, login.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");

    let folder = settings.path().join("offhook/tokens");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mut run = agent(&["run", "--json"]).spawn().unwrap();
    let mut events = BufReader::new(run.stdout.take().unwrap()).lines();
    let connected = async {
        while let Some(line) = events.next_line().await.unwrap() {
            if line.contains("\"connected\"") {
                return true;
            }
        }
        false
    };
    assert!(
        timeout(LIMIT, connected).await.unwrap(),
        "the token of {file:?} is of no use"
    );
}
