//! The access token while the client lives: it is replaced, or refused, and calls go on all the same.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use offhook::{Destination, Engine, EngineConfig, Event, OutboundCall, Reason};
use offhook_sim::{Cloud, Direction};
use offhook_tests::softphone::{builder, call, connected, ended, goes_on, is_controllable, within};
use tokio::sync::mpsc;

use crate::{cloud, frames};

/// From now on the cloud takes this token only.
fn replace(cloud: &Cloud, token: &str) {
    cloud.set_token(&cloud.user().id, token).unwrap();
}

#[tokio::test]
async fn a_token_refused_in_mid_life_is_renewed_once_and_calls_go_on() {
    let cloud = cloud().await;
    let (asked, token) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(String::new())));
    let (count, found) = (asked.clone(), token.clone());
    let provider = move || {
        count.fetch_add(1, Ordering::Relaxed);
        let token = found.lock().unwrap().clone();
        async move { Ok(token.into()) }
    };
    let expire = |next: &str| {
        replace(&cloud, next);
        next.clone_into(&mut token.lock().unwrap());
    };
    let (client, mut diary) = connected(builder(&cloud).token_provider(provider)).await;
    let call = call(&cloud, &mut diary).await;

    // Refused by SASL, when the connection comes back.
    expire("the second token");
    cloud.drop_streams();
    let (_, reconnecting) = diary.disconnected().await;
    assert!(reconnecting);
    diary.connected().await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    goes_on(&call).await;
    is_controllable(&cloud, &call).await;

    // Refused by REST, while it stands.
    expire("the third token");
    let number = OutboundCall::to(Destination::PhoneNumber("+4930123".into()));
    within(client.place_call(number)).await.unwrap();
    diary.media_up().await;
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(
        diary.count(|event| matches!(event, Event::Disconnected { .. })),
        1,
        "nothing was lost but the stream that was cut"
    );
    client.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn without_another_token_it_is_told_within_a_second_that_it_is_invalid() {
    let cloud = cloud().await;
    for provider in [false, true] {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let builder = if provider {
            let asked = asked.clone();
            builder(&cloud).token_provider(move || {
                asked.lock().unwrap().push(Instant::now());
                async { Err("the user is gone".to_owned()) }
            })
        } else {
            builder(&cloud)
        };
        let (client, mut diary) = connected(builder).await;
        let call = call(&cloud, &mut diary).await;
        replace(
            &cloud,
            if provider {
                "the second token"
            } else {
                "the first token"
            },
        );
        let before = frames(&cloud, Direction::ToClient, "<failure>").len();
        cloud.drop_streams();
        let (_, reconnecting) = diary.disconnected().await;
        assert!(reconnecting);
        let (_, error) = diary
            .until(|event| match event {
                Event::Disconnected {
                    reconnecting: false,
                    error,
                } => error.clone(),
                _ => None,
            })
            .await;
        let now = cloud.uptime();
        assert_eq!(error.code(), "invalid_token", "{error}");
        let refused = frames(&cloud, Direction::ToClient, "<failure>");
        assert_eq!(refused.len(), before + 1, "it is not tried again");
        let late = now - refused[before];
        assert!(late < Duration::from_secs(1), "told after {late:?}");
        assert_eq!(asked.lock().unwrap().len(), usize::from(provider));
        // The call lives until the application decides.
        goes_on(&call).await;
        client.end(call.session(), Reason::Success).await.unwrap();
        diary.until(ended).await;
        client.shutdown().await;
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_token_that_is_set_is_used_from_then_on() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let call = call(&cloud, &mut diary).await;
    replace(&cloud, "the second token");
    client.set_token("the second token").await.unwrap();
    let number = OutboundCall::to(Destination::PhoneNumber("+4930123".into()));
    within(client.place_call(number)).await.unwrap();
    cloud.drop_streams();
    diary.disconnected().await;
    diary.connected().await;
    assert!(frames(&cloud, Direction::ToClient, "<failure>").is_empty());
    is_controllable(&cloud, &call).await;
    client.shutdown().await;
    cloud.stop().await;
}

/// The example of the crate, as it is.
#[allow(dead_code, reason = "its `main` is for those who run it")]
#[path = "../../crates/offhook/examples/end_when_refused.rs"]
mod end_when_refused;

#[tokio::test]
async fn an_application_that_ends_all_its_sessions_when_the_token_is_invalid_is_done_within_two_seconds() {
    let cloud = cloud().await;
    let client = builder(&cloud).build().unwrap();
    let mut diary = offhook_tests::softphone::Diary::of(&client);
    let application = tokio::spawn({
        let client = client.clone();
        async move { end_when_refused::serve(&client).await }
    });
    diary.connected().await;
    for _ in 0..3 {
        call(&cloud, &mut diary).await;
    }
    replace(&cloud, "another token");
    cloud.drop_streams();
    let (refused, ()) = diary
        .until(|event| {
            matches!(event, Event::Disconnected { reconnecting: false, error: Some(error) } if error.credentials_refused())
                .then_some(())
        })
        .await;
    let ended = within(application).await.unwrap().unwrap();
    let took = refused.elapsed();
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    assert_eq!(ended, 3);
    let told = diary.to_the_end().await;
    let ends = told
        .iter()
        .filter(|(_, event)| offhook_tests::softphone::ended(event).is_some());
    assert_eq!(ends.count(), 3);
    cloud.stop().await;
}

#[tokio::test]
async fn a_provider_that_never_answers_goes_with_the_client() {
    let cloud = cloud().await;
    let (held, mut released) = mpsc::channel::<()>(1);
    let (asked, mut asks) = mpsc::unbounded_channel();
    let provider = move || {
        let (held, asked) = (held.clone(), asked.clone());
        async move {
            asked.send(()).unwrap();
            held.closed().await;
            Err("nobody waits for this".to_owned())
        }
    };
    // Other clients of the engine live on.
    let engine = Engine::new(&EngineConfig::default()).unwrap();
    let client = builder(&cloud).engine(engine.clone()).token_provider(provider);
    let client = client.build().unwrap();
    replace(&cloud, "the second token");
    let connecting = tokio::spawn({
        let client = client.clone();
        async move { client.connect().await }
    });
    within(asks.recv()).await.expect("it is asked");
    client.shutdown().await;
    assert!(connecting.await.unwrap().is_err());
    assert_eq!(within(released.recv()).await, None, "nothing of it is left");
    drop(engine);
}
