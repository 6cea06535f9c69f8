//! The command line.

use std::{
    fs,
    io::{self, BufRead},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
#[cfg(feature = "device")]
use offhook::VoiceOptions;
use offhook::{AnswerPolicy, Destination, Endpoints, SinkSpec, SourceSpec};
use secrecy::SecretString;
use url::Url;

use crate::{exit::Exit, login::kept};

/// A softphone agent: Genesys Cloud WebRTC calls without a browser.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Logs go to standard error; OFFHOOK_LOG sets their filter (for example `debug`)."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What `agent run --help` ends with.
const RUN_EXAMPLES: &str = "\
Examples:
  agent run --region mypurecloud.de --answer always --play tone:440
  agent run --region mypurecloud.de --answer always --record calls/ --calls 10
  agent run --config agent.toml --json";

/// What `agent call --help` ends with.
const CALL_EXAMPLES: &str = "\
Examples:
  agent call +493012345678 --region mypurecloud.de --play file:hello.wav
  agent call user:1f0e2c34-5d6a-4b7c-8d9e-0a1b2c3d4e5f --config agent.toml --timeout 20";

/// What `agent login --help` ends with.
const LOGIN_EXAMPLES: &str = "\
The application is one that the cloud knows, of the kind Code Authorization with PKCE, with http://127.0.0.1:8710/ among its redirect URIs.

Examples:
  agent login --region mypurecloud.de --client-id 7de3af06-c0b3-4f9b-af45-72f4a1403797
  agent run --region mypurecloud.de --answer always";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make calls in both directions against an embedded cloud, show the messages, and verify the recorded audio.
    Demo(DemoOptions),
    /// Stay connected and handle calls.
    #[command(args_override_self = true, after_help = RUN_EXAMPLES)]
    Run(RunOptions),
    /// Place one call and stay until it ends.
    #[command(args_override_self = true, after_help = CALL_EXAMPLES)]
    Call(CallOptions),
    /// Log in by the browser, and keep the access token for `run` and `call`.
    #[command(after_help = LOGIN_EXAMPLES)]
    Login(LoginOptions),
    /// Print what completes the command line in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub struct DemoOptions {
    /// Where the recordings go.
    #[arg(long, value_name = "DIR", default_value = "demo-recordings")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub struct RunOptions {
    /// A TOML file with these options, a line each (`answer = ["placed", "auto"]`, `ipv6 = true`); what is typed here goes before it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub cloud: CloudOptions,
    #[command(flatten)]
    pub token: TokenOptions,
    /// Which calls to answer: those placed here, those that ask for it, all, or none (then commands decide).
    #[arg(
        long,
        value_delimiter = ',',
        overrides_with = "answer",
        default_value = "auto",
        value_name = "placed,auto,always,never"
    )]
    pub answer: Vec<Answer>,
    /// What the far end hears: silence, tone:HERTZ, file:PATH, file:PATH?loop (WAV, Ogg Opus), stdin (raw PCM: 48 kHz, mono, s16le),
    /// device or device:NAME (a microphone, where the program is built with sound devices).
    #[arg(long, value_name = "SOURCE", default_value = "silence")]
    pub play: String,
    /// Where its audio goes: none, stdout (raw PCM: 48 kHz, mono, s16le; words go to standard error then), device or device:NAME
    /// (a loudspeaker).
    #[arg(long, value_name = "SINK", default_value = "none")]
    pub listen: String,
    /// What is done to the voice of a person at a microphone and a loudspeaker: take the loudspeaker's echo out, suppress noise, even out
    /// loudness; where the program is built with sound devices.
    #[arg(
        long,
        value_delimiter = ',',
        overrides_with = "voice",
        value_name = "echo,noise,gain"
    )]
    pub voice: Vec<Voice>,
    /// Record each conversation into DIR, a stereo WAV file each: left what we sent, right what we heard.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Write events to standard output and read commands from standard input, one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Whether calls outlive a lost connection, which is brought back in any case.
    #[arg(long, value_name = "on,off", default_value = "on")]
    pub survivability: Switch,
    /// With relay, audio goes over TURN servers alone.
    #[arg(long, value_enum, default_value = "all", value_name = "all,relay")]
    pub ice_policy: Policy,
    /// Whether the media offer of an accepted call is answered at once, or when acceptSession says so.
    #[arg(long, value_enum, default_value = "auto", value_name = "auto,manual")]
    pub accept: Accept,
    /// Ask networks to forward audio before other traffic (DSCP EF).
    #[arg(long)]
    pub dscp: bool,
    /// With --json, tell the log as traceRtcSession events too.
    #[arg(long, requires = "json")]
    pub trace: bool,
    /// The DTLS versions that audio is encrypted with; auto is 1.3 where the far end speaks it.
    #[arg(long, value_enum, default_value = "1.2", value_name = "1.2,auto")]
    pub dtls: Dtls,
    /// Use IPv6 addresses for media too.
    #[arg(long)]
    pub ipv6: bool,
    /// Answer no further call by itself while so many go on; they ring until another one has ended. With stdin or stdout audio it is one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    calls_at_once: Option<u32>,
    /// End after so many conversations.
    #[arg(long, value_name = "N")]
    pub calls: Option<u64>,
    /// End after so long.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct CallOptions {
    #[command(flatten)]
    pub outbound: OutboundOptions,
    #[command(flatten)]
    pub run: RunOptions,
}

#[derive(Debug, Args)]
pub struct LoginOptions {
    #[command(flatten)]
    pub cloud: CloudOptions,
    /// The id of the application that asks.
    #[arg(long, value_name = "ID")]
    pub client_id: String,
    /// The port of the redirect URI; 0 is any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 8710)]
    pub port: u16,
    /// Open no browser: print where to go.
    #[arg(long)]
    pub print: bool,
    /// How long the login may take.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub timeout: Duration,
}

#[derive(Debug, Args)]
pub struct OutboundOptions {
    /// Whom to call: +4930..., user:ID, queue:ID.
    #[arg(value_parser = destination)]
    pub destination: Destination,
    /// How long the call may take to be answered.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub timeout: Duration,
}

#[derive(Debug, Args)]
pub struct CloudOptions {
    /// The region's host, such as mypurecloud.de.
    #[arg(long, value_name = "HOST", conflicts_with_all = ["api", "streaming", "pubsub"], required_unless_present = "api")]
    region: Option<String>,
    /// The base URL of the REST API, instead of a region.
    #[arg(long, value_name = "URL", requires = "streaming")]
    api: Option<String>,
    /// The base URL of the streaming WebSocket.
    #[arg(long, value_name = "URL", requires = "api")]
    streaming: Option<String>,
    /// The pubsub service; by default `notifications.` and the API's host.
    #[arg(long, value_name = "JID", requires = "api")]
    pubsub: Option<String>,
    /// Allow http:// and ws:// beyond loopback: the token travels in the clear.
    #[arg(long)]
    insecure: bool,
    /// A PEM file with a trust anchor beside the system's.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct TokenOptions {
    /// A file whose first line is the access token, - for standard input; it goes before OFFHOOK_TOKEN.
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// The access token. It shows in the list of processes: prefer OFFHOOK_TOKEN or --token-file.
    #[arg(long, value_name = "T", env = "OFFHOOK_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Which candidates are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// All that the cloud allows.
    All,
    /// Relayed ones only.
    Relay,
}

/// The second step of answering: the media offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Accept {
    /// At once.
    Auto,
    /// By command.
    Manual,
}

/// The DTLS versions to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dtls {
    /// 1.2 alone.
    #[value(name = "1.2")]
    V1_2,
    /// 1.3 where the far end speaks it, else 1.2.
    Auto,
}

/// One of the values of `--voice`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Voice {
    /// Take the echo of the loudspeaker out.
    Echo,
    /// Suppress noise.
    Noise,
    /// Even out loudness.
    Gain,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// One of the values of `--answer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Answer {
    /// Calls placed by this client.
    Placed,
    /// Calls that ask for it.
    Auto,
    /// All calls.
    Always,
    /// No call.
    Never,
}

impl RunOptions {
    /// Refuses what is not there.
    pub fn check(&self) -> Result<(), Exit> {
        if self.json && self.token.token_file.as_deref() == Some(Path::new("-")) {
            return Err(Exit::usage(
                "--token-file - and --json both want standard input; name a file",
            ));
        }
        if self.answer.contains(&Answer::Never) && self.answer.len() > 1 {
            return Err(Exit::usage("--answer never excludes the others"));
        }
        let piped_in = self.source()? == SourceSpec::Stdin;
        if self.json && (piped_in || self.sink()? == SinkSpec::Stdout) {
            return Err(Exit::usage(
                "--json wants standard input and output for itself: no --play stdin, no --listen stdout",
            ));
        }
        if piped_in && self.token.token_file.as_deref() == Some(Path::new("-")) {
            return Err(Exit::usage(
                "--token-file - and --play stdin both want standard input; name a file",
            ));
        }
        if cfg!(not(feature = "device")) && !self.voice.is_empty() {
            return Err(Exit::usage(
                "--voice needs a program that is built with sound devices: `cargo build --features device`",
            ));
        }
        self.sink().map(drop)
    }

    /// Whether calls outlive a lost connection.
    pub fn survives(&self) -> bool {
        self.survivability == Switch::On
    }

    /// What `--play` names.
    pub fn source(&self) -> Result<SourceSpec, Exit> {
        self.play
            .parse()
            .map_err(|error| Exit::usage(format!("--play: {error}")))
    }

    /// What `--listen` names.
    pub fn sink(&self) -> Result<SinkSpec, Exit> {
        self.listen
            .parse()
            .map_err(|error| Exit::usage(format!("--listen: {error}")))
    }

    /// What `--voice` names, if anything.
    #[cfg(feature = "device")]
    pub fn voice(&self) -> Option<VoiceOptions> {
        (!self.voice.is_empty()).then(|| VoiceOptions {
            echo: self.voice.contains(&Voice::Echo),
            noise: self.voice.contains(&Voice::Noise),
            gain: self.voice.contains(&Voice::Gain),
        })
    }

    /// How many calls go on at once; a pipe serves one.
    pub fn calls_at_once(&self) -> Result<Option<usize>, Exit> {
        if self.source()? == SourceSpec::Stdin || self.sink()? == SinkSpec::Stdout {
            return Ok(Some(1));
        }
        Ok(self.calls_at_once.map(|most| most as usize))
    }

    /// What `--answer` means.
    pub fn policy(&self) -> AnswerPolicy {
        let has = |answer| self.answer.contains(&answer);
        // Calls placed here ask to be answered too, so `auto` includes them.
        AnswerPolicy {
            placed: has(Answer::Placed) || has(Answer::Auto) || has(Answer::Always),
            auto: has(Answer::Auto) || has(Answer::Always),
            always: has(Answer::Always),
        }
    }
}

impl CloudOptions {
    /// Where the cloud is.
    pub fn endpoints(&self) -> Result<Endpoints, Exit> {
        let endpoints = match (&self.region, &self.api, &self.streaming) {
            (Some(region), _, _) => Endpoints::region(region),
            (None, Some(api), Some(streaming)) => Endpoints::new(api, streaming, self.pubsub.as_deref(), self.insecure),
            (None, _, _) => {
                return Err(Exit::usage(
                    "name the cloud: --region HOST, or --api URL --streaming URL",
                ));
            }
        };
        endpoints.map_err(|error| Exit::usage(error.to_string()))
    }
}

impl CloudOptions {
    /// Where people log in: beside the API of a region, else where the API is.
    pub fn login(&self) -> Result<Url, Exit> {
        match &self.region {
            Some(region) => Url::parse(&format!("https://login.{region}"))
                .map_err(|error| Exit::usage(format!("--region: {error}"))),
            None => Ok(self.endpoints()?.api().clone()),
        }
    }
}

impl TokenOptions {
    /// The access token; where none is named, the one that was kept for this API.
    pub fn token(&self, endpoints: &Endpoints) -> Result<SecretString, Exit> {
        let token = match (&self.token, &self.token_file) {
            (_, Some(path)) => first_line(path)
                .map_err(|error| Exit::usage(format!("the token cannot be read from {}: {error}", path.display())))?,
            (Some(token), None) => token.clone(),
            (None, None) => {
                return kept(endpoints.api()).ok_or_else(|| {
                    Exit::usage("no access token: set OFFHOOK_TOKEN, use --token-file PATH, or log in by agent login")
                });
            }
        };
        match token.trim() {
            "" => Err(Exit::usage("the access token is empty")),
            token => Ok(token.to_owned().into()),
        }
    }
}

fn first_line(path: &Path) -> io::Result<String> {
    let mut line = String::new();
    if path == Path::new("-") {
        io::stdin().lock().read_line(&mut line)?;
    } else {
        line = fs::read_to_string(path)?.lines().next().unwrap_or_default().to_owned();
    }
    Ok(line)
}

/// Reads `+4930...`, `user:ID` or `queue:ID`.
pub fn destination(text: &str) -> Result<Destination, String> {
    match text.split_once(':') {
        Some(("user", id)) if !id.is_empty() => Ok(Destination::User(id.to_owned())),
        Some(("queue", id)) if !id.is_empty() => Ok(Destination::Queue(id.to_owned())),
        None if !text.is_empty() => Ok(Destination::PhoneNumber(text.to_owned())),
        _ => Err("name a number (+4930...), user:ID or queue:ID".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "give a number of seconds, such as 30".to_owned())
}
