//! Commands about the audio of a call: another source or sink, recordings.

use offhook::{Client, RecordingOptions, SinkSpec, SourceSpec};
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use super::{Answer, Refusal, bad, done, either, failed, text};

/// Lets the far end hear another source; a file is read beside the loop.
pub(super) async fn set_source(command: &Map<String, Value>, client: &Client) -> Answer {
    let source: SourceSpec = text(command, "source")?.parse().map_err(refused)?;
    if source == SourceSpec::Stdin {
        return Err(bad("standard input is for commands"));
    }
    let session = either(command, client).await?;
    let source = spawn_blocking(move || source.open()).await.map_err(failed)?;
    done(client.set_source(&session, source.map_err(failed)?).await)
}

pub(super) async fn set_sink(command: &Map<String, Value>, client: &Client) -> Answer {
    let sink: SinkSpec = text(command, "sink")?.parse().map_err(refused)?;
    if sink == SinkSpec::Stdout {
        return Err(bad("standard output is for events"));
    }
    let session = either(command, client).await?;
    let open = move || sink.check().and_then(|()| sink.open());
    let sink = spawn_blocking(open).await.map_err(failed)?;
    done(client.set_sink(&session, sink.map_err(failed)?).await)
}

pub(super) async fn start_recording(command: &Map<String, Value>, client: &Client) -> Answer {
    let path = text(command, "path")?;
    let session = either(command, client).await?;
    done(
        client
            .start_recording(&session, path, RecordingOptions::default())
            .await,
    )
}

pub(super) async fn stop_recording(command: &Map<String, Value>, client: &Client) -> Answer {
    let session = either(command, client).await?;
    let recorded = client.stop_recording(&session).await.map_err(failed)?;
    Ok(json!({
        "path": recorded.path,
        "further": recorded.further,
        "durationMs": u64::try_from(recorded.duration.as_millis()).unwrap_or(u64::MAX),
        "missedFrames": recorded.missed_frames,
    }))
}

/// The sound devices there are now.
#[cfg(feature = "device")]
pub(super) async fn list_devices() -> Answer {
    use offhook_audio::device::{Direction, devices};
    let listed = spawn_blocking(devices).await.map_err(failed)?.map_err(failed)?;
    let listed = listed.into_iter().map(|device| {
        let direction = match device.direction {
            Direction::Microphone => "microphone",
            Direction::Speaker => "speaker",
        };
        json!({"direction": direction, "id": device.id, "name": device.name, "default": device.is_default})
    });
    Ok(json!({"devices": listed.collect::<Vec<_>>()}))
}

#[cfg(not(feature = "device"))]
pub(super) async fn list_devices() -> Answer {
    Err(super::not_supported(
        "the program is built without sound devices (feature `device`)",
    ))
}

fn refused(error: impl std::fmt::Display) -> Refusal {
    bad(error.to_string())
}
