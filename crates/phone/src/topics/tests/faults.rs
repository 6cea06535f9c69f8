//! What is done when the server refuses, fails or does not answer.

use super::*;

#[test]
fn a_list_that_fails_is_told_and_tried_again() {
    let mut story = Story::online();
    story.subscribe(&["u.a"]);
    story.pass(100);
    story.replied(reply(503, None, ""));
    assert_eq!(story.tell(), ["1: the list failed with HTTP 503: no reason given"]);
    story.pass(30_000);
    assert!(story.tell().is_empty());
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u.a"]);
    let failure = HttpFailure::Unreachable {
        host: "h:1".into(),
        reason: "no".into(),
    };
    story.replied(Reply::judge("the list", &"".into(), Err(failure)));
    assert_eq!(story.tell(), ["not again: the list failed: cannot reach h:1: no"]);
}

#[test]
fn rule_20_retry_after_keeps_the_next_list_back() {
    let mut story = Story::online();
    story.subscribe(&["u.a"]);
    story.pass(100);
    story.replied(reply(429, Some(3600), ""));
    story.tell();
    story.subscribe(&["u.b"]);
    story.pass(3_600_000);
    assert!(story.tell().is_empty());
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u?a&b"]);
    // A server that says for ever is asked again after a day.
    story.replied(reply(429, Some(u64::MAX), ""));
    story.pass(24 * 3_600_000 + 100);
    assert_eq!(story.tell()[1..], ["PUT u?a&b"]);
}

#[test]
fn a_list_that_is_refused_for_good_waits_for_a_change() {
    let mut story = Story::online();
    story.subscribe(&["u.a"]);
    story.pass(100);
    story.replied(reply(400, None, r#"{"message":"no such topic"}"#));
    assert_eq!(story.tell(), ["1: the list failed with HTTP 400: no such topic"]);
    story.pass(3_600_000);
    assert!(story.tell().is_empty());
    story.subscribe(&["u.b"]);
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u?a&b"]);
    story.subscribe(&["u.c"]);
    story.replied(reply(400, None, ""));
    story.pass(100);
    assert_eq!(
        story.tell(),
        ["2: the list failed with HTTP 400: no reason given", "PUT u?a&b&c"],
        "a command that came meanwhile is tried"
    );
}

#[test]
fn a_channel_that_is_unknown_is_said() {
    for status in [404, 410] {
        let mut story = Story::online();
        story.subscribe(&["u.a"]);
        story.pass(100);
        story.replied(reply(status, None, ""));
        assert_eq!(story.tell()[1..], ["channel gone"]);
        story.reconnect("c2");
        story.pass(100);
        assert_eq!(story.tell(), ["PUT u.a"]);
    }
}

#[test]
fn an_api_that_knows_no_channel_at_all_does_not_cost_one_connection_after_the_other() {
    let mut story = Story::online();
    story.subscribe(&["u.a"]);
    story.pass(100);
    story.replied(reply(404, None, ""));
    assert_eq!(story.tell()[1..], ["channel gone"]);
    story.reconnect("c2");
    story.pass(100);
    story.replied(reply(404, None, ""));
    assert_eq!(
        story.tell(),
        ["not again: the list failed with HTTP 404: no reason given"]
    );
    // Once a list was taken, the next such answer is about the channel again.
    story.subscribe(&["u.b"]);
    story.pass(100);
    story.granted();
    story.subscribe(&["u.c"]);
    story.pass(100);
    story.replied(reply(404, None, ""));
    assert_eq!(story.tell().last().unwrap(), "channel gone");
}

#[test]
fn signalling_that_is_lost_takes_the_list_along() {
    let mut story = Story::online();
    story.subscribe(&["u.a"]);
    story.pass(100);
    story.tell();
    story.input(Input::Disconnected);
    assert_eq!(story.tell(), ["cancel"]);
    let late = Input::Replied {
        id: story.rest,
        result: reply(200, None, "{}"),
    };
    story.input(late);
    story.pass(1000);
    assert!(story.tell().is_empty());
    story.connect("c1");
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u.a"], "whether the first one arrived is not known");
    story.granted();
    assert_eq!(story.tell(), ["1: u.a=Unknown"]);
}

#[test]
fn a_topic_that_pubsub_refuses_is_told() {
    let mut story = Story::online();
    story.immediate(&["u.p"]);
    story.answer(Err(PubsubFailure::Refused {
        reason: "forbidden".into(),
    }));
    assert_eq!(story.tell(), ["1: u.p=Rejected(forbidden )"]);
    story.pass(3_600_000);
    assert!(story.tell().is_empty());
}

#[test]
fn rest_serves_when_pubsub_does_not_answer() {
    let mut story = Story::online();
    story.immediate(&["u.p"]);
    story.answer(Err(PubsubFailure::NoAnswer));
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u.p"]);
    story.granted();
    assert_eq!(story.tell(), ["1: u.p=Unknown"]);
    // It may be on the socket all the same.
    story.unsubscribe(&["u.p"]);
    story.pass(100);
    assert_eq!(story.tell(), ["PUT "]);
    story.granted();
    story.pass(30_000);
    assert_eq!(story.tell(), ["2:", "Unsubscribe u.p"]);
}

#[test]
fn without_a_channel_an_answer_that_does_not_come_is_told_and_asked_for_again() {
    let mut story = Story::new(TopicsConfig::default());
    story.input(Input::Connected {
        channel: None,
        resumed: false,
    });
    story.subscribe(&["u.a"]);
    story.answer(Err(PubsubFailure::NoAnswer));
    assert_eq!(story.tell(), ["1: u.a=Unknown"]);
    story.pass(29_999);
    assert!(story.tell().is_empty());
    story.pass(1);
    assert_eq!(story.tell(), ["Subscribe u.a"]);
}

#[test]
fn a_refusal_under_a_new_channel_is_told_once() {
    let mut story = Story::with_both();
    story.reconnect("c2");
    let refused = r#"{"entities":[{"id":"u?a&p","state":"Rejected"}]}"#;
    for told in [vec!["u.a Rejected( )", "u.p Rejected( )"], vec!["3: v.x=Unknown"]] {
        story.pass(100);
        story.replied(reply(200, None, refused));
        assert_eq!(story.tell(), told);
        if told.len() == 2 {
            story.subscribe(&["v.x"]);
        }
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_a_success_all_the_same() {
    let mut story = Story::online();
    story.subscribe(&["u.a"]);
    story.pass(100);
    story.replied(reply(200, None, "<html>"));
    assert_eq!(story.tell(), ["1: u.a=Unknown"]);
}
