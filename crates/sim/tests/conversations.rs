//! Conversations of several users: who hears whom.

mod support;

use offhook_audio::SourceSpec;
use offhook_audio::measure::dominant_tone;
use offhook_jingle::Reason;
use offhook_sim::{
    CallEvent, CallRequest, Cloud, CloudConfig, Conversation, ConversationError, Destination, Ended, GatewayConfig,
    Participant, ParticipantState, Participation, Purpose, SpeakTo,
};
use serde_json::json;
use support::desk::{Desk, GATEWAY, MUSIC, call_of, part, speak, three, three_in, to, user};
use support::{call_event, http, soon};

/// A call of Anna to Ben, both of whom have answered.
async fn anna_and_ben() -> (Cloud, [Desk; 3], Conversation) {
    let (cloud, mut desks) = three().await;
    let (call, _) = cloud
        .call_between(to(&cloud, 0), to(&cloud, 1))
        .expect("all are connected");
    desks[0].answer().await;
    desks[1].answer().await;
    let conversation = cloud.conversation(call.conversation()).expect("it lives");
    (cloud, desks, conversation)
}

/// A customer's call for Anna, who has answered.
async fn customer_and_anna() -> (Cloud, [Desk; 3], Conversation) {
    let (cloud, mut desks) = three().await;
    let call = cloud.call(to(&cloud, 0)).expect("all are connected");
    desks[0].answer().await;
    let conversation = cloud.conversation(call.conversation()).expect("it lives");
    (cloud, desks, conversation)
}

#[tokio::test]
async fn two_users_speak_in_one_conversation_and_end_it_together() {
    let (cloud, [mut anna, mut ben, _], conversation) = anna_and_ben().await;
    assert_eq!(speak([&mut anna, &mut ben]).await, [[1_000], [600]]);
    let parts = conversation.participants();
    let purposes: Vec<_> = parts.iter().map(|part| (part.purpose, part.state)).collect();
    assert_eq!(purposes, [(Purpose::User, ParticipantState::Connected); 2]);

    // Who mutes is not heard; who holds hears nothing, and the other hears music.
    let muted = json!({ "muted": true }).to_string();
    let path = format!(
        "/api/v2/conversations/calls/{}/participants/{}",
        conversation.id(),
        parts[0].id
    );
    let (status, _) = http::request(&cloud, "PATCH", &path, Some("token-Anna"), Some(&muted)).await;
    assert_eq!(status, 202);
    assert_eq!(speak([&mut anna, &mut ben]).await, [vec![1_000], vec![]]);
    let held = json!({ "muted": false, "held": true }).to_string();
    http::request(&cloud, "PATCH", &path, Some("token-Anna"), Some(&held)).await;
    assert_eq!(speak([&mut anna, &mut ben]).await, [vec![], vec![MUSIC]]);
    let (status, _) = http::request(&cloud, "PATCH", &path, Some("token-Cleo"), Some(&held)).await;
    assert_eq!(status, 404, "Cleo takes no part");
    let wrong = path.replace(&parts[0].id, "nobody");
    let (status, _) = http::request(&cloud, "PATCH", &wrong, Some("token-Anna"), Some(&held)).await;
    assert_eq!(status, 404);

    anna.phone
        .take()
        .expect("it has answered")
        .hang_up(&mut anna.client)
        .await;
    let ended = soon("the other's end", call_of(&cloud, 1).ended()).await;
    let reason = Reason::Success;
    assert_eq!(ended, Ended::HungUp { reason });
    let over = |conversation: &Conversation| {
        let parts = conversation.participants();
        parts.iter().all(|part| part.state == ParticipantState::Disconnected)
    };
    assert!(over(&conversation));
    // Hanging up again is no error.
    let body = json!({ "state": "disconnected" }).to_string();
    let (status, _) = http::request(&cloud, "PATCH", &path, Some("token-Anna"), Some(&body)).await;
    assert_eq!(status, 202);
    cloud.stop().await;
}

#[tokio::test]
async fn a_call_that_the_other_does_not_answer_ends_for_both() {
    let (cloud, [mut anna, ..]) = three().await;
    let ring = Some(std::time::Duration::from_millis(300));
    let ben = CallRequest { ring, ..to(&cloud, 1) };
    let (caller, called) = cloud.call_between(to(&cloud, 0), ben).expect("all are connected");
    anna.answer().await;
    assert_eq!(soon("the end", called.ended()).await, Ended::Unanswered);
    let reason = Reason::Success;
    assert_eq!(soon("the end", caller.ended()).await, Ended::HungUp { reason });
    cloud.stop().await;
}

#[tokio::test]
async fn three_users_hear_each_other() {
    let (cloud, [mut anna, mut ben, mut cleo], conversation) = anna_and_ben().await;
    conversation.add(&user(&cloud, 2)).expect("Cleo is connected");
    cleo.answer().await;
    let heard = speak([&mut anna, &mut ben, &mut cleo]).await;
    assert_eq!(heard, [[1_000, 1_700], [600, 1_700], [600, 1_000]]);

    // Who leaves is not missed by the two others, who go on.
    anna.phone
        .take()
        .expect("it has answered")
        .hang_up(&mut anna.client)
        .await;
    assert_eq!(speak([&mut ben, &mut cleo]).await, [[1_700], [1_000]]);
    cloud.stop().await;
}

#[tokio::test]
async fn a_customer_speaks_with_two_who_hear_the_same() {
    let (cloud, [mut anna, mut ben, _], conversation) = customer_and_anna().await;
    conversation.add(&user(&cloud, 1)).expect("Ben is connected");
    ben.answer().await;
    assert_eq!(speak([&mut anna, &mut ben]).await, [[1_000, GATEWAY], [600, GATEWAY]]);
    let customer = conversation.participants()[0].clone();
    assert_eq!((customer.purpose, customer.user), (Purpose::Customer, None));
    let muted = Participation {
        muted: true,
        held: false,
    };
    conversation
        .set_participation(&customer.id, muted)
        .expect("the customer takes part");
    assert_eq!(speak([&mut anna, &mut ben]).await, [[1_000], [600]]);
    conversation.disconnect(&customer.id).expect("the customer takes part");
    assert_eq!(speak([&mut anna, &mut ben]).await, [[1_000], [600]]);
    let gone = conversation.disconnect(&customer.id);
    assert!(
        matches!(gone, Err(ConversationError::NoSuchParticipant { .. })),
        "{gone:?}"
    );
    cloud.stop().await;
}

#[tokio::test]
async fn a_blind_transfer_puts_another_in_the_place_of_who_makes_it() {
    let (cloud, [anna, mut ben, _], conversation) = customer_and_anna().await;
    let anna_part = part(&cloud, &conversation, 0);
    let nowhere = conversation.replace(&anna_part, &Destination::User("nobody".into()));
    assert!(matches!(nowhere, Err(ConversationError::Call(_))), "{nowhere:?}");
    conversation
        .replace(&anna_part, &user(&cloud, 1))
        .expect("Ben is connected");
    let reason = Reason::Success;
    assert_eq!(
        soon("Anna's end", call_of(&cloud, 0).ended()).await,
        Ended::HungUp { reason }
    );
    drop(anna);
    ben.answer().await;
    assert_eq!(speak([&mut ben]).await, [[GATEWAY]]);
    // The customer speaks by the call that there is now.
    let other = SourceSpec::Tone { hertz: MUSIC };
    call_of(&cloud, 1).play(other.into());
    assert_eq!(speak([&mut ben]).await, [[MUSIC]]);
    let states: Vec<_> = conversation.participants().into_iter().map(|part| part.state).collect();
    let (gone, there) = (ParticipantState::Disconnected, ParticipantState::Connected);
    assert_eq!(states, [there, gone, there]);
    cloud.stop().await;
}

#[tokio::test]
async fn a_blind_transfer_that_is_rejected_returns_to_who_made_it() {
    let (cloud, [mut anna, mut ben, _], conversation) = customer_and_anna().await;
    let first = call_of(&cloud, 0);
    conversation
        .replace(&part(&cloud, &conversation, 0), &user(&cloud, 1))
        .expect("Ben is connected");
    soon("Anna's end", first.ended()).await;
    anna.phone = None;
    let (peer, propose) = ben.client.initiation("propose").await;
    let session = propose.attr("id").expect("an id").to_owned();
    ben.client.initiate(&peer, "reject", &session).await;
    anna.answer().await;
    assert_ne!(call_of(&cloud, 0).session(), first.session());
    assert_eq!(speak([&mut anna]).await, [[GATEWAY]]);
    let live = |part: &Participant| part.state != ParticipantState::Disconnected;
    let live: Vec<_> = conversation.participants().into_iter().filter(live).collect();
    let users: Vec<_> = live.iter().map(|part| part.user.as_deref()).collect();
    assert_eq!(users, [None, Some("user-anna")]);

    // When she who made it is not there either, it is over.
    conversation
        .replace(&part(&cloud, &conversation, 0), &user(&cloud, 1))
        .expect("Ben is connected");
    soon("Anna's end", call_of(&cloud, 0).ended()).await;
    anna.client.close().await;
    let (peer, propose) = ben.client.initiation("propose").await;
    let session = propose.attr("id").expect("an id").to_owned();
    ben.client.initiate(&peer, "reject", &session).await;
    soon(
        "all tasks' end",
        cloud.wait_live(|live| live.calls == 0 && live.tasks == live.streams),
    )
    .await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_consultation_leaves_the_customer_out_until_the_call_is_given_over() {
    let (cloud, [mut anna, mut ben, _], conversation) = customer_and_anna().await;
    let customer = conversation.participants()[0].id.clone();
    let consult = || conversation.consult(&customer, &user(&cloud, 1), SpeakTo::Destination);
    consult().expect("Ben is connected");
    assert!(matches!(consult(), Err(ConversationError::Consulting)));
    ben.answer().await;
    assert_eq!(speak([&mut anna, &mut ben]).await, [[1_000], [600]]);
    assert!(conversation.participants()[0].apart);
    conversation.speak_to(SpeakTo::Object).expect("Ben is consulted");
    assert_eq!(speak([&mut anna, &mut ben]).await, [[GATEWAY], [MUSIC]]);
    conversation.speak_to(SpeakTo::Both).expect("Ben is consulted");
    assert_eq!(speak([&mut anna, &mut ben]).await, [[1_000, GATEWAY], [600, GATEWAY]]);
    conversation.speak_to(SpeakTo::Destination).expect("Ben is consulted");

    anna.phone
        .take()
        .expect("it has answered")
        .hang_up(&mut anna.client)
        .await;
    soon("Anna's end", call_of(&cloud, 0).ended()).await;
    assert_eq!(speak([&mut ben]).await, [[GATEWAY]]);
    assert!(matches!(
        conversation.speak_to(SpeakTo::Both),
        Err(ConversationError::NotConsulting)
    ));
    cloud.stop().await;
}

#[tokio::test]
async fn who_was_consulted_leaves_when_the_consultation_ends() {
    let (cloud, [mut anna, mut ben, _], conversation) = customer_and_anna().await;
    let customer = conversation.participants()[0].id.clone();
    let consulted = conversation.consult(&customer, &user(&cloud, 1), SpeakTo::Destination);
    consulted.expect("Ben is connected");
    ben.answer().await;
    conversation.end_consultation().expect("Ben is consulted");
    soon("Ben's end", call_of(&cloud, 1).ended()).await;
    assert_eq!(speak([&mut anna]).await, [[GATEWAY]]);
    assert!(conversation.end_consultation().is_err());
    cloud.stop().await;
}

#[tokio::test]
async fn rest_brings_others_in_and_asks_them() {
    let (cloud, [mut anna, mut ben, mut cleo], conversation) = customer_and_anna().await;
    let parts = format!("/api/v2/conversations/calls/{}/participants", conversation.id());
    let rest = async |method: &str, path: &str, body: serde_json::Value| {
        let path = format!("{parts}{path}");
        http::request(&cloud, method, &path, Some("token-Anna"), Some(&body.to_string())).await
    };
    let customer = conversation.participants()[0].id.clone();
    let consult = format!("/{customer}/consult");
    let ben_id = &cloud.users()[1].id;
    let (status, consulted) = rest("POST", &consult, json!({ "destination": { "userId": ben_id } })).await;
    let destination = part(&cloud, &conversation, 1);
    assert_eq!(
        (status, &consulted["destinationParticipantId"]),
        (201, &json!(destination))
    );
    ben.answer().await;
    assert_eq!(rest("PATCH", &consult, json!({ "speakTo": "BOTH" })).await.0, 200);
    let body = json!({ "participants": [{ "userId": cloud.users()[2].id }] });
    assert_eq!(rest("POST", "", body).await.0, 202);
    cleo.answer().await;
    let all = speak([&mut anna, &mut ben, &mut cleo]).await;
    assert_eq!(
        all,
        [[1_000, 1_700, GATEWAY], [600, 1_700, GATEWAY], [600, 1_000, GATEWAY]]
    );
    assert_eq!(rest("DELETE", &consult, json!({})).await.0, 202);
    soon("Ben's end", call_of(&cloud, 1).ended()).await;
    assert_eq!(rest("DELETE", &consult, json!({})).await.0, 409);

    for (path, body, status) in [
        (format!("/{customer}/replace"), json!({}), 400),
        (format!("/{customer}/replace"), json!({ "userId": "nobody" }), 400),
        ("/nobody/replace".to_owned(), json!({ "userId": ben_id }), 404),
        (consult.clone(), json!({ "destination": {} }), 400),
        (String::new(), json!({ "participants": [{}] }), 400),
        (String::new(), json!([]), 400),
    ] {
        assert_eq!(rest("POST", &path, body.clone()).await.0, status, "{path} {body}");
    }
    let own = part(&cloud, &conversation, 0);
    let number = json!({ "address": "+15550199" });
    assert_eq!(rest("POST", &format!("/{own}/replace"), number).await.0, 202);
    soon("Anna's end", call_of(&cloud, 0).ended()).await;
    let last = conversation.participants().pop().expect("the number");
    assert_eq!(
        (last.purpose, last.state),
        (Purpose::External, ParticipantState::Connected)
    );
    cloud.stop().await;
}

#[tokio::test]
async fn the_control_api_does_what_the_library_does() {
    let (cloud, [mut anna, mut ben, _]) = three().await;
    let control = async |method: &str, path: &str, body: serde_json::Value| {
        let path = format!("/control/conversations{path}");
        http::request(&cloud, method, &path, None, Some(&body.to_string())).await
    };
    let ids: Vec<_> = cloud.users().iter().map(|user| user.id.clone()).collect();
    let (status, conversation) = control("POST", "", json!({ "caller": ids[0], "called": ids[1] })).await;
    assert_eq!(status, 201);
    anna.answer().await;
    ben.answer().await;
    let id = conversation["id"].as_str().expect("an id");
    let (_, listed) = control("GET", "", json!({})).await;
    assert_eq!(listed[0]["id"], id);
    let part = |number: usize| {
        format!(
            "/{id}/participants/{}",
            conversation["participants"][number]["id"].as_str().expect("an id")
        )
    };
    assert_eq!(control("POST", &format!("{}/hold", part(0)), json!({})).await.0, 202);
    let (_, now) = control("GET", &format!("/{id}"), json!({})).await;
    assert_eq!(
        (&now["participants"][0]["held"], &now["participants"][1]["held"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(control("POST", &format!("{}/unhold", part(0)), json!({})).await.0, 202);
    let number = json!({ "number": "+15550199", "speakTo": "BOTH" });
    assert_eq!(control("POST", &format!("{}/consult", part(1)), number).await.0, 201);
    assert_eq!(
        control("POST", &format!("/{id}/consultation"), json!({ "speakTo": "OBJECT" }))
            .await
            .0,
        202
    );
    assert_eq!(
        control("DELETE", &format!("/{id}/consultation"), json!({})).await.0,
        202
    );
    let number = json!({ "number": "+15550198" });
    assert_eq!(
        control("POST", &format!("/{id}/participants"), number.clone()).await.0,
        201
    );
    assert_eq!(speak([&mut anna, &mut ben]).await, [[1_000, GATEWAY], [600, GATEWAY]]);
    assert_eq!(control("POST", &format!("{}/replace", part(1)), number).await.0, 201);
    soon("Ben's end", call_of(&cloud, 1).ended()).await;
    assert_eq!(
        control("POST", &format!("{}/disconnect", part(0)), json!({})).await.0,
        202
    );
    soon("Anna's end", call_of(&cloud, 0).ended()).await;
    for (path, body, status) in [
        ("/none", json!({}), 405),
        ("/none/participants", json!({ "user": "x" }), 404),
        (&format!("/{id}/participants"), json!({}), 400),
        (&format!("{}/fly", part(0)), json!({}), 404),
        (&format!("{}/mute", part(0)), json!({}), 404),
    ] {
        assert_eq!(control("POST", path, body).await.0, status, "{path}");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn keys_that_a_user_presses_by_rest_are_heard_by_the_others() {
    let (cloud, [_anna, mut ben, _], conversation) = anna_and_ben().await;
    let own = part(&cloud, &conversation, 0);
    let path = format!("/api/v2/conversations/{}/participants/{own}/digits", conversation.id());
    let press = async |digits: &str| {
        let body = json!({ "digits": digits }).to_string();
        http::request(&cloud, "POST", &path, Some("token-Anna"), Some(&body))
            .await
            .0
    };
    for nothing in ["", "x", &"1".repeat(51)] {
        assert_eq!(press(nothing).await, 400, "{nothing}");
    }
    assert_eq!(press("4#").await, 202);
    let phone = ben.phone.as_mut().expect("it has answered");
    phone.run(&mut ben.client, |phone| phone.digits == "4#").await;
    let digits = "4#".to_owned();
    call_event(&cloud, |event| {
        *event == CallEvent::UserDigits { digits: digits.clone() }
    })
    .await;

    let conversation = format!("/api/v2/conversations/calls/{}", conversation.id());
    let (_, described) = http::request(&cloud, "GET", &conversation, Some("token-Anna"), None).await;
    let communication = described["participants"][0]["calls"][0]["id"].as_str().expect("an id");
    for (communication, status) in [(communication, 202), ("none", 404)] {
        let path = format!("{conversation}/communications/{communication}/metadata");
        assert_eq!(
            http::request(&cloud, "POST", &path, Some("token-Anna"), None).await.0,
            status
        );
    }
    call_event(&cloud, |event| *event == CallEvent::Metadata).await;
    cloud.stop().await;
}

#[tokio::test]
async fn each_call_of_a_conversation_has_a_recording_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = GatewayConfig {
        record: Some(folder.path().to_owned()),
        ..GatewayConfig::default()
    };
    let (cloud, [mut anna, mut ben, _]) = three_in(CloudConfig {
        gateway,
        ..CloudConfig::default()
    })
    .await;
    let (call, other) = cloud
        .call_between(to(&cloud, 0), to(&cloud, 1))
        .expect("all are connected");
    anna.answer().await;
    ben.answer().await;
    speak([&mut anna, &mut ben]).await;
    call.hang_up(Reason::Success);
    soon("the end", other.ended()).await;
    soon("the end", call.ended()).await;
    for (number, left, right) in [("", 1_000.0, 600.0), ("-2", 600.0, 1_000.0)] {
        let path = folder.path().join(format!("{}{number}.wav", call.conversation()));
        let mut wav = hound::WavReader::open(&path).expect("a recording");
        let samples: Vec<i16> = wav.samples().map(|sample| sample.expect("a sample")).collect();
        for (channel, pitch) in [(0, left), (1, right)] {
            let all: Vec<_> = samples.iter().skip(channel).step_by(2).copied().collect();
            let tone = dominant_tone(&all[all.len() - 48_000..]).expect("a tone");
            assert!(
                (tone.hertz - pitch).abs() < 3.0,
                "{tone:?} in channel {channel} of call {number}"
            );
        }
    }
    cloud.stop().await;
}
