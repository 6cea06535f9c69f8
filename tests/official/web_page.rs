//! The simulated cloud's own web page, used in a browser while a client of ours takes the calls.

use std::{env, path::Path, process::Command};

use offhook::SourceSpec;
use offhook_sim::{Cloud, CloudConfig};
use offhook_tests::softphone::{builder, connected};
use serde_json::Value;
use tokio::task::spawn_blocking;

#[tokio::test]
#[ignore = "needs Chromium: cargo xtask test installs it and runs this"]
async fn calls_are_placed_cut_off_and_ended_in_the_web_page() {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
    let (client, _diary) = connected(builder(&cloud).play(SourceSpec::Tone { hertz: 440 })).await;
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the target folder");
    let mut browser = Command::new("node");
    browser
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("official/web_page.js"))
        .arg(format!("{}/", cloud.api_url()))
        // Where a person wants to look at it.
        .args(env::var_os("OFFICIAL_PICTURE"))
        .env("NODE_PATH", target.join("tools/official/node_modules"));

    let output = spawn_blocking(move || browser.output())
        .await
        .expect("it does not panic");

    let output = output.expect("Node is installed");

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(seen["faults"], serde_json::json!([]));
    assert!(seen["lines"].as_u64() > Some(20), "{seen}");
    client.shutdown().await;
}
