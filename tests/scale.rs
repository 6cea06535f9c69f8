//! Agents and calls side by side in one process, without a codec; `cargo xtask bench scale` has a thousand and five hundred.

use std::time::Duration;

use offhook_tests::scale::{self, Size};

#[tokio::test(flavor = "multi_thread")]
async fn forty_agents_are_connected_and_twenty_of_them_are_in_calls_at_once() {
    let size = Size {
        agents: 40,
        calls: 20,
        time: Duration::from_secs(2),
    };
    let measured = scale::run(size).await.expect("few descriptors are enough");
    // How even the pace is depends on what else the machine does; what is sent arrives.
    assert!(measured.pace > 10.0, "{measured:?}");
    assert!(measured.heard > 0.9, "{measured:?}");
}
