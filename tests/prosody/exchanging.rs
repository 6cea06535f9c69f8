//! What goes to and fro on a stream that is connected.

use std::time::Duration;

use offhook_tests::prosody::{Client, Prosody, Way, config, element};
use offhook_xmpp::{
    BareJid, Condition, Disco, Element, ErrorKind, Event, Outcome, Payload, Reply, RequestKind, StanzaError, pubsub,
};

const PING: &str = "urn:xmpp:ping";
const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const VERSION: &str = "jabber:iq:version";

async fn alice_and_bob(prosody: &Prosody) -> (Client, Client) {
    let (alice, _) = Client::connect(prosody.port(), config("alice", "desk")).await;
    let (bob, _) = Client::connect(prosody.port(), config("bob", "car")).await;
    (alice, bob)
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn pings_are_answered_by_the_server_and_by_a_peer() {
    let prosody = Prosody::start().await;
    let (mut alice, bob) = alice_and_bob(&prosody).await;
    for (token, to) in [(1, None), (2, Some("localhost")), (3, Some("bob@localhost/car"))] {
        alice.ask(token, to, RequestKind::Get, Element::bare("ping", PING));
        assert_eq!(alice.response(token).await, Outcome::Result(None), "{to:?}");
    }
    alice.leave().await;
    bob.leave().await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn where_the_server_does_not_ping_the_client_does() {
    let prosody = Prosody::start().await;
    let mut config = config("alice", "desk");
    config.timeouts.ping_every = Duration::from_millis(50);
    let (mut alice, connected) = Client::connect(prosody.port(), config).await;
    assert!(!connected.server_pings);
    // Each ping goes out after the pong before.
    let mut token = 0;
    while alice.frames(Way::Up, PING) < 3 {
        token += 1;
        alice.ask(
            token,
            Some("localhost"),
            RequestKind::Get,
            Element::bare("query", DISCO_INFO),
        );
        alice.result(token).await;
    }
    alice.leave().await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn what_either_side_can_do_is_discovered() {
    let prosody = Prosody::start().await;
    let mut of_alice = config("alice", "desk");
    of_alice.disco = Disco {
        features: vec!["urn:xmpp:jingle:1".into()],
        ..Disco::default()
    };
    let caps = of_alice.disco.caps();
    let (mut alice, _) = Client::connect(prosody.port(), of_alice).await;
    let (mut bob, _) = Client::connect(prosody.port(), config("bob", "car")).await;

    // The server.
    alice.ask(
        1,
        Some("localhost"),
        RequestKind::Get,
        Element::bare("query", DISCO_INFO),
    );
    let features = features(&alice.result(1).await);
    assert!(features.iter().any(|feature| feature == PING), "{features:?}");

    // The server in turn asks what the presence says: it wants to know which of its events we would like.
    alice.command(|stream, now| stream.send_presence(now).expect("it is connected"));
    let node = format!("offhook#{}", caps.attr("ver").unwrap());
    prosody_asked(&mut alice, &node).await;

    // A peer.
    for (token, node) in [(2, None), (3, Some(&node))] {
        let of_node = node.map(|node| format!("node='{node}'")).unwrap_or_default();
        let query = element(&format!("<query xmlns='{DISCO_INFO}' {of_node}/>"));
        bob.ask(token, Some("alice@localhost/desk"), RequestKind::Get, query);
        let info = bob.result(token).await;
        assert_eq!(info.attr("node"), node.map(String::as_str));
        let identity = info.get_child("identity", DISCO_INFO).unwrap();
        assert_eq!(
            (identity.attr("category"), identity.attr("type")),
            (Some("client"), Some("phone"))
        );
        assert!(
            self::features(&info)
                .iter()
                .any(|feature| feature == "urn:xmpp:jingle:1")
        );
    }
    alice.leave().await;
    bob.leave().await;
}

fn features(info: &Element) -> Vec<String> {
    let features = info.children().filter(|child| child.is("feature", DISCO_INFO));
    features
        .filter_map(|feature| feature.attr("var"))
        .map(str::to_owned)
        .collect()
}

/// Asks the server something itself until its question has come and is answered.
async fn prosody_asked(alice: &mut Client, node: &str) {
    for token in 100..200 {
        if alice.frames(Way::Down, node) == 1 && alice.frames(Way::Up, &format!("node=\"{node}\"")) >= 1 {
            return;
        }
        alice.ask(token, Some("localhost"), RequestKind::Get, Element::bare("ping", PING));
        alice.response(token).await;
    }
    panic!("Prosody did not ask for {node}");
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn the_application_answers_what_it_said_it_answers() {
    let prosody = Prosody::start().await;
    let mut of_bob = config("bob", "car");
    of_bob.handled = vec![Payload {
        name: "query",
        namespace: VERSION,
    }];
    let (mut alice, _) = Client::connect(prosody.port(), config("alice", "desk")).await;
    let (mut bob, _) = Client::connect(prosody.port(), of_bob).await;
    let question = Element::bare("query", VERSION);

    alice.ask(1, Some("bob@localhost/car"), RequestKind::Get, question.clone());
    let Event::Request(request) = bob.event().await else {
        panic!("bob is asked")
    };
    assert_eq!(request.from.unwrap().as_str(), "alice@localhost/desk");
    let answer = Element::builder("query", VERSION)
        .append(Element::builder("name", VERSION).append("offhook").build())
        .build();
    let reply = Reply::Result(Some(answer.clone()));
    bob.command(move |stream, now| stream.reply(now, request.ticket, reply).expect("it waits"));
    assert_eq!(alice.result(1).await, answer);

    // Nobody said that of alice.
    bob.ask(2, Some("alice@localhost/desk"), RequestKind::Get, question);
    match bob.response(2).await {
        Outcome::Error(StanzaError { kind, condition, .. }) => {
            assert_eq!((kind, condition), (ErrorKind::Cancel, Condition::ServiceUnavailable));
        }
        other => panic!("no error but {other:?}"),
    }
    alice.leave().await;
    bob.leave().await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn what_is_published_arrives_at_who_subscribed() {
    const SERVICE: &str = "pubsub.localhost";
    const NODE: &str = "v2.users.7.conversations";
    let prosody = Prosody::start().await;
    let (mut alice, mut bob) = alice_and_bob(&prosody).await;
    let pubsub = |verb: &str| element(&format!("<pubsub xmlns='{PUBSUB}'>{verb}</pubsub>"));

    let create = pubsub(&format!("<create node='{NODE}'/>"));
    alice.ask(1, Some(SERVICE), RequestKind::Set, create);
    assert!(matches!(alice.response(1).await, Outcome::Result(_)));

    // Notifications are addressed to the account: whoever wants them has to be present.
    bob.command(|stream, now| stream.send_presence(now).expect("it is connected"));
    let account = BareJid::new("bob@localhost").unwrap();
    bob.ask(1, Some(SERVICE), RequestKind::Set, pubsub::subscribe(NODE, &account));
    let subscription = bob.result(1).await;
    let subscription = subscription.get_child("subscription", PUBSUB).unwrap();
    assert_eq!(subscription.attr("subscription"), Some("subscribed"));

    let publish = |json: &str| {
        pubsub(&format!(
            "<publish node='{NODE}'><item id='only'><json xmlns='urn:xmpp:json:0'>{json}</json></item></publish>"
        ))
    };
    let published = publish("{\"a\": \"&lt;1> &amp; more\"}");
    alice.ask(2, Some(SERVICE), RequestKind::Set, published);
    assert!(matches!(alice.response(2).await, Outcome::Result(_)));
    let message = bob.message().await;
    assert_eq!(message.from.unwrap().as_str(), SERVICE);
    let notification = message.payloads.iter().find_map(pubsub::Notification::read).unwrap();
    assert_eq!(notification.node, NODE);
    assert_eq!(notification.items[0].id.as_deref(), Some("only"));
    let payload = notification.items[0].payload.as_ref().unwrap();
    assert_eq!(pubsub::json(payload).as_deref(), Some("{\"a\": \"<1> & more\"}"));

    // Unsubscribed, bob hears no more of it: the next that he hears is what alice says to him afterwards.
    bob.ask(2, Some(SERVICE), RequestKind::Set, pubsub::unsubscribe(NODE, &account));
    assert!(matches!(bob.response(2).await, Outcome::Result(_)));
    alice.ask(3, Some(SERVICE), RequestKind::Set, publish("2"));
    assert!(matches!(alice.response(3).await, Outcome::Result(_)));
    alice.say("bob@localhost/car", "done");
    assert_eq!(bob.hears().await, "done");
    alice.leave().await;
    bob.leave().await;
}
