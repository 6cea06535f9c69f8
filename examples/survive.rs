//! A call that outlives the connection over which it was made.
//!
//! `cargo run -p offhook-tests --example survive`

use std::error::Error;

use offhook::{AnswerPolicy, Client, ConnectionState, Endpoints, Event, Reason, SourceSpec};
use offhook_sim::{CallRequest, Cloud, CloudConfig};

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
        .play(SourceSpec::Tone { hertz: 440 })
        .build()?;
    let mut events = client.events();
    client.connect().await?;
    let call = cloud.call(CallRequest::default())?;

    let mut session = None;
    while let Some(event) = events.next().await {
        match event {
            Event::ConnectionState {
                session: id,
                state: ConnectionState::Connected,
            } => {
                session = Some(id);
                println!("audio flows; now the WebSocket is cut");
                cloud.drop_streams();
            }
            // The client brings it back by itself; media never noticed.
            Event::Disconnected { reconnecting, .. } => println!("disconnected; reconnecting: {reconnecting}"),
            Event::Connected { .. } if session.is_some() => break,
            Event::SessionEnded { reason, .. } => return Err(format!("the call ended: {reason}").into()),
            _ => {}
        }
    }
    println!("connected again");

    let session = session.ok_or("no audio came")?;
    let statistics = client.statistics(&session).await.ok_or("the call is gone")?;
    println!("{} interruptions of the audio", statistics.interruptions);
    // The new connection controls the old call.
    client.end(&session, Reason::Success).await?;
    println!("the far end: {:?}", call.ended().await);
    client.shutdown().await;
    Ok(())
}
