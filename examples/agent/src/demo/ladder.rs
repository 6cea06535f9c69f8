//! The ladder of messages, as it happens, with milliseconds.

use std::{sync::Mutex, time::Instant};

use offhook_sim::{Cloud, Direction, Record};
use tokio::{sync::broadcast::error::RecvError, task::JoinHandle};

/// Prints what happens between the client and the cloud.
pub struct Ladder {
    start: Instant,
    prints: bool,
    follower: Mutex<Option<JoinHandle<()>>>,
}

impl Ladder {
    /// To standard output.
    pub fn printing() -> Self {
        println!("{:>9}  {:<54}", "ms", "offhook                                   cloud");
        Self {
            start: Instant::now(),
            prints: true,
            follower: Mutex::default(),
        }
    }

    /// To nowhere.
    #[cfg(test)]
    pub fn silent() -> Self {
        Self {
            start: Instant::now(),
            prints: false,
            follower: Mutex::default(),
        }
    }

    /// Prints the cloud's records from now on.
    pub fn follow(&self, cloud: &Cloud) {
        if !self.prints {
            return;
        }
        let mut records = cloud.subscribe();
        let offset = self.start.elapsed();
        let follower = tokio::spawn(async move {
            loop {
                match records.recv().await {
                    Ok(record) => print(offset.as_secs_f64() * 1e3, &record),
                    Err(RecvError::Lagged(missed)) => println!("{:>9}  ({missed} messages not shown)", ""),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        *self.follower.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(follower);
    }

    /// Prints a remark.
    pub fn say(&self, words: &str) {
        if self.prints {
            println!("{:9.1}  ==== {words}", self.start.elapsed().as_secs_f64() * 1e3);
        }
    }

    /// Prints no more records.
    pub fn finish(&self) {
        let follower = self
            .follower
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(follower) = follower {
            follower.abort();
        }
    }
}

fn print(offset: f64, record: &Record) {
    let at = offset + record.at.as_secs_f64() * 1e3;
    let what = record.what.to_string();
    match record.direction {
        Direction::ToCloud => println!("{at:9.1}  |-- {what:-<44}>|"),
        Direction::ToClient => println!("{at:9.1}  |<{what:->44} --|"),
        Direction::Inside => println!("{at:9.1}  |{:48}| {what}", ""),
    }
}
