//! The life of a connection, end to end: the client's shell against the simulated cloud, over loopback sockets.

mod ending;
mod moving;
mod returning;
mod servers;
mod tokens;
mod topics;

use std::time::Duration;

use offhook_sim::{Cloud, CloudConfig, CloudFaults, Direction, Outage, What};

async fn cloud() -> Cloud {
    Cloud::start(CloudConfig::default()).await.unwrap()
}

/// Nothing new gets through for so long.
fn outage(lasts: Duration) -> CloudFaults {
    CloudFaults {
        outage: Some(Outage {
            lasts: Some(lasts),
            ..Outage::default()
        }),
        ..CloudFaults::default()
    }
}

/// When REST was asked for something whose path begins like this, since the cloud's start.
fn asked(cloud: &Cloud, beginning: &str) -> Vec<Duration> {
    let requests = cloud.records().into_iter().filter_map(|record| match record.what {
        What::RestRequest { path, .. } if path.starts_with(beginning) => Some(record.at),
        _ => None,
    });
    requests.collect()
}

/// When a frame like this went over a stream, since the cloud's start.
fn frames(cloud: &Cloud, direction: Direction, wanted: &str) -> Vec<Duration> {
    let frames = cloud.records().into_iter().filter_map(|record| match record.what {
        What::Frame { summary, .. } if record.direction == direction && summary.starts_with(wanted) => Some(record.at),
        _ => None,
    });
    frames.collect()
}
