//! Calls as notifications and sessions tell of them, in any order.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn calls_of_me() -> Conversations {
    let mut calls = Conversations::default();
    calls.set_user("me");
    calls
}

fn part(state: &str) -> Value {
    let leg = json!({"id": "leg-1", "state": state, "muted": false, "held": false});
    json!({"id": "part-1", "userId": "me", "purpose": "agent", "calls": [leg]})
}

fn conversation(parts: &[Value]) -> Value {
    json!({"id": "c", "participants": parts})
}

fn says(state: &str) -> Value {
    conversation(&[part(state)])
}

fn c() -> ConversationId {
    ConversationId::new("c")
}

fn session(id: &str) -> SessionId {
    SessionId::new(id)
}

fn states(calls: &mut Conversations) -> Vec<CallState> {
    std::iter::from_fn(|| calls.poll_change())
        .map(|call| call.state)
        .collect()
}

#[test]
fn a_call_is_linked_to_its_session_whichever_comes_first() {
    let mut first = calls_of_me();
    first.updated(&says("alerting"));
    first.session_started(session("s"), c(), false);
    first.updated(&says("connected"));
    first.session_active(&session("s"), true);
    let mut second = calls_of_me();
    second.session_started(session("s"), c(), false);
    second.session_active(&session("s"), true);
    second.updated(&says("connected"));
    assert_eq!(first.call(&c()), second.call(&c()));
    let call = first.call(&c()).expect("a call");
    assert_eq!(
        (call.state, call.session.clone()),
        (CallState::Connected, Some(session("s")))
    );
    assert_eq!(
        (call.participant.as_deref(), call.communication.as_deref()),
        (Some("part-1"), Some("leg-1"))
    );
}

#[test]
fn nothing_is_connected_without_media_and_nothing_is_told_twice() {
    let mut calls = calls_of_me();
    for state in ["alerting", "alerting", "connected", "connected"] {
        calls.updated(&says(state));
    }
    assert_eq!(states(&mut calls), [CallState::Alerting, CallState::Elsewhere]);
    calls.session_started(session("s"), c(), false);
    assert_eq!(states(&mut calls), [CallState::Connecting]);
    calls.session_active(&session("s"), true);
    calls.session_active(&session("s"), true);
    assert_eq!(states(&mut calls), [CallState::Connected]);
    calls.session_active(&session("s"), false);
    assert_eq!(states(&mut calls), [CallState::Connecting]);
}

#[test]
fn a_call_ends_once_and_a_late_update_does_not_begin_it_again() {
    let mut calls = calls_of_me();
    calls.session_started(session("s"), c(), true);
    assert_eq!(states(&mut calls), [CallState::Connected]);
    calls.session_ended(&session("s"), Reason::Success);
    calls.updated(&says("disconnected"));
    calls.updated(&says("connected"));
    assert_eq!(
        states(&mut calls),
        [CallState::Ended(CallEnd::Session(Reason::Success))]
    );
    assert_eq!(calls.live().count(), 0);
}

#[test]
fn the_end_of_a_session_that_was_replaced_ends_no_call() {
    let mut calls = calls_of_me();
    calls.session_started(session("old"), c(), true);
    calls.session_started(session("new"), c(), true);
    states(&mut calls);
    calls.session_active(&session("old"), false);
    calls.session_ended(&session("old"), Reason::AlternativeSession);
    assert_eq!(states(&mut calls), []);
    assert_eq!(calls.call(&c()).map(|call| call.state), Some(CallState::Connected));
}

#[test]
fn rule_28_a_reused_session_tells_about_each_conversation() {
    let mut calls = calls_of_me();
    calls.session_started(session("s"), c(), true);
    calls.updated(&says("disconnected"));
    assert_eq!(
        states(&mut calls),
        [CallState::Connected, CallState::Ended(CallEnd::Cloud)]
    );
    calls.session_started(session("s"), ConversationId::new("next"), true);
    let told = calls.poll_change().expect("the next call");
    assert_eq!((told.conversation.as_str(), told.state), ("next", CallState::Connected));
    calls.session_ended(&session("s"), Reason::Gone);
    assert_eq!(states(&mut calls), [CallState::Ended(CallEnd::Session(Reason::Gone))]);
}

#[test]
fn a_call_ends_when_its_session_goes_on_to_another_conversation_unless_the_cloud_keeps_it() {
    let mut calls = calls_of_me();
    calls.session_started(session("s"), c(), true);
    calls.session_started(session("s"), ConversationId::new("next"), true);
    let superseded = CallState::Ended(CallEnd::Superseded);
    assert_eq!(
        states(&mut calls),
        [CallState::Connected, superseded, CallState::Connected]
    );
    assert_eq!(calls.live().count(), 1);
    let mut held = calls_of_me();
    held.updated(&says("connected"));
    held.session_started(session("s"), c(), true);
    held.session_started(session("s"), ConversationId::new("next"), true);
    assert_eq!(held.call(&c()).map(|call| call.state), Some(CallState::Elsewhere));
    held.session_started(session("s"), c(), true);
    assert_eq!(held.call(&c()).map(|call| call.state), Some(CallState::Connected));
}

#[test]
fn a_conversation_comes_back_with_another_leg_or_another_session() {
    let with_leg = |state: &str, part: &str, leg: &str| {
        let mut body = says(state);
        body["participants"][0]["id"] = json!(part);
        body["participants"][0]["calls"][0]["id"] = json!(leg);
        body
    };
    let mut calls = calls_of_me();
    calls.updated(&with_leg("alerting", "part-1", "leg-1"));
    calls.updated(&with_leg("disconnected", "part-1", "leg-1"));
    calls.updated(&with_leg("connected", "part-1", "leg-1"));
    let ended = CallState::Ended(CallEnd::Cloud);
    assert_eq!(
        states(&mut calls),
        [CallState::Alerting, ended],
        "late news of the same leg"
    );
    calls.updated(&with_leg("alerting", "part-2", "leg-2"));
    assert_eq!(states(&mut calls), [CallState::Alerting], "the queue rings again");
    calls.updated(&with_leg("disconnected", "part-2", "leg-2"));
    calls.session_started(session("s"), c(), false);
    assert_eq!(
        states(&mut calls),
        [ended, CallState::Connecting],
        "it is offered again"
    );
    calls.session_ended(&session("s"), Reason::Gone);
    calls.updated(&with_leg("connected", "part-3", "leg-3"));
    assert_eq!(
        states(&mut calls).len(),
        1,
        "the leg of the session that is gone becomes known"
    );
    calls.updated(&with_leg("alerting", "part-4", "leg-4"));
    assert_eq!(states(&mut calls), [CallState::Alerting]);
}

#[test]
fn a_placed_call_may_be_missing_in_a_list_as_long_as_nobody_has_spoken_of_it() {
    let mut calls = calls_of_me();
    calls.placed(&c());
    calls.reconciled(calls.mark(), &[]);
    assert_eq!(states(&mut calls), [CallState::Dialing]);
    calls.updated(&says("connected"));
    calls.reconciled(calls.mark(), &[]);
    assert_eq!(
        states(&mut calls),
        [CallState::Elsewhere, CallState::Ended(CallEnd::Cloud)]
    );
}

#[test]
fn the_end_of_a_session_is_not_that_of_a_part_that_the_user_got_since() {
    let mut calls = calls_of_me();
    calls.updated(&says("connected"));
    calls.session_started(session("s"), c(), true);
    // That the first part is over was never heard.
    let mut again = says("connected");
    again["participants"][0]["id"] = json!("part-2");
    calls.updated(&again);
    calls.session_ended(&session("s"), Reason::Success);
    assert_eq!(calls.call(&c()).map(|call| call.state), Some(CallState::Elsewhere));
}

#[test]
fn a_placed_call_that_is_over_before_anybody_hears_of_it_is_told_all_the_same() {
    let mut calls = calls_of_me();
    calls.updated(&says("disconnected"));
    assert_eq!((states(&mut calls), calls.call(&c())), (vec![], None));
    calls.placed(&c());
    let ended = calls.poll_change().expect("it is told");
    assert_eq!(
        (ended.state, ended.direction),
        (CallState::Ended(CallEnd::Cloud), Some(Direction::Outbound))
    );
    let mut waits = calls_of_me();
    waits.placed(&c());
    waits.not_proposed(&c());
    assert_eq!(
        states(&mut waits),
        [CallState::Dialing, CallState::Ended(CallEnd::NoProposal)]
    );
}

#[test]
fn a_leg_that_is_listed_as_living_after_the_session_has_ended_was_not_the_sessions() {
    let mut calls = calls_of_me();
    calls.updated(&says("alerting"));
    calls.session_started(session("s"), c(), false);
    let before = calls.mark();
    calls.session_ended(&session("s"), Reason::Success);
    while calls.poll_change().is_some() {}
    calls.reconciled(before, &[says("alerting")]);
    calls.updated(&says("alerting"));
    assert_eq!(
        states(&mut calls),
        [],
        "what is older than the end, or may be, is passed over"
    );
    calls.reconciled(calls.mark(), &[says("alerting")]);
    assert_eq!(states(&mut calls), [CallState::Alerting]);
}

#[test]
fn what_the_cloud_said_after_a_list_was_asked_for_is_newer_than_the_list() {
    let mut calls = calls_of_me();
    let asked = calls.mark();
    calls.updated(&says("connected"));
    calls.reconciled(asked, &[]);
    assert_eq!(
        states(&mut calls),
        [CallState::Elsewhere],
        "it is newer than the empty list"
    );
    calls.reconciled(asked, &[says("alerting")]);
    assert_eq!(states(&mut calls), []);
    calls.reconciled(calls.mark(), &[]);
    assert_eq!(states(&mut calls), [CallState::Ended(CallEnd::Cloud)]);
    calls.session_started(session("old"), ConversationId::new("old"), true);
    let asked = calls.mark();
    calls.session_started(session("new"), ConversationId::new("new"), true);
    calls.reconciled(asked, &[]);
    let ended = CallState::Ended(CallEnd::Cloud);
    assert_eq!(states(&mut calls), [CallState::Connected, CallState::Connected, ended]);
    let asked = calls.mark();
    calls.placed(&ConversationId::new("placed"));
    calls.reconciled(asked, &[]);
    let told = states(&mut calls);
    assert_eq!(told[0], CallState::Dialing);
    assert!(!told[1..].contains(&CallState::Dialing), "it was placed after that");
    assert_eq!(calls.live().count(), 1, "{told:?}");
}

#[test]
fn the_remote_party_is_the_newest_other_participant_who_is_there() {
    let other = |purpose: &str, name: &str, state: &str| json!({"id": name, "purpose": purpose, "name": name, "address": format!("tel:{name}"), "calls": [{"state": state}]});
    let mut calls = calls_of_me();
    calls.updated(&conversation(&[
        other("customer", "Ada", "connected"),
        other("acd", "Sales", "connected"),
        part("connected"),
        other("agent", "Grace", "disconnected"),
    ]));
    let remote = calls.call(&c()).and_then(|call| call.remote.clone()).expect("somebody");
    assert_eq!(
        (
            remote.name.as_deref(),
            remote.address.as_deref(),
            remote.purpose.as_deref()
        ),
        (Some("Ada"), Some("tel:Ada"), Some("customer"))
    );
}

#[test]
fn an_error_is_gone_when_the_leg_says_so() {
    let mut failed = part("connected");
    failed["calls"][0]["errorInfo"] = json!({"code": "error.other"});
    let mut calls = calls_of_me();
    calls.updated(&conversation(&[failed]));
    calls.updated(&says("connected"));
    assert_eq!(calls.call(&c()).and_then(|call| call.error.clone()), None);
}

#[test]
fn rule_29_voicemail_and_older_duplicates_of_the_user_are_skipped() {
    let named = |id: &str, purpose: &str, state: &str| {
        let mut part = part(state);
        part["id"] = json!(id);
        part["purpose"] = json!(purpose);
        part
    };
    let voicemail = named("voicemail", "voicemail", "connected");
    let cases = [
        (
            vec![named("old", "agent", "disconnected"), named("new", "agent", "alerting")],
            "new",
        ),
        (
            vec![named("old", "agent", "connected"), named("new", "agent", "alerting")],
            "old",
        ),
        (vec![named("old", "agent", "alerting"), voicemail], "old"),
    ];
    for (parts, expected) in cases {
        let mut calls = calls_of_me();
        calls.updated(&conversation(&parts));
        let call = calls.call(&c()).expect("a call");
        assert_eq!(call.participant.as_deref(), Some(expected), "{parts:?}");
    }
}

#[test]
fn rule_30_an_inactive_session_is_no_error_to_show() {
    let mut failed = part("connected");
    failed["calls"][0]["errorInfo"] = json!({"code": "error.ininedgecontrol.session.inactive"});
    let mut calls = calls_of_me();
    calls.updated(&conversation(&[failed.clone()]));
    assert_eq!(calls.call(&c()).and_then(|call| call.error.clone()), None);
    failed["calls"][0]["errorInfo"] = json!({"code": "error.other", "message": "no"});
    calls.updated(&conversation(&[failed]));
    let error = calls.call(&c()).and_then(|call| call.error.clone()).expect("an error");
    assert_eq!(
        (error.code.as_str(), error.message.as_deref()),
        ("error.other", Some("no"))
    );
}

#[test]
fn rule_32_calls_that_ended_while_offline_end_on_reconnect() {
    let mut calls = calls_of_me();
    calls.updated(&says("connected"));
    let mut other = says("alerting");
    other["id"] = json!("other");
    calls.updated(&other);
    states(&mut calls);
    calls.reconciled(calls.mark(), &[other]);
    let ended = calls.poll_change().expect("one call ended");
    assert_eq!(
        (ended.conversation, ended.state),
        (c(), CallState::Ended(CallEnd::Cloud))
    );
    assert_eq!(calls.poll_change(), None);
}

#[test]
fn rule_34_updates_without_call_state_are_tolerated() {
    let mut calls = calls_of_me();
    calls.updated(&says("alerting"));
    states(&mut calls);
    let bare = json!({"id": "part-1", "userId": "me", "purpose": "agent"});
    let unknown = part("on the moon");
    for body in [
        conversation(&[bare]),
        conversation(&[unknown]),
        conversation(&[]),
        json!({"id": "c"}),
        json!([1]),
    ] {
        calls.updated(&body);
    }
    assert_eq!(states(&mut calls), []);
    assert_eq!(calls.call(&c()).map(|call| call.state), Some(CallState::Alerting));
}

#[test]
fn calls_that_have_ended_are_forgotten_in_time() {
    let mut calls = calls_of_me();
    for number in 0..=ENDED_REMEMBERED {
        let one = session(&number.to_string());
        calls.session_started(one.clone(), ConversationId::new(number.to_string()), true);
        calls.session_ended(&one, Reason::Success);
    }
    assert_eq!(calls.calls.len(), ENDED_REMEMBERED);
    assert_eq!(calls.call(&ConversationId::new("0")), None);
    assert!(calls.carried.is_empty());
}

/// Does one of everything that can happen to two conversations and two sessions, and notes whose media are active.
fn happen(calls: &mut Conversations, active: &mut HashMap<SessionId, bool>, what: u8, which: bool, other: bool) {
    let conversation = if which { "a" } else { "b" };
    let one = session(if other { "s" } else { "t" });
    let update = |state: &str| {
        let mut body = says(state);
        body["id"] = json!(conversation);
        body["participants"][0]["id"] = json!(if other { "part-1" } else { "part-2" });
        body
    };
    match what {
        0..5 => calls.updated(&update(
            ["alerting", "dialing", "connected", "disconnected", "none"][usize::from(what)],
        )),
        5 => {
            let now = *active.entry(one.clone()).or_default();
            calls.session_started(one, ConversationId::new(conversation), now);
        }
        6 | 7 => {
            active.insert(one.clone(), what == 6);
            calls.session_active(&one, what == 6);
        }
        8 => {
            active.remove(&one);
            calls.session_ended(&one, Reason::Success);
        }
        _ => calls.reconciled(calls.mark(), &[update("connected")]),
    }
}

proptest! {
    #[test]
    fn in_any_order_no_call_is_connected_without_media_nor_told_twice_nor_ended_twice(
        steps in prop::collection::vec((0..10u8, any::<bool>(), any::<bool>()), 0..60)
    ) {
        let (mut calls, mut active) = (calls_of_me(), HashMap::new());
        let mut last: HashMap<ConversationId, TrackedCall> = HashMap::new();
        for (what, which, other) in steps {
            happen(&mut calls, &mut active, what, which, other);
            while let Some(call) = calls.poll_change() {
                if call.state == CallState::Connected {
                    let session = call.session.as_ref().expect("a session");
                    prop_assert_eq!(active.get(session), Some(&true));
                }
                let before = last.insert(call.conversation.clone(), call.clone());
                prop_assert_ne!(before.as_ref(), Some(&call));
                let over = before.is_some_and(|before| before.state.is_ended());
                prop_assert!(!(over && call.state.is_ended()), "ended twice");
            }
            let sessions: Vec<_> = calls.live().filter_map(|call| call.session.clone()).collect();
            prop_assert!(sessions.len() < 2 || sessions[0] != sessions[1], "two calls on one session");
        }
    }
}
