//! A bot that answers every call and says what it hears.
//!
//! `cargo run -p offhook-tests --example answer_and_echo`

use std::{error::Error, time::Duration};

use offhook::{AnswerPolicy, Client, Endpoints, Event};
use offhook_audio::channel;
use offhook_sim::{CallRequest, Cloud, CloudConfig};

/// How many frames of 20 ms may wait on either way.
const WAITING: usize = 10;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In earnest: `Endpoints::region("mypurecloud.de")?` and an access token.
    let cloud = Cloud::start(CloudConfig::default()).await?;
    let endpoints = Endpoints::new(&cloud.api_url(), &cloud.streaming_url(), None, false)?;
    let client = Client::builder(endpoints, cloud.default_token())
        .answer(AnswerPolicy {
            always: true,
            ..AnswerPolicy::default()
        })
        .build()?;
    let mut events = client.events();
    client.connect().await?;

    // Somebody calls, plays a tone of 440 Hz, and hangs up two seconds later.
    let call = cloud.call(CallRequest {
        duration: Some(Duration::from_secs(2)),
        ..CallRequest::default()
    })?;

    while let Some(event) = events.next().await {
        match event {
            Event::SessionStarted { session, .. } => {
                let (mut mouth, source) = channel::source(WAITING);
                let (sink, mut ear) = channel::sink(WAITING);
                client.set_source(&session, source).await?;
                client.set_sink(&session, sink).await?;
                tokio::spawn(async move {
                    // Until the call ends.
                    while let Some(frame) = ear.next().await {
                        if mouth.send(&frame).await.is_err() {
                            return;
                        }
                    }
                });
            }
            Event::SessionEnded { lasted, reason, .. } => {
                println!("the call ended after {:.1} s: {reason}", lasted.as_secs_f32());
                break;
            }
            _ => {}
        }
    }
    let echo = call.heard().tone.ok_or("the caller hears no echo")?;
    println!("the caller heard {:.0} Hz come back", echo.hertz);
    client.shutdown().await;
    Ok(())
}
