//! New media for a live call, under the same session id or another one.

mod support;

use std::time::Duration;

use offhook_jingle::genesys::Method;
use offhook_jingle::{ConversationId, Reason};
use offhook_sim::{CallEvent, CallHandle, CallRequest, CallState, Cloud, CloudConfig, Ended, Live, Reinvite};
use support::phone::Phone;
use support::{Client, call_event, cloud, http, soon};

async fn connected_call(cloud: &Cloud, client: &mut Client) -> (CallHandle, Phone) {
    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    let mut phone = Phone::answer(client, 1_000).await;
    phone.take_skipped(client);
    phone.run(client, |phone| phone.connected).await;
    soon("the connection", call.connected()).await.expect("it lives");
    client.drain_requests();
    (call, phone)
}

/// The next offer: the ids of the IQ and of the request in it, the conversation and the SDP.
async fn reinvited(client: &mut Client) -> (String, String, Option<ConversationId>, String) {
    loop {
        let (iq, rpc) = client.session_request().await;
        if let Method::Offer {
            conversation,
            sdp,
            reinvite,
            ..
        } = rpc.method
        {
            assert!(reinvite);
            let iq = iq.attr("id").expect("an id").to_owned();
            return (iq, rpc.id, conversation, sdp);
        }
    }
}

#[tokio::test]
async fn new_media_take_over_after_the_client_came_back() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let (call, old) = connected_call(&cloud, &mut client).await;
    let sockets = cloud.live().media_sockets;
    cloud.drop_streams();
    let mut client = Client::connect(&cloud, "one").await;

    let conversation = ConversationId::new("another");
    call.reinvite(Reinvite {
        conversation: Some(conversation.clone()),
        ..Reinvite::default()
    });
    let (_, _, told, offer) = reinvited(&mut client).await;
    assert_eq!(told.as_ref(), Some(&conversation));
    assert_eq!(cloud.live().media_sockets, 2 * sockets, "the old media are still there");
    let (peer, session) = (old.peer.clone(), old.session.clone());
    let mut phone = Phone::take_offer(&mut client, peer, session.as_str(), &offer, 700).await;
    phone.take_skipped(&mut client);
    phone.run(&mut client, |phone| phone.connected).await;
    soon("the new media", call.replaced(1)).await.expect("the call lives");
    soon(
        "the old media's end",
        cloud.wait_live(|live| live.media_sockets == sockets),
    )
    .await;
    phone.run(&mut client, |phone| phone.heard.len() >= 72_000).await;
    let near = |hertz: Option<f64>, wanted: f64| hertz.is_some_and(|hertz| (hertz - wanted).abs() < 3.0);
    assert!(near(phone.tone().map(|it| f64::from(it.hertz)), 440.0));
    assert!(near(call.heard().tone.map(|it| f64::from(it.hertz)), 700.0));
    assert_eq!(soon("the call", cloud.call_of(&conversation)).await.session(), &session);

    call.hang_up(Reason::Success);
    soon("the end", call.ended()).await;
    client.close().await;
    soon("nothing", cloud.wait_live(|live| *live == Live::default())).await;
    cloud.stop().await;
}

#[tokio::test]
async fn an_offer_of_new_media_is_repeated_until_it_is_answered() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let (call, old) = connected_call(&cloud, &mut client).await;
    call.reinvite(Reinvite {
        repeat: 1_000,
        ..Reinvite::default()
    });
    let first = reinvited(&mut client).await;
    let second = reinvited(&mut client).await;
    assert_ne!(first.0, second.0, "each is a stanza of its own");
    assert_eq!((&first.1, &first.3), (&second.1, &second.3), "of the same request");
    let (peer, session) = (old.peer.clone(), old.session.clone());
    let mut phone = Phone::take_offer(&mut client, peer, session.as_str(), &first.3, 700).await;
    phone.take_skipped(&mut client);
    phone.run(&mut client, |phone| phone.connected).await;
    client.drain_requests();
    phone.run(&mut client, |phone| phone.heard.len() >= 24_000).await;
    let again = client.drain_requests().into_iter();
    assert_eq!(
        again.filter(|rpc| matches!(rpc.method, Method::Offer { .. })).count(),
        0
    );
    phone.hang_up(&mut client).await;
    assert_eq!(
        soon("the end", call.ended()).await,
        Ended::Terminated {
            reason: Reason::Success
        }
    );
    cloud.stop().await;
}

#[tokio::test]
async fn new_media_may_come_under_another_session_id() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let (call, old) = connected_call(&cloud, &mut client).await;
    let path = format!("/control/calls/{}/reinvite", call.session());
    let body = Some(r#"{"newSession":true}"#);
    assert_eq!(http::request(&cloud, "POST", &path, None, body).await.0, 202);
    let (_, _, conversation, offer) = reinvited(&mut client).await;
    assert_eq!(
        conversation.as_ref(),
        Some(call.conversation()),
        "the same conversation"
    );
    let now = soon("the call", cloud.call_of(call.conversation())).await;
    assert_ne!(now.session(), call.session());
    let mut phone = Phone::take_offer(&mut client, old.peer.clone(), now.session().as_str(), &offer, 700).await;
    phone.take_skipped(&mut client);
    phone.run(&mut client, |phone| phone.connected).await;
    soon("the new media", call.replaced(1)).await.expect("the call lives");
    // The former session is ended by the client, and the call goes on.
    old.hang_up(&mut client).await;
    let left = call_event(&cloud, |event| matches!(event, CallEvent::Left { .. })).await;
    let expected = CallEvent::Left {
        session: call.session().clone(),
        reason: Reason::Success,
    };
    assert_eq!(left, expected);
    assert!(matches!(now.state(), CallState::Connected { .. }));
    phone.hang_up(&mut client).await;
    soon("the end", call.ended()).await;
    client.close().await;
    soon("nothing", cloud.wait_live(|live| *live == Live::default())).await;
    cloud.stop().await;
}

/// An offer that nobody answers leaves the call as it is; and while it rings there is none.
#[tokio::test]
async fn the_old_media_go_on_without_an_answer() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let ringing = cloud.call(CallRequest::default()).expect("the client is connected");
    ringing.reinvite(Reinvite::default());
    ringing.retract();
    soon("the end", ringing.ended()).await;
    client.initiation("retract").await;
    client.initiation("propose").await;
    assert!(client.drain_requests().is_empty());

    let (call, mut phone) = connected_call(&cloud, &mut client).await;
    let path = format!("/control/calls/{}/reinvite", call.session());
    let body = Some(r#"{"conversation":"another","repeat":2}"#);
    assert_eq!(http::request(&cloud, "POST", &path, None, body).await.0, 202);
    phone.heard.clear();
    phone.run_deaf(&mut client, Duration::from_millis(1_500)).await;
    assert!(phone.tone().is_some_and(|tone| (tone.hertz - 440.0).abs() < 3.0));
    assert!(matches!(call.state(), CallState::Connected { .. }));
    let offers = client.drain_requests().into_iter();
    let offers = offers.filter(|rpc| matches!(rpc.method, Method::Offer { .. }));
    assert_eq!(offers.count(), 3);
    phone.hang_up(&mut client).await;
    soon("the end", call.ended()).await;
    client.close().await;
    soon("nothing", cloud.wait_live(|live| *live == Live::default())).await;
    cloud.stop().await;
}
