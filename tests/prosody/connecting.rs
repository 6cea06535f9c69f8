//! How a stream comes about, and how it is refused.

use offhook_tests::prosody::{Client, Prosody, Way, config};
use offhook_xmpp::{BareJid, CloseReason, Credentials, Event, Jid, SaslCondition, StreamCondition, StreamConfig};

/// Where Prosody offers but one mechanism: the right password connects, another is refused.
async fn connects_with(mechanism: &str) {
    let others: Vec<_> = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]
        .iter()
        .filter(|other| **other != mechanism)
        .map(|other| format!("{other:?}"))
        .collect();
    let prosody = Prosody::with(&format!("disable_sasl_mechanisms = {{ {} }}", others.join(", "))).await;

    let mut mistaken = config("alice", "desk");
    mistaken.credentials = Credentials::Password("something else".into());
    let (reason, resumption) = Client::start(prosody.port(), mistaken).await.closed().await;
    assert!(reason.credentials_refused(), "{reason}");
    assert!(
        matches!(
            reason,
            CloseReason::AuthenticationRefused {
                condition: SaslCondition::NotAuthorized,
                ..
            }
        ),
        "{reason}"
    );
    assert!(resumption.is_none());

    let (alice, connected) = Client::connect(prosody.port(), config("alice", "desk")).await;
    assert_eq!(connected.jid.as_str(), "alice@localhost/desk");
    assert!(!connected.resumed);
    assert_eq!(alice.frames(Way::Up, &format!("mechanism=\"{mechanism}\"")), 1);
    alice.leave().await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn with_plain() {
    connects_with("PLAIN").await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn with_scram_sha_1() {
    connects_with("SCRAM-SHA-1").await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn with_scram_sha_256() {
    connects_with("SCRAM-SHA-256").await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn of_all_mechanisms_the_strongest_is_used() {
    let prosody = Prosody::start().await;
    let (alice, _) = Client::connect(prosody.port(), config("alice", "desk")).await;
    assert_eq!(alice.frames(Way::Down, "<mechanism>PLAIN</mechanism>"), 1);
    assert_eq!(alice.frames(Way::Up, "mechanism=\"SCRAM-SHA-256\""), 1);
    alice.leave().await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn as_a_guest() {
    let prosody = Prosody::start().await;
    let config = StreamConfig::new(
        BareJid::new("guests.localhost").unwrap(),
        Credentials::Guest,
        "desk",
        Jid::new("pubsub.localhost").unwrap(),
    );
    let (guest, connected) = Client::connect(prosody.port(), config).await;
    assert_eq!(connected.jid.domain().as_str(), "guests.localhost");
    assert_eq!(guest.frames(Way::Up, "mechanism=\"ANONYMOUS\""), 1);
    guest.leave().await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn the_services_are_known_when_it_is_connected_and_can_be_asked_for_again() {
    let prosody = Prosody::start().await;
    let (mut alice, connected) = Client::connect(prosody.port(), config("alice", "desk")).await;
    let urls: Vec<_> = connected.services.iter().map(|service| service.url()).collect();
    assert_eq!(urls, ["turn:127.0.0.1:13478", "stun:127.0.0.1:13478"]);
    assert_eq!(connected.services[0].username.as_deref(), Some("turner"));

    alice.command(|stream, now| stream.refresh_services(now).expect("it is connected"));
    match alice.event().await {
        Event::Services(services) => assert_eq!(services, connected.services),
        other => panic!("no services but {other:?}"),
    }
    alice.leave().await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn a_second_client_with_the_same_resource_replaces_the_first() {
    let prosody = Prosody::start().await;
    let (first, connected) = Client::connect(prosody.port(), config("alice", "desk")).await;
    let (second, again) = Client::connect(prosody.port(), config("alice", "desk")).await;
    assert_eq!(again.jid, connected.jid);
    let (reason, resumption) = first.closed().await;
    assert!(
        matches!(
            reason,
            CloseReason::StreamError {
                condition: StreamCondition::Conflict,
                ..
            }
        ),
        "{reason}"
    );
    assert!(resumption.is_none(), "what the server ended is not resumed");
    second.leave().await;
}
