//! How long it takes from accepting a call to the first audio packet sent, step by step, through the whole client: its actors,
//! its WebSocket and its sockets, against a simulated cloud in the same process.
//!
//! Signalling and media take nothing, or 50 ms in each direction: the WebSocket goes through a proxy that delays what it carries,
//! and the gateway delays its datagrams. Prints lines `figure NAME VALUE`, in milliseconds.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use offhook::{AnswerPolicy, Client, ConnectionState, Endpoints, Event, Reason, SourceSpec, Statistics};
use offhook_sim::{CallFaults, CallRequest, Cloud, CloudConfig, MediaPath};
use offhook_tests::softphone::{Diary, ended, within};
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, sleep_until},
};

/// Calls for each delay.
const CALLS: usize = 25;
/// From one call to the next: a client sends 25 stanzas a second, and one that has just ended a call would wait for the next one's.
const BREATH: Duration = Duration::from_secs(1);
/// How often it is looked whether the first packet was sent; it is the call that takes the time.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

#[tokio::main]
async fn main() {
    for (name, delay, limit) in [("client-none", 0, 30.0), ("client-50-ms", 50, 550.0)] {
        let mut audio = 0.0;
        for (step, mut times) in measured(Duration::from_millis(delay)).await {
            times.sort_by(f64::total_cmp);
            let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
            println!("figure {name}/{step} {:.1}", at(0.5));
            if step == "audio" {
                println!("figure {name}/audio-p95 {:.1}", at(0.95));
                println!("figure {name}/limit {limit:.0}");
                audio = at(0.5);
            }
        }
        assert!(cfg!(debug_assertions) || audio <= limit, "{name}: {audio} ms");
    }
}

/// Each step of each call, in milliseconds from the acceptance.
async fn measured(delay: Duration) -> BTreeMap<&'static str, Vec<f64>> {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
    let mut streaming = cloud.streaming_url();
    if !delay.is_zero() {
        let server = streaming.trim_start_matches("ws://").parse().expect("an address");
        streaming = format!("ws://{}", proxy(server, delay).await.expect("loopback"));
    }
    let endpoints = Endpoints::new(&cloud.api_url(), &streaming, None, false).expect("URLs of loopback");
    let client = Client::builder(endpoints, cloud.default_token().expose_secret())
        .answer(AnswerPolicy {
            placed: false,
            auto: false,
            always: false,
        })
        .play(SourceSpec::Tone { hertz: 1000 })
        .build()
        .expect("there is loopback");
    let mut diary = Diary::of(&client);
    within(client.connect()).await.expect("it connects");
    diary.connected().await;
    let mut steps: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..CALLS {
        sleep(BREATH).await;
        for (step, took) in call(&cloud, &client, &mut diary, delay).await {
            steps.entry(step).or_default().push(took.as_secs_f64() * 1_000.0);
        }
    }
    within(client.shutdown()).await;
    cloud.stop().await;
    steps
}

async fn call(cloud: &Cloud, client: &Client, diary: &mut Diary, delay: Duration) -> [(&'static str, Duration); 6] {
    let faults = CallFaults {
        path: MediaPath {
            delay,
            ..MediaPath::CLEAR
        },
        ..CallFaults::default()
    };
    let request = CallRequest {
        faults: Some(faults),
        ..CallRequest::default()
    };
    let call = cloud.call(request).expect("the client is connected");
    let proposed = |event: &Event| matches!(event, Event::Proposed(_)).then_some(());
    diary.until(proposed).await;
    let accepted = Instant::now();
    within(client.accept(call.session())).await.expect("it rings");
    let starting = |event: &Event| match event {
        Event::ConnectionState { state, .. } => (*state == ConnectionState::Starting).then_some(()),
        _ => None,
    };
    let (offered, ()) = diary.until(starting).await;
    let setup = within(async {
        loop {
            let statistics: Option<Statistics> = client.statistics(call.session()).await;
            match statistics.map(|statistics| statistics.setup) {
                Some(setup) if setup.first_sent.is_some() && setup.gathered.is_some() => return setup,
                Some(_) | None => sleep(LOOK_AGAIN).await,
            }
        }
    })
    .await;
    within(client.end(call.session(), Reason::Success))
        .await
        .expect("it lives");
    diary.until(ended).await;
    within(call.ended()).await;
    let before = offered - accepted;
    let since = |step: Option<Duration>| before + step.expect("a step before the last");
    [
        ("offer", before),
        ("gathered", since(setup.gathered)),
        ("first-check", since(setup.first_check)),
        ("ice", since(setup.ice)),
        ("dtls", since(setup.dtls)),
        ("audio", since(setup.first_sent)),
    ]
}

/// A way to this server on which bytes take so long in each direction.
async fn proxy(server: SocketAddr, delay: Duration) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(server).await.expect("the cloud listens");
            near.set_nodelay(true).expect("a socket");
            far.set_nodelay(true).expect("a socket");
            let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
            tokio::spawn(carry(near_read, far_write, delay));
            tokio::spawn(carry(far_read, near_write, delay));
        }
    });
    Ok(address)
}

async fn carry(
    mut from: impl AsyncRead + Unpin + Send + 'static,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
    delay: Duration,
) {
    let (sender, mut under_way) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut piece = vec![0; 8 << 10];
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            if sender.send((Instant::now() + delay, piece[..length].to_vec())).is_err() {
                return;
            }
        }
    });
    while let Some((due, bytes)) = under_way.recv().await {
        sleep_until(due.into()).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
    // The reader has come to the end; whether the other side still wants to know is its business.
    let _ = to.shutdown().await;
}
