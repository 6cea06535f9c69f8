//! How calls outlive the connection, rule by rule.

use offhook_jingle::session;

use super::*;

/// A connection that lived long enough not to count as a failure.
pub(super) const LIVED: Duration = Duration::from_secs(31);

/// A well-known session, as the phone knows it.
pub(super) fn with_session(story: &mut Story) -> SessionId {
    let id = SessionId::new("call-1");
    story.propose("call-1", "conversation-1", true);
    let offer = r#"{"jsonrpc":"2.0","id":"o","method":"offer","params":{"sessionId":"call-1","conversationId":"conversation-1","sdp":"v=0\r\n"}}"#;
    story.request_of(GATEWAY, offer);
    assert!(story.phone.sessions().any(|(session, _)| *session == id));
    story.said.clear();
    id
}

impl Story {
    pub(super) fn request_of(&mut self, from: &str, json: &str) {
        let payload: minidom::Element = format!("<genesys-webrtc xmlns='genesys'>{}</genesys-webrtc>", json)
            .parse()
            .unwrap();
        self.incoming(Some(from), payload);
    }

    pub(super) fn incoming(&mut self, from: Option<&str>, payload: minidom::Element) {
        let request = xmpp::IncomingRequest {
            ticket: xmpp::fuzzing::a_ticket(1),
            kind: xmpp::RequestKind::Set,
            from: from.map(|from| from.parse().unwrap()),
            payload,
        };
        let attempt = self.attempt();
        self.stream(attempt, xmpp::Event::Request(request));
    }

    /// The stream breaks.
    pub(super) fn lose(&mut self) {
        let reason = xmpp::CloseReason::SocketClosed {
            code: None,
            reason: "reset".into(),
        };
        let attempt = self.attempt();
        self.closed(attempt, reason);
    }

    /// Comes back on the channel there is.
    pub(super) fn return_softly(&mut self) {
        self.wait_for_attempt();
        let attempt = self.dialled().expect("on the old channel nothing is asked of REST");
        self.stream(attempt, connected());
    }

    pub(super) fn reports(&mut self, session: &SessionId, report: SessionReport) {
        let session = session.clone();
        self.input(Input::Session { session, report });
    }

    /// What sessions were told, in order.
    pub(super) fn told(&mut self, session: &SessionId) -> Vec<session::Input> {
        self.drain();
        let said = std::mem::take(&mut self.said);
        let (told, rest) = said
            .into_iter()
            .partition(|output| matches!(output, Output::Session { session: id, .. } if id == session));
        self.said = rest;
        let told: VecDeque<_> = told;
        told.into_iter()
            .filter_map(|output| match output {
                Output::Session { input, .. } => Some(input),
                _ => None,
            })
            .collect()
    }

    pub(super) fn requests_sent(&mut self) -> Vec<xmpp::Request> {
        self.drain();
        let requests = |output: &Output| matches!(output, Output::Stream(StreamCommand::Request(_)));
        let (sent, rest): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.said).into_iter().partition(requests);
        self.said = rest;
        sent.into_iter()
            .filter_map(|output| match output {
                Output::Stream(StreamCommand::Request(request)) => Some(request),
                _ => None,
            })
            .collect()
    }

    pub(super) fn asks_rest_for(&mut self, path: &str) -> bool {
        self.drain();
        self.said
            .iter()
            .any(|output| matches!(output, Output::Http { request, .. } if request.url.path().ends_with(path)))
    }
}

pub(super) fn terminate(id: &SessionId) -> minidom::Element {
    let rpc = offhook_jingle::genesys::Rpc {
        id: "t".into(),
        method: offhook_jingle::genesys::Method::Terminate {
            session: id.clone(),
            reason: Reason::Success,
        },
    };
    rpc.to_element()
}

#[test]
fn a_connection_that_did_not_live_is_a_failure_and_waits() {
    let mut story = Story::online(AnswerPolicy::default());
    story.said.clear();
    story.lose();
    assert_eq!(story.dialled(), None);
    let SignallingState::Waiting { until } = story.phone.signalling() else {
        panic!("it waits")
    };
    let wait = until - story.now;
    assert!(
        wait >= Duration::from_secs(2) && wait <= Duration::from_millis(2500),
        "{wait:?}"
    );
    story.return_softly();
    assert!(story.phone.is_connected());
}

#[test]
fn rule_9_sessions_outlive_the_stream_and_are_told_when_it_is_gone_and_back() {
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    story.lose();
    assert_eq!(story.told(&id), [session::Input::SignallingLost]);
    assert!(story.phone.sessions().any(|(session, _)| *session == id));
    story.return_softly();
    assert_eq!(story.told(&id), [session::Input::SignallingRestored]);
    // A terminate that comes after the reconnect reaches its session.
    let json = r#"{"jsonrpc":"2.0","id":"t","method":"terminate","params":{"sessionId":"call-1","reason":"success"}}"#;
    story.request_of(GATEWAY, json);
    assert!(matches!(story.told(&id)[..], [session::Input::Request { .. }]));
}

#[test]
fn requests_that_the_stream_took_with_it_are_lost_once_nobody_can_resume_it() {
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    let request = SessionReport::Request {
        token: offhook_jingle::Token(7),
        to: GATEWAY.parse().unwrap(),
        payload: terminate(&id),
    };
    story.reports(&id, request);
    story.lose();
    let told = story.told(&id);
    assert!(
        matches!(
            told[..],
            [
                session::Input::Response {
                    outcome: session::Outcome::Lost,
                    ..
                },
                session::Input::SignallingLost
            ] | [
                session::Input::SignallingLost,
                session::Input::Response {
                    outcome: session::Outcome::Lost,
                    ..
                }
            ]
        ),
        "{told:?}"
    );
}

/// What a stream leaves that was lost with these requests in it.
fn a_resumption(requests: Vec<xmpp::Request>, now: Instant) -> xmpp::Resumption {
    let mut server = xmpp::fuzzing::Server::managing();
    let mut stream = xmpp::Stream::new(xmpp::fuzzing::config(), [3; 32], now);
    let mut answers = VecDeque::new();
    let mut requests = Some(requests);
    loop {
        match stream.poll_output() {
            xmpp::Output::Transmit(frame) => answers.extend(server.answers(frame.as_str())),
            xmpp::Output::Event(xmpp::Event::Connected(_)) => {
                // From here on the server says nothing.
                answers.clear();
                for request in requests.take().into_iter().flatten() {
                    stream.request(now, request).unwrap();
                }
                let (code, reason) = (None, String::new());
                stream.handle_input(now, xmpp::Input::SocketClosed { code, reason });
            }
            xmpp::Output::Event(xmpp::Event::Closed(_)) => return stream.into_resumption().expect("it was promised"),
            xmpp::Output::Event(_) => {}
            xmpp::Output::Timeout(_) => {
                let answer = answers.pop_front().expect("the server has more to say");
                stream.handle_input(now, xmpp::Input::Frame(answer));
            }
        }
    }
}

impl Story {
    /// The stream breaks, and can be gone on with.
    fn suspend(&mut self, resumption: xmpp::Resumption) {
        let reason = xmpp::CloseReason::PingsUnanswered;
        let resumption = Some(Box::new(resumption));
        let attempt = self.attempt();
        self.input(Input::Closed {
            attempt,
            reason,
            resumption,
        });
    }
}

#[test]
fn a_request_that_crossed_the_end_of_its_stream_is_lost_though_the_stream_goes_on() {
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    for token in [7, 8] {
        let request = SessionReport::Request {
            token: offhook_jingle::Token(token),
            to: GATEWAY.parse().unwrap(),
            payload: terminate(&id),
        };
        story.reports(&id, request);
    }
    // The second was on its way when the stream closed.
    let taken = story.requests_sent().into_iter().take(1).collect();
    let resumption = a_resumption(taken, story.now);
    story.suspend(resumption);
    let told = story.told(&id);
    let [
        session::Input::Response {
            token,
            outcome: session::Outcome::Lost,
        },
        session::Input::SignallingLost,
    ] = told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(token, offhook_jingle::Token(8));
}

#[test]
fn a_reply_while_signalling_is_away_is_given_on_the_stream_that_goes_on() {
    for resumed in [true, false] {
        let mut story = Story::online(AnswerPolicy::default());
        let id = with_session(&mut story);
        let candidate = r#"{"jsonrpc":"2.0","id":"c","method":"iceCandidate","params":{"sessionId":"call-1","sdp":"a=end-of-candidates\r\n"}}"#;
        story.request_of(GATEWAY, candidate);
        let [session::Input::Request { ticket, .. }] = story.told(&id)[..] else {
            panic!("the session is asked")
        };
        let resumption = a_resumption(Vec::new(), story.now);
        story.suspend(resumption);
        let reply = session::Reply::Done;
        story.reports(&id, SessionReport::Reply { ticket, reply });
        story.wait_for_attempt();
        let attempt = story.dialled().unwrap();
        story.said.clear();
        let xmpp::Event::Connected(mut facts) = connected() else {
            unreachable!()
        };
        facts.resumed = resumed;
        story.stream(attempt, xmpp::Event::Connected(facts));
        let replies = |output: &&Output| matches!(output, Output::Stream(StreamCommand::Reply { .. }));
        assert_eq!(story.said.iter().filter(replies).count(), usize::from(resumed));
    }
}

#[test]
fn a_stream_that_could_not_be_gone_on_with_is_not_tried_again() {
    for untold in [true, false] {
        let mut story = Story::online(AnswerPolicy::default());
        let resumption = a_resumption(Vec::new(), story.now);
        story.suspend(resumption.clone());
        story.wait_for_attempt();
        let attempt = story.dialled().unwrap();
        story.said.clear();
        // Either the server had not answered, or it resumed the stream in a way that broke it.
        let resumption = untold.then(|| Box::new(resumption));
        let reason = xmpp::CloseReason::ResumptionBroken;
        story.input(Input::Closed {
            attempt,
            reason,
            resumption,
        });
        story.wait_for_attempt();
        let goes_on = story.said.iter().find_map(|output| match output {
            Output::Dial { config, .. } => Some(config.resumption.is_some()),
            _ => None,
        });
        assert_eq!(goes_on, Some(untold));
    }
}

#[test]
fn a_hang_up_while_signalling_is_away_is_told_after_the_reconnect() {
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    story.lose();
    story.said.clear();
    let farewell = SessionReport::Farewell {
        to: GATEWAY.parse().unwrap(),
        payload: terminate(&id),
    };
    story.reports(&id, farewell);
    let ended = SessionReport::Ended {
        reason: Reason::Success,
        by: EndedBy::Local,
    };
    story.reports(&id, ended);
    assert!(story.requests_sent().is_empty());
    story.return_softly();
    let [request] = &story.requests_sent()[..] else {
        panic!("the terminate is said")
    };
    assert_eq!(request.to, Some(GATEWAY.parse().unwrap()));
    // It is lost again with the stream, and said again.
    story.lose();
    story.said.clear();
    story.return_softly();
    let [again] = &story.requests_sent()[..] else {
        panic!("it is owed until it was heard")
    };
    let outcome = xmpp::Outcome::Result(None);
    let token = again.token;
    let attempt = story.attempt();
    story.stream(attempt, xmpp::Event::Response { token, outcome });
    story.lose();
    story.said.clear();
    story.return_softly();
    assert!(story.requests_sent().is_empty(), "it was heard");
}

#[test]
fn a_hang_up_that_the_server_throttled_is_told_again() {
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    story.lose();
    let farewell = SessionReport::Farewell {
        to: GATEWAY.parse().unwrap(),
        payload: terminate(&id),
    };
    story.reports(&id, farewell);
    story.return_softly();
    let token = story.requests_sent()[0].token;
    let throttled = xmpp::StanzaError::new(xmpp::ErrorKind::Wait, xmpp::Condition::PolicyViolation);
    let outcome = xmpp::Outcome::Error(throttled);
    let attempt = story.attempt();
    story.stream(attempt, xmpp::Event::Response { token, outcome });
    story.lose();
    story.said.clear();
    story.return_softly();
    assert_eq!(story.requests_sent().len(), 1, "it was never heard");
}

#[test]
fn nobody_but_its_peer_settles_a_hang_up_that_is_owed() {
    for (from, told) in [("mallory@org.example/1", 1), (GATEWAY, 0)] {
        let mut story = Story::online(AnswerPolicy::default());
        let id = with_session(&mut story);
        story.lose();
        let farewell = SessionReport::Farewell {
            to: GATEWAY.parse().unwrap(),
            payload: terminate(&id),
        };
        story.reports(&id, farewell);
        let (reason, by) = (Reason::Success, EndedBy::Local);
        story.reports(&id, SessionReport::Ended { reason, by });
        story.return_softly();
        let request = story.requests_sent().pop().unwrap();
        // The stream that said it is lost too, and before that somebody says that the session is over.
        let outcome = xmpp::Outcome::TimedOut;
        let token = request.token;
        let attempt = story.attempt();
        story.stream(attempt, xmpp::Event::Response { token, outcome });
        let over =
            r#"{"jsonrpc":"2.0","id":"t","method":"terminate","params":{"sessionId":"call-1","reason":"success"}}"#;
        story.request_of(from, over);
        story.lose();
        story.said.clear();
        story.return_softly();
        assert_eq!(story.requests_sent().len(), told);
    }
}

#[test]
fn a_hang_up_is_owed_for_ten_minutes() {
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    story.lose();
    let farewell = SessionReport::Farewell {
        to: GATEWAY.parse().unwrap(),
        payload: terminate(&id),
    };
    story.reports(&id, farewell);
    story.now += Duration::from_secs(601);
    story.input(Input::Timeout);
    story.said.retain(|output| matches!(output, Output::Dial { .. }));
    story.return_softly();
    assert!(story.requests_sent().is_empty());
}

#[test]
fn accepting_while_signalling_is_away_is_said_after_the_reconnect_if_it_still_rings() {
    for still_rings in [true, false] {
        let mut story = Story::online(AnswerPolicy::default());
        story.propose("call-1", "conversation-1", false);
        let id = SessionId::new("call-1");
        story.lose();
        story.phone.accept(story.now, &id).unwrap();
        story.said.clear();
        if !still_rings {
            story.pass(Duration::from_secs(121));
            story.said.retain(|output| matches!(output, Output::Dial { .. }));
        }
        story.return_softly();
        let said = story.messages();
        let expected = still_rings.then(|| format!("proceed call-1 -> {GATEWAY}"));
        assert_eq!(said, Vec::from_iter(expected));
    }
}

#[test]
fn without_survivability_a_loss_ends_everything() {
    let mut story = Story::online(AnswerPolicy::default());
    story.phone.config.survivability = false;
    let id = with_session(&mut story);
    story.propose("call-2", "conversation-2", false);
    story.said.clear();
    story.lose();
    let ends: Vec<_> = story
        .said
        .iter()
        .filter_map(|output| match output {
            Output::EndSession { session, farewell, by } => Some((session.clone(), farewell.reason, *by)),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(id, Reason::ConnectivityError, EndedBy::Network)]);
    let cancelled = SessionId::new("call-2");
    assert!(story.events().contains(&Event::ProposalCancelled(cancelled)));
}

#[test]
fn without_survivability_the_applications_own_disconnect_ends_nothing() {
    let mut story = Story::online(AnswerPolicy::default());
    story.phone.config.survivability = false;
    let id = with_session(&mut story);
    story.phone.disconnect(story.now).unwrap();
    assert_eq!(story.told(&id), [session::Input::SignallingLost]);
    assert!(
        !story
            .said
            .iter()
            .any(|output| matches!(output, Output::EndSession { .. }))
    );
}

#[test]
fn rule_38_active_means_media_connected_now() {
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    let mut changes = Vec::new();
    for connected in [true, true, false, true] {
        story.reports(&id, SessionReport::Active(connected));
        assert_eq!(story.phone.is_active(&id), connected);
        changes.extend(story.events().into_iter().filter_map(|event| match event {
            Event::ActiveChanged { active, .. } => Some(active),
            _ => None,
        }));
    }
    assert_eq!(changes, [true, false, true]);
    let ended = SessionReport::Ended {
        reason: Reason::Success,
        by: EndedBy::Remote,
    };
    story.reports(&id, ended);
    assert!(!story.phone.is_active(&id));
}

#[test]
fn disconnect_and_shutdown_take_five_seconds_at_most() {
    let mut story = Story::online(AnswerPolicy::default());
    with_session(&mut story);
    story.phone.shutdown(story.now);
    story.said.clear();
    // Neither the session nor the stream says that it has ended.
    story.pass(Duration::from_secs(5));
    assert!(
        story.said.iter().any(|output| matches!(output, Output::Abandon(_))),
        "{:?}",
        story.said
    );
    assert_eq!(story.events().last(), Some(&Event::ShutDown));
}

#[test]
fn of_a_jingle_session_that_nobody_knows_only_the_end_is_right() {
    let stranger = "colleague@org.example/1";
    let cases = [
        ("session-terminate", None),
        ("session-initiate", Some((xmpp::Condition::ServiceUnavailable, false))),
        ("transport-info", Some((xmpp::Condition::ItemNotFound, true))),
    ];
    for (action, refusal) in cases {
        let mut story = Story::online(AnswerPolicy::default());
        story.said.clear();
        let jingle = format!("<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='nobody'/>");
        story.incoming(Some(stranger), jingle.parse().unwrap());
        story.drain();
        let replied = story.said.iter().find_map(|output| match output {
            Output::Stream(StreamCommand::Reply { reply, .. }) => Some(reply),
            _ => None,
        });
        let refused = match replied.expect("every request is answered") {
            xmpp::Reply::Result(None) => None,
            xmpp::Reply::Error(error) => Some((error.condition, error.application.is_some())),
            xmpp::Reply::Result(Some(_)) => panic!("{action}: a result says nothing"),
        };
        assert_eq!(refused, refusal, "{action}");
    }
}
