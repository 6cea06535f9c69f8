//! Whole calls over real loopback sockets.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook_audio::measure::{SILENCE_DBOV, dominant_tone};
use offhook_audio::{Source as _, Tone};
use offhook_jingle::Reason;
use offhook_jingle::genesys::Method;
use offhook_media::OpusClip;
use offhook_sim::{CallEvent, CallFaults, CallRequest, CallState, CloudConfig, Ended, Live, MediaPath, Said, What};
use support::phone::Phone;
use support::{Client, call_event, cloud, frames, http, soon};

/// Half a second more than what tones are measured over.
const ENOUGH: usize = 72_000;

fn near(tone: Option<offhook_audio::measure::Tone>, hertz: f32) -> bool {
    tone.is_some_and(|tone| (tone.hertz - hertz).abs() < 3.0)
}

#[tokio::test]
async fn ready_made_packets_are_played_again_and_again_and_the_clients_are_counted() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let mut tone = Tone::new(700);
    let mut samples = vec![0; 48_000];
    for frame in samples.as_chunks_mut().0 {
        let _ = tone.read(frame);
    }
    let clip = OpusClip::encode(&samples, 32_000, 5).expect("memory");
    let request = CallRequest {
        ready_made: Some(Arc::new(clip.packets().collect())),
        ..CallRequest::default()
    };
    let call = cloud.call(request).expect("the client is connected");
    let mut phone = Phone::answer(&mut client, 1_000).await;
    // Twice as long as the clip.
    phone
        .run(&mut client, |phone| phone.heard.len() >= 2 * samples.len())
        .await;
    assert!(near(phone.tone(), 700.0), "the client heard {:?}", phone.tone());
    assert!(call.statistics().packets_received > 50);
    assert_eq!(call.heard().duration, Duration::ZERO, "nothing is decoded");
    cloud.stop().await;
}

#[tokio::test]
async fn a_call_carries_audio_both_ways_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("call.wav");
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;

    let request = CallRequest {
        record: Some(record.clone()),
        ..CallRequest::default()
    };
    let call = cloud.call(request).expect("the client is connected");
    assert_eq!(call.state(), CallState::Ringing);
    let mut phone = Phone::answer(&mut client, 1_000).await;
    phone.take_skipped(&mut client);
    phone.run(&mut client, |phone| phone.heard.len() >= ENOUGH).await;
    soon("the connection", call.connected())
        .await
        .expect("it has not ended");
    assert!(call.state().client().is_some_and(|jid| jid.as_str() == client.jid));
    assert!(near(phone.tone(), 440.0), "the client heard {:?}", phone.tone());
    let heard = call.heard();
    assert!(near(heard.tone, 1_000.0), "the gateway heard {heard:?}");
    assert!(heard.duration >= Duration::from_secs(1));
    assert!(call.statistics().packets_received > 50);
    let live = cloud.live();
    assert_eq!((live.calls, live.media_sockets, live.streams), (1, 1, 1));

    call.hang_up(Reason::Success);
    let ended = soon("the end", call.ended()).await;
    assert_eq!(
        ended,
        Ended::HungUp {
            reason: Reason::Success
        }
    );
    let terminate = loop {
        let (_, rpc) = client.session_request().await;
        if let Method::Terminate { reason, .. } = rpc.method {
            break reason;
        }
    };
    assert_eq!(terminate, Reason::Success);
    let nothing = Live {
        streams: 1,
        tasks: 1,
        ..Live::default()
    };
    assert_eq!(cloud.live(), nothing, "what `ended` promises");

    let mut wav = hound::WavReader::open(&record).expect("a recording");
    let samples: Vec<i16> = wav.samples().map(|sample| sample.expect("a sample")).collect();
    let channel = |index: usize| samples.iter().skip(index).step_by(2).copied().collect::<Vec<_>>();
    assert!(near(dominant_tone(&channel(0)), 440.0), "left is what was played");
    assert!(near(dominant_tone(&channel(1)), 1_000.0), "right is what was heard");
    assert_eq!(call.played_pcm(), channel(0));
    assert_eq!(call.heard_pcm(), channel(1));

    client.close().await;
    soon("the stream's end", cloud.wait_live(|live| *live == Live::default())).await;
    cloud.stop().await;
}

#[tokio::test]
async fn datagrams_take_as_long_as_is_said_and_none_passes_a_cut() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let slow = MediaPath {
        delay: Duration::from_millis(50),
        ..MediaPath::CLEAR
    };
    let faults = CallFaults {
        path: slow,
        ..CallFaults::default()
    };
    let request = CallRequest {
        faults: Some(faults),
        ..CallRequest::default()
    };
    let call = cloud.call(request).expect("the client is connected");
    let mut phone = Phone::answer(&mut client, 1_000).await;
    phone.take_skipped(&mut client);
    phone.run(&mut client, |_| call.statistics().round_trip.is_some()).await;
    let round_trip = call.statistics().round_trip;
    assert!(round_trip >= Some(2 * slow.delay), "{round_trip:?}");

    call.set_path(MediaPath { cut: true, ..slow });
    let start = Instant::now();
    let waited = |long| move |_: &Phone| start.elapsed() >= Duration::from_millis(long);
    // What is under way arrives.
    phone.run(&mut client, waited(200)).await;
    let before = call.statistics().packets_received;
    phone.run(&mut client, waited(400)).await;
    assert_eq!(call.statistics().packets_received, before);
    call.set_path(MediaPath::default());
    phone
        .run(&mut client, |_| call.statistics().packets_received > before + 5)
        .await;
    cloud.stop().await;
}

#[tokio::test]
async fn datagrams_can_be_lost_late_and_out_of_order_as_the_control_api_says() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    let mut phone = Phone::answer(&mut client, 1_000).await;
    phone.run(&mut client, |_| call.statistics().packets_received > 5).await;
    let clear = call.statistics();
    assert_eq!(clear.packets_lost, 0);

    let path = format!("/control/calls/{}/path", call.session());
    let set = async |body: &str| http::request(&cloud, "POST", &path, None, Some(body)).await.0;
    assert_eq!(
        set(r#"{"loss": 0.3, "jitterSeconds": 0.03, "reorder": 0.2}"#).await,
        202
    );
    phone.run(&mut client, |_| call.statistics().packets_lost >= 5).await;
    let bad = call.statistics();
    assert!(bad.packets_received > clear.packets_received, "some arrive");
    assert!(bad.jitter > clear.jitter, "{bad:?}");
    for wrong in [r#"{"loss": 1.5}"#, r#"{"reorder": -0.1}"#, r#"{"jitterSeconds": -1}"#] {
        assert_eq!(set(wrong).await, 400, "{wrong}");
    }
    assert_eq!(set("{}").await, 202);
    let heard = call.statistics().packets_received;
    phone
        .run(&mut client, |_| call.statistics().packets_received > heard + 20)
        .await;
    cloud.stop().await;
}

#[tokio::test]
async fn the_ladder_shows_the_call_in_its_order() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    let mut phone = Phone::answer(&mut client, 1_000).await;
    phone.take_skipped(&mut client);
    phone.run(&mut client, |phone| phone.connected).await;
    call_event(
        &cloud,
        |event| matches!(event, CallEvent::Info { status } if status == "active"),
    )
    .await;
    phone.hang_up(&mut client).await;
    assert_eq!(
        soon("the end", call.ended()).await,
        Ended::Terminated {
            reason: Reason::Success
        }
    );

    let received = cloud.received().into_iter().filter_map(|record| match record.what {
        What::Frame { said, .. } => Some(said),
        _ => None,
    });
    let of_calls: Vec<Said> = received
        .filter(|said| match said {
            Said::Rpc { method, .. } => method != "iceCandidate",
            said => matches!(said, Said::Propose { .. } | Said::Proceed { .. }),
        })
        .collect();
    let session = call.session().clone();
    let rpc = |method: &str| Said::Rpc {
        session: Some(session.clone()),
        method: method.to_owned(),
    };
    let proceed = Said::Proceed {
        session: session.clone(),
    };
    assert_eq!(of_calls, [proceed, rpc("answer"), rpc("info"), rpc("terminate")]);
    let frames = frames(&cloud);
    let order = [
        "<open>",
        "<stream:features> PLAIN",
        "<auth> PLAIN ***",
        "<success>",
        "<stream:features> bind",
        "result of bind",
        "external services (turn)",
        "result of external services (stun)",
        "subscribe enable.server.side.pings",
        "<propose>",
        "<proceed>",
        "offer",
        "<accept>",
        "answer",
        "info active",
        "terminate success",
        "result of terminate success",
    ];
    let mut position = 0;
    for step in order {
        let found = frames[position..].iter().position(|frame| frame == step);
        position += found.unwrap_or_else(|| panic!("no {step} in its place: {frames:#?}")) + 1;
    }
    // Candidates trickle in beside all that.
    assert!(frames.iter().any(|frame| frame == "iceCandidate (end)"), "{frames:#?}");
    let ladder: String = cloud.records().iter().map(|record| format!("{record}\n")).collect();
    assert!(ladder.contains("POST /api/v2/notifications/channels"), "{ladder}");
    assert!(ladder.contains("media connected"), "{ladder}");
    for secret in ["offhook-sim-token", "authKey", "ice-pwd", "candidate:"] {
        assert!(!ladder.contains(secret), "{secret} in {ladder}");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn two_calls_live_side_by_side() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let first = cloud.call(CallRequest::default()).expect("the client is connected");
    let mut one = Phone::answer(&mut client, 700).await;
    let second = cloud.call(CallRequest::default()).expect("the client is connected");
    let mut two = Phone::answer(&mut client, 1_900).await;
    // Each phone takes the frames of both from the shared stream, and its own candidates of them.
    one.take_skipped(&mut client);
    one.run(&mut client, |phone| phone.connected).await;
    two.take_skipped(&mut client);
    two.run(&mut client, |phone| phone.connected).await;
    soon("both connections", async {
        first.connected().await.expect("the first lives");
        second.connected().await.expect("the second lives");
    })
    .await;
    assert_eq!(cloud.live().calls, 2);
    one.run(&mut client, |phone| phone.heard.len() >= ENOUGH).await;
    assert!(near(first.heard().tone, 700.0), "{:?}", first.heard());
    two.run(&mut client, |phone| phone.heard.len() >= ENOUGH).await;
    assert!(near(second.heard().tone, 1_900.0), "{:?}", second.heard());

    first.hang_up(Reason::Success);
    soon("the end", first.ended()).await;
    assert_eq!(cloud.live().calls, 1);
    cloud.stop().await;
    assert_eq!(soon("the end", second.ended()).await, Ended::CloudStopped);
}

#[tokio::test]
async fn the_gateway_mutes_itself_and_changes_its_tone() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    let mut phone = Phone::answer(&mut client, 1_000).await;
    phone.take_skipped(&mut client);
    phone.run(&mut client, |phone| near(phone.tone(), 440.0)).await;

    call.set_muted(true);
    let recent = |phone: &Phone| phone.heard[phone.heard.len().saturating_sub(9_600)..].to_vec();
    let level = offhook_audio::measure::level_dbov;
    phone.run(&mut client, |phone| level(&recent(phone)) < -60.0).await;
    call.set_muted(false);
    call.play(offhook_audio::SourceSpec::Tone { hertz: 880 }.into());
    phone
        .run(&mut client, |phone| near(dominant_tone(&recent(phone)), 880.0))
        .await;
    call_event(&cloud, |event| *event == CallEvent::GatewayMuted { muted: false }).await;
    cloud.stop().await;
}

#[tokio::test]
async fn speech_arrives_as_it_was_played() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let clip = offhook_audio::speech::CLIP_A.samples();
    let request = CallRequest {
        play: Some(clip.clone().into()),
        ..CallRequest::default()
    };
    let _call = cloud.call(request).expect("the client is connected");
    let mut phone = Phone::answer(&mut client, 1_000).await;
    phone.take_skipped(&mut client);
    phone
        .run(&mut client, |phone| phone.heard.len() > clip.len() + 24_000)
        .await;
    let likeness = offhook_audio::measure::compare(&clip, &phone.heard);
    assert!(likeness.passes(), "{likeness:?}");
    cloud.stop().await;
}

#[tokio::test]
async fn a_call_outlives_its_stream() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    let mut phone = Phone::answer(&mut client, 1_000).await;
    phone.take_skipped(&mut client);
    phone.run(&mut client, |phone| phone.connected).await;
    soon("the connection", call.connected()).await.expect("it lives");

    cloud.drop_streams();
    soon("the drop", cloud.wait_live(|live| live.streams == 0)).await;
    let mut client = Client::connect(&cloud, "one").await;
    let before = call.heard().duration;
    phone.heard.clear();
    phone.run(&mut client, |phone| phone.heard.len() >= ENOUGH).await;
    assert!(call.heard().duration > before);
    assert!(near(phone.tone(), 440.0));
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
async fn a_session_obeys_only_its_own_client() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let mut other = Client::connect(&cloud, "two").await;
    let call = cloud.call(CallRequest::default()).expect("the clients are connected");
    let phone = Phone::answer(&mut client, 1_000).await;
    let terminate = || Method::Terminate {
        session: call.session().clone(),
        reason: Reason::Success,
    };

    let id = other.session(&phone.peer, terminate()).await;
    let refused = other.until(|stanza| stanza.attr("id") == Some(&id)).await;
    assert_eq!(refused.attr("type"), Some("error"));
    assert!(!matches!(call.state(), CallState::Ended(_)));

    let (session, peer) = (phone.session.clone(), phone.peer.clone());
    phone.hang_up(&mut client).await;
    soon("the end", call.ended()).await;
    // A second goodbye is confirmed, and anything else is refused.
    let id = client.session(&peer, terminate()).await;
    let answer = client.until(|stanza| stanza.attr("id") == Some(&id)).await;
    assert_eq!(answer.attr("type"), Some("result"));
    let id = client.session(&peer, Method::EndOfCandidates { session }).await;
    let answer = client.until(|stanza| stanza.attr("id") == Some(&id)).await;
    assert_eq!(answer.attr("type"), Some("error"));
    cloud.stop().await;
}

#[tokio::test]
async fn nothing_is_heard_before_there_is_a_connection() {
    let cloud = cloud(CloudConfig::default()).await;
    let _client = Client::connect(&cloud, "one").await;
    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    let heard = call.heard();
    assert_eq!(
        (heard.level_dbov, heard.tone, heard.duration),
        (SILENCE_DBOV, None, Duration::ZERO)
    );
    cloud.stop().await;
}
