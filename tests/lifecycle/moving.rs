//! The server gives the client's place away: it goes to another channel, and calls go on.

use offhook::{ChannelId, Event, Reason, SystemTopic, TopicEvent};
use offhook_sim::{Cut, SystemEvent};
use offhook_tests::softphone::{Diary, builder, call, connected, ended, goes_on, is_controllable};

use crate::cloud;

/// The channel of the next connection.
async fn channel(diary: &mut Diary) -> ChannelId {
    let (_, channel) = diary
        .until(|event| match event {
            Event::Connected { channel, .. } => channel.clone(),
            _ => None,
        })
        .await;
    channel
}

/// The channel of the connection that stands.
fn first_channel(diary: &Diary) -> ChannelId {
    let channel = diary.told().iter().find_map(|(_, event)| match event {
        Event::Connected { channel, .. } => channel.clone(),
        _ => None,
    });
    channel.expect("it is connected")
}

#[tokio::test]
async fn a_transfer_is_acknowledged_and_moves_to_a_new_channel_while_the_call_goes_on() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let first = first_channel(&diary);
    let call = call(&cloud, &mut diary).await;

    assert_eq!(cloud.transfer(None), 1);
    let (_, (reconnecting, error)) = diary
        .until(|event| match event {
            Event::Disconnected { reconnecting, error } => Some((*reconnecting, error.clone())),
            _ => None,
        })
        .await;
    assert!(reconnecting && error.is_none(), "{error:?}");
    assert_ne!(channel(&mut diary).await, first);
    let acknowledged: Vec<_> = cloud.transfers().iter().map(|transfer| transfer.acknowledged).collect();
    assert_eq!(acknowledged, [true]);

    goes_on(&call).await;
    is_controllable(&cloud, &call).await;
    call.hang_up(Reason::Success);
    diary.until(ended).await;
    client.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_place_that_was_given_away_is_left_for_a_new_channel_whether_or_not_the_server_closes() {
    let cases = [
        (SystemEvent::DuplicateId, SystemTopic::DuplicateId, true),
        (SystemEvent::NoLongerSubscribed, SystemTopic::NoLongerSubscribed, false),
    ];
    for (event, told, closes) in cases {
        let cloud = cloud().await;
        let (client, mut diary) = connected(builder(&cloud)).await;
        let first = first_channel(&diary);
        let call = call(&cloud, &mut diary).await;
        assert_eq!(cloud.system_event(event, None), 1);
        if closes {
            cloud.cut(&Cut::Close, None);
        }
        let is_told = |event: &Event| *event == Event::Topics(TopicEvent::System(told));
        diary.until(|event| is_told(event).then_some(())).await;
        let (_, reconnecting) = diary.disconnected().await;
        assert!(reconnecting);
        assert_ne!(channel(&mut diary).await, first, "{told:?}");
        goes_on(&call).await;
        is_controllable(&cloud, &call).await;
        client.shutdown().await;
        cloud.stop().await;
    }
}
