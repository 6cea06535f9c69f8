//! Streams that are cut, in every way, and the calls that outlive them.

mod support;

use std::time::Duration;

use offhook_jingle::Reason;
use offhook_jingle::genesys::Method;
use offhook_sim::{CallRequest, CallState, Cloud, CloudConfig, Cut, Ended, Live};
use serde_json::json;
use support::phone::Phone;
use support::{Client, SocketEnd, cloud, http, soon};

/// All ways, and how the client's socket ends by each.
fn cuts() -> [(Cut, SocketEnd); 5] {
    let condition = "system-shutdown".to_owned();
    [
        (Cut::Reset, SocketEnd::Reset),
        (Cut::Fin, SocketEnd::Fin),
        (Cut::CloseFrame { code: 1012 }, SocketEnd::Closed(Some(1012))),
        (Cut::Close, SocketEnd::Closed(None)),
        (Cut::StreamError { condition }, SocketEnd::Closed(None)),
    ]
}

async fn post(cloud: &Cloud, path: &str, body: serde_json::Value) -> (u16, serde_json::Value) {
    http::request(cloud, "POST", path, None, Some(&body.to_string())).await
}

#[tokio::test]
async fn every_cut_ends_the_socket_in_its_own_way() {
    let cloud = cloud(CloudConfig::default()).await;
    for (cut, end) in cuts() {
        let mut client = Client::connect(&cloud, "one").await;
        assert_eq!(cloud.cut(&cut, None), 1);
        assert!(cloud.connected(&cloud.user().id).is_empty(), "{cut:?}");
        assert_eq!(client.end().await, end, "{cut:?}");
        let said = match cut {
            Cut::Close => vec!["close"],
            Cut::StreamError { .. } => vec!["error", "close"],
            _ => vec![],
        };
        assert_eq!(client.skipped_names(), said, "{cut:?}");
        soon("the end", cloud.wait_live(|live| *live == Live::default())).await;
    }
    cloud.stop().await;
}

/// What the client has sent and nobody read makes no reset of a FIN.
#[tokio::test]
async fn a_fin_is_a_fin_whatever_was_on_its_way() {
    let cloud = cloud(CloudConfig::default()).await;
    for _ in 0..10 {
        let mut client = Client::connect(&cloud, "one").await;
        for _ in 0..20 {
            client.request("", "<ping xmlns='urn:xmpp:ping'/>").await;
        }
        cloud.drop_streams();
        assert_eq!(client.end().await, SocketEnd::Fin);
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_stalled_stream_says_nothing_and_stays_open() {
    let config = CloudConfig {
        ping_every: Duration::from_millis(20),
        ..CloudConfig::default()
    };
    let cloud = cloud(config).await;
    let mut client = Client::connect(&cloud, "one").await;
    client.until(|it| it.has_child("ping", "urn:xmpp:ping")).await;
    assert_eq!(cloud.cut(&Cut::Stall, None), 1);
    // What was on its way before may still come.
    while !client.hears_nothing(Duration::from_millis(200)).await {}
    client.request("", "<ping xmlns='urn:xmpp:ping'/>").await;
    assert!(client.hears_nothing(Duration::from_millis(200)).await);
    assert_eq!(cloud.live().streams, 1);

    // The client comes back by another socket; the old one is given up.
    let again = Client::connect(&cloud, "one").await;
    assert_eq!(client.end().await, SocketEnd::Fin);
    assert_eq!(cloud.cut(&Cut::Stall, None), 1);
    drop(again);
    soon("the end", cloud.wait_live(|live| *live == Live::default())).await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_being_set_up_can_be_cut() {
    let cloud = cloud(CloudConfig::default()).await;
    let user = cloud.user().clone();
    for (cut, end) in cuts() {
        let mut opened = Client::open(&cloud, &user).await;
        let mut signed_in = Client::open(&cloud, &user).await;
        signed_in.sign_in(&user).await;
        // The first one has said nothing, so its task may begin a little later.
        let cutting = async {
            loop {
                cloud.cut(&cut, None);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let ends = async { (opened.end().await, signed_in.end().await) };
        tokio::select! {
            ends = ends => assert_eq!(ends, (end.clone(), end), "{cut:?}"),
            () = cutting => {}
        }
        soon("the end", cloud.wait_live(|live| *live == Live::default())).await;
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_cut_is_for_one_user_if_one_is_named() {
    let users = vec![offhook_sim::User::new("Anna", "a"), offhook_sim::User::new("Ben", "b")];
    let cloud = cloud(CloudConfig {
        users: users.clone(),
        ..CloudConfig::default()
    })
    .await;
    let mut anna = Client::connect_as(&cloud, &users[0], "one").await;
    let mut ben = Client::connect_as(&cloud, &users[1], "one").await;
    assert_eq!(cloud.cut(&Cut::Reset, Some(&users[1].id)), 1);
    assert_eq!(ben.end().await, SocketEnd::Reset);
    let pong = anna.ask("", "<ping xmlns='urn:xmpp:ping'/>").await;
    assert_eq!(pong.attr("type"), Some("result"));
    cloud.stop().await;
}

#[tokio::test]
async fn streams_are_cut_by_the_control_api() {
    let cloud = cloud(CloudConfig::default()).await;
    let path = "/control/streams/drop";
    for (how, end) in [
        (json!({ "how": "reset" }), Some(SocketEnd::Reset)),
        (json!({ "how": "fin", "user": cloud.user().id }), Some(SocketEnd::Fin)),
        (json!({ "how": "close-frame" }), Some(SocketEnd::Closed(Some(1001)))),
        (
            json!({ "how": "close-frame", "code": 4000 }),
            Some(SocketEnd::Closed(Some(4000))),
        ),
        (json!({ "how": "close" }), Some(SocketEnd::Closed(None))),
        (
            json!({ "how": "stream-error", "condition": "policy-violation" }),
            Some(SocketEnd::Closed(None)),
        ),
        (json!({ "how": "stall" }), None),
    ] {
        let mut client = Client::connect(&cloud, "one").await;
        let reply = post(&cloud, path, how.clone()).await;
        assert_eq!(reply, (200, json!({ "clients": 1 })), "{how}");
        match end {
            Some(end) => assert_eq!(client.end().await, end, "{how}"),
            None => assert!(client.hears_nothing(Duration::from_millis(100)).await),
        }
    }
    for (body, status) in [
        (json!({ "how": "hammer" }), 422),
        (json!({ "how": "close-frame", "code": 7 }), 400),
        (json!({ "how": "stream-error", "condition": "<x/>" }), 400),
        (json!({ "how": "reset", "user": "nobody" }), 404),
    ] {
        assert_eq!(post(&cloud, path, body.clone()).await.0, status, "{body}");
    }
    cloud.stop().await;
}

/// The call is bound to the client's address: what is said while it is away is lost and counted,
/// and what is said after it has come back arrives.
#[tokio::test]
async fn a_call_outlives_every_cut_and_is_ended_over_the_next_stream() {
    let cloud = cloud(CloudConfig::default()).await;
    let all = cuts().map(|(cut, _)| cut).into_iter().chain([Cut::Stall]);
    for cut in all {
        let mut client = Client::connect(&cloud, "one").await;
        let call = cloud.call(CallRequest::default()).expect("the client is connected");
        let mut phone = Phone::answer(&mut client, 1_000).await;
        phone.take_skipped(&mut client);
        phone.run(&mut client, |phone| phone.connected).await;
        soon("the connection", call.connected()).await.expect("it lives");
        assert_eq!(call.undelivered(), 0);

        cloud.cut(&cut, None);
        let mut client = Client::connect(&cloud, "one").await;
        phone.heard.clear();
        phone.run(&mut client, |phone| phone.heard.len() >= 24_000).await;
        assert!(matches!(call.state(), CallState::Connected { .. }), "{cut:?}");
        call.hang_up(Reason::Success);
        let (_, rpc) = client.session_request().await;
        assert!(matches!(rpc.method, Method::Terminate { .. }), "{cut:?}: {rpc:?}");
        soon("the end", call.ended()).await;
        client.close().await;
    }
    cloud.stop().await;
}

#[tokio::test]
async fn what_the_gateway_says_to_nobody_is_counted() {
    let cloud = cloud(CloudConfig::default()).await;
    for cut in [Cut::Fin, Cut::Stall] {
        let mut client = Client::connect(&cloud, "one").await;
        let call = cloud.call(CallRequest::default()).expect("the client is connected");
        let phone = Phone::answer(&mut client, 1_000).await;
        soon(
            "the answer",
            call.wait_for(|state| matches!(state, CallState::Answered { .. })),
        )
        .await;
        let before = call.undelivered();
        cloud.cut(&cut, None);
        call.hang_up(Reason::Busy);
        assert_eq!(
            soon("the end", call.ended()).await,
            Ended::HungUp { reason: Reason::Busy },
            "{cut:?}"
        );
        assert_eq!(call.undelivered(), before + 1, "{cut:?}");
        drop(phone);
    }
    cloud.stop().await;
}
