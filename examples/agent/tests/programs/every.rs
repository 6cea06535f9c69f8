//! A script that drives the agent through every command that it documents, and sees every event by its name and with its fields.

use std::{collections::BTreeSet, fs, process::Stdio};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::harness::{Agent, Cloud, LIMIT};

/// Every event that a script may rely on, and the fields that it has at least; `lagged` needs a reader who is a thousand events late.
const EVENTS: [(&str, &[&str]); 25] = [
    ("ready", &["protocol", "version"]),
    ("connected", &["jid", "channelId"]),
    ("disconnected", &["reconnecting"]),
    ("rtcIceServers", &["iceServers"]),
    (
        "requestIncomingRtcSession",
        &["sessionId", "autoAnswer", "fromJid", "conversationId", "sessionType"],
    ),
    ("cancelIncomingRtcSession", &["sessionId"]),
    ("handledIncomingRtcSession", &["sessionId"]),
    ("incomingRtcSession", &["sessionId", "conversationId", "fromJid"]),
    (
        "replacedRtcSession",
        &[
            "sessionId",
            "replacedSessionId",
            "conversationId",
            "fromJid",
            "reconnectCount",
        ],
    ),
    ("rtcSessionError", &["error", "details"]),
    ("traceRtcSession", &["level", "message", "details"]),
    (
        "terminated",
        &["sessionId", "conversationId", "reason", "by", "durationMs"],
    ),
    ("change:connectionState", &["sessionId", "connectionState"]),
    ("change:interrupted", &["sessionId", "interrupted"]),
    ("change:active", &["sessionId", "active"]),
    ("endOfCandidates", &["sessionId"]),
    ("callState", &["conversationId", "state", "muted", "held"]),
    ("notify", &["topic", "data"]),
    ("stats", &["sessionId", "packetsReceived", "mos", "playoutDelayMs"]),
    ("digit", &["sessionId", "digit", "durationMs"]),
    ("audioError", &["sessionId", "error"]),
    ("alertingLeader", &["connectionId", "ours"]),
    ("reply", &["ok"]),
    // Of calls that the cloud shows.
    ("callState", &["participantId", "sessionId", "direction", "remote"]),
    ("callState", &["endReason"]),
];

/// The agent and everything that it has said.
struct Script {
    child: Child,
    commands: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    told: Vec<Value>,
    /// Up to here events were waited for.
    seen: usize,
    replies: u64,
}

impl Script {
    fn start(cloud: &Cloud, options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_agent"))
            .args(["run", "--json", "--trace"])
            .args(options)
            .args(["--api", &cloud.api, "--streaming", &cloud.streaming])
            .env("OFFHOOK_TOKEN", "offhook-sim-token")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the agent starts");
        let commands = child.stdin.take().expect("it is piped");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self {
            child,
            commands,
            lines,
            told: Vec::new(),
            seen: 0,
            replies: 0,
        }
    }

    /// The next event that is as wished, after the last that was.
    async fn sees(&mut self, wished: impl Fn(&Value) -> bool) -> Value {
        let place = self.finds(self.seen, wished).await;
        self.seen = place + 1;
        self.told[place].clone()
    }

    /// Where the first event as wished is from there on.
    async fn finds(&mut self, from: usize, wished: impl Fn(&Value) -> bool) -> usize {
        let mut next = from;
        let reading = async {
            loop {
                while next < self.told.len() {
                    if wished(&self.told[next]) {
                        return next;
                    }
                    next += 1;
                }
                let line = self
                    .lines
                    .next_line()
                    .await
                    .expect("it is text")
                    .expect("the agent runs");
                self.told.push(serde_json::from_str(&line).expect("a JSON line"));
            }
        };
        let found = timeout(LIMIT, reading).await;
        found.unwrap_or_else(|_| {
            let told: Vec<_> = self
                .told
                .iter()
                .filter(|event| event["event"] != "traceRtcSession")
                .collect();
            panic!("it does not come; there were {told:#?}")
        })
    }

    async fn event(&mut self, name: &str) -> Value {
        self.sees(|event| event["event"] == name).await
    }

    /// The result of a command. Events that come meanwhile can still be waited for.
    async fn does(&mut self, mut command: Value) -> Value {
        self.replies += 1;
        command["id"] = json!(self.replies);
        let (id, from) = (command["id"].clone(), self.told.len());
        let line = format!("{command}\n");
        self.commands.write_all(line.as_bytes()).await.expect("the agent reads");
        let place = self
            .finds(from, |event| event["event"] == "reply" && event["id"] == id)
            .await;
        let reply = self.told[place].clone();
        assert_eq!(reply["ok"], true, "{command}: {reply}");
        reply["result"].clone()
    }
}

#[tokio::test]
async fn every_command_is_carried_out_and_every_event_is_told() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let records = folder.path().join("calls");
    let recorded = records.to_string_lossy().into_owned();
    let mut agent = Script::start(
        &cloud,
        &["--answer", "placed", "--accept", "manual", "--record", &recorded],
    );
    agent.event("ready").await;
    agent.event("connected").await;
    // Recordings cannot be made: the call goes on without.
    fs::remove_dir(&records).expect("it was made");
    fs::write(&records, "in the way").expect("a file");

    agent.does(json!({"command": "claimAlertingLeader"})).await;
    let topic = "v2.users.user-agent.presence";
    agent.does(json!({"command": "subscribe", "topics": [topic]})).await;
    cloud
        .does("events", json!({"topic": topic, "eventBody": {"status": "here"}}))
        .await;
    assert_eq!(agent.event("notify").await["data"]["eventBody"]["status"], "here");
    agent.does(json!({"command": "unsubscribe", "topics": [topic]})).await;

    let servers = agent.does(json!({"command": "getIceServers", "secrets": true})).await;
    let stun = json!([{"urls": "stun:192.0.2.1:3478"}]);
    agent
        .does(json!({"command": "setIceServers", "iceServers": stun}))
        .await;
    agent.does(json!({"command": "refreshIceServers"})).await;
    agent
        .sees(|event| {
            event["event"] == "rtcIceServers" && event["iceServers"][0]["urls"] == servers["iceServers"][0]["urls"]
        })
        .await;
    agent.does(json!({"command": "claimAlertingLeader"})).await;

    // A call that comes in: two steps to accept it, its audio, the cloud's ways with it.
    let session = cloud.call_for(60.0).await;
    let request = agent.event("requestIncomingRtcSession").await;
    assert_eq!(
        (&request["sessionId"], &request["sessionType"]),
        (&json!(session), &json!("softphone"))
    );
    let conversation = request["conversationId"].clone();
    agent
        .does(json!({"command": "acceptRtcSession", "sessionId": session}))
        .await;
    agent.event("incomingRtcSession").await;
    agent
        .does(json!({"command": "acceptSession", "sessionId": session}))
        .await;
    let accepted = agent.seen;
    agent.event("audioError").await;
    agent.seen = accepted;
    agent
        .sees(|event| {
            event["event"] == "callState" && event["state"] == "connected" && event["participantId"].is_string()
        })
        .await;
    for (command, muted, held) in [
        (
            json!({"command": "setMute", "conversationId": conversation, "muted": true}),
            true,
            false,
        ),
        (
            json!({"command": "setMute", "conversationId": conversation, "muted": false}),
            false,
            false,
        ),
        (
            json!({"command": "setHeld", "conversationId": conversation, "held": true}),
            false,
            true,
        ),
        (
            json!({"command": "setHeld", "conversationId": conversation, "held": false}),
            false,
            false,
        ),
    ] {
        agent.does(command).await;
        agent
            .sees(|event| event["event"] == "callState" && event["muted"] == muted && event["held"] == held)
            .await;
    }
    agent
        .does(json!({"command": "sendDigits", "conversationId": conversation, "digits": "1"}))
        .await;
    agent
        .does(json!({"command": "sendDigits", "sessionId": session, "digits": "2"}))
        .await;
    cloud
        .does(&format!("calls/{session}/digits"), json!({"digits": "5"}))
        .await;
    assert_eq!(agent.event("digit").await["digit"], "5");
    agent
        .does(json!({"command": "setSource", "sessionId": session, "source": "tone:660"}))
        .await;
    agent
        .does(json!({"command": "setSink", "sessionId": session, "sink": "none"}))
        .await;
    let path = folder.path().join("by-command.wav");
    agent
        .does(json!({"command": "startRecording", "sessionId": session, "path": path}))
        .await;
    agent
        .does(json!({"command": "stopRecording", "sessionId": session}))
        .await;
    // They come every five seconds, and have a mark as soon as enough was heard.
    agent
        .finds(0, |event| event["event"] == "stats" && event["mos"].is_number())
        .await;
    let listed = agent.does(json!({"command": "listSessions"})).await;
    assert_eq!(
        listed["sessions"],
        json!([{"sessionId": session, "conversationId": conversation}])
    );
    cloud.does(&format!("calls/{session}/path"), json!({"cut": true})).await;
    assert_eq!(agent.event("change:interrupted").await["interrupted"], true);
    cloud.does(&format!("calls/{session}/path"), json!({})).await;
    assert_eq!(agent.event("change:interrupted").await["interrupted"], false);
    cloud
        .does(&format!("calls/{session}/reinvite"), json!({"newSession": true}))
        .await;
    assert_eq!(
        agent.event("replacedRtcSession").await["replacedSessionId"],
        json!(session)
    );
    agent
        .does(json!({"command": "endCall", "conversationId": conversation}))
        .await;
    agent
        .sees(|event| event["event"] == "terminated" && event["conversationId"] == conversation)
        .await;

    // One that is refused, one that is taken back, one that another client takes.
    let refused = cloud.call_for(60.0).await;
    agent.event("requestIncomingRtcSession").await;
    agent
        .does(json!({"command": "rejectRtcSession", "sessionId": refused}))
        .await;
    let retracted = cloud.call_for(60.0).await;
    agent
        .sees(|event| event["event"] == "requestIncomingRtcSession" && event["sessionId"] == retracted)
        .await;
    cloud.does(&format!("calls/{retracted}/retract"), json!({})).await;
    agent
        .sees(|event| event["event"] == "cancelIncomingRtcSession" && event["sessionId"] == retracted)
        .await;
    let elsewhere = cloud.call_for(60.0).await;
    agent
        .sees(|event| event["event"] == "requestIncomingRtcSession" && event["sessionId"] == elsewhere)
        .await;
    cloud
        .does(&format!("calls/{elsewhere}/handled-elsewhere"), json!({}))
        .await;
    agent.event("handledIncomingRtcSession").await;
    let line = b"{\"command\":\"acceptRtcSession\",\"sessionId\":\"none\"}\n";
    agent.commands.write_all(line).await.expect("the agent reads");
    agent.event("rtcSessionError").await;

    // One that is placed, and ended with its far end's address.
    let placed = agent
        .does(json!({"command": "placeCall", "phoneNumber": "+4930"}))
        .await;
    let started = agent.event("incomingRtcSession").await;
    assert_eq!(started["conversationId"], placed["conversationId"]);
    let options = json!({"jid": started["fromJid"]});
    let ended = agent
        .does(json!({"command": "endRtcSessions", "options": options, "reason": "busy"}))
        .await;
    assert_eq!(ended["sessionIds"], json!([started["sessionId"]]));

    agent
        .does(json!({"command": "setAccessToken", "token": "offhook-sim-token"}))
        .await;
    agent.does(json!({"command": "disconnect"})).await;
    agent.event("disconnected").await;
    agent.does(json!({"command": "connect"})).await;
    agent.does(json!({"command": "quit"})).await;
    assert!(
        timeout(LIMIT, agent.child.wait())
            .await
            .expect("it ends")
            .expect("it ran")
            .success()
    );

    for (name, fields) in EVENTS {
        let complete = |event: &&Value| event["event"] == name && fields.iter().all(|field| !event[*field].is_null());
        assert!(
            agent.told.iter().any(|event| complete(&event)),
            "no {name} with {fields:?}"
        );
    }
    assert!(agent.told.iter().all(|event| event["at"].is_string()));
    let known: BTreeSet<_> = EVENTS.iter().map(|(name, _)| *name).collect();
    let names: BTreeSet<_> = agent.told.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(
        names.difference(&known).collect::<Vec<_>>(),
        [&""; 0],
        "events that nobody documents"
    );
}

/// The cloud's other user, who has the second token.
#[tokio::test]
async fn one_agent_calls_another_by_its_address() {
    let cloud = Cloud::with(&["--users", "2"]).await;
    let mut alice = Agent::start(&cloud).await;
    let (mut bob, jid) = Agent::second(&cloud).await;
    let proposed = |jid: &str| json!({"command": "initiateRtcSession", "jid": jid});

    let session = alice.done(proposed(&jid)).await["sessionId"].clone();
    assert_eq!(bob.event("requestIncomingRtcSession").await["sessionId"], session);
    alice
        .done(json!({"command": "cancelRtcSession", "sessionId": session}))
        .await;
    assert_eq!(bob.event("cancelIncomingRtcSession").await["sessionId"], session);

    let session = alice.done(proposed(&jid)).await["sessionId"].clone();
    bob.event("requestIncomingRtcSession").await;
    bob.done(json!({"command": "rejectRtcSession", "sessionId": session}))
        .await;
    let failure = alice.event("rtcSessionError").await;
    assert_eq!(
        (&failure["sessionId"], &failure["error"]["code"]),
        (&session, &json!("declined"))
    );

    let session = alice.done(proposed(&jid)).await["sessionId"].clone();
    bob.event("requestIncomingRtcSession").await;
    bob.done(json!({"command": "acceptRtcSession", "sessionId": session}))
        .await;
    while bob.event("change:connectionState").await["connectionState"] != "connected" {}
    alice
        .done(json!({"command": "endRtcSessions", "options": {"jid": jid}}))
        .await;
    let ended = bob.event("terminated").await;
    assert_eq!(
        (&ended["sessionId"], &ended["reason"], &ended["by"]),
        (&session, &json!("success"), &json!("remote"))
    );

    let video = json!({"command": "initiateRtcSession", "jid": jid, "provideVideo": true});
    assert_eq!(alice.command(video).await["error"]["code"], "not_supported");
    let nothing = json!({"command": "cancelRtcSession", "sessionId": "nothing"});
    assert_eq!(alice.command(nothing).await["error"]["code"], "failed");
}
