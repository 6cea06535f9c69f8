//! A call lives on while its signalling is cut again and again: not one packet of audio is lost because of it.
//!
//! When cuts come is drawn from a seed, which is printed; the environment variable `OFFHOOK_SEED` gives one back.

use std::{
    collections::hash_map::RandomState,
    env, fmt,
    hash::{BuildHasher as _, Hasher as _},
    time::{Duration, Instant},
};

use offhook::{Client, ConnectionState, EndedBy, Event, Reason, SessionId, Statistics, Telemetry, Timeouts};
use offhook_sim::{CallEvent, CallHandle, Cloud, CloudConfig, CloudFaults, Cut, Ended, Outage, Reinvite, What};
use offhook_tests::softphone::{self, Diary, within};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::Value;
use tokio::time::sleep;

/// From when on a connection on which nothing comes counts as dead. The cloud pings every second.
const WATCHDOG: Duration = Duration::from_secs(3);

/// How many packets may be on their way when both ends are looked at one after the other.
const IN_FLIGHT: u64 = 5;

/// What happens to the WebSocket.
#[derive(Debug, Clone)]
enum Fault {
    Cut(Cut),
    /// It is dropped, and nothing new gets through for so long.
    Outage(Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Cut(Cut::Reset) => "TCP reset",
            Self::Cut(Cut::Fin) => "TCP closed",
            Self::Cut(Cut::CloseFrame { code }) => return f.pad(&format!("WebSocket closed ({code})")),
            Self::Cut(Cut::Close) => "<close/>",
            Self::Cut(Cut::StreamError { condition }) => return f.pad(&format!("error {condition}")),
            Self::Cut(Cut::Stall) => "silence",
            Self::Cut(_) => "cut",
            Self::Outage(lasts) => return f.pad(&format!("outage of {} s", lasts.as_secs())),
        };
        f.pad(text)
    }
}

fn error(condition: &str) -> Fault {
    let condition = condition.to_owned();
    Fault::Cut(Cut::StreamError { condition })
}

/// The instants of a run are drawn from this.
fn seeded() -> (u64, StdRng) {
    let given = env::var("OFFHOOK_SEED").ok();
    let seed = given.map_or_else(
        || RandomState::new().build_hasher().finish(),
        |text| text.parse().expect("OFFHOOK_SEED is a number"),
    );
    (seed, StdRng::seed_from_u64(seed))
}

/// The counters of both ends at one moment, the gateway's first.
#[derive(Clone, Copy)]
struct Figures {
    gateway: Statistics,
    client: Statistics,
}

/// One direction of audio between two moments.
struct Flow {
    sent: u64,
    received: u64,
    lost: u64,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} {:>8} {:>4}", self.sent, self.received, self.lost)
    }
}

impl Figures {
    fn heard_by_client(&self, before: &Self) -> Flow {
        Flow {
            sent: self.gateway.packets_sent - before.gateway.packets_sent,
            received: self.client.packets_received - before.client.packets_received,
            lost: self.client.packets_lost - before.client.packets_lost,
        }
    }

    fn heard_by_gateway(&self, before: &Self) -> Flow {
        Flow {
            sent: self.client.packets_sent - before.client.packets_sent,
            received: self.gateway.packets_received - before.gateway.packets_received,
            lost: self.gateway.packets_lost - before.gateway.packets_lost,
        }
    }
}

/// A call with audio both ways, and everybody who has to do with it.
struct Story {
    cloud: Cloud,
    client: Client,
    diary: Diary,
    call: CallHandle,
    session: SessionId,
    began: Instant,
}

impl Story {
    async fn begin(survives: bool) -> Self {
        let cloud = Cloud::start(CloudConfig {
            ping_every: Duration::from_secs(1),
            ..CloudConfig::default()
        })
        .await
        .unwrap();
        let mut timeouts = Timeouts::default();
        timeouts.watchdog = WATCHDOG;
        let client = softphone::builder(&cloud)
            .play("tone:1000".parse().unwrap())
            .rtc_session_survivability(survives)
            .timeouts(timeouts);
        let (client, mut diary) = softphone::connected(client).await;
        let call = softphone::call(&cloud, &mut diary).await;
        let session = call.session().clone();
        let story = Self {
            cloud,
            client,
            diary,
            call,
            session,
            began: Instant::now(),
        };
        story
            .reaches(|now| now.client.packets_received.min(now.gateway.packets_received) >= 25)
            .await;
        story
    }

    async fn figures(&self) -> Figures {
        let gateway = self.call.statistics();
        let client = self.client.statistics(&self.session).await;
        Figures {
            gateway,
            client: client.expect("the session lives"),
        }
    }

    /// Waits until the figures are as wished.
    async fn reaches(&self, wished: impl Fn(&Figures) -> bool) -> Figures {
        let looking = async {
            loop {
                let now = self.figures().await;
                if wished(&now) {
                    return now;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        within(looking).await
    }

    /// The figures when everything but what is on its way has arrived.
    async fn settled(&self, start: &Figures) -> Figures {
        self.reaches(|now| {
            [now.heard_by_client(start), now.heard_by_gateway(start)]
                .iter()
                .all(|flow| flow.sent.abs_diff(flow.received) <= IN_FLIGHT)
        })
        .await
    }

    /// Does what the fault says.
    fn inflict(&self, fault: &Fault) {
        let cut = match fault {
            Fault::Cut(cut) => cut.clone(),
            Fault::Outage(lasts) => {
                self.cloud.set_faults(CloudFaults {
                    outage: Some(Outage {
                        lasts: Some(*lasts),
                        ..Outage::default()
                    }),
                    ..CloudFaults::default()
                });
                Cut::Fin
            }
        };
        assert_eq!(self.cloud.cut(&cut, None), 1, "there is one stream to be cut");
    }

    /// The client and the gateway agree that there is this session, and speak about it.
    async fn is_controllable(&self) {
        softphone::is_controllable(&self.cloud, &self.call).await;
        assert_eq!(
            self.client.sessions().await,
            [(self.session.clone(), Some(self.call.conversation().clone()))]
        );
    }

    /// Cuts the WebSocket again and again, each time so long after it came back; then the gateway hangs up.
    async fn survive(mut self, faults: Vec<(Duration, Fault)>, lasts: Duration, seed: u64) {
        let cuts = faults.len();
        println!(
            "\n| a call of {} s, its WebSocket cut {cuts} times; seed {seed}",
            lasts.as_secs()
        );
        println!("|                                            | to the client        | to the gateway       |");
        println!("|     at | how                      | away   |   sent received lost |   sent received lost |");
        let start = self.figures().await;
        let mut last = start;
        for (pause, fault) in faults {
            sleep(pause).await;
            let at = Instant::now();
            self.inflict(&fault);
            let back = self.diary.connected().await;
            self.is_controllable().await;
            let now = self.settled(&start).await;
            println!(
                "| {:>4.0} s | {fault:<24} | {:>4.1} s | {} | {} |",
                (at - self.began).as_secs_f64(),
                (back - at).as_secs_f64(),
                now.heard_by_client(&last),
                now.heard_by_gateway(&last),
            );
            last = now;
        }
        sleep(lasts.saturating_sub(self.began.elapsed())).await;
        let end = self.settled(&start).await;
        println!(
            "| {:>4.0} s | {:<24} |        | {} | {} |",
            self.began.elapsed().as_secs_f64(),
            "the gateway hangs up",
            end.heard_by_client(&last),
            end.heard_by_gateway(&last),
        );
        let concealed = |end: &Statistics, start: &Statistics| {
            (
                end.frames_concealed - start.frames_concealed,
                end.packets_late - start.packets_late,
            )
        };
        let (client, gateway) = (
            concealed(&end.client, &start.client),
            concealed(&end.gateway, &start.gateway),
        );
        println!(
            "| concealed, late: client {}, {}; gateway {}, {}",
            client.0, client.1, gateway.0, gateway.1
        );
        self.call.hang_up(Reason::Success);
        self.finish(cuts).await;
        for (flow, way) in [
            (end.heard_by_client(&start), "client"),
            (end.heard_by_gateway(&start), "gateway"),
        ] {
            assert_eq!(flow.lost, 0, "packets are lost on the way to the {way}");
        }
        let sent = end.heard_by_client(&start).sent.max(end.heard_by_gateway(&start).sent);
        for (concealed, _) in [client, gateway] {
            // What a busy machine holds up is heard late, and what is missing until then is invented: hiccups, and no cut.
            assert!(concealed * 100 <= sent, "{concealed} frames are concealed");
        }
    }

    /// The gateway has hung up: what must have been told in all, and no more.
    async fn finish(mut self, cuts: usize) {
        let (_, end) = self.diary.until(softphone::ended).await;
        assert_eq!(end, (self.session, Reason::Success, EndedBy::Remote));
        let reason = Reason::Success;
        assert_eq!(within(self.call.ended()).await, Ended::HungUp { reason });
        within(self.client.shutdown()).await;
        let told = self.diary.to_the_end().await;
        let count = |wished: fn(&Event) -> bool| told.iter().filter(|(_, event)| wished(event)).count();
        assert_eq!(count(|event| matches!(event, Event::SessionStarted { .. })), 1);
        assert_eq!(count(|event| matches!(event, Event::SessionEnded { .. })), 1);
        assert_eq!(count(|event| matches!(event, Event::SessionError { .. })), 0);
        assert_eq!(count(|event| matches!(event, Event::Lagged(_))), 0);
        assert_eq!(count(|event| matches!(event, Event::Connected { .. })), cuts + 1);
        let lost = |event: &Event| matches!(event, Event::Disconnected { reconnecting: true, .. });
        assert_eq!(count(lost), cuts);
        let interrupted = |event: &Event| {
            let state = ConnectionState::Interrupted;
            matches!(event, Event::ConnectionState { state: now, .. } if *now == state)
        };
        assert_eq!(count(interrupted), 0, "the client heard an interruption");
        let interruptions = self.cloud.records().into_iter().filter(|record| {
            let What::Call { event, .. } = &record.what else {
                return false;
            };
            matches!(event, CallEvent::MediaInterrupted | CallEvent::MediaFailed { .. })
        });
        assert_eq!(interruptions.count(), 0, "the gateway heard an interruption");
        assert_eq!(
            self.call.undelivered(),
            0,
            "the gateway spoke while the client was away"
        );
        self.cloud.stop().await;
    }
}

#[tokio::test]
#[ignore = "needs three minutes: cargo xtask test runs this"]
async fn a_call_of_three_minutes_survives_ten_cuts_without_losing_a_packet() {
    let (seed, mut random) = seeded();
    let mut cuts = vec![
        Fault::Cut(Cut::Reset),
        Fault::Cut(Cut::Reset),
        Fault::Cut(Cut::Reset),
        Fault::Cut(Cut::Close),
        Fault::Cut(Cut::CloseFrame { code: 1001 }),
        Fault::Cut(Cut::Fin),
        error("system-shutdown"),
        error("connection-timeout"),
        Fault::Cut(Cut::Stall),
    ];
    cuts.shuffle(&mut random);
    // Last, since the client waits longer and longer after failures, and forgets them only slowly.
    cuts.push(Fault::Outage(Duration::from_secs(20)));
    // From ten seconds on the client has forgotten the cut before, and comes back within three; so all fit into the call.
    let mut pause = 1.0..9.0;
    let faults = cuts.into_iter().map(|cut| {
        let after = random.random_range(std::mem::replace(&mut pause, 10.1..12.0));
        (Duration::from_secs_f64(after), cut)
    });
    let faults = faults.collect();
    let story = Story::begin(true).await;
    story.survive(faults, Duration::from_secs(180), seed).await;
}

#[tokio::test]
async fn a_short_call_survives_three_cuts_without_losing_a_packet() {
    let (seed, mut random) = seeded();
    let mut cuts = [Fault::Cut(Cut::Reset), Fault::Cut(Cut::Close), error("system-shutdown")];
    cuts.shuffle(&mut random);
    let mut faults = Vec::new();
    for cut in cuts {
        faults.push((Duration::from_secs_f64(random.random_range(0.1..1.5)), cut));
    }
    let story = Story::begin(true).await;
    story.survive(faults, Duration::from_secs(20), seed).await;
}

#[tokio::test]
async fn without_survivability_the_first_cut_ends_the_call_with_the_documented_reason() {
    let mut story = Story::begin(false).await;
    story.inflict(&Fault::Cut(Cut::Reset));
    let (_, end) = story.diary.until(softphone::ended).await;
    assert_eq!(end, (story.session, Reason::ConnectivityError, EndedBy::Network));
    // The connection comes back, the call does not.
    story.diary.connected().await;
    assert_eq!(story.client.sessions().await, []);
    let end = within(story.call.ended()).await;
    let heard = match &end {
        // In words, once the client is back; or in the media, at once.
        Ended::Terminated { reason } => *reason == Reason::ConnectivityError,
        Ended::MediaFailed { reason } => reason.contains("closed"),
        _ => false,
    };
    assert!(heard, "{end}");
    within(story.client.shutdown()).await;
    let told = story.diary.to_the_end().await;
    let ends = told.iter().filter(|(_, event)| softphone::ended(event).is_some());
    assert_eq!(ends.count(), 1);
    story.cloud.stop().await;
}

#[tokio::test]
async fn a_call_goes_on_in_another_session_when_its_gateway_has_lost_sight_of_the_first() {
    let mut story = Story::begin(true).await;
    story.inflict(&Fault::Cut(Cut::Reset));
    story.diary.connected().await;
    let started = story.diary.count(|event| matches!(event, Event::SessionStarted { .. }));
    story.call.reinvite(Reinvite {
        new_session: true,
        ..Reinvite::default()
    });
    let (_, (session, replaced, conversation)) = story
        .diary
        .until(|event| match event {
            Event::SessionReplaced {
                session,
                replaced,
                conversation,
                reconnects: 1,
                ..
            } => Some((session.clone(), replaced.clone(), conversation.clone())),
            _ => None,
        })
        .await;
    assert_eq!((&replaced, &conversation), (&story.session, story.call.conversation()));
    let (_, end) = story.diary.until(softphone::ended).await;
    assert_eq!(end, (replaced, Reason::AlternativeSession, EndedBy::Local));
    within(story.call.replaced(1)).await.expect("the call lives");
    softphone::goes_on(&story.call).await;
    assert_eq!(story.client.sessions().await, [(session.clone(), Some(conversation))]);
    let left = CallEvent::Left {
        session: story.session,
        reason: Reason::AlternativeSession,
    };
    let was_left = |what: What| matches!(what, What::Call { event, .. } if event == left);
    assert!(story.cloud.records().into_iter().any(|record| was_left(record.what)));
    story.call.hang_up(Reason::Success);
    let (_, end) = story.diary.until(softphone::ended).await;
    assert_eq!(end, (session, Reason::Success, EndedBy::Remote));
    let told = story.diary.count(|event| matches!(event, Event::SessionStarted { .. }));
    assert_eq!((started, told), (1, 1), "one conversation, told once");
    within(story.client.shutdown()).await;
    story.cloud.stop().await;
}

#[tokio::test]
#[ignore = "needs half a minute: cargo xtask test runs this"]
async fn the_cloud_is_told_how_a_call_fares_if_the_application_wants_that() {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
    let builder = softphone::builder(&cloud).telemetry(Telemetry::new("test", "1"));
    let (client, mut diary) = softphone::connected(builder).await;
    let call = softphone::call(&cloud, &mut diary).await;
    let told = || {
        let reports = cloud
            .reports()
            .into_iter()
            .filter(|report| report.kind == "newrelic/insights");
        reports.map(|report| report.body).next()
    };
    let begun = Instant::now();
    while told().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing was told");
        sleep(Duration::from_millis(200)).await;
    }
    let body: Value = serde_json::from_slice(&told().expect("just seen")).expect("JSON");
    assert_eq!(body["appName"], "test");
    let details = &body["actions"][0]["details"];
    assert_eq!(details["sessionId"], call.session().as_str());
    assert!(
        details["packetsReceived"].as_u64().is_some_and(|packets| packets > 100),
        "{details}"
    );
    within(client.shutdown()).await;
}
