//! Streams that outlive their sockets (XEP-0198).

use std::time::Duration;

use offhook_tests::prosody::{Client, Prosody, Way, config};
use offhook_xmpp::{
    CloseReason, Element, Event, Outcome, Payload, Reply, RequestKind, Resumption, StreamCondition, StreamConfig,
};

use crate::relay::Relay;

const ALICE: &str = "alice@localhost/desk";
const BOB: &str = "bob@localhost/car";

/// What Prosody logs when a socket is gone and its session stays.
const HIBERNATES: &str = "Session going into hibernation";

/// Alice on a network that can fail, and bob on one that cannot.
struct Scene {
    prosody: Prosody,
    relay: Relay,
    bob: Client,
}

impl Scene {
    async fn set() -> (Self, Client) {
        Self::of(config("alice", "desk"), config("bob", "car")).await
    }

    async fn of(of_alice: StreamConfig, of_bob: StreamConfig) -> (Self, Client) {
        let prosody = Prosody::start().await;
        let relay = Relay::before(prosody.port()).await;
        let (bob, _) = Client::connect(prosody.port(), of_bob).await;
        let (alice, connected) = Client::connect(relay.port(), of_alice).await;
        assert!(!connected.resumed);
        (Self { prosody, relay, bob }, alice)
    }

    /// Alice comes back, and goes on where she was.
    async fn resume(&self, resumption: Resumption) -> Client {
        let (alice, connected) = Client::connect(self.relay.port(), resuming(resumption)).await;
        assert!(connected.resumed);
        assert_eq!(connected.jid.as_str(), ALICE);
        alice
    }

    /// Both hear from each other what is said now, and nothing before that.
    async fn both_are_in_touch(mut self, mut alice: Client) {
        alice.say(BOB, "still there?");
        assert_eq!(self.bob.hears().await, "still there?");
        self.bob.say(ALICE, "yes");
        assert_eq!(alice.hears().await, "yes");
        alice.leave().await;
        self.bob.leave().await;
    }
}

fn resuming(resumption: Resumption) -> StreamConfig {
    let mut config = config("alice", "desk");
    config.resumption = Some(resumption);
    config
}

/// The stream broke in a way that can be mended.
async fn broken(alice: Client) -> Resumption {
    let (reason, resumption) = alice.closed().await;
    assert!(matches!(reason, CloseReason::SocketClosed { .. }), "{reason}");
    let resumption = resumption.expect("it can be resumed");
    assert_eq!(resumption.jid().as_str(), ALICE);
    assert_eq!(resumption.max(), Some(Duration::from_secs(60)));
    resumption
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn what_was_sent_to_us_while_we_were_away_arrives() {
    let (scene, alice) = Scene::set().await;
    scene.relay.cut();
    let resumption = broken(alice).await;
    scene.prosody.logged(HIBERNATES).await;
    scene.bob.say(ALICE, "one");
    scene.bob.say(ALICE, "two");
    let mut alice = scene.resume(resumption).await;
    assert_eq!(alice.hears().await, "one");
    assert_eq!(alice.hears().await, "two");
    scene.both_are_in_touch(alice).await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn a_socket_that_we_let_go_of_is_resumed_before_the_server_misses_it() {
    let (scene, alice) = Scene::set().await;
    alice.drop_socket();
    let resumption = broken(alice).await;
    scene.bob.say(ALICE, "one");
    let mut alice = scene.resume(resumption).await;
    assert_eq!(alice.hears().await, "one");
    scene.both_are_in_touch(alice).await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn what_was_lost_on_its_way_to_us_is_sent_again() {
    let (scene, alice) = Scene::set().await;
    scene.relay.swallow(Way::Down);
    scene.bob.say(ALICE, "one");
    scene.relay.swallowed(Way::Down).await;
    scene.relay.cut();
    let resumption = broken(alice).await;
    let mut alice = scene.resume(resumption).await;
    assert_eq!(alice.hears().await, "one");
    scene.both_are_in_touch(alice).await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn what_we_sent_and_the_server_never_got_is_sent_again() {
    let (mut scene, alice) = Scene::set().await;
    scene.relay.swallow(Way::Up);
    alice.say(BOB, "one");
    alice.say(BOB, "two");
    scene.relay.swallowed(Way::Up).await;
    scene.relay.cut();
    let resumption = broken(alice).await;
    let alice = scene.resume(resumption).await;
    assert_eq!(scene.bob.hears().await, "one");
    assert_eq!(scene.bob.hears().await, "two");
    scene.both_are_in_touch(alice).await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn what_the_server_got_but_could_not_acknowledge_is_not_sent_again() {
    let (mut scene, alice) = Scene::set().await;
    scene.relay.swallow(Way::Down);
    alice.say(BOB, "one");
    assert_eq!(scene.bob.hears().await, "one");
    scene.relay.cut();
    let resumption = broken(alice).await;
    let alice = scene.resume(resumption).await;
    // The next that bob hears is something else.
    scene.both_are_in_touch(alice).await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn a_request_is_answered_on_the_socket_after() {
    const VERSION: &str = "jabber:iq:version";
    let mut of_bob = config("bob", "car");
    of_bob.handled = vec![Payload {
        name: "query",
        namespace: VERSION,
    }];
    let (mut scene, alice) = Scene::of(config("alice", "desk"), of_bob).await;
    alice.ask(7, Some(BOB), RequestKind::Get, Element::bare("query", VERSION));
    let Event::Request(request) = scene.bob.event().await else {
        panic!("bob is asked")
    };
    scene.relay.cut();
    let resumption = broken(alice).await;
    let reply = Reply::Result(None);
    scene
        .bob
        .command(move |stream, now| stream.reply(now, request.ticket, reply).expect("it waits"));
    let mut alice = scene.resume(resumption).await;
    assert_eq!(alice.response(7).await, Outcome::Result(None));
    scene.both_are_in_touch(alice).await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn a_stream_is_resumed_as_often_as_its_socket_breaks() {
    let (mut scene, mut alice) = Scene::set().await;
    for round in 0..10 {
        scene.bob.say(ALICE, &format!("to alice {round}"));
        alice.say(BOB, &format!("to bob {round}"));
        scene.relay.cut();
        // What had arrived before the cut is told before the end.
        let mut heard = Vec::new();
        let resumption = loop {
            match alice.event().await {
                Event::Message(message) => heard.push(message.payloads[0].text()),
                Event::Closed(reason) => {
                    assert!(matches!(reason, CloseReason::SocketClosed { .. }), "{reason}");
                    break alice.left_behind().await.expect("it can be resumed");
                }
                other => panic!("{other:?}"),
            }
        };
        alice = scene.resume(resumption).await;
        if heard.is_empty() {
            heard.push(alice.hears().await);
        }
        assert_eq!(heard, [format!("to alice {round}")]);
        assert_eq!(scene.bob.hears().await, format!("to bob {round}"));
    }
    scene.both_are_in_touch(alice).await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn a_network_that_went_silent_is_noticed_and_the_stream_resumed() {
    let mut of_alice = config("alice", "desk");
    of_alice.timeouts.ping_every = Duration::from_millis(200);
    of_alice.timeouts.ping = Duration::from_millis(200);
    let (scene, alice) = Scene::of(of_alice, config("bob", "car")).await;
    scene.relay.swallow(Way::Up);
    scene.relay.swallow(Way::Down);
    let (reason, resumption) = alice.closed().await;
    assert_eq!(reason, CloseReason::PingsUnanswered);
    scene.relay.cut();
    let alice = scene.resume(resumption.expect("the server is not told")).await;
    scene.both_are_in_touch(alice).await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn whoever_is_thrown_out_has_nothing_to_resume() {
    let (scene, alice) = Scene::set().await;
    let kick = format!("c2s:close('{ALICE}', 'enough', 'policy-violation')");
    scene.prosody.shell(&kick).await;
    let (reason, resumption) = alice.closed().await;
    match reason {
        CloseReason::StreamError { condition, text } => {
            assert_eq!(condition, StreamCondition::PolicyViolation);
            assert_eq!(text.as_deref(), Some("enough"));
        }
        other => panic!("no stream error but {other}"),
    }
    assert!(resumption.is_none());
    let (alice, connected) = Client::connect(scene.relay.port(), config("alice", "desk")).await;
    assert!(!connected.resumed);
    scene.both_are_in_touch(alice).await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn a_stream_that_the_server_forgot_begins_anew() {
    let (scene, alice) = Scene::set().await;
    // A request that nobody will answer: it is lost with the stream.
    scene.relay.swallow(Way::Up);
    alice.ask(7, Some(BOB), RequestKind::Get, Element::bare("ping", "urn:xmpp:ping"));
    scene.relay.swallowed(Way::Up).await;
    scene.relay.cut();
    let resumption = broken(alice).await;
    scene.prosody.logged(HIBERNATES).await;
    let forget = format!("c2s:close('{ALICE}', 'enough', 'policy-violation')");
    scene.prosody.shell(&forget).await;

    let mut alice = Client::start(scene.relay.port(), resuming(resumption)).await;
    assert_eq!(alice.response(7).await, Outcome::Lost);
    let connected = alice.connected().await;
    assert!(!connected.resumed);
    assert_eq!(connected.jid.as_str(), ALICE);
    assert!(!connected.services.is_empty());
    scene.both_are_in_touch(alice).await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn an_attempt_to_resume_that_breaks_loses_nothing() {
    let (mut scene, alice) = Scene::set().await;
    scene.relay.swallow(Way::Up);
    alice.say(BOB, "one");
    scene.relay.swallowed(Way::Up).await;
    scene.relay.cut();
    let resumption = broken(alice).await;

    // The server hears of the second attempt no more than that there is one.
    scene.relay.swallow(Way::Down);
    let again = Client::dial(scene.relay.port(), resuming(resumption.clone()));
    let dialled = tokio::select! {
        dialled = again => Some(dialled.is_ok()),
        () = scene.relay.swallowed(Way::Down) => None,
    };
    assert_eq!(dialled, None, "the WebSocket does not even open");
    scene.relay.cut();
    let alice = scene.resume(resumption).await;
    assert_eq!(scene.bob.hears().await, "one");
    scene.both_are_in_touch(alice).await;
}
