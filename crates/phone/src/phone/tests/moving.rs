//! What moves the client to another channel, rule by rule, and what notifications say.

use offhook_jingle::session;

use super::{
    life::{LIVED, with_session},
    *,
};

#[test]
fn a_lost_stream_is_told_and_brought_back_on_the_same_channel_at_once_when_it_had_lived() {
    let mut story = Story::online(AnswerPolicy::default());
    story.pass(LIVED);
    story.said.clear();
    story.lose();
    assert!(!story.asks_rest_for("notifications/channels"), "the channel is known");
    assert!(story.dialled().is_some(), "no wait after a connection that lived");
    assert!(matches!(
        story.events()[..],
        [Event::Disconnected {
            reconnecting: true,
            error: Some(_)
        }]
    ));
    let to = OutboundCall::to(Destination::User("u".into()));
    assert_eq!(story.phone.place_call(story.now, &to), Err(CommandError::NotConnected));
}

#[test]
fn rule_6_the_resource_survives_hard_reconnects() {
    let mut story = Story::new(AnswerPolicy::default());
    story.phone.connect(story.now).unwrap();
    let attempt = story.reach_dial();
    let first = story.phone.resource.clone();
    story.stream(attempt, connected());
    story.said.clear();
    story.phone.superseded();
    story.lose();
    story.wait_for_attempt();
    let (channel, _) = story.request("notifications/channels");
    assert!(!story.asks_rest_for("users/me"), "the user is known");
    story.reply(channel, 200, r#"{"id":"channel-2"}"#);
    let dialled = story.said.iter().find_map(|output| match output {
        Output::Dial { config, url, .. } => Some((config.resource.clone(), url.expose().path().to_owned())),
        _ => None,
    });
    assert_eq!(dialled, Some((first, "/stream/channels/channel-2".into())));
}

#[test]
fn rule_12_a_connection_transfer_is_honoured_on_a_new_channel() {
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    story.pass(LIVED);
    story.said.clear();
    let query = || "<query xmlns='urn:xmpp:cxfr'/>".parse().unwrap();
    story.incoming(Some("stranger@org.example/1"), query());
    assert!(story.phone.is_connected(), "only the server moves us");
    story.said.clear();
    story.incoming(Some("org.example"), query());
    let attempt = story.phone.signalling();
    assert_eq!(attempt, SignallingState::Closing);
    assert!(
        story.said.iter().any(|output| matches!(
            output,
            Output::Stream(StreamCommand::Reply {
                reply: xmpp::Reply::Result(None),
                ..
            })
        )),
        "it is acknowledged"
    );
    assert_eq!(story.told(&id), [session::Input::SignallingLost]);
    assert!(matches!(
        story.events()[..],
        [Event::Disconnected {
            reconnecting: true,
            error: None
        }]
    ));
    let signalling::State::Closing { attempt, .. } = story.phone.signalling.state else {
        panic!()
    };
    story.closed(attempt, xmpp::CloseReason::ByUs);
    assert!(
        story.asks_rest_for("notifications/channels"),
        "at once, and on a new channel"
    );
    assert!(story.phone.sessions().any(|(session, _)| *session == id), "calls go on");
}

#[test]
fn rule_15_duplicate_id_forces_a_new_channel_even_if_the_server_leaves_the_socket_open() {
    for event in ["streaming-0-abc.duplicate_id", "streaming-0-abc.no_longer_subscribed"] {
        let mut story = Story::online(AnswerPolicy::default());
        story.pass(LIVED);
        story.said.clear();
        let notification = format!(
            "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='{event}'><item id='i'>\
             <json xmlns='urn:xmpp:json:0'>{{\"message\":\"m\"}}</json></item></items></event>"
        );
        story.message("notifications.mypurecloud.de", notification.parse().unwrap());
        assert!(story.phone.is_connected(), "the server may close it itself");
        story.pass(Duration::from_millis(4900));
        assert!(story.phone.is_connected());
        story.pass(Duration::from_millis(200));
        let signalling::State::Closing { attempt, .. } = story.phone.signalling.state else {
            panic!("{event}: it is closed by us after 5 s")
        };
        story.closed(attempt, xmpp::CloseReason::ByUs);
        assert!(story.asks_rest_for("notifications/channels"), "{event}");
    }
}

#[test]
fn services_notify_whatever_their_name_and_users_do_not() {
    let notification = "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='v2.users.me.presence'>\
                        <item id='i'><json xmlns='urn:xmpp:json:0'>{}</json></item></items></event>";
    let cases = [
        ("notifications.mypurecloud.de", 1),
        ("events.example.com", 1),
        ("somebody@mypurecloud.de", 0),
        ("somebody@mypurecloud.de/desk", 0),
    ];
    for (from, told) in cases {
        let mut story = Story::online(AnswerPolicy::default());
        story.events();
        story.message(from, notification.parse().unwrap());
        let events = story.events();
        let topics = events.iter().filter(|event| matches!(event, Event::Topics(_)));
        assert_eq!(topics.count(), told, "{from}: {events:?}");
    }
}
