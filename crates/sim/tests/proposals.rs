//! Proposals, outbound calls and the ways in which calls do not come about.

mod support;

use std::time::Duration;

use minidom::Element;
use offhook_jingle::genesys::Method;
use offhook_jingle::message::InitiationMessage;
use offhook_jingle::{ConversationId, Reason};
use offhook_sim::{
    CallError, CallEvent, CallFaults, CallRequest, CloudConfig, CloudFaults, Ended, GatewayConfig, Live, OfferFault,
    OutboundOrder, RestFault, User, What,
};
use secrecy::ExposeSecret;
use support::phone::Phone;
use support::{Client, call_event, cloud, frames, http, soon};

const CALLS: &str = "/api/v2/conversations/calls";

#[tokio::test]
async fn a_proposal_says_what_the_platform_says() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let request = CallRequest {
        auto_answer: true,
        ..CallRequest::default()
    };
    let call = cloud.call(request).expect("the client is connected");
    let (from, propose) = client.initiation("propose").await;
    assert!(from.contains("@gjoll."), "{from}");
    let Some(Ok(InitiationMessage::Propose(said))) = InitiationMessage::parse(&propose) else {
        panic!("{propose:?}")
    };
    assert_eq!(said.id, *call.session());
    assert_eq!(said.conversation.as_ref(), Some(call.conversation()));
    assert!(said.auto_answer && said.sdp_over_xmpp);
    assert!(propose.has_child("description", "urn:xmpp:jingle:apps:rtp:1"));
    cloud.stop().await;
}

#[tokio::test]
async fn a_rejected_proposal_is_over_and_all_clients_learn_of_it() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut one = Client::connect(&cloud, "one").await;
    let mut two = Client::connect(&cloud, "two").await;
    let call = cloud.call(CallRequest::default()).expect("clients are connected");
    let (gateway, propose) = one.initiation("propose").await;
    let session = propose.attr("id").expect("an id");
    let bare = one.bare.clone();
    one.initiate(&bare, "reject", session).await;
    one.initiate(&gateway, "reject", session).await;
    assert_eq!(soon("the end", call.ended()).await, Ended::Rejected);
    for client in [&mut one, &mut two] {
        let (from, reject) = client.initiation("reject").await;
        assert_eq!(
            (from.as_str(), reject.attr("id")),
            (&*format!("{bare}/one"), Some(session))
        );
    }
    assert_eq!(
        cloud.live(),
        Live {
            streams: 2,
            tasks: 2,
            ..Live::default()
        }
    );
    cloud.stop().await;
}

#[tokio::test]
async fn the_first_client_to_proceed_gets_the_offer_and_its_accept_is_reflected() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut one = Client::connect(&cloud, "one").await;
    let mut two = Client::connect(&cloud, "two").await;
    let call = cloud.call(CallRequest::default()).expect("clients are connected");
    let phone = Phone::answer(&mut one, 1_000).await;
    let (from, accept) = two.initiation("accept").await;
    assert_eq!((&from, accept.attr("id")), (&one.jid, Some(call.session().as_str())));
    two.initiate(&phone.peer, "proceed", call.session().as_str()).await;
    phone.hang_up(&mut one).await;
    soon("the end", call.ended()).await;
    two.close().await;
    assert_eq!(two.drain_requests(), []);
    cloud.stop().await;
}

#[tokio::test]
async fn an_unanswered_proposal_is_retracted() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let request = CallRequest {
        ring: Some(Duration::from_millis(30)),
        ..CallRequest::default()
    };
    let call = cloud.call(request).expect("the client is connected");
    let (_, retract) = client.initiation("retract").await;
    assert_eq!(retract.attr("id"), Some(call.session().as_str()));
    assert_eq!(soon("the end", call.ended()).await, Ended::Unanswered);

    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    call.retract();
    assert_eq!(soon("the end", call.ended()).await, Ended::Retracted);
    cloud.stop().await;
}

#[tokio::test]
async fn another_device_can_take_the_call() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    call.handled_elsewhere();
    let (from, accept) = client.initiation("accept").await;
    assert!(from.starts_with(&client.bare) && from != client.jid, "{from}");
    assert_eq!(accept.attr("id"), Some(call.session().as_str()));
    assert_eq!(soon("the end", call.ended()).await, Ended::HandledElsewhere);
    cloud.stop().await;
}

#[tokio::test]
async fn a_proposal_can_be_repeated_until_the_client_proceeds() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let faults = Some(CallFaults {
        repeat_propose: 2,
        ..CallFaults::default()
    });
    let call = cloud
        .call(CallRequest {
            faults,
            ..CallRequest::default()
        })
        .expect("connected");
    for _ in 0..3 {
        let (_, propose) = client.initiation("propose").await;
        assert_eq!(propose.attr("id"), Some(call.session().as_str()));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn candidates_can_come_before_the_offer() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let faults = Some(CallFaults {
        early_candidates: true,
        ..CallFaults::default()
    });
    let call = cloud
        .call(CallRequest {
            faults,
            ..CallRequest::default()
        })
        .expect("connected");
    let mut phone = Phone::answer(&mut client, 1_000).await;
    let frames = frames(&cloud);
    let place = |name: &str| frames.iter().position(|frame| frame == name);
    assert!(place("iceCandidate").expect("a candidate") < place("offer").expect("an offer"));
    phone.take_skipped(&mut client);
    phone.run(&mut client, |phone| phone.connected).await;
    soon("the connection", call.connected()).await.expect("it lives");
    cloud.stop().await;
}

#[tokio::test]
async fn offers_can_be_spoilt() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    for (fault, wanted) in [
        (OfferFault::NotSdp, "no session"),
        (OfferFault::NoAudio, "m=application"),
    ] {
        let faults = Some(CallFaults {
            offer: Some(fault),
            ..CallFaults::default()
        });
        let call = cloud
            .call(CallRequest {
                faults,
                ..CallRequest::default()
            })
            .expect("connected");
        let (gateway, _) = client.initiation("propose").await;
        client.initiate(&gateway, "proceed", call.session().as_str()).await;
        let sdp = client.offer(call.session()).await;
        assert!(sdp.contains(wanted) && !sdp.contains("m=audio"), "{sdp}");
        let terminate = Method::Terminate {
            session: call.session().clone(),
            reason: Reason::IncompatibleParameters,
        };
        client.session(&gateway, terminate).await;
        let reason = Reason::IncompatibleParameters;
        assert_eq!(soon("the end", call.ended()).await, Ended::Terminated { reason });
    }
    cloud.stop().await;
}

#[tokio::test]
async fn an_unusable_answer_ends_the_call() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    let (gateway, _) = client.initiation("propose").await;
    client.initiate(&gateway, "proceed", call.session().as_str()).await;
    let answer = Method::Answer {
        session: call.session().clone(),
        sdp: "nonsense".into(),
    };
    let id = client.session(&gateway, answer).await;
    let refused = client.until(|stanza: &Element| stanza.attr("id") == Some(&id)).await;
    assert_eq!(refused.attr("type"), Some("error"));
    let ended = soon("the end", call.ended()).await;
    assert!(matches!(ended, Ended::UnusableAnswer { .. }), "{ended}");
    call_event(&cloud, |event| matches!(event, CallEvent::Unusable { .. })).await;
    cloud.stop().await;
}

#[tokio::test]
async fn an_outbound_call_is_proposed_after_or_before_its_reply() {
    let gap = Duration::from_millis(50);
    for (outbound, reply_first) in [
        (OutboundOrder::ReplyFirst { gap }, true),
        (OutboundOrder::ProposalFirst { gap }, false),
    ] {
        let gateway = GatewayConfig {
            outbound,
            ..GatewayConfig::default()
        };
        let cloud = cloud(CloudConfig {
            gateway,
            ..CloudConfig::default()
        })
        .await;
        let mut client = Client::connect(&cloud, "one").await;
        let token = cloud.default_token();
        let body = r#"{"phoneNumber":"+15550123"}"#;
        let (status, reply) = http::request(&cloud, "POST", CALLS, Some(token.expose_secret()), Some(body)).await;
        assert_eq!(status, 202);
        let conversation = reply["id"].as_str().expect("an id");
        let (_, propose) = client.initiation("propose").await;
        assert_eq!(propose.attr("inin-cid"), Some(conversation));
        assert_eq!(propose.attr("inin-autoanswer"), Some("true"));

        let place = |wanted: &dyn Fn(&What) -> bool| {
            cloud
                .records()
                .iter()
                .position(|record| wanted(&record.what))
                .expect("recorded")
        };
        let reply = place(&|what| matches!(what, What::RestReply { path, .. } if path == CALLS));
        let proposal = place(&|what| matches!(what, What::Frame { summary, .. } if summary == "<propose>"));
        assert_eq!(reply < proposal, reply_first);

        // The platform's way to hang up.
        let call = soon("the call", cloud.call_of(&ConversationId::new(conversation))).await;
        let agent = cloud.conversation(call.conversation()).expect("it lives");
        let agent = agent.of_user(call.user()).expect("the caller");
        let path = format!("{CALLS}/{conversation}/participants/{}", agent.id);
        let body = r#"{"state":"disconnected"}"#;
        let (status, _) = http::request(&cloud, "PATCH", &path, Some(token.expose_secret()), Some(body)).await;
        assert_eq!(status, 202);
        assert_eq!(soon("the end", call.ended()).await, Ended::Retracted);
        cloud.stop().await;
    }
}

#[tokio::test]
async fn rest_refuses_what_it_should() {
    let users = vec![User::new("Anna", "token-a"), User::new("Ben", "token-b")];
    let cloud = cloud(CloudConfig {
        users,
        ..CloudConfig::default()
    })
    .await;
    let me = "/api/v2/users/me";
    for token in [None, Some("wrong"), Some("")] {
        let (head, body) = http::exchange(&cloud.address().to_string(), "GET", me, token, None).await;
        assert!(head.starts_with("HTTP/1.1 401"), "{head}");
        assert!(head.to_lowercase().contains("inin-correlation-id: "), "{head}");
        assert!(body.contains("authentication.required"), "{body}");
    }
    let (_, anna) = http::request(&cloud, "GET", me, Some("token-a"), None).await;
    let (_, ben) = http::request(&cloud, "GET", me, Some("token-b"), None).await;
    assert_ne!(anna["chat"]["jabberId"], ben["chat"]["jabberId"]);

    // Nobody is connected, then the body is wrong, then a fault says no.
    let good = r#"{"callUserId":"user-ben"}"#;
    let place = async |body: &'static str| http::request(&cloud, "POST", CALLS, Some("token-a"), Some(body)).await;
    assert_eq!(place(good).await.0, 400);
    let _client = Client::connect(&cloud, "one").await;
    for body in ["", "[]", "{}", r#"{"phoneNumber":""}"#, r#"{"participants":[]}"#] {
        let (status, reply) = place(body).await;
        assert_eq!((status, reply["code"].as_str()), (400, Some("bad.request")), "{body}");
    }
    let faults = CloudFaults {
        rest: vec![RestFault {
            path: CALLS.into(),
            status: 400,
            message: Some("no route".into()),
            ..RestFault::default()
        }],
        ..CloudFaults::default()
    };
    cloud.set_faults(faults);
    assert_eq!(place(good).await.1["message"], "no route");
    cloud.set_faults(CloudFaults {
        rest: vec![RestFault::default()],
        ..CloudFaults::default()
    });
    assert_eq!(http::request(&cloud, "GET", me, Some("token-a"), None).await.0, 503);
    cloud.stop().await;
}

#[tokio::test]
async fn only_users_that_are_known_and_connected_can_be_called() {
    let users = vec![User::new("Anna", "a"), User::new("Ben", "b")];
    let cloud = cloud(CloudConfig {
        users: users.clone(),
        ..CloudConfig::default()
    })
    .await;
    let _anna = Client::connect_as(&cloud, &users[0], "one").await;
    let mut ben = Client::connect_as(&cloud, &users[1], "one").await;
    let call = |user: &str| {
        cloud.call(CallRequest {
            user: Some(user.into()),
            ..CallRequest::default()
        })
    };
    assert!(matches!(call("nobody"), Err(CallError::UnknownUser { .. })));
    let to_ben = call(&users[1].id).expect("Ben is connected");
    let (_, propose) = ben.initiation("propose").await;
    assert_eq!(propose.attr("id"), Some(to_ben.session().as_str()));
    ben.close().await;
    soon("Ben's leaving", cloud.wait_live(|live| live.streams == 1)).await;
    assert!(matches!(call(&users[1].id), Err(CallError::NotConnected { .. })));
    cloud.stop().await;
}
