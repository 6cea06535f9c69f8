//! `agent demo`: a cloud inside the program, a call in each direction, and a check of what each side heard.

mod ladder;
mod verdict;

#[cfg(test)]
mod tests;

use std::{
    fs,
    future::Future,
    path::{Path, PathBuf},
    time::Duration,
};

use offhook::{
    Client, ConnectionState, Destination, Endpoints, Event, Events, OutboundCall, Reason, SessionId, SourceSpec,
};
use offhook_audio::speech::{self, Speech};
use offhook_sim::{CallFaults, CallHandle, CallRequest, Cloud, CloudConfig, GatewayConfig, OutboundOrder};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use self::{ladder::Ladder, verdict::Verdict};
use crate::{cli::DemoOptions, exit::Exit};

/// How long any one step may take.
const STEP: Duration = Duration::from_secs(10);

/// The longer clip, and a moment for the last of it to arrive.
const TALK: Duration = Duration::from_millis(6_400);

/// The far end's recordings, below ours.
const FAR_END: &str = "far-end";

/// Runs the demo and says whether all of it worked.
pub async fn demo(options: &DemoOptions) -> Exit {
    match calls(&options.out, &CallFaults::default(), true).await {
        Ok(verdict) => {
            println!("\n{verdict}");
            if verdict.passes() {
                Exit::clean()
            } else {
                Exit::other("the recorded audio is not what was played")
            }
        }
        Err(problem) => Exit::other(format!("the demo failed: {problem}")),
    }
}

/// One call each way against a cloud whose calls have these faults; what it recorded is compared with what was played.
async fn calls(out: &Path, faults: &CallFaults, prints: bool) -> Result<Verdict, String> {
    let folder = fresh(out)?;
    let cloud = Cloud::start(config(faults, &folder)?).await.map_err(text)?;
    let ladder = Ladder::of(&cloud, prints);
    let (client, events) = client(&cloud, &folder)?;
    let mut stage = Stage {
        cloud,
        client,
        events,
        ladder,
    };
    stage.say(&format!("a cloud of its own at {}", stage.cloud.api_url()));
    within("connecting", stage.client.connect()).await?.map_err(text)?;
    let outbound = stage.outbound().await?;
    let outbound = heard("outbound", &folder, &outbound).await?;
    let inbound = stage.inbound().await?;
    let inbound = heard("inbound", &folder, &inbound).await?;
    let Stage {
        cloud, client, ladder, ..
    } = stage;
    within("closing", client.shutdown()).await?;
    ladder.finish().await;
    cloud.stop().await;
    Ok(Verdict::new(folder, outbound.into_iter().chain(inbound)))
}

/// Everybody who takes part.
struct Stage {
    cloud: Cloud,
    client: Client,
    events: Events,
    ladder: Ladder,
}

impl Stage {
    /// A call that the application places and ends.
    async fn outbound(&mut self) -> Result<CallHandle, String> {
        self.say("OUTBOUND: the application places a call");
        let number = OutboundCall::to(Destination::PhoneNumber("+493012345678".into()));
        let placed = within("placing the call", self.client.place_call(number))
            .await?
            .map_err(text)?;
        let call = within(
            "the cloud's side of the call",
            self.cloud.call_of(placed.conversation()),
        )
        .await?;
        let session = self.until_connected().await?;
        tokio::time::sleep(TALK).await;
        self.say("the application hangs up");
        self.client.end(&session, Reason::Success).await.map_err(text)?;
        self.until_ended(&session).await?;
        Ok(call)
    }

    /// A call that the far end places and ends.
    async fn inbound(&mut self) -> Result<CallHandle, String> {
        self.say("INBOUND: the far end calls");
        let request = CallRequest {
            duration: Some(TALK),
            ..CallRequest::default()
        };
        let call = self.cloud.call(request).map_err(text)?;
        let proposed = |event| match event {
            Event::Proposed(proposal) => Some(proposal),
            _ => None,
        };
        let proposal = until(&mut self.events, "the proposal", proposed).await?;
        self.say("it rings, and the application accepts");
        self.client.accept(&proposal.id).await.map_err(text)?;
        let session = self.until_connected().await?;
        self.until_ended(&session).await?;
        Ok(call)
    }

    async fn until_connected(&mut self) -> Result<SessionId, String> {
        let connected = |event| match event {
            Event::ConnectionState {
                session,
                state: ConnectionState::Connected,
            } => Some(session),
            _ => None,
        };
        let session = until(&mut self.events, "audio", connected).await?;
        self.say("audio flows both ways");
        Ok(session)
    }

    async fn until_ended(&mut self, session: &SessionId) -> Result<(), String> {
        let ended = |event| match event {
            Event::SessionEnded {
                session: ended, reason, ..
            } if ended == *session => Some(reason),
            _ => None,
        };
        let reason = until(&mut self.events, "the end of the session", ended).await?;
        self.say(&format!("the session ended: {reason}"));
        Ok(())
    }

    fn say(&self, words: &str) {
        self.ladder.say(&self.cloud, words);
    }
}

fn config(faults: &CallFaults, folder: &Path) -> Result<CloudConfig, String> {
    let gateway = GatewayConfig {
        play: speech_file(&speech::CLIP_A, folder)?,
        outbound: OutboundOrder::ReplyFirst {
            gap: Duration::from_millis(20),
        },
        record: Some(folder.join(FAR_END)),
        faults: faults.clone(),
        ..GatewayConfig::default()
    };
    Ok(CloudConfig {
        gateway,
        ..CloudConfig::default()
    })
}

fn client(cloud: &Cloud, recordings: &Path) -> Result<(Client, Events), String> {
    let endpoints = Endpoints::new(&cloud.api_url(), &cloud.streaming_url(), None, false).map_err(text)?;
    let client = Client::builder(endpoints, cloud.default_token().expose_secret())
        .play(speech_file(&speech::CLIP_B, recordings)?)
        .record_to(recordings)
        .build()
        .map_err(text)?;
    let events = client.events();
    Ok((client, events))
}

/// The clip as a file beside the recordings, for the calls to play and for people to compare.
fn speech_file(speech: &Speech, folder: &Path) -> Result<SourceSpec, String> {
    let path = folder.join(speech.name());
    fs::write(&path, speech.wav()).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(SourceSpec::File { path, repeat: false })
}

/// What each side of a call heard, beside what the other played.
async fn heard(name: &str, folder: &Path, call: &CallHandle) -> Result<[verdict::Heard; 2], String> {
    within("the end of the call in the cloud", call.ended()).await?;
    let ours = recording_of(folder, call.conversation().as_str())?;
    let theirs = recording_of(&folder.join(FAR_END), call.conversation().as_str())?;
    Ok([
        verdict::Heard::new(
            format!("{name}: what we heard"),
            &speech::CLIP_A,
            &verdict::heard_in(&ours)?,
        ),
        verdict::Heard::new(
            format!("{name}: what the far end heard"),
            &speech::CLIP_B,
            &verdict::heard_in(&theirs)?,
        ),
    ])
}

/// The recording whose name carries this conversation.
fn recording_of(folder: &Path, conversation: &str) -> Result<PathBuf, String> {
    let files = fs::read_dir(folder).map_err(text)?;
    files
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().contains(conversation))
        })
        .ok_or_else(|| format!("{} holds no recording of conversation {conversation}", folder.display()))
}

/// A new folder below `out`, so that the recordings of an earlier run stay.
fn fresh(out: &Path) -> Result<PathBuf, String> {
    let folder = (1..)
        .map(|number| out.join(format!("run-{number}")))
        .find(|folder| !folder.exists());
    let folder = folder.ok_or("no name is left for the recordings")?;
    fs::create_dir_all(folder.join(FAR_END)).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// Waits for an event; a session that ends in trouble is told at once.
async fn until<T>(events: &mut Events, what: &str, wanted: impl Fn(Event) -> Option<T>) -> Result<T, String> {
    within(what, async {
        while let Some(event) = events.next().await {
            if let Event::SessionError { error, .. } = &event {
                return Err(error.to_string());
            }
            if let Some(found) = wanted(event) {
                return Ok(found);
            }
        }
        Err("the client is gone".to_owned())
    })
    .await?
}

async fn within<T>(what: &str, step: impl Future<Output = T>) -> Result<T, String> {
    timeout(STEP, step)
        .await
        .map_err(|_| format!("{what} took more than {} s", STEP.as_secs()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
