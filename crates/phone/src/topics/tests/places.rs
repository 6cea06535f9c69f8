//! The two places where a subscription lives, and what a reconnect does to each.

use super::*;

#[test]
fn the_same_channel_is_asked_by_pubsub_for_what_was_on_the_old_socket_only() {
    let mut story = Story::with_both();
    story.reconnect("c1");
    assert_eq!(story.tell(), ["Subscribe u.p"]);
    story.answer(Ok(()));
    story.pass(1000);
    assert!(story.tell().is_empty());
}

#[test]
fn a_new_channel_gets_one_list_of_all() {
    let mut story = Story::with_both();
    story.reconnect("c2");
    story.pass(99);
    assert!(story.tell().is_empty());
    story.pass(1);
    assert_eq!(story.tell(), ["PUT u?a&p"]);
    story.granted();
    story.reconnect("c2");
    story.pass(1000);
    assert!(story.tell().is_empty(), "what the list named is the channel's");
}

#[test]
fn a_new_channel_gets_no_list_when_nothing_is_wanted() {
    let mut story = Story::with_both();
    story.input(Input::Disconnected);
    story.unsubscribe(&["u.a", "u.p"]);
    story.connect("c2");
    story.pass(1000);
    assert_eq!(story.tell(), ["3:"]);
}

#[test]
fn a_resumed_stream_has_lost_nothing() {
    let mut story = Story::with_both();
    story.immediate(&["u.q"]);
    story.tell();
    story.input(Input::Disconnected);
    story.input(Input::Connected {
        channel: Some(ChannelId("c1".into())),
        resumed: true,
    });
    story.pass(1000);
    assert!(story.tell().is_empty());
    story.answer(Ok(()));
    assert_eq!(
        story.tell(),
        ["3: u.q=Permitted"],
        "the answer comes by the resumed stream"
    );
}

#[test]
fn a_resumed_stream_under_another_channel_counts_as_new() {
    let mut story = Story::with_both();
    story.input(Input::Disconnected);
    story.input(Input::Connected {
        channel: Some(ChannelId("c2".into())),
        resumed: true,
    });
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u?a&p"]);
}

#[test]
fn what_was_unsubscribed_while_offline_is_taken_from_both_places() {
    let mut story = Story::with_both();
    story.input(Input::Disconnected);
    story.unsubscribe(&["u.a", "u.p"]);
    story.connect("c1");
    assert_eq!(story.tell(), ["Unsubscribe u.p"]);
    story.answer(Err(PubsubFailure::Refused {
        reason: "not subscribed".into(),
    }));
    story.pass(100);
    assert_eq!(story.tell(), ["PUT "]);
    story.granted();
    assert_eq!(story.tell(), ["3:"]);
}

#[test]
fn a_list_that_names_what_pubsub_holds_makes_it_the_channels_too() {
    let mut story = Story::with_both();
    story.subscribe(&["u.b"]);
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u?a&b&p"]);
    story.granted();
    story.tell();
    story.unsubscribe(&["u.p"]);
    assert_eq!(story.tell(), ["Unsubscribe u.p"]);
    story.answer(Ok(()));
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u?a&b"]);
    story.granted();
    assert_eq!(story.tell(), ["4:"]);
}

#[test]
fn what_pubsub_added_while_a_list_was_under_way_is_asked_for_again() {
    let mut story = Story::online();
    story.subscribe(&["u.a"]);
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u.a"]);
    story.immediate(&["u.p", "u.q"]);
    story.answer(Ok(()));
    // The server may have run the list over what it had just been told.
    story.granted();
    assert_eq!(story.tell(), ["Subscribe u.p", "1: u.a=Unknown"]);
    story.answer(Ok(()));
    assert_eq!(story.tell(), ["Subscribe u.q"]);
    story.answer(Ok(()));
    story.answer(Ok(()));
    assert_eq!(story.tell(), ["2: u.p=Permitted u.q=Permitted"]);
}

#[test]
fn a_list_waits_until_pubsub_has_taken_away_what_is_wanted_again() {
    let mut story = Story::with_both();
    story.unsubscribe(&["u.p"]);
    story.subscribe(&["u.p", "u.b"]);
    story.pass(1000);
    assert_eq!(story.tell(), ["Unsubscribe u.p"]);
    story.answer(Ok(()));
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u?a&b&p"]);
}

#[test]
fn subscriptions_that_expire_are_made_again() {
    let mut story = Story::with_both();
    let expiring = || Input::Published {
        node: "streaming-subscriptions-expiring".into(),
        items: vec!["{}".into()],
    };
    story.input(expiring());
    story.pass(100);
    assert_eq!(story.tell(), ["SubscriptionsExpiring", "PUT u?a&p"]);
    story.input(expiring());
    story.granted();
    story.pass(100);
    assert_eq!(
        story.tell(),
        ["PUT u?a&p"],
        "also what was asked for before it was said"
    );
    story.granted();
    story.pass(1000);
    assert!(story.tell().is_empty());
}

#[test]
fn without_a_channel_everything_goes_by_pubsub() {
    let mut story = Story::new(TopicsConfig::default());
    let connected = || Input::Connected {
        channel: None,
        resumed: false,
    };
    story.subscribe(&["u.a"]);
    story.input(connected());
    assert_eq!(story.tell(), ["Subscribe u.a"]);
    story.answer(Ok(()));
    assert_eq!(story.tell(), ["1: u.a=Permitted"]);
    story.bulk(&["u.b"], true, true);
    assert_eq!(story.tell(), ["Subscribe u.b", "Unsubscribe u.a"]);
    story.answer(Ok(()));
    story.answer(Ok(()));
    assert_eq!(story.tell(), ["2: u.b=Permitted"]);
    story.input(Input::Disconnected);
    story.input(connected());
    assert_eq!(story.tell(), ["Subscribe u.b"]);
}
