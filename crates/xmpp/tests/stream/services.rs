//! External services of a connected stream.

use offhook_xmpp::{Condition, Event, ServicesError};

use crate::rig::{After, Rig, element};

/// A stream that was told to refresh, and the lists it asked for.
fn refreshing() -> (Rig, Vec<String>) {
    let mut rig = Rig::connected();
    rig.stream.refresh_services(rig.now).unwrap();
    rig.pump();
    let lists = asked(&mut rig);
    (rig, lists)
}

fn asked(rig: &mut Rig) -> Vec<String> {
    let sent = std::mem::take(&mut rig.sent);
    let list = |frame: &String| element(frame).children().next()?.attr("type").map(str::to_owned);
    sent.iter().filter_map(list).collect()
}

/// Lets time pass with a server that is there.
fn wait(rig: &mut Rig) {
    rig.receive(" ");
    rig.seconds(15);
}

#[test]
fn services_are_asked_for_on_demand_and_told() {
    let (mut rig, lists) = refreshing();
    assert_eq!(lists, ["turn", "stun"]);
    rig.stream.refresh_services(rig.now).unwrap();
    rig.pump();
    assert_eq!(rig.take(), (vec![], vec![]), "it is going on");
    rig.obey(1);
    assert_eq!(rig.events, []);
    rig.obey(1);
    let Event::Services(services) = rig.only_event() else {
        panic!("no services");
    };
    let kinds: Vec<_> = services.iter().map(|service| service.kind.as_str()).collect();
    assert_eq!(kinds, ["turn", "stun"]);
}

#[test]
fn services_are_asked_for_three_times_15_s_apart() {
    let (mut rig, _) = refreshing();
    for _ in 0..2 {
        wait(&mut rig);
        assert_eq!(asked(&mut rig), ["turn", "stun"]);
        assert_eq!(rig.events, []);
    }
    wait(&mut rig);
    assert_eq!(asked(&mut rig), [""; 0]);
    assert_eq!(rig.only_event(), Event::ServicesFailed(ServicesError::TimedOut));
    // The stream goes on, and may be asked again.
    rig.answers.clear();
    rig.stream.refresh_services(rig.now).unwrap();
    rig.pump();
    rig.obey(2);
    assert!(matches!(rig.only_event(), Event::Services(_)));
}

#[test]
fn only_the_missing_list_is_asked_for_again() {
    let (mut rig, _) = refreshing();
    rig.obey(1);
    let refusal = rig.answers.pop_front().unwrap().replace("'result'", "'error'");
    rig.receive(&refusal);
    wait(&mut rig);
    assert_eq!(asked(&mut rig), ["stun"]);
    rig.obey(1);
    assert!(matches!(rig.only_event(), Event::Services(services) if services.len() == 2));
}

#[test]
fn the_refusal_of_the_last_try_is_told() {
    let (mut rig, _) = refreshing();
    for _ in 0..3 {
        while let Some(answer) = rig.answers.pop_front() {
            rig.receive(&answer.replace("'result'", "'error'"));
        }
        wait(&mut rig);
    }
    assert!(matches!(
        rig.only_event(),
        Event::ServicesFailed(ServicesError::Refused(error)) if error.condition == Condition::UndefinedCondition
    ));
}

#[test]
fn services_cannot_be_asked_for_before_connected() {
    let mut rig = Rig::at(After::SubscribingPings);
    assert!(rig.stream.refresh_services(rig.now).is_err());
}
