//! A softphone that answers every call, and ends all of them as soon as its access token is refused.
//!
//! The client itself ends no call then: audio needs no token, and perhaps the application has another one. This application has
//! none. Nobody could control its calls any more, so it ends them at once and stops.
//!
//! ```text
//! OFFHOOK_TOKEN=... cargo run -p offhook --example end_when_refused -- mypurecloud.de
//! cargo run -p offhook-sim    # and, with the addresses that it prints:
//! OFFHOOK_TOKEN=offhook-sim-token cargo run -p offhook --example end_when_refused -- http://127.0.0.1:8700 ws://127.0.0.1:8700
//! ```
//!
//! To refuse the token, give the user another: `curl -X POST -H 'content-type: application/json' -d '{"token": "other"}'
//! http://127.0.0.1:8700/control/users/user-agent/token`, and cut the stream:
//! `curl -X POST -H 'content-type: application/json' -d '{"how": "reset"}' http://127.0.0.1:8700/control/streams/drop`.

use std::{env, error::Error};

use offhook::{AnswerPolicy, Client, ConnectFailure, Endpoints, Event, Reason, SourceSpec};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let addresses: Vec<String> = env::args().skip(1).collect();
    let cloud = match &addresses[..] {
        [region] => Endpoints::region(region)?,
        [api, streaming] => Endpoints::new(api, streaming, None, false)?,
        _ => return Err("give a region, or the API's URL and that of streaming".into()),
    };
    let client = Client::builder(cloud, env::var("OFFHOOK_TOKEN")?)
        .answer(AnswerPolicy {
            always: true,
            ..AnswerPolicy::default()
        })
        .play(SourceSpec::Tone { hertz: 440 })
        .build()?;
    let ended = serve(&client).await?;
    println!("the access token was refused: {ended} calls ended");
    Ok(())
}

/// Stays connected until the token is refused; then ends all sessions, closes the client, and says how many there were.
pub async fn serve(client: &Client) -> Result<usize, ConnectFailure> {
    let mut events = client.events();
    client.connect().await?;
    while let Some(event) = events.next().await {
        match event {
            // `reconnecting: false` is the client's last word: there is no other token, and nothing comes back.
            Event::Disconnected {
                reconnecting: false,
                error: Some(error),
            } if error.credentials_refused() => break,
            Event::SessionStarted { session, .. } => println!("call {session} has begun"),
            Event::SessionEnded { session, reason, .. } => println!("call {session} is over: {reason}"),
            _ => {}
        }
    }
    let sessions = client.sessions().await;
    for (session, _) in &sessions {
        // One that has ended meanwhile is unknown, which is as well.
        let _ = client.end(session, Reason::ConnectivityError).await;
    }
    // Waits until all have ended.
    client.shutdown().await;
    Ok(sessions.len())
}
