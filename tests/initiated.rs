//! Sessions between two clients, proposed by one of them to the address of the other.

use offhook::{Client, Event, InitiateError, Initiation, InitiationFailure, Jid, Reason, SessionId, SourceSpec};
use offhook_audio::{Frame, Sink, SinkError, measure::dominant_tone};
use offhook_sim::{Cloud, CloudConfig, Said, User, What};
use offhook_tests::softphone::{Diary, builder_for, connected, poll, within};
use std::sync::{Arc, Mutex};

const ALICE: u32 = 440;
const BOB: u32 = 620;

/// One of the two, with what it heard last.
struct Side {
    client: Client,
    diary: Diary,
    jid: Jid,
    heard: Heard,
}

/// The last half second.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<i16>>>);

impl Heard {
    async fn is(&self, hertz: u32) {
        poll(|| {
            let heard = self.0.lock().expect("nobody panics with it").clone();
            dominant_tone(&heard).is_some_and(|tone| (tone.hertz - hertz as f32).abs() < 5.0)
        })
        .await;
    }
}

impl Sink for Heard {
    fn write(&mut self, frame: &Frame) -> Result<(), SinkError> {
        let mut heard = self.0.lock().expect("nobody panics with it");
        heard.extend_from_slice(frame);
        let surplus = heard.len().saturating_sub(24_000);
        heard.drain(..surplus);
        Ok(())
    }
}

impl Side {
    async fn new(cloud: &Cloud, user: &User, token: &str, hertz: u32) -> Self {
        let heard = Heard::default();
        let sink = heard.clone();
        let builder = builder_for(cloud, token)
            .play(SourceSpec::Tone { hertz })
            .listen_with(move || Box::new(sink.clone()));
        let (client, diary) = connected(builder).await;
        within(cloud.wait_connected(&user.id)).await;
        let jid = cloud.connected(&user.id).pop().expect("it is connected");
        Self {
            client,
            diary,
            jid: jid.into(),
            heard,
        }
    }

    /// Waits until this session rings.
    async fn rings(&mut self, session: &SessionId) {
        self.diary
            .until(|event| matches!(event, Event::Proposed(proposal) if proposal.id == *session).then_some(()))
            .await;
    }

    async fn ended(&mut self, session: &SessionId) -> Reason {
        let ended = |event: &Event| match event {
            Event::SessionEnded {
                session: id, reason, ..
            } if id == session => Some(*reason),
            _ => None,
        };
        self.diary.until(ended).await.1
    }

    async fn not_begun(&mut self, session: &SessionId) -> InitiationFailure {
        let failed = |event: &Event| match event {
            Event::InitiationFailed { session: id, failure } if id == session => Some(failure.clone()),
            _ => None,
        };
        self.diary.until(failed).await.1
    }
}

/// A cloud with two users, who have connected.
async fn two() -> (Cloud, Side, Side) {
    let users = [User::new("Alice", "alice"), User::new("Bob", "bob")];
    let config = CloudConfig {
        users: users.to_vec(),
        ..CloudConfig::default()
    };
    let cloud = Cloud::start(config).await.expect("there is loopback");
    let alice = Side::new(&cloud, &users[0], "alice", ALICE).await;
    let bob = Side::new(&cloud, &users[1], "bob", BOB).await;
    (cloud, alice, bob)
}

#[tokio::test]
async fn two_clients_hear_each_other_without_the_gateway_and_either_hangs_up() {
    let (cloud, mut alice, mut bob) = two().await;
    for hangs_up in [true, false] {
        // All of Bob's clients are asked, and the one that wants it has it.
        let to = Jid::from(bob.jid.to_bare());
        let session = within(alice.client.initiate(Initiation::to(to)))
            .await
            .expect("he can be called");
        bob.rings(&session).await;
        within(bob.client.accept(&session)).await.expect("it rings");
        assert_eq!(bob.diary.media_up().await, session);
        assert_eq!(alice.diary.media_up().await, session);
        alice.heard.is(BOB).await;
        bob.heard.is(ALICE).await;

        let (one, other) = if hangs_up {
            (&alice, &mut bob)
        } else {
            (&bob, &mut alice)
        };
        within(one.client.end(&session, Reason::Success))
            .await
            .expect("it lives");
        assert_eq!(other.ended(&session).await, Reason::Success);
        poll(|| cloud.live().calls == 0).await;
    }
    assert!(cloud.calls().is_empty());
}

#[tokio::test]
async fn the_one_who_called_mutes_holds_and_restarts_ice_like_any_other() {
    let (_cloud, mut alice, mut bob) = two().await;
    let session = within(alice.client.initiate(Initiation::to(bob.jid.clone())))
        .await
        .expect("he can be called");
    bob.rings(&session).await;
    within(bob.client.accept(&session)).await.expect("it rings");
    assert_eq!(alice.diary.media_up().await, session);
    bob.heard.is(ALICE).await;

    within(alice.client.set_muted(&session, true)).await.expect("it lives");
    poll(|| offhook_audio::measure::level_dbov(&bob.heard.0.lock().expect("nobody panics with it")) < -60.0).await;
    within(alice.client.set_muted(&session, false)).await.expect("it lives");
    bob.heard.is(ALICE).await;
    within(alice.client.hold(&session, true)).await.expect("Bob agrees");
    within(alice.client.hold(&session, false)).await.expect("Bob agrees");
    within(alice.client.restart_ice(&session)).await.expect("Bob agrees");
    bob.heard.is(ALICE).await;
    alice.heard.is(BOB).await;
}

#[tokio::test]
async fn a_session_that_is_declined_or_taken_back_never_begins() {
    let (cloud, mut alice, mut bob) = two().await;
    let proposes = async |alice: &Side, bob: &mut Side| {
        let session = within(alice.client.initiate(Initiation::to(bob.jid.clone())))
            .await
            .expect("he can be called");
        bob.rings(&session).await;
        session
    };

    let session = proposes(&alice, &mut bob).await;
    within(bob.client.reject(&session, false)).await.expect("it rings");
    let failure = alice.not_begun(&session).await;
    assert!(
        matches!(failure, InitiationFailure::Declined { ref by, .. } if *by == bob.jid),
        "{failure}"
    );

    let session = proposes(&alice, &mut bob).await;
    within(alice.client.cancel(&session))
        .await
        .expect("nobody has answered");
    bob.diary
        .until(|event| (*event == Event::ProposalCancelled(session.clone())).then_some(()))
        .await;
    within(alice.client.cancel(&session)).await.expect_err("it is gone");

    // A client that goes takes back what it has proposed.
    let session = proposes(&alice, &mut bob).await;
    within(alice.client.shutdown()).await;
    bob.diary
        .until(|event| (*event == Event::ProposalCancelled(session.clone())).then_some(()))
        .await;
    let begun = |what: &What| {
        matches!(
            what,
            What::Frame {
                said: Said::Jingle { .. },
                ..
            }
        )
    };
    assert!(!cloud.records().iter().any(|record| begun(&record.what)));
}

#[tokio::test]
async fn whom_nobody_can_call_is_said_at_once() {
    let (_cloud, alice, _bob) = two().await;
    let room: Jid = "room@conference.example.com".parse().expect("a JID");
    let refused = within(alice.client.initiate(Initiation::to(room.clone()))).await;
    assert_eq!(refused, Err(InitiateError::Conference(room)));
    let oneself = within(alice.client.initiate(Initiation::to(alice.jid.clone()))).await;
    assert!(matches!(oneself, Err(InitiateError::Propose(_))), "{oneself:?}");
    within(alice.client.disconnect()).await.expect("it is connected");
    let offline = within(
        alice
            .client
            .initiate(Initiation::to("bob@example.com".parse().expect("a JID"))),
    )
    .await;
    assert!(matches!(offline, Err(InitiateError::Command(_))), "{offline:?}");
}
