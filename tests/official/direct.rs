//! The agent calls the platform's own client by its address: the offer is the agent's.

use offhook_sim::CloudConfig;
use offhook_tests::softphone::within;
use serde_json::{Value, json};

use crate::{
    ours::{Ours, is_tone},
    page::{Kind, Page},
    place::{MICROPHONE, Place},
};

/// What the agent plays, in hertz.
const BOB: u32 = 520;
const TOKEN: &str = "bob-token";

#[tokio::test]
#[ignore = "needs Chromium: cargo xtask test installs it and runs this"]
async fn the_agent_proposes_a_session_to_the_client_and_both_hear_each_other() {
    let bob = offhook_sim::User::new("Bob", TOKEN);
    let config = CloudConfig {
        users: vec![offhook_sim::User::default(), bob],
        ..CloudConfig::default()
    };
    let place = Place::new(config).await;
    let mut page = Page::open(&place, Kind::Client);
    page.does(&json!({ "do": "connect", "token": place.token() }));
    page.tells("connected", |_| true).await;
    let jid = within(place.cloud.wait_connected(place.user())).await;
    let mut agent = Ours::new(BOB);
    agent.connect(&place.cloud, TOKEN).await;

    let session = agent.initiate(jid.as_str()).await;
    page.tells_of("proposed", &session).await;
    page.does(&json!({ "do": "proceed", "session": session }));
    let up = |told: &Value| told["session"] == session && told["state"] == "connected";
    page.tells("state", up).await;
    page.hears(&session, BOB).await;
    // Nobody's conversation: its recording is named by its session.
    agent.hears(&session, is_tone(MICROPHONE)).await;

    page.does(&json!({ "do": "end", "session": session }));
    assert_eq!(agent.has_ended(&session).await, "success");
}
