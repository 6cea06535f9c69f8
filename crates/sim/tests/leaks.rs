//! What calls leave behind, counted by the operating system and the runtime. Alone in its process,
//! since other tests open files and tasks too.

mod support;

use offhook_jingle::Reason;
use offhook_sim::{CallRequest, CloudConfig, Ended, Live};
use support::phone::Phone;
use support::{Client, cloud, soon};

/// Open file descriptors of this process, where the system tells.
fn files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn calls_give_everything_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let (mut files_before, mut tasks_before) = (0, 0);
    for number in 0..6 {
        let record = Some(folder.path().join(format!("{number}.wav")));
        let call = cloud
            .call(CallRequest {
                record,
                ..CallRequest::default()
            })
            .expect("connected");
        let mut phone = Phone::answer(&mut client, 1_000).await;
        phone.take_skipped(&mut client);
        phone.run(&mut client, |phone| phone.connected).await;
        let ended = if number % 2 == 0 {
            call.hang_up(Reason::Success);
            drop(phone);
            Ended::HungUp {
                reason: Reason::Success,
            }
        } else {
            phone.hang_up(&mut client).await;
            Ended::Terminated {
                reason: Reason::Success,
            }
        };
        assert_eq!(soon("the end", call.ended()).await, ended);
        assert_eq!(
            cloud.live(),
            Live {
                streams: 1,
                tasks: 1,
                ..Live::default()
            }
        );
        if number == 0 {
            // The cloud's clock, STUN server, HTTP server, the connection under the stream, the stream.
            soon("the phone's end", settled(|| tasks() <= 5)).await;
            (files_before, tasks_before) = (files(), tasks());
        }
    }
    soon("tasks as before", settled(|| tasks() <= tasks_before)).await;
    soon("files as before", settled(|| files() <= files_before)).await;
    cloud.stop().await;
}

/// Lets the runtime finish what was aborted.
async fn settled(done: impl Fn() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}
