//! A session that stays open between calls, and the calls that come on it.

use serde_json::json;

use super::{
    softphone::{Lines, ONE},
    *,
};
use crate::conversations::CallState;

/// A softphone whose session stays open and carries no call.
fn standing(answer: AnswerPolicy) -> (Story, SessionId) {
    let mut story = Story::softphone(
        answer,
        Lines {
            persistent: true,
            ..ONE
        },
    );
    let session = story.carries("s", "first");
    story.tells("first", "connected", json!({}));
    story.tells("first", "disconnected", json!({}));
    assert!(!story.ends(&session), "it stays open");
    story.said.clear();
    (story, session)
}

#[test]
fn rule_28_a_call_on_a_session_that_stays_open_is_proposed_answered_by_rest_and_told_as_started() {
    let (mut story, session) = standing(AnswerPolicy::default());
    story.tells("next", "alerting", json!({"direction": "inbound"}));
    let events = story.events();
    let [Event::Proposed(proposal)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(
        (&proposal.id, proposal.conversation.as_ref().map(|id| id.as_str())),
        (&session, Some("next"))
    );
    assert_eq!(story.phone.proposals().count(), 1);
    story.phone.accept(story.now, &session).unwrap();
    story.phone.accept(story.now, &session).unwrap();
    assert_eq!(
        story.asked(),
        [r#"Patch calls/next/participants/part+of+next {"state":"connected"}"#],
        "once"
    );
    story.said.clear();
    story.tells("next", "connected", json!({}));
    let events = story.all_events();
    let started = events.iter().filter(
        |event| matches!(event, Event::SessionStarted { session: told, conversation: Some(next), .. } if *told == session && next.as_str() == "next"),
    );
    assert_eq!(started.count(), 1, "{events:?}");
    assert_eq!(story.call_of("next").state, CallState::Connected);
    assert_eq!(story.call_of("next").session, Some(session.clone()));
    story.changes("next", CallChange::Ended);
    let (patch, _) = story.request("participants/part+of+next");
    story.reply(patch, 202, "");
    story.tells("next", "disconnected", json!({}));
    story.pass(Duration::from_secs(10));
    assert!(!story.ends(&session), "a call that ends does not end the session");
}

#[test]
fn a_call_on_a_session_that_stays_open_may_go_away_or_elsewhere_or_be_placed_by_the_user() {
    let (mut story, session) = standing(AnswerPolicy::default());
    story.tells("gone", "alerting", json!({}));
    story.tells("gone", "disconnected", json!({}));
    story.tells("taken", "alerting", json!({}));
    story.tells("taken", "connected", json!({}));
    let events = story.events();
    let kinds: Vec<_> = events
        .iter()
        .filter(|event| !matches!(event, Event::Proposed(_)))
        .collect();
    assert_eq!(
        kinds,
        [
            &Event::ProposalCancelled(session.clone()),
            &Event::ProposalHandled(session.clone())
        ]
    );
    assert_eq!(story.call_of("taken").state, CallState::Elsewhere);

    let (mut story, session) = standing(AnswerPolicy::default());
    let posted = call(&mut story);
    story.reply(posted, 200, r#"{"id":"placed"}"#);
    story.tells("placed", "connected", json!({"direction": "outbound"}));
    assert_eq!(story.call_of("placed").session, Some(session));
    assert_eq!(story.call_of("placed").state, CallState::Connected);
    story.pass(Duration::from_secs(121));
    assert_eq!(
        story.call_of("placed").state,
        CallState::Connected,
        "its proposal is waited for no more"
    );
}

#[test]
fn a_policy_answers_on_a_session_that_stays_open_and_refusing_declines() {
    let always = AnswerPolicy {
        always: true,
        ..AnswerPolicy::default()
    };
    let (mut story, session) = standing(always);
    story.tells("next", "alerting", json!({}));
    assert_eq!(
        story.asked(),
        [r#"Patch calls/next/participants/part+of+next {"state":"connected"}"#]
    );
    story.said.clear();
    story.phone.reject(story.now, &session, false).unwrap();
    assert_eq!(
        story.asked(),
        [r#"Patch calls/next/participants/part+of+next {"state":"disconnected"}"#]
    );
}

#[test]
fn rule_40_shutting_down_ends_a_persistent_connection_too() {
    let (mut story, session) = standing(AnswerPolicy::default());
    story.phone.shutdown(story.now);
    assert!(story.ends(&session));
}
