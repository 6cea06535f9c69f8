//! A thousand connected agents and five hundred calls at once, in one process with their cloud, without a codec.
//!
//! Prints lines `figure NAME VALUE`.

use std::time::Duration;

use offhook_tests::scale::{self, Size};

/// The least packets a second that a call sends, and the least share of them that comes in.
const LEAST: (f64, f64) = (49.0, 0.99);

#[tokio::main]
async fn main() {
    let size = Size {
        agents: 1_000,
        calls: 500,
        time: Duration::from_secs(30),
    };
    let measured = scale::run(size).await.unwrap_or_else(|error| panic!("{error}"));
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!("figure scale/connecting {:.1}", measured.connecting.as_secs_f64());
    println!("figure scale/calling {:.1}", measured.calling.as_secs_f64());
    println!("figure scale/agent-bytes {:.0}", measured.agent_bytes);
    println!("figure scale/call-bytes {:.0}", measured.call_bytes);
    println!("figure scale/client {:.2}", milliseconds(measured.client_time));
    println!("figure scale/cloud {:.2}", milliseconds(measured.cloud_time));
    println!("figure scale/processors {:.2}", measured.processors);
    println!("figure scale/pace {:.2}", measured.pace);
    println!("figure scale/lost {:.1}", (1.0 - measured.heard).max(0.0) * 1e4);
    println!("figure scale/descriptors {}", measured.descriptors);
    let reached = measured.pace >= LEAST.0 && measured.heard >= LEAST.1;
    assert!(reached, "the machine does not carry as many: {measured:?}");
}
