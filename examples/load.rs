//! A load of N agents, each in a call of its own, that encode nothing and decode nothing.
//!
//! `cargo run --release -p offhook-tests --example load -- 100`

use std::{env, error::Error, time::Duration};

use offhook::{AnswerPolicy, Client, Endpoints, Engine, EngineConfig, Event, SourceSpec};
use offhook_sim::{CallRequest, Cloud, CloudConfig, User};

const CALL: Duration = Duration::from_secs(2);

/// One agent, from login to the end of its call; how many packets it heard.
async fn agent(client: Client) -> Result<u64, Box<dyn Error + Send + Sync>> {
    let mut events = client.events();
    let mut packets = 0;
    while let Some(event) = events.next().await {
        match event {
            Event::Statistics { statistics, .. } => packets = statistics.packets_received,
            Event::SessionEnded { .. } => break,
            _ => {}
        }
    }
    client.shutdown().await;
    Ok(packets)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let agents: usize = env::args().nth(1).map_or(Ok(10), |agents| agents.parse())?;
    let users = (1..=agents).map(|number| User::new(&format!("Agent {number}"), format!("token {number}")));
    let cloud = Cloud::start(CloudConfig {
        users: users.collect(),
        ..CloudConfig::default()
    })
    .await?;

    // All of them share the threads of one engine.
    let engine = Engine::new(&EngineConfig::default())?;
    let mut running = Vec::new();
    for user in cloud.users() {
        let endpoints = Endpoints::new(&cloud.api_url(), &cloud.streaming_url(), None, false)?;
        let client = Client::builder(endpoints, user.token.clone())
            .engine(engine.clone())
            .answer(AnswerPolicy {
                always: true,
                ..AnswerPolicy::default()
            })
            .play(SourceSpec::Tone { hertz: 440 })
            .build()?;
        client.connect().await?;
        running.push(tokio::spawn(agent(client)));
    }
    println!("{agents} agents are connected");
    for user in cloud.users() {
        cloud.call(CallRequest {
            user: Some(user.id.clone()),
            duration: Some(CALL),
            ..CallRequest::default()
        })?;
    }

    let mut packets = 0;
    for agent in running {
        packets += agent.await?.map_err(|error| error.to_string())?;
    }
    println!("{agents} calls of {} s: {packets} packets heard", CALL.as_secs());
    Ok(())
}
