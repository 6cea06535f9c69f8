//! The table finds what it holds, however much of it and in whatever order.

use std::collections::BTreeMap;

use super::*;

const MANY: usize = 10_000;

fn many() -> Phone {
    let mut phone = Phone::with(|config| {
        config.limit = MANY;
        config.limit_per_sender = MANY;
        config.limit_own = MANY;
    });
    for number in 0..MANY {
        phone.propose(&format!("s{number:05}"), &format!("c{number}"));
        phone.now += Duration::from_micros(1);
    }
    phone
}

#[test]
fn a_full_table_is_full_and_each_conversation_has_one_row() {
    let mut phone = many();
    assert_eq!(
        phone.propose("t", "other"),
        ["event: refused one@gjoll.example/a: 10000 proposals are pending already"]
    );
    let said = phone.propose("t", "c77");
    assert_eq!(said, ["event: instead of s00077 t proposed by one@gjoll.example/a"]);
    assert_eq!(phone.connected("c77"), ["event: t cancelled, connected otherwise"]);
    assert_eq!(phone.proposals.iter().count(), MANY - 1);
}

#[test]
fn rows_expire_in_the_order_of_their_deadlines() {
    let mut phone = many();
    phone.propose("s00000", "c0");
    let said = phone.wait(Duration::from_secs(120));
    assert_eq!(said.len(), MANY);
    assert_eq!(said[0], "event: s00001 cancelled, expired");
    assert_eq!(said[MANY - 1], "event: s00000 cancelled, expired");
}

#[test]
fn own_and_others_proposals_expire_each_at_its_time() {
    let mut phone = Phone::ringing();
    phone.wait(Duration::from_secs(59));
    phone.call(JULIET, "o");
    let at = phone.now + Duration::from_secs(60);
    assert_eq!(phone.proposals.poll_output(), Output::Timeout(at));
    phone.message(PHONE, &InitiationMessage::Proceed(id("o")));
    assert_eq!(phone.proposals.poll_output(), Output::Timeout(at));
    phone.proposals.begun(phone.now, &id("o"));
    let at = phone.now + Duration::from_secs(61);
    assert_eq!(phone.proposals.poll_output(), Output::Timeout(at));
}

#[test]
fn a_sender_whose_rows_are_gone_has_its_places_back() {
    let mut phone = Phone::with(|config| config.limit_per_sender = 1);
    type Leave = fn(&mut Phone);
    let ways: [Leave; 5] = [
        |phone| drop(phone.reject("s", false)),
        |phone| drop(phone.reject("s", true)),
        |phone| drop(phone.offered("s")),
        |phone| drop(phone.connected("c")),
        |phone| drop(phone.wait(Duration::from_secs(120))),
    ];
    for leave in ways {
        phone.wait(Duration::from_secs(6 * 3600));
        assert_eq!(phone.propose("s", "c"), ["event: s proposed by one@gjoll.example/a"]);
        assert_eq!(phone.propose("t", "d").len(), 1, "refused");
        leave(&mut phone);
        assert_eq!(phone.propose("t", "d"), ["event: t proposed by one@gjoll.example/a"]);
        phone.reject("t", true);
    }
}

#[test]
fn a_conversation_whose_row_is_gone_has_no_place() {
    let mut phone = Phone::with(|config| config.limit = 1);
    phone.propose("s", "c");
    phone.offered("s");
    phone.propose("t", "d");
    assert_eq!(
        phone.propose("u", "c"),
        ["event: refused one@gjoll.example/a: 1 proposals are pending already"]
    );
}

#[test]
fn who_takes_anothers_place_needs_one_of_his_own() {
    let mut phone = Phone::with(|config| config.limit_per_sender = 1);
    phone.propose("s", "c");
    let mut one = |from: &str, session: &str, conversation: &str| {
        let propose = propose(session, conversation);
        phone.message(from, &InitiationMessage::Propose(propose)).concat()
    };
    one("two@gjoll.example/b", "t", "d");
    assert_eq!(
        one("two@gjoll.example/b", "u", "c"),
        "event: refused two@gjoll.example/b: 1 proposals of this sender are pending already"
    );
    assert!(one("one@gjoll.example/c", "u", "c").starts_with("event: instead of s u"));
    assert!(one(GATEWAY, "v", "c").starts_with("event: instead of u v"));
}

#[test]
fn a_connected_conversation_clears_what_anybody_proposes_for_it_and_nothing_else() {
    let mut phone = Phone::ringing();
    let mut one = |from: &str, session: &str, conversation: &str| {
        let propose = propose(session, conversation);
        phone.message(from, &InitiationMessage::Propose(propose));
    };
    one(STRANGER, "t", "c");
    one(STRANGER, "u", "c2");
    one("x@a.example/b", "v", "b");
    let left = |phone: &Phone| -> BTreeMap<_, _> {
        let rows = phone.proposals.iter();
        rows.map(|row| (row.id.clone(), row.conversation.clone())).collect()
    };
    assert_eq!(left(&phone).len(), 4);
    // In the order of the proposers' domains.
    assert_eq!(
        phone.connected("c"),
        [
            "event: t cancelled, connected otherwise",
            "event: s cancelled, connected otherwise"
        ]
    );
    assert_eq!(left(&phone).len(), 2);
    assert_eq!(phone.connected("c"), [""; 0]);
    assert_eq!(phone.propose("s", "c"), [""; 0], "a repetition crossing on the way");
}
