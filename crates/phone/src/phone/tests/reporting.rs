//! Telemetry, as the cloud gets it.

use super::*;
use crate::{
    http::Method,
    telemetry::{MediaFigures, Telemetry},
};

const INSIGHTS: &str = "diagnostics/newrelic/insights";

/// A phone with a session that is measured.
fn measured(telemetry: Option<Telemetry>) -> (Story, SessionId) {
    let mut story = Story::online(AnswerPolicy {
        always: true,
        ..AnswerPolicy::default()
    });
    story.phone.reporting = Reporting::new(telemetry);
    story.propose("s", "c", false);
    story.offers(GATEWAY, "s", "c", false);
    let session = SessionId::new("s");
    assert_eq!(story.phone.sessions().count(), 1);
    (story, session)
}

fn posts(story: &mut Story) -> Vec<HttpId> {
    story.drain();
    let posted = |output: &Output| match output {
        Output::Http { id, request, .. } if request.url.path().ends_with(INSIGHTS) => Some(*id),
        _ => None,
    };
    story.said.iter().filter_map(posted).collect()
}

fn passes(story: &mut Story, session: &SessionId, seconds: u64) {
    for _ in 0..seconds / 5 {
        story.reports(session, SessionReport::Measured(MediaFigures::default()));
        story.pass(Duration::from_secs(5));
    }
}

#[test]
fn what_is_measured_is_posted_every_25_seconds_and_again_if_that_was_too_much() {
    let (mut story, session) = measured(Some(Telemetry::new("bot", "1")));
    passes(&mut story, &session, 20);
    assert_eq!(posts(&mut story), []);
    passes(&mut story, &session, 5);
    let (id, request) = story.request(INSIGHTS);
    assert_eq!(request.method, Method::Post);
    let actions = |request: &HttpRequest| {
        request.body.as_ref().expect("a body")["actions"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(actions(&request), Some(5));
    story.reply(id, 413, "");
    passes(&mut story, &session, 25);
    let (id, request) = story.request(INSIGHTS);
    assert_eq!(actions(&request), Some(10), "the five before, too");
    story.reply(id, 202, "");
    story.pass(Duration::from_secs(60));
    assert_eq!(posts(&mut story), [], "there is nothing new");
}

#[test]
fn nothing_is_posted_unless_it_is_wanted_nor_while_the_phone_is_offline() {
    let (mut story, session) = measured(None);
    passes(&mut story, &session, 60);
    assert_eq!(posts(&mut story), []);
    let (mut story, session) = measured(Some(Telemetry::new("bot", "1")));
    passes(&mut story, &session, 10);
    let attempt = story.attempt();
    story.closed(attempt, xmpp::CloseReason::ByPeer);
    story.said.clear();
    // It is not brought back, since nobody dials.
    passes(&mut story, &session, 60);
    assert_eq!(posts(&mut story), []);
}
