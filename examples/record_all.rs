//! Answers every call and records each into a stereo WAV file: left what was said, right what was heard.
//!
//! `cargo run -p offhook-tests --example record_all`

use std::{env, error::Error, fs, process, time::Duration};

use offhook::{AnswerPolicy, Client, Endpoints, Event, SourceSpec};
use offhook_sim::{CallRequest, Cloud, CloudConfig};

const CALLS: usize = 2;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::temp_dir().join(format!("offhook-recordings-{}", process::id()));
    // In earnest: `Endpoints::region("mypurecloud.de")?` and an access token.
    let cloud = Cloud::start(CloudConfig::default()).await?;
    let endpoints = Endpoints::new(&cloud.api_url(), &cloud.streaming_url(), None, false)?;
    let client = Client::builder(endpoints, cloud.default_token())
        .answer(AnswerPolicy {
            always: true,
            ..AnswerPolicy::default()
        })
        .play(SourceSpec::Tone { hertz: 600 })
        .record_to(&folder)
        .build()?;
    let mut events = client.events();
    client.connect().await?;

    for _ in 0..CALLS {
        cloud.call(CallRequest {
            duration: Some(Duration::from_secs(1)),
            ..CallRequest::default()
        })?;
    }

    let mut ended = 0;
    while ended < CALLS {
        match events.next().await {
            Some(Event::SessionEnded { .. }) => ended += 1,
            // A full disk ends the recording, and not the call.
            Some(Event::AudioError { session, error }) => println!("call {session}: {error}"),
            Some(_) => {}
            None => return Err("the client is gone".into()),
        }
    }
    client.shutdown().await;

    for file in fs::read_dir(&folder)? {
        let file = file?;
        println!(
            "{}: {} bytes",
            file.file_name().to_string_lossy(),
            file.metadata()?.len()
        );
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}
