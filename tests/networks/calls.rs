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

/// A second wire, beside the first.
pub struct Detour(#[expect(dead_code, reason = "it carries while it is there")] Wire);

impl Ends {
    /// Connects the near one with that in which we are.
    pub fn of(near: Namespace) -> Self {
        ip("link set lo up");
        let address = 2;
        let wire = connect(&near, "wan", [&format!("10.77.0.{address}"), CLOUD]);
        near.promotes_addresses_of("wan");
        Self { near, wire, address }
    }

    /// The near end gets another interface, from which there is a way to the far one too.
    pub fn add_detour(&self) -> Detour {
        Detour(connect(&self.near, "lte", ["10.78.0.2", "10.78.0.1"]))
    }

    /// The near end's first interface is gone.
    pub fn lose_first_way(&self) {
        self.near.ip("link delete wan");
        self.near.ip("route add 10.77.0.0/24 dev lte");
    }

    /// The near end gets another address.
    pub fn gain_address(&mut self) {
        self.address += 1;
        self.near.ip(&format!("addr add 10.77.0.{}/24 dev wan", self.address));
    }

    /// The near end loses the address that is this many before its latest.
    pub fn lose_address(&mut self, before: u8) {
        let address = self.address - before;
        self.near.ip(&format!("addr del 10.77.0.{address}/24 dev wan"));
    }
}

/// Makes an interface of this name in the near namespace and in that in which we are, with these addresses.
fn connect(near: &Namespace, name: &str, [near_address, far_address]: [&str; 2]) -> Wire {
    let wire = Wire::between(["near", name]);
    near.take("near");
    near.ip(&format!("link set near name {name}"));
    near.ip(&format!("addr add {near_address}/24 dev {name}"));
    near.ip(&format!("link set {name} up"));
    ip(&format!("addr add {far_address}/24 dev {name}"));
    ip(&format!("link set {name} up"));
    wire
}

/// A cloud and its clients, one for each call at a time.
pub struct Floor {
    cloud: Cloud,
    desks: Vec<Desk>,
}

/// A client that is connected.
pub struct Desk {
    user: String,
    agent: Agent,
}

impl Floor {
    /// With so many clients.
    pub async fn open(ends: &Ends, desks: usize) -> Self {
        Self::with_servers(ends, desks, None, None).await
    }

    /// With these servers for media, and the authority that vouches for them.
    async fn with_servers(
        ends: &Ends,
        desks: usize,
        services: Option<Vec<ExternalService>>,
        authority: Option<&Path>,
    ) -> Self {
        let address = CLOUD.parse().expect("an address");
        let users: Vec<_> = (1..=desks)
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

    /// It is over; no client may have logged an error.
    pub fn close(self) {
        for Desk { user, agent } in &self.desks {
            assert_eq!(agent.errors(), [""; 0], "{user} logs an error");
        }
    }

    /// A call to each client.
    pub async fn calls(&self) -> Vec<Result<Talk<'_>, String>> {
        let calls = self.desks.iter().map(|desk| async {
            let (call, _) = desk.call(&self.cloud).await?;
            Ok(Talk { desk, call })
        });
        join_all(calls).await
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

/// A call whose media are connected.
pub struct Talk<'a> {
    desk: &'a Desk,
    call: CallHandle,
}

impl Talk<'_> {
    /// Waits until the gateway has heard half a second more; when that was.
    pub async fn goes_on(&self) -> Instant {
        heard_on(&self.call, 25).await.expect("the gateway hears the client")
    }

    /// Waits until the client tells that its media are interrupted.
    pub async fn is_interrupted(&self) {
        let session = self.call.session().as_str();
        let told = |told: &Told| told.event["sessionId"] == session && told.event["interrupted"] == true;
        assert!(
            self.desk.agent.tells(LIMIT, told).await.is_some(),
            "{}",
            self.desk.agent.report()
        );
    }

    /// The old way was cut, and the new one is there since `from`: waits until the gateway hears the client again, signalling is
    /// back, and the call has ended as it should. How long the first took.
    pub async fn survives(&self, cut: Instant, from: Instant) -> Result<Duration, String> {
        let gone_wrong = |what: &str| format!("{what}: {:?}\n{}", self.call.state(), self.desk.agent.report());
        // More than can have been under way.
        let heard = heard_on(&self.call, 15).await;
        let heard = heard.ok_or_else(|| gone_wrong("it is not heard again"))?;
        let back = |told: &Told| told.at > from && told.event["event"] == "connected";
        let back = self.desk.agent.tells(LIMIT, back).await;
        let back = back.ok_or_else(|| gone_wrong("signalling does not come back"))?;
        eprintln!(
            "media back after {:?}, signalling after {:?}",
            heard - from,
            back.at - from
        );
        let sent = self.call.statistics().packets_sent;
        let figures = self.desk.end(&self.call).await?;
        let received = figures["packetsReceived"].as_u64().unwrap_or_default();
        // Fifty a second. Some get lost, and some were under way.
        let missed = sent.saturating_sub(received);
        match missed as f64 <= 50.0 * ((heard - cut).as_secs_f64() + 1.0) + 0.1 * sent as f64 {
            true => Ok(heard - from),
            false => Err(gone_wrong(&format!("the client heard {received} of {sent} packets"))),
        }
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
    ends.wire.set(row.weather);
    let mut times = match row.trouble {
        Trouble::Nothing | Trouble::Narrow => {
            let floor = Floor::open(ends, AT_ONCE).await;
            let times = floor.whole_calls(row, calls).await;
            floor.close();
            times
        }
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
        let floor = Floor::with_servers(ends, AT_ONCE, Some(services), Some(&coturn.authority())).await;
        times.extend(floor.whole_calls(row, calls).await);
        floor.close();
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
        let floor = Floor::open(ends, round).await;
        let complain = |error: &String| eprintln!("{}: {error}", row.name);
        let calls = floor.calls().await.into_iter();
        let calls: Vec<_> = calls.filter_map(|call| call.inspect_err(complain).ok()).collect();
        join_all(calls.iter().map(Talk::goes_on)).await;
        let from = Instant::now();
        ends.gain_address();
        ends.lose_address(1);
        let survived = join_all(calls.iter().map(|call| call.survives(from, from)))
            .await
            .into_iter();
        times.extend(survived.filter_map(|took| took.inspect_err(complain).ok()));
        drop(calls);
        floor.close();
    }
    times
}
