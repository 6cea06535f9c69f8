//! The calls of a row: the agent near, the cloud far, and how long both take to have media.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use offhook::Reason;
use offhook_sim::{CallHandle, CallRequest, Cloud, CloudConfig, ExternalService, GatewayConfig, User};
use offhook_tests::coturn::Coturn;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::{
    agent::{Agent, Told},
    namespace::{Namespace, filter_here, ip},
    rows::{LIMIT, Row, Trouble},
    wire::Wire,
};

/// Where the cloud and its servers are.
const CLOUD: &str = "10.77.0.1";
/// Calls that are under way at the same time, each of another client.
const AT_ONCE: usize = 10;
/// The longest that anything else may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// No UDP comes in. What is dropped where it arrives is lost as on any path; the sender is told nothing.
const NO_UDP: &str = "table inet offhook {
    chain input {
        type filter hook input priority 0
        iifname wan meta l4proto udp drop
    }
}
";
const ANYTHING: &str = "delete table inet offhook\n";

/// Two namespaces and the wire between them.
pub struct Ends {
    near: Namespace,
    wire: Wire,
    /// The last part of the near one's address.
    address: u8,
}

impl Ends {
    /// Connects the near one with that in which we are.
    pub fn of(near: Namespace) -> Self {
        let wire = Wire::between(["near", "wan"]);
        near.take("near");
        let address = 2;
        near.ip("link set near name wan");
        near.ip(&format!("addr add 10.77.0.{address}/24 dev wan"));
        near.ip("link set wan up");
        near.promotes_addresses_of("wan");
        ip(&format!("addr add {CLOUD}/24 dev wan"));
        ip("link set wan up");
        ip("link set lo up");
        Self { near, wire, address }
    }

    /// The near end gets another address.
    fn move_on(&mut self) {
        let before = self.address;
        self.address += 1;
        self.near.ip(&format!("addr add 10.77.0.{}/24 dev wan", self.address));
        self.near.ip(&format!("addr del 10.77.0.{before}/24 dev wan"));
    }
}

/// A cloud and its clients, one for each call at a time.
struct Floor {
    cloud: Cloud,
    desks: Vec<Desk>,
}

/// A client that is connected.
struct Desk {
    user: String,
    agent: Agent,
}

impl Floor {
    async fn open(ends: &Ends, services: Option<Vec<ExternalService>>, authority: Option<&Path>) -> Self {
        let address = CLOUD.parse().expect("an address");
        let users: Vec<_> = (1..=AT_ONCE)
            .map(|number| User::new(&format!("Agent {number}"), format!("token-{number}")))
            .collect();
        let config = CloudConfig {
            listen: (address, 0).into(),
            users: users.clone(),
            gateway: GatewayConfig {
                addresses: vec![address],
                ..GatewayConfig::default()
            },
            services,
            ..CloudConfig::default()
        };
        let cloud = Cloud::start(config).await.expect("the address is there");
        let desks = users.into_iter().map(|user| Desk {
            agent: Agent::start(&ends.near, &cloud, &user, authority),
            user: user.id,
        });
        let desks: Vec<_> = desks.collect();
        for Desk { user, agent } in &desks {
            let connected = agent.tells(PATIENCE, |told| told.event["event"] == "connected").await;
            assert!(connected.is_some(), "{user} does not connect");
            timeout(PATIENCE, cloud.wait_connected(user))
                .await
                .expect("the cloud notices");
        }
        Self { cloud, desks }
    }

    /// A call to each of so many clients, for as long as it is connected; those that came to that.
    async fn calls(&self, row: &Row, calls: usize) -> Vec<(&Desk, CallHandle)> {
        let calls = self.desks.iter().take(calls).map(|desk| async move {
            let call = desk.call(&self.cloud).await;
            let call = call.inspect_err(|error| eprintln!("{}: {error}", row.name));
            call.ok().map(|(call, _)| (desk, call))
        });
        join_all(calls).await.into_iter().flatten().collect()
    }

    /// So many calls, ten at once, from their beginning to their end; how long those took to connect that did.
    async fn whole_calls(&self, row: &Row, calls: u64) -> Vec<Duration> {
        let left = AtomicU64::new(calls);
        let working = self.desks.iter().map(|desk| {
            let left = &left;
            async move {
                let mut times = Vec::new();
                while left.try_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                    times.extend(desk.whole_call(&self.cloud, row).await);
                }
                times
            }
        });
        join_all(working).await.into_iter().flatten().collect()
    }
}

impl Desk {
    /// A call, and how long after the offer had come both ends had media; or what went wrong.
    async fn call(&self, cloud: &Cloud) -> Result<(CallHandle, Duration), String> {
        let request = CallRequest {
            user: Some(self.user.clone()),
            ..CallRequest::default()
        };
        let call = cloud.call(request).map_err(|error| error.to_string())?;
        let session = call.session().as_str();
        let of_it = |told: &Told| told.event["sessionId"] == session;
        let offered = |told: &Told| of_it(told) && told.event["event"] == "incomingRtcSession";
        let connected = |told: &Told| of_it(told) && told.event["connectionState"] == "connected";
        let gone_wrong = |what: &str| format!("{what}: {:?}\n{}", call.state(), self.agent.report());
        let offered = self.agent.tells(LIMIT, offered).await;
        let offered = offered.ok_or_else(|| gone_wrong("no offer"))?.at;
        let left = LIMIT.saturating_sub(offered.elapsed());
        let far = async {
            let connected = timeout(left, call.connected()).await;
            connected.ok()?.ok().map(|()| Instant::now())
        };
        let (near, far) = tokio::join!(self.agent.tells(left, connected), far);
        match (near, far) {
            (Some(near), Some(far)) => {
                let took = far.max(near.at).saturating_duration_since(offered);
                Ok((call, took))
            }
            (None, Some(_)) => Err(gone_wrong("the client has no media")),
            (Some(_), None) => Err(gone_wrong("the gateway has no media")),
            (None, None) => Err(gone_wrong("neither end has media")),
        }
    }

    /// The call is heard for half a second, and ends. What the client counted.
    async fn end(&self, call: &CallHandle) -> Result<Value, String> {
        heard_on(call, 25).await.ok_or("the gateway hears nothing")?;
        call.hang_up(Reason::Success);
        let session = call.session().as_str();
        let of_it = |told: &Told, name: &str| told.event["sessionId"] == session && told.event["event"] == name;
        let ended = self.agent.tells(PATIENCE, |told| of_it(told, "terminated")).await;
        ended.ok_or_else(|| format!("it does not end\n{}", self.agent.report()))?;
        let figures = self.agent.told_last(|told| of_it(told, "stats"));
        let figures = figures.ok_or("nothing was counted")?.event;
        match figures["packetsReceived"].as_u64() {
            Some(1..) => Ok(figures),
            Some(0) | None => Err(format!("nothing was heard: {figures}")),
        }
    }

    /// A call from its beginning to its end: how long it took to connect.
    async fn whole_call(&self, cloud: &Cloud, row: &Row) -> Option<Duration> {
        let made = async {
            let (call, took) = self.call(cloud).await?;
            let figures = self.end(&call).await?;
            eprintln!("{}: {} ms, {}", row.name, took.as_millis(), figures["setup"]);
            let relayed = figures["localCandidate"] == "relay";
            match row.trouble {
                Trouble::NoUdp if !relayed => Err(format!("it goes around the server: {figures}")),
                Trouble::NoUdp | Trouble::Nothing | Trouble::Moves | Trouble::Narrow => Ok(took),
            }
        };
        let made: Result<_, String> = made.await;
        made.inspect_err(|error| eprintln!("{}: {error}", row.name)).ok()
    }
}

/// Waits until the gateway has got so many more packets; when that was.
async fn heard_on(call: &CallHandle, packets: u64) -> Option<Instant> {
    let before = call.statistics().packets_received;
    let heard = async {
        while call.statistics().packets_received < before + packets {
            sleep(Duration::from_millis(5)).await;
        }
        Instant::now()
    };
    timeout(LIMIT, heard).await.ok()
}

/// The times of all calls of a row that made it, sorted.
pub async fn times(ends: &mut Ends, row: &Row, calls: u64) -> Vec<Duration> {
    ends.wire.set(calls, row.weather);
    let mut times = match row.trouble {
        Trouble::Nothing | Trouble::Narrow => Floor::open(ends, None, None).await.whole_calls(row, calls).await,
        Trouble::NoUdp => relayed(ends, row, calls).await,
        Trouble::Moves => moved(ends, row, calls).await,
    };
    times.sort();
    times
}

/// One half of the calls has a server that can be reached by TCP, the other one that can be reached by TLS.
async fn relayed(ends: &Ends, row: &Row, calls: u64) -> Vec<Duration> {
    let coturn = Coturn::start_at(CLOUD, "").await;
    ends.near.filter(NO_UDP);
    filter_here(NO_UDP);
    let mut times = Vec::new();
    for (kind, calls) in [("turn", calls / 2), ("turns", calls - calls / 2)] {
        let services = vec![coturn.service("turn", "udp"), coturn.service(kind, "tcp")];
        let floor = Floor::open(ends, Some(services), Some(&coturn.authority())).await;
        times.extend(floor.whole_calls(row, calls).await);
    }
    ends.near.filter(ANYTHING);
    filter_here(ANYTHING);
    times
}

/// Calls that talk when the address of all clients changes: how long it takes until they are heard again.
async fn moved(ends: &mut Ends, row: &Row, calls: u64) -> Vec<Duration> {
    let mut times = Vec::new();
    let mut left = calls as usize;
    while left > 0 {
        let round = left.min(AT_ONCE);
        left -= round;
        let floor = Floor::open(ends, None, None).await;
        let calls = floor.calls(row, round).await;
        join_all(calls.iter().map(|(_, call)| heard_on(call, 25))).await;
        let from = Instant::now();
        ends.move_on();
        // More than can have been under way.
        let heard = join_all(calls.iter().map(|(_, call)| heard_on(call, 15))).await;
        for (heard, (desk, call)) in heard.into_iter().zip(&calls) {
            match heard {
                Some(at) => times.push(at - from),
                None => eprintln!(
                    "{}: not heard again: {:?}\n{}",
                    row.name,
                    call.state(),
                    desk.agent.report()
                ),
            }
        }
        let back = join_all(calls.iter().map(|(desk, _)| {
            let back = |told: &Told| told.at > from && told.event["event"] == "connected";
            desk.agent.tells(PATIENCE, back)
        }))
        .await;
        let back: Vec<_> = back.into_iter().map(|told| told.map(|told| told.at - from)).collect();
        eprintln!("{}: {times:?} signalling {back:?}", row.name);
    }
    times
}
