//! The control API, and the program around it.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use offhook_sim::{Cloud, CloudConfig};
use serde_json::{Value, json};
use support::phone::Phone;
use support::{Client, cloud, http, soon};

async fn get(cloud: &Cloud, path: &str) -> Value {
    let (status, body) = http::request(cloud, "GET", path, None, None).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

async fn post(cloud: &Cloud, path: &str, body: Option<Value>) -> (u16, Value) {
    let body = body.map(|body| body.to_string());
    http::request(cloud, "POST", path, None, body.as_deref()).await
}

#[tokio::test]
async fn a_call_is_placed_watched_muted_and_hung_up_by_http() {
    let cloud = cloud(CloudConfig::default()).await;
    let (status, refused) = post(&cloud, "/control/calls", Some(json!({}))).await;
    assert_eq!((status, refused["code"].as_str()), (409, Some("not.connected")));

    let mut client = Client::connect(&cloud, "one").await;
    let users = get(&cloud, "/control/users").await;
    assert_eq!(users[0]["connected"][0], client.jid.as_str());
    assert!(!users.to_string().contains("offhook-sim-token"), "{users}");

    let body = json!({ "play": "tone:600", "autoAnswer": true });
    let (status, call) = post(&cloud, "/control/calls", Some(body)).await;
    assert_eq!((status, call["state"].as_str()), (201, Some("ringing")));
    let path = format!("/control/calls/{}", call["session"].as_str().expect("an id"));

    let mut phone = Phone::answer(&mut client, 1_000).await;
    phone.take_skipped(&mut client);
    phone.run(&mut client, |phone| phone.heard.len() >= 72_000).await;
    assert!(
        phone.tone().is_some_and(|tone| (tone.hertz - 600.0).abs() < 3.0),
        "{:?}",
        phone.tone()
    );
    let call = get(&cloud, &path).await;
    assert_eq!(call["state"], "connected");
    assert_eq!(call["client"], client.jid.as_str());
    let heard = call["heard"]["toneHertz"].as_f64().expect("a tone");
    assert!((heard - 1_000.0).abs() < 3.0, "{call}");
    assert!(
        call["heard"]["seconds"].as_f64().is_some_and(|seconds| seconds > 1.0),
        "{call}"
    );

    for action in ["mute", "unmute"] {
        assert_eq!(post(&cloud, &format!("{path}/{action}"), None).await.0, 202);
    }
    let play = Some(json!({ "source": "tone:x" }));
    assert_eq!(post(&cloud, &format!("{path}/play"), play).await.0, 400);
    assert_eq!(post(&cloud, &format!("{path}/dance"), None).await.0, 404);
    assert_eq!(post(&cloud, "/control/calls/unknown/hangup", None).await.0, 404);
    let hang_up = Some(json!({ "reason": "busy" }));
    assert_eq!(post(&cloud, &format!("{path}/hangup"), hang_up).await.0, 202);
    soon("the end", cloud.wait_live(|live| live.calls == 0)).await;
    let calls = cloud.calls();
    soon("the end", calls[0].ended()).await;
    let calls = get(&cloud, "/control/calls").await;
    assert_eq!(calls[0]["ended"], "the gateway hung up (busy)");

    let records = get(&cloud, "/control/records").await;
    let records = records.as_array().expect("a list");
    assert!(records.iter().any(|record| record["summary"] == "<propose>"));
    assert!(
        records
            .iter()
            .any(|record| record["event"]["event"] == "mediaConnected"),
        "{records:?}"
    );
    let last = records.last().expect("records")["number"].as_u64().expect("a number");
    let later = get(&cloud, &format!("/control/records?since={last}")).await;
    assert!(
        later
            .as_array()
            .is_some_and(|later| !later.is_empty() && later.len() < records.len())
    );
    let (_, ladder) = http::exchange(&cloud.address().to_string(), "GET", "/control/ladder", None, None).await;
    assert!(ladder.contains("client <-- cloud   <propose>"), "{ladder}");
    assert_eq!(get(&cloud, "/control/live").await["calls"], 0);
    cloud.stop().await;
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let cloud = cloud(CloudConfig::default()).await;
    let _client = Client::connect(&cloud, "one").await;
    for body in [
        json!({ "play": "noise" }),
        json!({ "ringSeconds": -1 }),
        json!({ "play": "device" }),
    ] {
        let (status, reply) = post(&cloud, "/control/calls", Some(body)).await;
        assert_eq!((status, reply["code"].as_str()), (400, Some("bad.request")));
    }
    assert_eq!(
        post(&cloud, "/control/calls", Some(json!({ "user": "nobody" })))
            .await
            .0,
        404
    );
    assert_eq!(
        post(&cloud, "/control/calls", Some(json!({ "usr": "typo" }))).await.0,
        422
    );
    assert!(cloud.calls().is_empty());
    cloud.stop().await;
}

/// The program says where it is, answers, and ends cleanly on a signal.
#[cfg(unix)]
#[tokio::test]
async fn the_program_starts_answers_and_ends_on_a_signal() {
    for signal in ["TERM", "INT"] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_offhook-sim"))
            .args(["--listen", "127.0.0.1:0", "--token", "secret"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = BufReader::new(program.stdout.take().expect("a pipe"));
        let line = soon("the start line", async {
            tokio::task::spawn_blocking(|| stdout.lines().next())
                .await
                .expect("a thread")
        })
        .await
        .expect("a line")
        .expect("text");
        let address = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("ws://"))
            .unwrap_or_else(|| panic!("no URL in {line:?}"));
        let (head, users) = http::exchange(address, "GET", "/control/users", None, None).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(users.contains("user-agent"), "{users}");
        let kill = Command::new("kill")
            .args([format!("-{signal}"), program.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(kill.success());
        let status = soon("the program's end", async {
            tokio::task::spawn_blocking(move || program.wait())
                .await
                .expect("a thread")
        })
        .await
        .expect("a status");
        assert!(status.success(), "{status}");
    }
}

#[tokio::test]
async fn a_call_speaks_the_dialect_that_is_asked_for() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    for (asked, sdp_over_xmpp, offer) in [
        (None, Some("true"), "genesys-webrtc"),
        (Some("sdp-over-xmpp"), Some("true"), "genesys-webrtc"),
        (Some("jingle"), None, "jingle"),
    ] {
        let body = asked.map_or(json!({}), |dialect| json!({ "dialect": dialect }));
        let (status, call) = post(&cloud, "/control/calls", Some(body)).await;
        assert_eq!(status, 201);
        let (peer, propose) = client.initiation("propose").await;
        assert_eq!(propose.attr("inin-sdp-over-xmpp"), sdp_over_xmpp, "{asked:?}");
        let session = call["session"].as_str().expect("an id");
        client.initiate(&peer, "proceed", session).await;
        let offered = |stanza: &minidom::Element| stanza.children().any(|payload| payload.name() == offer);
        soon("the offer", client.until(offered)).await;
        assert_eq!(
            post(&cloud, &format!("/control/calls/{session}/hangup"), None).await.0,
            202
        );
    }
    let (status, _) = post(&cloud, "/control/calls", Some(json!({ "dialect": "esperanto" }))).await;
    assert_eq!(status, 422);
    client.close().await;
    cloud.stop().await;
}
