//! How the connection comes up and comes back, rule by rule.

use super::{
    life::{LIVED, with_session},
    *,
};
use crate::{error::DialError, http::HttpFailure};

#[test]
fn rule_11_disconnect_cancels_an_attempt_a_wait_and_what_rest_was_asked() {
    let mut story = Story::new(AnswerPolicy::default());
    story.phone.connect(story.now).unwrap();
    let (user, _) = story.request("users/me");
    story.phone.disconnect(story.now).unwrap();
    assert_eq!(story.events(), [Event::ConnectFailed(ConnectError::Cancelled)]);
    story.reply(user, 200, USER);
    assert!(story.said.is_empty(), "{:?}", story.said);

    let mut story = Story::online(AnswerPolicy::default());
    story.lose();
    story.said.clear();
    story.phone.disconnect(story.now).unwrap();
    assert!(matches!(
        story.events()[..],
        [Event::Disconnected {
            reconnecting: false,
            error: None
        }]
    ));
    story.pass(Duration::from_secs(7200));
    assert!(story.said.is_empty(), "nothing is attempted any more: {:?}", story.said);
}

#[test]
fn rule_16_and_17_a_failed_attempt_is_over_before_the_next_and_never_goes_live() {
    let mut story = Story::online(AnswerPolicy::default());
    story.lose();
    story.wait_for_attempt();
    let attempt = story.dialled().unwrap();
    story.said.clear();
    story.closed(attempt, xmpp::CloseReason::BindNotOffered);
    assert!(matches!(story.phone.signalling(), SignallingState::Waiting { .. }));
    story.stream(attempt, connected());
    assert!(!story.phone.is_connected(), "its stream is over");
    story.wait_for_attempt();
    assert_ne!(story.dialled(), Some(attempt));
}

#[test]
fn rule_18_a_remote_close_during_set_up_is_a_failed_attempt() {
    let mut story = Story::new(AnswerPolicy::default());
    story.phone.config.keep_trying = false;
    story.phone.connect(story.now).unwrap();
    let attempt = story.reach_dial();
    story.closed(attempt, xmpp::CloseReason::ByPeer);
    assert!(matches!(
        story.events()[..],
        [Event::ConnectFailed(ConnectError::Stream(xmpp::CloseReason::ByPeer))]
    ));
}

#[test]
fn an_attempt_whose_requests_all_time_out_at_once_fails_once() {
    let mut story = Story::new(AnswerPolicy::default());
    story.phone.connect(story.now).unwrap();
    story.pass(Duration::from_secs(31));
    assert!(matches!(
        story.events()[..],
        [Event::ConnectFailed(ConnectError::Rest(_))]
    ));
    assert_eq!(story.phone.signalling(), SignallingState::Offline);
}

#[test]
fn rule_19_a_restarted_process_waits_as_its_predecessor_would_have() {
    let mut story = Story::new(AnswerPolicy::default());
    story.phone.connect(story.now).unwrap();
    let attempt = story.reach_dial();
    story.closed(attempt, xmpp::CloseReason::ByPeer);
    let memory = story.said.iter().rev().find_map(|output| match output {
        Output::Remember(memory) => Some(memory.clone()),
        _ => None,
    });
    let config = PhoneConfig {
        memory,
        ..story.phone.config.clone()
    };
    story.phone = Phone::new(config, [9; 32], story.now);
    story.said.clear();
    story.phone.connect(story.now).unwrap();
    story.drain();
    assert!(matches!(story.phone.signalling(), SignallingState::Waiting { .. }));
    assert!(!story.asks_rest_for("users/me"));
    story.wait_for_attempt();
    assert!(story.asks_rest_for("users/me"));
}

#[test]
fn rule_20_retry_after_of_rest_and_of_the_upgrade_is_waited_for() {
    let mut story = Story::online(AnswerPolicy::default());
    story.lose();
    story.wait_for_attempt();
    let attempt = story.dialled().unwrap();
    story.said.clear();
    let error = DialError::Refused {
        host: "streaming.mypurecloud.de:443".into(),
        status: 503,
        retry_after: Some(Duration::from_secs(77)),
    };
    story.input(Input::DialFailed { attempt, error });
    let SignallingState::Waiting { until } = story.phone.signalling() else {
        panic!()
    };
    assert!(until - story.now >= Duration::from_secs(77));
    story.phone.superseded();
    story.wait_for_attempt();
    let (channel, _) = story.request("notifications/channels");
    let reply = HttpReply {
        status: 503,
        correlation: None,
        retry_after: Some(Duration::from_secs(120)),
        body: String::new(),
    };
    story.input(Input::Reply {
        id: channel,
        attempt: 1,
        result: Ok(reply),
    });
    let SignallingState::Waiting { until } = story.phone.signalling() else {
        panic!()
    };
    assert!(until - story.now >= Duration::from_secs(120));
}

#[test]
fn rule_21_a_refused_token_is_the_end_and_calls_go_on() {
    let refusals: [fn(&mut Story, AttemptId); 2] = [
        |story, attempt| {
            let error = DialError::Refused {
                host: "h".into(),
                status: 401,
                retry_after: None,
            };
            story.input(Input::DialFailed { attempt, error });
        },
        |story, attempt| {
            let reason = xmpp::CloseReason::AuthenticationRefused {
                condition: xmpp::SaslCondition::NotAuthorized,
                text: None,
            };
            story.closed(attempt, reason);
        },
    ];
    for refuse in refusals {
        let mut story = Story::online(AnswerPolicy::default());
        let id = with_session(&mut story);
        story.lose();
        story.wait_for_attempt();
        let attempt = story.dialled().unwrap();
        story.said.clear();
        refuse(&mut story, attempt);
        let [
            Event::Disconnected {
                reconnecting: false,
                error: Some(error),
            },
        ] = &story.events()[..]
        else {
            panic!("it is told")
        };
        assert_eq!(error.code(), "invalid_token");
        assert_eq!(story.phone.signalling(), SignallingState::Offline);
        assert!(story.phone.sessions().any(|(session, _)| *session == id));
    }
}

#[test]
fn a_token_that_is_refused_is_renewed_once() {
    for renewed in [true, false] {
        let mut story = Story::online(AnswerPolicy::default());
        story.phone.config.renew_token = true;
        story.lose();
        story.wait_for_attempt();
        for turn in 0..2 {
            let attempt = story.dialled().unwrap();
            story.said.clear();
            let reason = xmpp::CloseReason::AuthenticationRefused {
                condition: xmpp::SaslCondition::NotAuthorized,
                text: None,
            };
            story.closed(attempt, reason);
            let asked = story.said.iter().find_map(|output| match output {
                Output::AskToken(id) => Some(*id),
                _ => None,
            });
            if turn == 1 {
                assert_eq!(asked, None, "the second one was refused too");
                break;
            }
            let id = asked.expect("the application is asked");
            let result = if renewed {
                Ok("fresh".into())
            } else {
                Err("none".into())
            };
            story.input(Input::Token { id, result });
            if !renewed {
                break;
            }
            story.wait_for_attempt();
        }
        assert!(matches!(
            story.events().last(),
            Some(Event::Disconnected {
                reconnecting: false,
                error: Some(_)
            })
        ));
    }
}

#[test]
fn a_token_that_comes_too_late_is_the_next_attempts() {
    let mut story = Story::new(AnswerPolicy::default());
    story.phone.config.renew_token = true;
    story.phone.connect(story.now).unwrap();
    let (user, _) = story.request("users/me");
    story.reply(user, 401, "");
    let asked = story.said.iter().find_map(|output| match output {
        Output::AskToken(id) => Some(*id),
        _ => None,
    });
    story.pass(Duration::from_secs(31));
    assert!(matches!(story.events()[..], [Event::ConnectFailed(_)]));
    story.input(Input::Token {
        id: asked.expect("the application is asked"),
        result: Ok("fresh".into()),
    });
    story.phone.connect(story.now).unwrap();
    story.wait_for_attempt();
    let (_, request) = story.request("users/me");
    assert_eq!(secrecy::ExposeSecret::expose_secret(&request.token), "fresh");
}

#[test]
fn a_login_that_is_refused_goes_on_with_another_token() {
    let mut story = Story::new(AnswerPolicy::default());
    story.phone.config.renew_token = true;
    story.phone.connect(story.now).unwrap();
    let (user, _) = story.request("users/me");
    let (channel, _) = story.request("notifications/channels");
    story.reply(user, 401, "");
    story.reply(channel, 401, "");
    let asked = story.said.iter().filter_map(|output| match output {
        Output::AskToken(id) => Some(*id),
        _ => None,
    });
    let [id] = asked.collect::<Vec<_>>()[..] else {
        panic!("asked once for both")
    };
    story.input(Input::Token {
        id,
        result: Ok("fresh".into()),
    });
    for (request, body) in [(user, USER), (channel, r#"{"id":"channel-1"}"#)] {
        let reply = HttpReply {
            status: 200,
            correlation: None,
            retry_after: None,
            body: body.into(),
        };
        story.input(Input::Reply {
            id: request,
            attempt: 2,
            result: Ok(reply),
        });
    }
    assert!(story.dialled().is_some());
}

/// The last question for a token that was not looked at.
fn asks_for_a_token(story: &mut Story) -> Option<TokenRequest> {
    story.drain();
    let asked = story.said.iter().rev().find_map(|output| match output {
        Output::AskToken(id) => Some(*id),
        _ => None,
    });
    story.said.retain(|output| !matches!(output, Output::AskToken(_)));
    asked
}

#[test]
fn who_had_no_other_token_is_asked_again_the_next_time() {
    let mut story = Story::online(AnswerPolicy::default());
    story.phone.config.renew_token = true;
    for _ in 0..2 {
        let id = call(&mut story);
        story.reply(id, 401, "");
        let id = asks_for_a_token(&mut story).expect("the one before came to nothing");
        story.input(Input::Token {
            id,
            result: Err("the identity provider is away".into()),
        });
        assert!(matches!(story.events().last(), Some(Event::CallRefused { .. })));
    }
}

#[test]
fn an_attempt_that_began_with_the_token_before_is_made_again_with_the_new_one() {
    let mut story = Story::online(AnswerPolicy::default());
    story.lose();
    story.wait_for_attempt();
    story.phone.set_token(story.now, "fresh".into()).unwrap();
    for turn in 0..2 {
        let attempt = story.dialled().expect("an attempt is made");
        story.said.clear();
        let reason = xmpp::CloseReason::AuthenticationRefused {
            condition: xmpp::SaslCondition::NotAuthorized,
            text: None,
        };
        story.closed(attempt, reason);
        let goes_on = matches!(story.phone.signalling(), SignallingState::Waiting { .. });
        assert_eq!(goes_on, turn == 0, "only the first went out with the old one");
        story.wait_for_attempt();
    }
}

#[test]
fn topics_that_were_refused_for_the_token_are_asked_for_again_with_another() {
    let mut story = Story::online(AnswerPolicy::default());
    let topic = "v2.users.u.presence".parse().unwrap();
    story
        .phone
        .subscribe(story.now, &[topic], crate::topics::Priority::default(), false)
        .unwrap();
    story.pass(Duration::from_secs(1));
    let (id, _) = story.request("subscriptions");
    story.reply(id, 401, "");
    assert!(matches!(story.events().last(), Some(Event::Topics(_))));
    story.phone.set_token(story.now, "fresh".into()).unwrap();
    story.pass(Duration::from_secs(1));
    story.request("subscriptions");
}

#[test]
fn a_channel_serves_nine_more_streams_and_then_a_new_one_is_opened() {
    let mut story = Story::online(AnswerPolicy::default());
    for turn in 1..=10 {
        story.pass(LIVED);
        story.said.clear();
        story.lose();
        assert_eq!(story.asks_rest_for("notifications/channels"), turn == 10, "turn {turn}");
        if turn < 10 {
            story.return_softly();
        }
    }
}

#[test]
fn servers_that_the_application_set_stay_until_it_asks_for_the_clouds() {
    let mut story = Story::online(AnswerPolicy::default());
    assert_eq!(
        story.phone.ice_servers().policy,
        IcePolicy::Relay,
        "no STUN was offered"
    );
    let own = vec![IceServer {
        urls: vec!["stun:stun.example:3478".into()],
        username: None,
        credential: None,
    }];
    story.phone.set_ice_servers(story.now, own.clone()).unwrap();
    let attempt = story.attempt();
    let service = || xmpp::Service {
        kind: "turn".into(),
        host: "turn.example".into(),
        port: 3478,
        transport: "udp".into(),
        username: Some("u".into()),
        password: Some("hidden".into()),
        restricted: true,
    };
    story.stream(attempt, xmpp::Event::Services(vec![service()]));
    assert_eq!(story.phone.ice_servers().servers, own);
    assert_eq!(story.phone.ice_servers().policy, IcePolicy::All);
    story.phone.refresh_ice_servers(story.now).unwrap();
    story.stream(attempt, xmpp::Event::Services(vec![service()]));
    assert_eq!(story.phone.ice_servers().servers[0].urls, ["turn:turn.example:3478"]);
    assert_eq!(story.phone.ice_servers().policy, IcePolicy::Relay);
    assert!(!format!("{:?}", story.events()).contains("hidden"));
}

#[test]
fn a_guest_dials_with_the_jwt_alone() {
    let endpoints = Endpoints::region("mypurecloud.de").unwrap();
    // {"data":{"jid":"acd-1@conference.org.example"}}
    let jwt = "e30.eyJkYXRhIjp7ImppZCI6ImFjZC0xQGNvbmZlcmVuY2Uub3JnLmV4YW1wbGUifX0.c2ln";
    let mut phone = Phone::new(
        PhoneConfig::with_login(endpoints, Login::Guest(jwt.into())),
        [1; 32],
        an_instant(),
    );
    phone.connect(an_instant()).unwrap();
    let shown = format!("{phone:?}");
    assert!(
        shown.contains("streaming.mypurecloud.de") && !shown.contains(jwt),
        "{shown}"
    );
    let dialled = std::iter::from_fn(|| match phone.poll_output() {
        Output::Timeout(_) => None,
        output => Some(output),
    })
    .inspect(|output| assert!(!format!("{output:?}").contains(jwt), "{output:?}"))
    .find_map(|output| match output {
        Output::Dial { url, config, .. } => Some((url, config)),
        _ => None,
    });
    let (url, config) = dialled.expect("no REST is asked");
    assert_eq!(url.expose().path(), format!("/stream/jwt/{jwt}"));
    assert_eq!(config.jid.to_string(), "org.example");
    assert!(matches!(config.credentials, xmpp::Credentials::Guest));
    // What needs a user is refused; the JWT never goes to REST.
    assert_eq!(phone.set_token(an_instant(), "token".into()), Err(CommandError::Guest));
    let to = OutboundCall::to(Destination::User("u".into()));
    assert_eq!(phone.place_call(an_instant(), &to), Err(CommandError::Guest));
}

#[test]
fn a_server_that_is_not_reached_is_tried_again_only_if_that_is_wanted() {
    for keep_trying in [false, true] {
        let mut story = Story::new(AnswerPolicy::default());
        let config = PhoneConfig {
            keep_trying,
            ..story.phone.config.clone()
        };
        story.phone = Phone::new(config, [1; 32], story.now);
        story.phone.connect(story.now).unwrap();
        let (user, _) = story.request("users/me");
        let failure = HttpFailure::Unreachable {
            host: "api.mypurecloud.de:443".into(),
            reason: "connection refused".into(),
        };
        story.input(Input::Reply {
            id: user,
            attempt: 1,
            result: Err(failure),
        });
        let failed = matches!(story.events()[..], [Event::ConnectFailed(_)]);
        assert_eq!(failed, !keep_trying);
        let waits = matches!(story.phone.signalling(), SignallingState::Waiting { .. });
        assert_eq!(waits, keep_trying);
    }
}
