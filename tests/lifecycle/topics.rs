//! Notification topics: asked for, refused in part, heard, and asked for again under a new channel.

use offhook::{BulkOptions, Event, FullJid, Notification, Priority, Topic, TopicEvent, TopicResult, TopicState};
use offhook_sim::{Cloud, CloudFaults, Direction, RejectedTopic};
use offhook_tests::softphone::{Diary, builder, connected, poll, within};
use serde_json::json;

use crate::{cloud, frames};

const PRESENCE: &str = "v2.users.agent.presence";
const CALLS: &str = "v2.users.agent.conversations.calls";
const STATION: &str = "v2.users.agent.station";
const SECRET: &str = "v2.analytics.secret";

fn topic(name: &str) -> Topic {
    name.parse().unwrap()
}

fn permitted(name: &str) -> TopicResult {
    TopicResult {
        topic: topic(name),
        state: TopicState::Permitted,
    }
}

fn address(diary: &Diary) -> FullJid {
    let jid = diary.told().iter().rev().find_map(|(_, event)| match event {
        Event::Connected { jid, .. } => Some(jid.clone()),
        _ => None,
    });
    jid.expect("it is connected")
}

/// Waits until the cloud has exactly these topics for the client.
async fn has(cloud: &Cloud, client: &FullJid, topics: &[&str]) {
    poll(|| {
        cloud
            .topics(client)
            .iter()
            .filter(|topic| topic.starts_with("v2."))
            .eq(topics)
    })
    .await;
}

async fn hears(cloud: &Cloud, diary: &mut Diary, name: &str) {
    let body = json!({"what": name});
    assert_eq!(cloud.publish(None, name, &body), 1, "{name}");
    let (_, heard) = diary
        .until(|event| match event {
            Event::Topics(TopicEvent::Notified(notification)) => Some(notification.clone()),
            _ => None,
        })
        .await;
    let Notification { topic, .. } = &heard;
    assert_eq!((topic.as_str(), heard.body()), (name, Some(&body)));
    assert!(heard.correlation.is_some());
}

#[tokio::test]
async fn topics_are_subscribed_to_refused_heard_taken_back_and_asked_for_again() {
    let cloud = cloud().await;
    cloud.set_faults(CloudFaults {
        rejected_topics: vec![RejectedTopic {
            topic: SECRET.to_owned(),
            reason: Some("missing permissions".to_owned()),
            missing_permissions: vec!["analytics:secret:view".to_owned()],
        }],
        ..CloudFaults::default()
    });
    let (client, mut diary) = connected(builder(&cloud).softphone(false)).await;
    let here = address(&diary);

    let whole = [PRESENCE, CALLS, SECRET].map(|name| (topic(name), Priority::default()));
    let results = within(client.bulk_subscribe(whole.to_vec(), BulkOptions::default())).await;
    let refused = TopicResult {
        topic: topic(SECRET),
        state: TopicState::Rejected {
            reason: Some("missing permissions".to_owned()),
            missing_permissions: vec!["analytics:secret:view".to_owned()],
        },
    };
    assert_eq!(results.unwrap(), [permitted(PRESENCE), permitted(CALLS), refused]);
    // One at once, over the stream.
    let results = within(client.subscribe(vec![topic(STATION)], Priority::HIGHEST, true)).await;
    assert_eq!(results.unwrap(), [permitted(STATION)]);
    has(&cloud, &here, &[CALLS, PRESENCE, STATION]).await;
    for name in [PRESENCE, CALLS, STATION] {
        hears(&cloud, &mut diary, name).await;
    }

    // Wanted twice, it is given up with the second.
    within(client.subscribe(vec![topic(CALLS)], Priority::default(), false))
        .await
        .unwrap();
    within(client.unsubscribe(vec![topic(CALLS)])).await.unwrap();
    hears(&cloud, &mut diary, CALLS).await;
    let all = [PRESENCE].map(|name| (topic(name), Priority::default()));
    let replace = BulkOptions {
        replace: true,
        ..BulkOptions::default()
    };
    within(client.bulk_subscribe(all.to_vec(), replace)).await.unwrap();
    has(&cloud, &here, &[PRESENCE, STATION]).await;
    assert_eq!(cloud.publish(None, CALLS, &json!({})), 0);

    // On the same channel what was asked for over the stream is asked for again.
    let asked = frames(&cloud, Direction::ToCloud, "subscribe").len();
    cloud.drop_streams();
    diary.disconnected().await;
    diary.connected().await;
    has(&cloud, &address(&diary), &[PRESENCE, STATION]).await;
    assert!(frames(&cloud, Direction::ToCloud, "subscribe").len() > asked);
    hears(&cloud, &mut diary, PRESENCE).await;
    hears(&cloud, &mut diary, STATION).await;

    // Under a new one everything is.
    cloud.transfer(None);
    diary.disconnected().await;
    diary.connected().await;
    has(&cloud, &address(&diary), &[PRESENCE, STATION]).await;
    hears(&cloud, &mut diary, PRESENCE).await;
    hears(&cloud, &mut diary, STATION).await;

    within(client.unsubscribe(vec![topic(STATION)])).await.unwrap();
    has(&cloud, &address(&diary), &[PRESENCE]).await;
    client.shutdown().await;
    cloud.stop().await;
}
