//! The life of the connection, as a program and a person see it.

use std::{process::Stdio, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    process::Command,
    time::timeout,
};

use crate::harness::{Agent, Cloud, LIMIT};

#[tokio::test]
async fn a_lost_connection_is_told_and_whether_calls_survive_it_is_an_option() {
    let cloud = Cloud::start().await;
    for survivability in ["on", "off"] {
        let mut agent = Agent::with(&cloud, &["--survivability", survivability]).await;
        let session = cloud.call_for(30.0).await;
        let active = agent.event("change:active").await;
        assert_eq!(active["sessionId"], session);
        cloud.cut().await;
        let lost = agent.event("disconnected").await;
        assert_eq!(
            (&lost["reconnecting"], &lost["error"]["code"]),
            (&json!(true), &json!("connection_failed")),
            "{lost}"
        );
        let ends_with = if survivability == "on" {
            agent.event("connected").await;
            cloud.does(&format!("calls/{session}/hangup"), json!({})).await;
            ("success", "remote")
        } else {
            ("connectivity-error", "network")
        };
        let ended = agent.event("terminated").await;
        assert_eq!(ended["sessionId"], session);
        assert_eq!(
            (&ended["reason"], &ended["by"]),
            (&json!(ends_with.0), &json!(ends_with.1))
        );
        if survivability == "off" {
            agent.event("connected").await;
        }
        agent.done(json!({"command": "quit"})).await;
        assert!(timeout(LIMIT, agent.child.wait()).await.unwrap().unwrap().success());
    }
}

#[tokio::test]
async fn the_figures_of_a_call_are_told_when_it_ends_each_named_with_its_unit() {
    let cloud = Cloud::start().await;
    let mut agent = Agent::with(&cloud, &[]).await;
    let session = cloud.call_for(30.0).await;
    agent.event("change:active").await;
    cloud.does(&format!("calls/{session}/hangup"), json!({})).await;

    let stats = agent.event("stats").await;

    assert_eq!(stats["sessionId"], session, "{stats}");
    assert_eq!(stats["localCandidate"], "host", "{stats}");
    for figure in ["packetsSent", "bytesReceived", "interruptions"] {
        assert!(stats[figure].is_u64(), "{stats}");
    }
    for figure in ["roundTripMs", "jitterMs", "levelReceivedDbov"] {
        assert!(stats[figure].is_number(), "{stats}");
    }
    // Servers that do not answer may still be asked when the call is over.
    assert!(stats["setup"].get("gatheredMs").is_some(), "{stats}");
    for step in ["firstCheckMs", "iceMs", "dtlsMs"] {
        assert!(stats["setup"][step].is_number(), "{stats}");
    }
    agent.event("terminated").await;
    agent.done(json!({"command": "quit"})).await;
    assert!(timeout(LIMIT, agent.child.wait()).await.unwrap().unwrap().success());
}

#[tokio::test]
async fn a_program_is_heard_while_the_connection_is_coming_up() {
    // A cloud that takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let (api, streaming) = (format!("http://{address}"), format!("ws://{address}"));
    for last_words in ["{\"command\":\"disconnect\"}\n{\"command\":\"quit\"}\n", ""] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_agent"))
            .args(["run", "--json", "--api", &api, "--streaming", &streaming])
            .env("OFFHOOK_TOKEN", "offhook-sim-token")
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut commands = child.stdin.take().unwrap();
        commands.write_all(last_words.as_bytes()).await.unwrap();
        let _kept = (!last_words.is_empty()).then_some(commands);
        let status = timeout(LIMIT, child.wait()).await.expect("it ends").unwrap();
        assert_eq!(status.code(), Some(0), "{last_words:?}");
    }
}

#[tokio::test]
async fn an_agent_whose_words_nobody_reads_ends_by_a_signal_all_the_same() {
    let cloud = Cloud::start().await;
    let mut agent = Agent::start(&cloud).await;
    cloud.call_for(60.0).await;
    agent.event("change:active").await;
    let unknown = format!("{}\n", json!({"command": "dance", "id": "x".repeat(1000)}));
    // More than pipes hold: from some point on the agent writes in vain, and reads no more either.
    let talking = async { while agent.commands.write_all(unknown.as_bytes()).await.is_ok() {} };
    assert!(timeout(Duration::from_secs(2), talking).await.is_err());
    let process = agent.child.id().unwrap().to_string();
    let killed = Command::new("kill").args(["-TERM", &process]).status().await.unwrap();
    assert!(killed.success());
    let status = timeout(LIMIT, agent.child.wait()).await.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(0));
    let calls = cloud.control("calls").await;
    assert_eq!(calls[0]["ended"], "the client hung up (success)", "{calls}");
}

#[tokio::test]
async fn topics_and_ice_servers_are_commanded_and_told() {
    let cloud = Cloud::start().await;
    let mut agent = Agent::start(&cloud).await;
    let rejected = json!([{"topic": "v2.secret.topic", "reason": "no", "missingPermissions": ["secret:view"]}]);
    cloud.does("faults", json!({"rejectedTopics": rejected})).await;
    let topics = json!(["v2.users.me?presence&station", "v2.secret.topic"]);
    let subscribed = agent.done(json!({"command": "subscribe", "topics": topics})).await;
    let results = json!([
        {"topic": "v2.users.me.presence", "state": "Permitted"},
        {"topic": "v2.users.me.station", "state": "Permitted"},
        {"topic": "v2.secret.topic", "state": "Rejected", "reason": "no", "missingPermissions": ["secret:view"]},
    ]);
    assert_eq!(subscribed["topics"], results);
    let event = json!({"topic": "v2.users.me.station", "eventBody": {"station": 7}});
    assert_eq!(cloud.does("events", event.clone()).await["clients"], 1);
    let told = agent.event("notify").await;
    assert_eq!(
        (&told["topic"], &told["data"]["eventBody"]["station"]),
        (&json!("v2.users.me.station"), &json!(7)),
        "{told}"
    );
    let unwanted = json!({"command": "unsubscribe", "topics": ["v2.users.me.station"]});
    agent.done(unwanted).await;
    assert_eq!(cloud.does("events", event).await["clients"], 0);

    let clouds = agent.done(json!({"command": "getIceServers"})).await;
    let has = |scheme: &str| {
        let mut servers = clouds["iceServers"].as_array().into_iter().flatten();
        servers.any(|server| server["urls"].to_string().contains(scheme))
    };
    assert!(has("stun:127.0.0.1:") && has("turn:127.0.0.1:"), "{clouds}");
    let turn = json!([{"urls": ["turn:turn.example.com"], "username": "agent", "credential": "a TURN password"}]);
    let set = json!({"command": "setIceServers", "iceServers": turn});
    let told = agent.causes(set, "rtcIceServers").await;
    assert_eq!(
        told["iceServers"],
        json!([{"urls": "turn:turn.example.com"}]),
        "without secrets"
    );
    let known = agent.done(json!({"command": "getIceServers", "secrets": true})).await;
    let whole = json!([{"urls": "turn:turn.example.com", "username": "agent", "credential": "a TURN password"}]);
    assert_eq!(known["iceServers"], whole);
    let refresh = json!({"command": "refreshIceServers"});
    let told = agent.causes(refresh, "rtcIceServers").await;
    assert_eq!(told["iceServers"], clouds["iceServers"]);

    for wrong in [
        json!({"command": "subscribe"}),
        json!({"command": "subscribe", "topics": ["v2..x"]}),
        json!({"command": "setIceServers", "iceServers": [{"username": "x"}]}),
        json!({"command": "setAccessToken"}),
    ] {
        let reply = agent.command(wrong.clone()).await;
        assert_eq!(reply["error"]["code"], "bad_command", "{wrong}: {reply}");
    }
}

#[tokio::test]
async fn a_program_gives_another_token_before_or_after_the_old_one_is_refused() {
    let cloud = Cloud::start().await;
    let mut agent = Agent::start(&cloud).await;
    let session = cloud.call_for(60.0).await;
    agent.event("change:active").await;
    // Before.
    cloud.replace_token("the second token").await;
    agent
        .done(json!({"command": "setAccessToken", "token": "the second token"}))
        .await;
    cloud.cut().await;
    assert_eq!(agent.event("disconnected").await["reconnecting"], true);
    agent.event("connected").await;
    // After: it is the program that decides what comes of that.
    cloud.replace_token("the third token").await;
    cloud.cut().await;
    assert_eq!(agent.event("disconnected").await["reconnecting"], true);
    let refused = agent.event("disconnected").await;
    assert_eq!(
        (&refused["reconnecting"], &refused["error"]["code"]),
        (&json!(false), &json!("invalid_token")),
        "{refused}"
    );
    agent
        .done(json!({"command": "setAccessToken", "token": "the third token"}))
        .await;
    agent.causes(json!({"command": "connect"}), "connected").await;
    let listed = agent.done(json!({"command": "listSessions"})).await;
    assert_eq!(
        listed["sessions"][0]["sessionId"], session,
        "the call has lived through all of it"
    );
}

#[tokio::test]
async fn a_token_refused_in_mid_life_ends_the_calls_and_the_agent_with_its_status() {
    let cloud = Cloud::start().await;
    let mut child = Command::new(env!("CARGO_BIN_EXE_agent"))
        .args([
            "run",
            "--answer",
            "always",
            "--api",
            &cloud.api,
            "--streaming",
            &cloud.streaming,
        ])
        .env("OFFHOOK_TOKEN", "offhook-sim-token")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the agent starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut says = async |wanted: &str| {
        let reading = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains(wanted) {
                    return;
                }
            }
            panic!("the agent does not say {wanted:?}");
        };
        timeout(LIMIT, reading).await.unwrap();
    };
    says("connected as").await;
    cloud.call_for(60.0).await;
    says("is connected").await;
    cloud.replace_token("another token").await;
    cloud.cut().await;
    says("reconnecting").await;
    says("ended after").await;
    let output = timeout(LIMIT, child.wait_with_output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("access token") && said.contains("not-authorized"),
        "{said}"
    );
}
