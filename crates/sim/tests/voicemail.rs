//! Messages that are left when nobody takes the call.

mod support;

use std::time::Duration;

use offhook_audio::measure::dominant_tone;
use offhook_sim::{CallRequest, Cloud, CloudConfig, Destination, Ended, GatewayConfig, Purpose};
use serde_json::json;
use support::desk::{GATEWAY, call_of, part, speak, three, three_in, to};
use support::{http, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The pitch of what is in a message, in hertz; the beginning, before anybody speaks, is not looked at.
fn pitch(samples: &[i16]) -> Option<f32> {
    dominant_tone(&samples[samples.len() - 24_000..]).map(|tone| tone.hertz)
}

/// The bytes behind a path.
async fn fetch(cloud: &Cloud, path: &str) -> Vec<u8> {
    let mut socket = TcpStream::connect(cloud.address()).await.expect("the cloud listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    socket
        .write_all(request.as_bytes())
        .await
        .expect("the request goes out");
    let mut reply = Vec::new();
    soon("the reply", socket.read_to_end(&mut reply))
        .await
        .expect("it comes in");
    let end = reply.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    reply.split_off(end + 4)
}

#[tokio::test]
async fn a_user_who_rejects_a_call_to_voicemail_finds_the_message() {
    let (cloud, [mut anna, mut ben, _]) = three().await;
    let (call, _) = cloud
        .call_between(to(&cloud, 0), to(&cloud, 1))
        .expect("all are connected");
    anna.answer().await;
    ben.client.initiation("propose").await;
    let conversation = cloud.conversation(call.conversation()).expect("it lives");
    let path = format!(
        "/api/v2/conversations/calls/{}/participants/{}/replace",
        conversation.id(),
        part(&cloud, &conversation, 1)
    );
    let body = json!({ "voicemail": true }).to_string();
    let (status, _) = http::request(&cloud, "POST", &path, Some("token-Ben"), Some(&body)).await;
    assert_eq!(status, 202);
    ben.client.initiation("retract").await;
    assert_eq!(
        speak([&mut anna]).await,
        [Vec::<u32>::new()],
        "the tone at the beginning is over"
    );
    let voicemail = conversation.participants().pop().expect("three parts");
    assert_eq!(
        (voicemail.purpose, voicemail.user.as_deref()),
        (Purpose::Voicemail, Some("user-ben"))
    );
    anna.phone
        .take()
        .expect("it has answered")
        .hang_up(&mut anna.client)
        .await;
    soon(
        "all tasks' end",
        cloud.wait_live(|live| live.calls == 0 && live.tasks == live.streams),
    )
    .await;

    let messages = cloud.voicemail("user-ben");
    let [message] = &messages[..] else {
        panic!("{} messages", messages.len())
    };
    assert!(message.duration() > Duration::from_secs(1), "{:?}", message.duration());
    assert!(pitch(&message.samples).is_some_and(|hertz| (hertz - 600.0).abs() < 3.0));
    let get = async |path: &str, token: &str| {
        let path = format!("/api/v2/voicemail/messages{path}");
        http::request(&cloud, "GET", &path, Some(token), None).await
    };
    let (_, listed) = get("", "token-Ben").await;
    assert_eq!(
        (&listed["total"], &listed["entities"][0]["id"]),
        (&json!(1), &json!(message.id))
    );
    assert_eq!(get("", "token-Anna").await.1["total"], 0);
    let own = format!("/{}", message.id);
    assert_eq!(get(&own, "token-Anna").await.0, 404);
    let (_, media) = get(&format!("{own}/media"), "token-Ben").await;
    let uri = media["mediaFileUri"].as_str().expect("an address");
    let path = uri.strip_prefix(&cloud.api_url()).expect("here");
    let file = fetch(&cloud, path).await;
    let mut wav = hound::WavReader::new(&file[..]).expect("a WAV file");
    let samples: Vec<i16> = wav.samples().map(|sample| sample.expect("a sample")).collect();
    assert_eq!(samples[..], message.samples[..]);
    let path = format!("/api/v2/voicemail/messages{own}");
    assert_eq!(
        http::request(&cloud, "DELETE", &path, Some("token-Ben"), None).await.0,
        202
    );
    assert!(cloud.voicemail("user-ben").is_empty());
    cloud.stop().await;
}

#[tokio::test]
async fn a_customer_leaves_a_message_of_the_length_that_is_said() {
    let message = Duration::from_secs(2);
    let gateway = GatewayConfig {
        message,
        ..GatewayConfig::default()
    };
    let (cloud, [mut anna, ..]) = three_in(CloudConfig {
        gateway,
        ..CloudConfig::default()
    })
    .await;
    let call = cloud.call(to(&cloud, 0)).expect("all are connected");
    anna.client.initiation("propose").await;
    let conversation = cloud.conversation(call.conversation()).expect("it lives");
    let own = part(&cloud, &conversation, 0);
    let nobody = Destination::Voicemail("nobody".into());
    assert!(conversation.replace(&own, &nobody).is_err());
    conversation
        .replace(&own, &Destination::Voicemail("user-anna".into()))
        .expect("Anna has one");
    soon("Anna's end", call_of(&cloud, 0).ended()).await;
    soon("all tasks' end", cloud.wait_live(|live| live.tasks == live.streams)).await;
    let left = cloud.voicemail("user-anna").pop().expect("a message");
    assert_eq!(left.duration(), message);
    assert!(pitch(&left.samples).is_some_and(|hertz| (hertz - GATEWAY as f32).abs() < 3.0));
    cloud.stop().await;
}

#[tokio::test]
async fn who_calls_a_user_who_does_not_answer_leaves_a_message_where_the_cloud_is_so() {
    let message = Duration::from_secs(2);
    let gateway = GatewayConfig {
        message,
        voicemail: true,
        ..GatewayConfig::default()
    };
    let (cloud, [mut anna, ..]) = three_in(CloudConfig {
        gateway,
        ..CloudConfig::default()
    })
    .await;
    let request = CallRequest {
        ring: Some(Duration::from_millis(300)),
        ..to(&cloud, 0)
    };
    let call = cloud.call(request).expect("all are connected");
    anna.client.initiation("retract").await;
    assert_eq!(soon("the end", call.ended()).await, Ended::Unanswered);
    let left = soon("the message", async {
        let mut records = cloud.subscribe();
        loop {
            if let Some(left) = cloud.voicemail("user-anna").pop() {
                return left;
            }
            let _ = tokio::time::timeout(Duration::from_millis(50), records.recv()).await;
        }
    })
    .await;
    assert_eq!((left.duration(), &left.conversation), (message, call.conversation()));
    soon("all tasks' end", cloud.wait_live(|live| live.tasks == live.streams)).await;
    assert_eq!(cloud.voicemail("user-anna").len(), 1);
    cloud.stop().await;
}
