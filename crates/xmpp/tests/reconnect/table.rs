//! What every state does with every input: the decision table.

use std::fmt::Write as _;

use offhook_xmpp::reconnect::{Channel, Failure, FailureKind, Input, Loss, Output, Status};

use crate::rig::{Rig, exact, s};

/// A state, as a way to get there.
type State = (&'static str, fn() -> Rig);

const STATES: &[State] = &[
    ("Idle", || Rig::new(exact())),
    ("Waiting for 2 s, after the first attempt failed", || {
        let mut rig = attempting();
        rig.fails_again();
        rig
    }),
    ("Attempting for 10 s, for the first time", || {
        let mut rig = attempting();
        rig.passes(s(10));
        rig
    }),
    ("Attempting for 10 s, at once after a loss", || {
        let mut rig = attempting();
        rig.connects();
        rig.lives(s(60));
        rig.passes(s(10));
        rig
    }),
    ("Connected for 10 s", || {
        let mut rig = attempting();
        rig.connects();
        rig.passes(s(10));
        rig
    }),
    ("Connected for 60 s", || {
        let mut rig = attempting();
        rig.connects();
        rig.passes(s(60));
        rig
    }),
];

fn attempting() -> Rig {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig
}

/// What happens, by its name.
type Happens = (&'static str, fn(&mut Rig));

const INPUTS: &[Happens] = &[
    ("connect()", Rig::connect),
    ("disconnect()", Rig::disconnect),
    ("Connected", Rig::connects),
    ("Failed, Refused", |rig| rig.input(failed(FailureKind::Refused, None))),
    ("Failed, Transient", |rig| {
        rig.input(failed(FailureKind::Transient, None))
    }),
    ("Failed, Transient, Retry-After 60 s", |rig| {
        rig.input(failed(FailureKind::Transient, Some(60)))
    }),
    ("Failed, TransientHard", |rig| {
        rig.input(failed(FailureKind::TransientHard, None))
    }),
    ("Failed, Renewed", |rig| rig.input(failed(FailureKind::Renewed, None))),
    ("Lost, Dropped", |rig| {
        rig.input(Input::Lost(Loss::Dropped { retry_after: None }))
    }),
    ("Lost, Dropped, Retry-After 60 s", |rig| {
        rig.input(Input::Lost(Loss::Dropped {
            retry_after: Some(s(60)),
        }))
    }),
    ("Lost, Superseded", |rig| rig.input(Input::Lost(Loss::Superseded))),
    ("Lost, Transferred", |rig| rig.input(Input::Lost(Loss::Transferred))),
    ("Lost, ByUs", |rig| rig.input(Input::Lost(Loss::ByUs))),
    ("Hard", |rig| rig.input(Input::Hard)),
    ("Timeout", |rig| {
        let until = rig.until;
        rig.passes(until - rig.now);
    }),
    ("Resumed, 1 h asleep", |rig| {
        rig.input(Input::Resumed { asleep: s(3_600) })
    }),
];

fn failed(kind: FailureKind, retry_after: Option<u64>) -> Input {
    Input::Failed(Failure {
        kind,
        retry_after: retry_after.map(s),
    })
}

#[test]
fn every_state_with_every_input() {
    let mut table = format!(
        "{:<39} {:<31} {:<14} {}\n",
        "", "what is done", "state then", "channel of the next attempt"
    );
    for (state, reach) in STATES {
        writeln!(table, "{state}").unwrap();
        for (name, happens) in INPUTS {
            let mut rig = reach();
            rig.take();
            happens(&mut rig);
            let done = done(&rig.take());
            let then = status(&rig);
            let channel = next_channel(&mut rig);
            writeln!(table, "    {name:<35} {done:<31} {then:<14} {channel:?}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

fn done(outputs: &[Output]) -> String {
    if outputs.is_empty() {
        return "-".into();
    }
    let outputs: Vec<_> = outputs
        .iter()
        .map(|output| match output {
            Output::Attempt { channel } => format!("attempt, {channel:?}"),
            Output::Remember(_) => "remember".into(),
            Output::GaveUp(why) => format!("gave up, {why:?}"),
            Output::Timeout(_) => unreachable!("the rig keeps it to itself"),
        })
        .collect();
    outputs.join("; ")
}

fn status(rig: &Rig) -> String {
    match rig.policy.state() {
        Status::Idle => "Idle".into(),
        Status::Waiting { until } => format!("Waiting {} s", (until - rig.now).as_secs()),
        Status::Attempting => "Attempting".into(),
        Status::Connected { .. } => "Connected".into(),
    }
}

/// Brings the next attempt about in the way that has the least influence on its channel.
fn next_channel(rig: &mut Rig) -> Channel {
    match rig.policy.state() {
        Status::Idle => rig.connect(),
        Status::Waiting { .. } => {}
        Status::Attempting => rig.fails_again(),
        Status::Connected { .. } => rig.lives(s(60)),
    }
    rig.next_attempt().1
}
