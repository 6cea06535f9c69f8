//! The ladder of messages, as it happens, with milliseconds.

use std::time::Duration;

use offhook_sim::{Cloud, Direction, Record, What};
use tokio::{
    select,
    sync::{
        broadcast::{self, error::TryRecvError},
        mpsc,
    },
    task::JoinHandle,
};

/// Width of the space between the two rails.
const SPAN: usize = 48;

/// Prints what happens between the client and the cloud, and remarks in between.
pub struct Ladder {
    remarks: mpsc::UnboundedSender<(Duration, String)>,
    printer: JoinHandle<()>,
}

impl Ladder {
    /// Follows a cloud from now on; without `prints` nothing is shown.
    pub fn of(cloud: &Cloud, prints: bool) -> Self {
        let (remarks, queue) = mpsc::unbounded_channel();
        let records = cloud.subscribe();
        if prints {
            println!("{:>9}  offhook{:>width$}", "ms", "cloud", width = SPAN - 5);
        }
        let printer = tokio::spawn(async move {
            if prints {
                print_all(records, queue).await;
            }
        });
        Self { remarks, printer }
    }

    /// A remark, made now.
    pub fn say(&self, cloud: &Cloud, words: &str) {
        // A silent ladder takes no remarks.
        drop(self.remarks.send((cloud.uptime(), words.to_owned())));
    }

    /// Prints what is left.
    pub async fn finish(self) {
        drop(self.remarks);
        // It can only have panicked, and then there is nothing left to print.
        drop(self.printer.await);
    }
}

async fn print_all(mut records: broadcast::Receiver<Record>, mut remarks: mpsc::UnboundedReceiver<(Duration, String)>) {
    loop {
        select! {
            record = records.recv() => match record {
                Ok(record) => print(&record),
                Err(broadcast::error::RecvError::Lagged(missed)) => println!("{:>9}  ({missed} messages not shown)", ""),
                Err(broadcast::error::RecvError::Closed) => return,
            },
            remark = remarks.recv() => {
                // What was recorded before the remark is printed before it.
                loop {
                    match records.try_recv() {
                        Ok(record) => print(&record),
                        Err(TryRecvError::Lagged(_)) => {}
                        Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                    }
                }
                let Some((at, words)) = remark else {
                    return;
                };
                println!("{:9.1}  ==== {words}", milliseconds(at));
            }
        }
    }
}

fn print(record: &Record) {
    let at = milliseconds(record.at);
    let what = match &record.what {
        What::RestRequest { method, path } => format!("{method} {}", path.split('?').next().unwrap_or_default()),
        what => what.to_string(),
    };
    let what = format!(" {what} ");
    let span = SPAN - 4;
    match record.direction {
        Direction::ToCloud => println!("{at:9.1}  |-{what:-<span$}->|"),
        Direction::ToClient => println!("{at:9.1}  |<-{what:->span$}-|"),
        Direction::Inside => println!("{at:9.1}  |{:width$}|{}", "", what.trim_end(), width = SPAN - 1),
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
