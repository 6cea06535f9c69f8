//! `offhook-sim`: the simulated cloud as a program.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use offhook_audio::SourceSpec;
use offhook_jingle::Dialect;
use offhook_sim::{Cloud, CloudConfig, Consent, GatewayConfig, OAuthClient, OutboundOrder, Queue, User};
use secrecy::ExposeSecret;
use tracing_subscriber::EnvFilter;

/// A simulated Genesys-like cloud on this machine: REST, the streaming WebSocket, and a gateway
/// with real media. Calls are placed by the control API under /control (see the README).
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Where REST, the WebSocket and the control API are served.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8700")]
    listen: SocketAddr,
    /// The access token of the first user.
    #[arg(
        long,
        env = "OFFHOOK_SIM_TOKEN",
        default_value = "offhook-sim-token",
        hide_env_values = true
    )]
    token: String,
    /// How many users there are; the second one's token ends in `-2`, and so on.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    users: u16,
    /// A queue with all users as members; its id is `queue-NAME`.
    #[arg(long, value_name = "NAME")]
    queue: Vec<String>,
    /// An application that may ask for tokens at /oauth/authorize, and where users are sent back to.
    #[arg(long, value_name = "ID=URI", value_parser = oauth_client)]
    oauth_client: Vec<OAuthClient>,
    /// The gateway's media addresses, one UDP socket a call on each.
    #[arg(long, value_name = "IP", value_delimiter = ',', default_value = "127.0.0.1")]
    addresses: Vec<IpAddr>,
    /// What the gateway plays: `silence`, `tone:440`, `file:PATH`, `file:PATH?loop`.
    #[arg(long, value_name = "SOURCE", default_value = "tone:440")]
    play: SourceSpec,
    /// What the others hear of one who holds the call: a source as above.
    #[arg(long, value_name = "SOURCE", default_value = "silence")]
    hold: SourceSpec,
    /// Record every call as `{conversation}.wav` in this folder: left what the gateway played, right
    /// what it heard.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Hang up outbound calls after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    outbound_seconds: Option<u32>,
    /// Calls speak Jingle instead of SDP over XMPP, unless they say otherwise.
    #[arg(long)]
    jingle: bool,
    /// Propose outbound calls before their REST request is answered.
    #[arg(long)]
    proposal_first: bool,
    /// Whoever calls a user who does not answer leaves a message.
    #[arg(long)]
    voicemail: bool,
    /// Nobody has more calls at a time than the station has lines.
    #[arg(long)]
    enforce_lines: bool,
    /// Relay no media by TURN.
    #[arg(long)]
    no_turn: bool,
    /// Encrypt REST, WebSocket and control API; the certificate of the authority that clients have to trust is written to this file, as PEM.
    #[arg(long, value_name = "FILE")]
    tls: Option<PathBuf>,
    /// Offer stream management: a stream that lost its socket can be resumed for so long.
    #[arg(long, value_name = "SECONDS")]
    resumable: Option<u32>,
}

/// `ID=URI`; what comes after the first `=` is the URI.
fn oauth_client(text: &str) -> Result<OAuthClient, &'static str> {
    let (id, redirect) = text.split_once('=').ok_or("it has to be ID=URI")?;
    Ok(OAuthClient {
        id: id.to_owned(),
        redirect_uris: vec![redirect.to_owned()],
        consent: Consent::Asked,
    })
}

impl Options {
    fn config(self) -> CloudConfig {
        let users: Vec<_> = (1..=self.users)
            .map(|number| match number {
                1 => User::new("Agent", self.token.clone()),
                _ => User::new(&format!("Agent {number}"), format!("{}-{number}", self.token)),
            })
            .collect();
        let gap = Duration::from_millis(20);
        let outbound = if self.proposal_first {
            OutboundOrder::ProposalFirst { gap }
        } else {
            OutboundOrder::ReplyFirst { gap }
        };
        let dialect = if self.jingle {
            Dialect::Jingle
        } else {
            Dialect::SdpOverXmpp
        };
        let gateway = GatewayConfig {
            addresses: self.addresses,
            dialect,
            play: self.play,
            hold: self.hold,
            voicemail: self.voicemail,
            enforce_lines: self.enforce_lines,
            record: self.record,
            outbound,
            outbound_duration: self.outbound_seconds.map(|it| Duration::from_secs(it.into())),
            // Nobody fetches the audio of this program's calls; what is heard is measured over the
            // last second.
            keep_audio: Duration::from_secs(2),
            ..GatewayConfig::default()
        };
        let members = || users.iter().map(|user| user.id.clone());
        let queues = self.queue.iter().map(|name| Queue::new(name, members())).collect();
        CloudConfig {
            oauth_clients: self.oauth_client,
            listen: self.listen,
            tls: self.tls.is_some(),
            queues,
            users,
            gateway,
            turn: !self.no_turn,
            stream_management: self.resumable.map(|seconds| Duration::from_secs(seconds.into())),
            ..CloudConfig::default()
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let filter = EnvFilter::try_from_env("OFFHOOK_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("offhook-sim: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("offhook-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(folder) = &options.record {
        std::fs::create_dir_all(folder)?;
    }
    let mut signals = Signals::new()?;
    let authority = options.tls.clone();
    let cloud = Cloud::start(options.config()).await?;
    if let (Some(path), Some(pem)) = (&authority, cloud.authority()) {
        let unwritable = |error| {
            format!(
                "the authority's certificate cannot be written to {}: {error}",
                path.display()
            )
        };
        std::fs::write(path, pem).map_err(unwritable)?;
    }
    // Written at once and as a whole: scripts wait for it. A reader that has gone is no reason to
    // stop.
    let _ = write_start(&cloud, authority.as_deref());
    signals.next().await;
    tokio::select! {
        () = cloud.stop() => Ok(()),
        // A second signal waits for nothing.
        () = signals.next() => Err("ended before the calls were".into()),
    }
}

/// What to paste into another terminal.
fn write_start(cloud: &Cloud, authority: Option<&Path>) -> std::io::Result<()> {
    let (ca, cacert) = match authority {
        Some(path) => (
            format!(" --ca {}", path.display()),
            format!(" --cacert {}", path.display()),
        ),
        None => Default::default(),
    };
    let mut text = format!(
        "offhook-sim: ready; API {api}  streaming {streaming}  control {api}/control\n",
        api = cloud.api_url(),
        streaming = cloud.streaming_url(),
    );
    for user in cloud.users() {
        text.push_str(&format!(
            "  {id}: OFFHOOK_TOKEN={token} cargo run -p agent -- run --api {api} --streaming {streaming}{ca}\n",
            id = user.id,
            token = user.token.expose_secret(),
            api = cloud.api_url(),
            streaming = cloud.streaming_url(),
        ));
    }
    text.push_str(&format!(
        "  call it: curl{cacert} -X POST -H 'content-type: application/json' -d '{{}}' {}/control/calls\n",
        cloud.api_url(),
    ));
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// SIGINT and SIGTERM.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
