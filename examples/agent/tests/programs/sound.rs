//! Audio of the agent: through its pipes, and changed by commands.

use std::{process::Stdio, time::Duration};

use offhook_audio::{SILENT_FRAME, Source as _, Tone, measure::dominant_tone};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::Command,
    time::{sleep, timeout},
};

use crate::harness::{Agent, Cloud, LIMIT};

/// Seconds of a call.
const TALK: f64 = 2.0;

fn near(hertz: f64, wanted: f64) -> bool {
    (hertz - wanted).abs() < 5.0
}

#[tokio::test]
async fn audio_goes_through_standard_input_and_output() {
    let cloud = Cloud::start().await;
    let mut agent = Command::new(env!("CARGO_BIN_EXE_agent"))
        .args(["run", "--answer", "always", "--play", "stdin", "--listen", "stdout"])
        .args(["--calls", "1", "--api", &cloud.api, "--streaming", &cloud.streaming])
        .env("OFFHOOK_TOKEN", "offhook-sim-token")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the agent starts");
    let mut words = BufReader::new(agent.stderr.take().expect("piped")).lines();
    let (mut input, mut output) = (agent.stdin.take().expect("piped"), agent.stdout.take().expect("piped"));
    // As much as is taken: the call is the clock.
    let speaking = tokio::spawn(async move {
        let mut tone = Tone::new(660);
        loop {
            let mut frame = SILENT_FRAME;
            let _ = tone.read(&mut frame);
            let bytes: Vec<u8> = frame.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            if input.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let connected = async {
        while let Ok(Some(line)) = words.next_line().await {
            if line.starts_with("connected as") {
                return;
            }
        }
        panic!("the agent never connects");
    };
    timeout(LIMIT, connected).await.expect("the agent connects");
    let session = cloud.call_for(TALK).await;
    let mut bytes = Vec::new();
    timeout(LIMIT, output.read_to_end(&mut bytes))
        .await
        .expect("the agent ends after its call")
        .expect("the pipe is read");
    let status = timeout(LIMIT, agent.wait()).await.expect("it ends").expect("it ran");
    assert!(status.success(), "{status}");
    timeout(LIMIT, speaking)
        .await
        .expect("its input ends")
        .expect("no panic");

    let samples: Vec<i16> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|sample| i16::from_le_bytes(*sample))
        .collect();
    let middle = samples.len() / 2;
    assert!(middle > 24_000, "{} samples of two seconds", samples.len());
    let heard = dominant_tone(&samples[middle - 12_000..middle + 12_000]).expect("a tone");
    assert!(near(heard.hertz.into(), 440.0), "{heard:?}");
    let call = cloud.control(&format!("calls/{session}")).await;
    assert!(
        near(call["heard"]["toneHertz"].as_f64().unwrap_or_default(), 660.0),
        "{call}"
    );
}

#[tokio::test]
async fn commands_change_the_source_and_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("call.wav");
    let cloud = Cloud::start().await;
    let mut agent = Agent::start(&cloud).await;
    let session = cloud.call_for(60.0).await;
    agent.event("incomingRtcSession").await;
    let wrong = agent
        .command(json!({"command": "setSource", "sessionId": session, "source": "stdin"}))
        .await;
    assert_eq!(wrong["error"]["code"], "bad_command", "{wrong}");
    let changed = agent
        .command(json!({"command": "setSource", "sessionId": session, "source": "tone:880"}))
        .await;
    assert_eq!(changed["ok"], true, "{changed}");
    let start = json!({"command": "startRecording", "sessionId": session, "path": path});
    assert_eq!(agent.command(start.clone()).await["ok"], true);
    assert_eq!(agent.command(start).await["error"]["code"], "failed");
    let heard = async {
        loop {
            let call = cloud.control(&format!("calls/{session}")).await;
            if near(call["heard"]["toneHertz"].as_f64().unwrap_or_default(), 880.0) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, heard).await.expect("the other source is heard");
    let stopped = agent
        .command(json!({"command": "stopRecording", "sessionId": session}))
        .await;
    assert_eq!(stopped["result"]["path"], json!(path), "{stopped}");
    assert!(stopped["result"]["durationMs"].as_u64() > Some(0), "{stopped}");
    assert!(offhook_audio::read_wav(&path).is_ok());
}
