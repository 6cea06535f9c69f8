//! The example `voice_bridge`: bots at the other end of calls.

#[allow(dead_code, reason = "its program is not run")]
#[path = "../../crates/offhook/examples/voice_bridge.rs"]
mod voice_bridge;

use std::{
    path::Path,
    process::{Child, Command},
};

use futures_util::{SinkExt as _, StreamExt as _};
use offhook::{Client, SourceSpec};
use offhook_audio::{SILENT_FRAME, Source as _, Tone, measure::dominant_tone};
use offhook_sim::{CallHandle, CallRequest, Cloud, CloudConfig};
use offhook_tests::softphone::{self, Diary, poll, within};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// Nothing is heard.
const SILENCE_DBOV: f32 = -60.0;
/// What the gateway plays when nothing else is said.
const GATEWAY_HERTZ: f32 = 440.0;

/// A client with a bridge; its address.
async fn bridge(cloud: &Cloud) -> (Client, Diary, String) {
    let (client, diary) = softphone::connected(softphone::builder(cloud)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = format!("ws://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(voice_bridge::serve(client.clone(), listener));
    (client, diary, address)
}

fn hears(call: &CallHandle, hertz: f32) -> bool {
    let heard = call.heard().tone.map(|tone| tone.hertz);
    heard.is_some_and(|heard| (heard - hertz).abs() < 5.0)
}

/// A bot's connection.
struct Bot(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Bot {
    async fn connect(url: &str) -> Self {
        Self(connect_async(url).await.expect("the bridge listens").0)
    }

    /// The next JSON of this kind; audio is let go by.
    async fn told(&mut self, event: &str) -> Value {
        let reading = async {
            loop {
                if let Message::Text(text) = self.0.next().await.expect("it is open").expect("it works") {
                    let told: Value = serde_json::from_str(&text).expect("JSON");
                    if told["event"] == event {
                        return told;
                    }
                }
            }
        };
        within(reading).await
    }

    /// The next samples of the far end, at least so many.
    async fn hear(&mut self, samples: usize) -> Vec<i16> {
        let mut heard = Vec::new();
        while heard.len() < samples {
            if let Some(Ok(Message::Binary(audio))) = within(self.0.next()).await {
                heard.extend(audio.as_chunks().0.iter().map(|sample| i16::from_le_bytes(*sample)));
            }
        }
        heard
    }

    async fn says(&mut self, message: Message) {
        self.0.send(message).await.expect("it works");
    }

    async fn commands(&mut self, command: Value) {
        self.says(Message::text(command.to_string())).await;
    }
}

/// So many frames of a tone, as a bot sends them.
fn tone(hertz: u32, frames: usize) -> Vec<u8> {
    let mut tone = Tone::new(hertz);
    let mut bytes = Vec::new();
    for _ in 0..frames {
        let mut frame = SILENT_FRAME;
        let _ = tone.read(&mut frame);
        bytes.extend(frame.into_iter().flat_map(i16::to_le_bytes));
    }
    bytes
}

#[tokio::test]
async fn a_bot_hears_and_speaks_and_is_interrupted_and_hangs_up() {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
    let (client, mut diary, address) = bridge(&cloud).await;
    let mut news = Bot::connect(&address).await;
    let call = softphone::call(&cloud, &mut diary).await;
    let started = news.told("started").await;
    assert_eq!(started["session"], json!(call.session()));

    let mut bot = Bot::connect(&format!("{address}/{}", call.session())).await;
    let heard = bot.hear(48_000).await;
    let heard = dominant_tone(&heard[24_000..]).expect("the gateway's tone");
    assert!((heard.hertz - GATEWAY_HERTZ).abs() < 5.0, "{heard:?}");

    // Ten seconds at once, in pieces that are no frames.
    for piece in tone(1000, 500).chunks(10_001 * 2) {
        bot.says(Message::binary(piece.to_vec())).await;
    }
    poll(|| hears(&call, 1000.0)).await;
    bot.commands(json!({"command": "clear"})).await;
    poll(|| call.heard().level_dbov < SILENCE_DBOV).await;

    bot.commands(json!({"command": "dance"})).await;
    bot.told("error").await;
    call.send_digits("7");
    assert_eq!(bot.told("digit").await["digit"], "7");
    bot.commands(json!({"command": "end"})).await;
    bot.told("ended").await;
    assert_eq!(news.told("ended").await["reason"], "success");
    within(client.shutdown()).await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_bot_that_asks_for_a_call_that_is_not_there_is_told_so() {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
    let (client, _, address) = bridge(&cloud).await;
    let mut bot = Bot::connect(&format!("{address}/nobody")).await;
    bot.told("error").await;
    within(client.shutdown()).await;
    cloud.stop().await;
}

/// The bot in Python. Dropped, it ends.
struct Python(Child);

impl Python {
    fn start(address: &str) -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .expect("the target folder");
        let python = target.join("tools").join("bridge-python").join("bin").join("python");
        assert!(python.exists(), "cargo xtask test installs {}", python.display());
        let bot = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/offhook/examples/voice_bot.py");
        let child = Command::new(python).arg(bot).arg(address).spawn();
        Self(child.expect("it starts"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs websockets of Python: cargo xtask test installs it and runs this"]
async fn a_bot_in_python_holds_ten_calls_at_once() {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
    let (client, mut diary, address) = bridge(&cloud).await;
    let _bot = Python::start(&address);
    let mut calls = Vec::new();
    for number in 0..10_u8 {
        let hertz = 500 + 100 * u32::from(number);
        let request = CallRequest {
            play: Some(SourceSpec::Tone { hertz }.into()),
            ..CallRequest::default()
        };
        let call = cloud.call(request).expect("the client is connected");
        assert_eq!(diary.media_up().await, *call.session());
        calls.push((call, hertz as f32));
    }
    // Each hears itself, and goes on to.
    for _ in 0..2 {
        for (call, hertz) in &calls {
            poll(|| hears(call, *hertz)).await;
            softphone::goes_on(call).await;
        }
    }
    for (call, _) in &calls {
        call.send_digits("#");
    }
    for (call, _) in &calls {
        within(call.ended()).await;
    }
    within(client.shutdown()).await;
    cloud.stop().await;
}
