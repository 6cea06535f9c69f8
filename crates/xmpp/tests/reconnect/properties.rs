//! What holds whatever happens.

use std::time::Duration;

use offhook_xmpp::reconnect::{Failure, FailureKind, Input, Loss, ReconnectConfig, Status};
use proptest::prelude::*;

use crate::rig::{Rig, exact, s};

const HOUR: Duration = s(60 * 60);

/// A memory keeps whole milliseconds, so what is said over a restart is so exact.
const GRAIN: Duration = Duration::from_millis(1);

#[derive(Debug, Clone)]
enum Step {
    Connect,
    Disconnect,
    Input(Input),
    /// Time passes, up to the next timeout and on.
    Passes(Duration),
    NextTimeout,
    Restart {
        down: Duration,
    },
}

fn retry_after() -> impl Strategy<Value = Option<Duration>> {
    prop_oneof![
        4 => Just(None),
        1 => (0_u64..200_000).prop_map(|ms| Some(Duration::from_millis(ms))),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    let kind = prop_oneof![
        1 => Just(FailureKind::Refused),
        4 => Just(FailureKind::Transient),
        2 => Just(FailureKind::TransientHard),
        1 => Just(FailureKind::Renewed),
    ];
    prop_oneof![
        6 => Just(Input::Connected),
        6 => (kind, retry_after()).prop_map(|(kind, retry_after)| Input::Failed(Failure { kind, retry_after })),
        4 => retry_after().prop_map(|retry_after| Input::Lost(Loss::Dropped { retry_after })),
        1 => Just(Input::Lost(Loss::Superseded)),
        1 => Just(Input::Lost(Loss::Transferred)),
        1 => Just(Input::Lost(Loss::ByUs)),
        1 => Just(Input::Hard),
        1 => Just(Input::Timeout),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Connect),
        1 => Just(Step::Disconnect),
        8 => input().prop_map(Step::Input),
        3 => (0_u64..100_000).prop_map(|ms| Step::Passes(Duration::from_millis(ms))),
        6 => Just(Step::NextTimeout),
        1 => (0_u64..60_000).prop_map(|ms| Step::Restart { down: Duration::from_millis(ms) }),
    ]
}

/// The configurations that are worth a try: the usual one, and one whose limits are reached soon.
fn config() -> impl Strategy<Value = ReconnectConfig> {
    (any::<bool>(), any::<bool>()).prop_map(|(tight, jitter)| {
        let mut config = if jitter { ReconnectConfig::default() } else { exact() };
        if tight {
            config.attempts_per_hour = 3;
            config.lived = s(1);
        }
        config
    })
}

/// What the world knows of the policy, kept apart from it.
struct Witness {
    rig: Rig,
    config: ReconnectConfig,
    /// Until when the server asked to be left alone.
    asked: Duration,
}

impl Witness {
    fn take(&mut self, step: &Step) {
        let status = self.rig.policy.state();
        let seen = self.rig.attempts.len();
        match step {
            Step::Connect => self.rig.connect(),
            Step::Disconnect => self.rig.disconnect(),
            Step::Input(input) => {
                let current = matches!(status, Status::Attempting | Status::Connected { .. });
                if let (true, Some(wait)) = (current, asks(input)) {
                    self.asked = self.asked.max(self.rig.wall + wait);
                }
                self.rig.input(input.clone());
            }
            Step::Passes(time) => self.rig.passes(*time),
            Step::NextTimeout => {
                let time = self.rig.until - self.rig.now;
                self.rig.passes(time);
            }
            Step::Restart { down } => self.rig.restarted(self.config.clone(), *down),
        }
        for made in &self.rig.attempts[seen..] {
            assert!(*made + GRAIN >= self.asked, "not before the server allowed it");
        }
    }

    fn check(&self) {
        let attempts = &self.rig.attempts;
        for pair in attempts.windows(2) {
            assert!(pair[1] - pair[0] + GRAIN >= self.config.least_gap, "{pair:?}");
        }
        for hour in attempts.windows(self.config.attempts_per_hour + 1) {
            assert!(hour[hour.len() - 1] - hour[0] + GRAIN >= HOUR, "{hour:?}");
        }
    }
}

fn asks(input: &Input) -> Option<Duration> {
    match input {
        Input::Failed(failure) => failure.retry_after,
        Input::Lost(Loss::Dropped { retry_after }) => *retry_after,
        Input::Lost(Loss::Superseded | Loss::Transferred | Loss::ByUs)
        | Input::Connected
        | Input::Hard
        | Input::Timeout
        | Input::Resumed { .. } => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn attempts_keep_their_distance_whatever_happens(config in config(), steps in prop::collection::vec(step(), 1..200)) {
        let mut witness = Witness { rig: Rig::new(config.clone()), config, asked: Duration::ZERO };
        for step in &steps {
            witness.take(step);
        }
        witness.check();
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(steps in prop::collection::vec(step(), 1..100)) {
        let config = ReconnectConfig::default();
        let mut runs = [Rig::new(config.clone()), Rig::new(config.clone())].map(|rig| {
            let mut witness = Witness { rig, config: config.clone(), asked: Duration::ZERO };
            for step in &steps {
                witness.take(step);
            }
            (witness.rig.attempts, witness.rig.stored)
        });
        let [one, other] = &mut runs;
        prop_assert_eq!(one, other);
    }

    #[test]
    fn jitter_lengthens_a_wait_by_a_quarter_at_most(
        seed: u8,
        failures in 1_usize..12,
        retry_after in retry_after(),
    ) {
        let mut exact = Rig::started(exact(), None, crate::rig::WALL, seed);
        let mut jittery = Rig::started(ReconnectConfig::default(), None, crate::rig::WALL, seed);
        let waits = [&mut exact, &mut jittery].map(|rig| {
            rig.connect();
            rig.attempted();
            let mut wait = Duration::ZERO;
            for _ in 0..failures {
                rig.fails(FailureKind::Transient, retry_after);
                wait = rig.next_attempt().0;
            }
            wait
        });
        prop_assert!(waits[0] <= waits[1] && waits[1] <= waits[0].mul_f64(1.25) + GRAIN, "{:?}", waits);
    }
}

/// Ten thousand clients, each with a bad day of its own: nobody comes back in step with the others, none exceeds its
/// limits, and each is connected in the end.
#[test]
fn ten_thousand_lives() {
    let mut second_attempts = std::collections::BTreeSet::new();
    for life in 0..10_000_u64 {
        let mut dice = Dice(life);
        let config = ReconnectConfig::default();
        let mut rig = Rig::started(config.clone(), None, crate::rig::WALL, 0);
        rig.policy = offhook_xmpp::Reconnect::new(config.clone(), None, rig.wall, dice.seed(), rig.now);
        let start = rig.wall;
        let mut witness = Witness {
            rig,
            config,
            asked: Duration::ZERO,
        };
        witness.take(&Step::Connect);
        while witness.rig.wall - start < s(4 * 60 * 60) {
            let step = match (witness.rig.policy.state(), dice.of(20)) {
                (Status::Idle, _) => Step::Connect,
                (Status::Waiting { .. }, 0) => Step::Restart {
                    down: Duration::from_millis(dice.of(90_000)),
                },
                (Status::Waiting { .. }, _) => Step::NextTimeout,
                (Status::Attempting, 0..10) => Step::Input(Input::Failed(Failure {
                    kind: FailureKind::Transient,
                    retry_after: (dice.of(8) == 0).then(|| s(dice.of(300))),
                })),
                (Status::Attempting, 10) => Step::Disconnect,
                (Status::Attempting, _) => Step::Input(Input::Connected),
                (Status::Connected { .. }, 0..10) => Step::Passes(s(dice.of(1_200))),
                (Status::Connected { .. }, 10) => Step::Input(Input::Lost(Loss::Superseded)),
                (Status::Connected { .. }, 11) => Step::Input(Input::Lost(Loss::Transferred)),
                (Status::Connected { .. }, _) => Step::Input(Input::Lost(Loss::Dropped { retry_after: None })),
            };
            witness.take(&step);
        }
        witness.check();
        if let Some(second) = witness.rig.attempts.get(1) {
            second_attempts.insert(*second);
        }

        // The outage ends: whatever the day was, within an hour there is a connection.
        let rested = witness.rig.wall;
        loop {
            let step = match witness.rig.policy.state() {
                Status::Idle => Step::Connect,
                Status::Waiting { .. } => Step::NextTimeout,
                Status::Attempting => Step::Input(Input::Connected),
                Status::Connected { .. } => break,
            };
            witness.take(&step);
        }
        assert!(witness.rig.wall - rested <= HOUR, "life {life}");
        witness.check();
    }
    assert!(second_attempts.len() > 3_000, "{}", second_attempts.len());
}

/// A small generator (splitmix64), so that a life is named by its number.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn of(&mut self, sides: u64) -> u64 {
        self.next() % sides
    }

    fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        for chunk in seed.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes());
        }
        seed
    }
}
