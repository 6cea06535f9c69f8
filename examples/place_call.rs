//! Places a call, plays a prompt into it, presses a key, and hangs up.
//!
//! `cargo run -p offhook-tests --example place_call`

use std::{error::Error, sync::Arc, time::Duration};

use offhook::{Client, ConnectionState, Destination, Endpoints, Event, OutboundCall};
use offhook_audio::Clip;
use offhook_sim::{Cloud, CloudConfig};
use tokio::time::sleep;

/// A second of a tone that falls: in earnest, what `offhook_audio::read_wav` gives of a file.
fn prompt() -> Clip {
    let sample = |at: usize| {
        let seconds = at as f32 / 48_000.0;
        let turns = (700.0 - 150.0 * seconds) * seconds;
        (8_000.0 * (turns * std::f32::consts::TAU).sin()) as i16
    };
    Clip::once(Arc::from_iter((0..48_000).map(sample)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In earnest: `Endpoints::region("mypurecloud.de")?` and an access token.
    let cloud = Cloud::start(CloudConfig::default()).await?;
    let endpoints = Endpoints::new(&cloud.api_url(), &cloud.streaming_url(), None, false)?;
    let client = Client::builder(endpoints, cloud.default_token()).build()?;
    let mut events = client.events();
    client.connect().await?;

    let number = Destination::PhoneNumber("+493012345678".to_owned());
    let call = client.place_call(OutboundCall::to(number)).await?;
    println!("placed conversation {}", call.conversation());

    while let Some(event) = events.next().await {
        match event {
            // Media are up: the other side can hear.
            Event::ConnectionState {
                session,
                state: ConnectionState::Connected,
            } => drop(client.play_prompt(&session, prompt()).await?),
            Event::PromptEnded { session, .. } => {
                println!("the prompt was played");
                client.send_digits(&session, "1").await?;
                // It sounds for a tenth of a second.
                sleep(Duration::from_millis(300)).await;
                call.end().await?;
            }
            Event::SessionEnded { reason, .. } => {
                println!("the call ended: {reason}");
                break;
            }
            _ => {}
        }
    }
    client.shutdown().await;
    Ok(())
}
