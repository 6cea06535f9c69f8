//! Our side of a call: a line that runs by itself, and what it tells.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use offhook_audio::measure;
use offhook_media::{Call, CallConfig, DtlsVersion, Event, FailureReason, Identity};
use offhook_tests::{
    diary::Diary,
    line::{Arrived, Line},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{interval, sleep_until},
};

/// How long a frame of audio is.
const FRAME: Duration = Duration::from_millis(20);
/// How far from its pitch a tone may be heard, in hertz.
const NEAR: f32 = 2.0;
/// Less than what arrives whole, more than what is left of a faded tone.
const LOUD_ENOUGH_DBOV: f32 = -30.0;

type Act = Box<dyn FnOnce(&mut Line<()>, Instant) + Send>;

#[derive(Debug)]
enum Told {
    Event(Event),
    Heard(Option<measure::Tone>),
}

/// Dropped, it closes.
pub struct Phone {
    acts: mpsc::UnboundedSender<Act>,
    told: Diary<Told>,
}

/// Settings of a call on the loopback interface.
pub fn config(dtls: DtlsVersion) -> CallConfig {
    let identity = Identity::generate().expect("a certificate");
    let mut config = CallConfig::new(identity, vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    config.dtls = dtls;
    config
}

impl Phone {
    pub fn new(call: Call, hertz: u32) -> Self {
        let (acts, acting) = mpsc::unbounded_channel();
        let (tell, told) = mpsc::unbounded_channel();
        tokio::spawn(run(Line::new((), call, hertz), acting, tell));
        let line = |told: &Told| match told {
            Told::Event(event) => Some(format!("{event:?}")),
            Told::Heard(_) => None,
        };
        Self {
            acts,
            told: Diary::new(told, line),
        }
    }

    pub fn does(&self, act: impl FnOnce(&mut Line<()>, Instant) + Send + 'static) {
        assert!(self.acts.send(Box::new(act)).is_ok(), "the line runs");
    }

    /// What comes of it.
    pub async fn gives<T: Send + 'static>(&self, act: impl FnOnce(&mut Line<()>, Instant) -> T + Send + 'static) -> T {
        let (give, given) = oneshot::channel();
        self.does(move |line, now| drop(give.send(act(line, now))));
        given.await.expect("the line runs")
    }

    /// The key that the peer presses next.
    pub async fn digit(&mut self) -> char {
        self.tells("a digit", |event| match event {
            Event::Digit { digit, .. } => Some(digit.as_char()),
            Event::LocalCandidate { .. }
            | Event::EndOfCandidates
            | Event::Connected
            | Event::Interrupted
            | Event::Recovered
            | Event::Failed(_) => None,
        })
        .await
    }

    /// The next candidate of ours, if there is one before the last.
    pub async fn candidate(&mut self) -> Option<(String, String)> {
        self.tells("candidate", |event| match event {
            Event::LocalCandidate { mid, candidate } => Some(Some((mid.clone(), candidate.clone()))),
            Event::EndOfCandidates => Some(None),
            Event::Connected | Event::Interrupted | Event::Recovered | Event::Digit { .. } | Event::Failed(_) => None,
        })
        .await
    }

    /// Why it is over.
    pub async fn failure(&mut self) -> FailureReason {
        self.tells("a failure", |event| match event {
            Event::Failed(reason) => Some(reason.clone()),
            Event::LocalCandidate { .. }
            | Event::EndOfCandidates
            | Event::Connected
            | Event::Interrupted
            | Event::Recovered
            | Event::Digit { .. } => None,
        })
        .await
    }

    pub async fn is_told(&mut self, expected: &Event) {
        self.tells(&format!("{expected:?}"), |event| (event == expected).then_some(()))
            .await;
    }

    /// Waits until it hears this tone, from now on.
    pub async fn hears(&mut self, hertz: u32) {
        self.told.forget(|told| matches!(told, Told::Heard(_)));
        let right = |tone: &measure::Tone| (tone.hertz - hertz as f32).abs() <= NEAR && tone.dbov > LOUD_ENOUGH_DBOV;
        let heard = |told: &Told| matches!(told, Told::Heard(Some(tone)) if right(tone)).then_some(());
        let heard = self.told.next(heard).await;
        assert!(heard.is_ok(), "{hertz} Hz is not heard:\n{}", self.told.report());
    }

    /// Waits until it hears nothing, from now on.
    pub async fn hears_nothing(&mut self) {
        self.told.forget(|told| matches!(told, Told::Heard(_)));
        let silent = |told: &Told| match told {
            Told::Heard(None) => Some(()),
            Told::Heard(Some(_)) | Told::Event(_) => None,
        };
        let silent = self.told.next(silent).await;
        assert!(silent.is_ok(), "something is heard:\n{}", self.told.report());
    }

    /// Whether the path was ever cut, so far.
    pub fn was_interrupted(&mut self) -> bool {
        self.told.report().contains("Interrupted")
    }

    async fn tells<T>(&mut self, what: &str, is: impl Fn(&Event) -> Option<T>) -> T {
        let found = |told: &Told| match told {
            Told::Event(event) => is(event),
            Told::Heard(_) => None,
        };
        match self.told.next(found).await {
            Ok(found) => found,
            Err(_) => panic!("{what} was not told:\n{}", self.told.report()),
        }
    }
}

async fn run(mut line: Line<()>, mut acts: mpsc::UnboundedReceiver<Act>, tell: mpsc::UnboundedSender<Told>) {
    let (datagrams, mut arriving) = mpsc::unbounded_channel::<Arrived<()>>();
    let mut ticks = interval(FRAME);
    loop {
        let until = loop {
            match line.carry_out(&datagrams) {
                Ok(event) => drop(tell.send(Told::Event(event))),
                Err(until) => break until,
            }
        };
        tokio::select! {
            act = acts.recv() => match act {
                Some(act) => act(&mut line, Instant::now()),
                None => return,
            },
            Some(arrived) = arriving.recv() => line.take(Instant::now(), &arrived),
            _ = ticks.tick() => {
                if let Some(heard) = line.tick(Instant::now()) {
                    let _ = tell.send(Told::Heard(heard));
                }
            }
            () = sleep_until(until.into()) => line.pass_time(Instant::now()),
        }
    }
}
