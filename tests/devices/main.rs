//! Calls from one sound device to another: what is said into a microphone of PulseAudio is what a loudspeaker of PulseAudio plays.
//!
//! Two calls of one client stand between: the cloud plays into the second what it hears of the first. Built with the feature `device`.

#![cfg(feature = "device")]

mod pulse;

use std::time::{Duration, Instant};

use offhook::{Client, SinkSpec, SourceSpec};
use offhook_audio::device::{DeviceControl, DeviceOptions, Direction, Microphone, Speaker, devices};
use offhook_audio::{SAMPLE_RATE, measure, speech};
use offhook_sim::{CallHandle, CallRequest, Cloud, CloudConfig, Play};
use offhook_tests::softphone::{self, Diary, poll, within};
use pulse::{Server, with_server};

/// Within so long after a device is back, it is heard.
const BACK: Duration = Duration::from_secs(2);

/// Room for a machine that does other things at the same time: a device that has run empty is no fault of the call.
fn roomy() -> DeviceOptions {
    DeviceOptions {
        period: Duration::from_millis(50),
        reserve: Duration::from_millis(120),
        ..DeviceOptions::default()
    }
}

/// A call from a microphone to a loudspeaker.
struct Chain {
    client: Client,
    said: CallHandle,
    played: CallHandle,
    microphone: DeviceControl,
    speaker: DeviceControl,
    _cloud: Cloud,
    _diary: Diary,
}

impl Chain {
    async fn new(options: &DeviceOptions) -> Self {
        let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
        let (client, mut diary) = softphone::connected(softphone::builder(&cloud)).await;
        let said = softphone::call(&cloud, &mut diary).await;
        let play = Some(Play::Heard(said.clone()));
        let request = CallRequest {
            play,
            ..CallRequest::default()
        };
        let played = cloud.call(request).expect("the client is connected");
        assert_eq!(diary.media_up().await, *played.session());
        within(played.connected()).await.expect("it lives");
        let source = Microphone::open(options.clone()).expect("a thread");
        let sink = Speaker::open(options.clone()).expect("a thread");
        let (microphone, speaker) = (source.control(), sink.control());
        within(client.set_source(said.session(), source)).await.expect("a call");
        within(client.set_sink(played.session(), sink)).await.expect("a call");
        poll(|| microphone.is_open() && speaker.is_open()).await;
        Self {
            client,
            said,
            played,
            microphone,
            speaker,
            _cloud: cloud,
            _diary: diary,
        }
    }

    async fn end(self) {
        within(self.client.shutdown()).await;
    }
}

fn run(body: impl Future<Output = ()>) {
    // Shown when a test fails, and with --nocapture.
    let log = tracing_subscriber::fmt()
        .with_env_filter("offhook_audio=info")
        .with_test_writer();
    log.init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(body);
}

/// Two clips after one another, as often as it takes.
fn speech_of(seconds: usize) -> Vec<i16> {
    let (one, other) = (speech::CLIP_A.samples(), speech::CLIP_B.samples());
    let both = one.iter().chain(other.iter()).copied().cycle();
    both.take(seconds * SAMPLE_RATE as usize).collect()
}

/// Says so many seconds of speech into the microphone, and compares it with what the loudspeaker plays.
async fn talks(server: &Server, chain: &Chain, how: &str, seconds: usize) -> measure::Likeness {
    let speech = speech_of(seconds);
    let listening = server.listen();
    let speaking = server.say(&speech);
    tokio::time::sleep(Duration::from_secs(seconds as u64 + 2)).await;
    drop(speaking);
    let heard = listening.heard();
    let likeness = measure::compare(&speech, &heard);
    let clock = |device: &DeviceControl| {
        let figures = device.figures();
        let (underruns, overruns, xruns) = (figures.underruns, figures.overruns, device.xruns());
        format!(
            "{underruns} underruns, {overruns} overruns, {xruns} xruns, {:+.0} ppm",
            figures.device_ppm
        )
    };
    println!(
        "
| {how} | {seconds} s | {:.3} | {:.0} % | {} | {} |",
        likeness.median(),
        100.0 * likeness.share_at_least(0.8),
        clock(&chain.microphone),
        clock(&chain.speaker),
    );
    likeness
}

#[test]
#[ignore = "needs PulseAudio and ALSA: cargo xtask test installs it and runs this"]
fn a_minute_of_speech_goes_from_device_to_device_without_an_underrun() {
    let name = "a_minute_of_speech_goes_from_device_to_device_without_an_underrun";
    with_server(name, |server| {
        run(async {
            let chain = Chain::new(&roomy()).await;
            let before = (chain.microphone.figures().underruns, chain.speaker.figures().underruns);
            let likeness = talks(server, &chain, "as the devices prefer", 60).await;
            // A sound server that is woken late repeats or skips some milliseconds, which shifts a window that is otherwise right.
            let alike = likeness.median() >= 0.9 && likeness.share_at_least(0.8) >= 0.75;
            assert!(alike, "{likeness:?}");
            let after = (chain.microphone.figures().underruns, chain.speaker.figures().underruns);
            assert_eq!(before, after);
            chain.end().await;
        });
    });
}

/// Waits until the loudspeaker plays the tone, and says how long that took.
async fn plays(server: &Server, hertz: f32) -> Duration {
    let since = Instant::now();
    let listening = server.listen();
    poll(|| {
        let heard = listening.heard();
        let last = &heard[heard.len().saturating_sub(SAMPLE_RATE as usize / 5)..];
        measure::dominant_tone(last).is_some_and(|tone| (tone.hertz - hertz).abs() < 5.0)
    })
    .await;
    since.elapsed()
}

/// A call that plays a tone on the loudspeaker.
async fn tone(server: &Server) -> (Cloud, Client, CallHandle, DeviceControl) {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
    let (client, mut diary) = softphone::connected(softphone::builder(&cloud)).await;
    let request = CallRequest {
        play: Some(Play::Spec(SourceSpec::Tone { hertz: 700 })),
        ..CallRequest::default()
    };
    let call = cloud.call(request).expect("the client is connected");
    assert_eq!(diary.media_up().await, *call.session());
    let speaker = Speaker::open(DeviceOptions::default()).expect("a thread");
    let control = speaker.control();
    within(client.set_sink(call.session(), speaker)).await.expect("a call");
    plays(server, 700.0).await;
    (cloud, client, call, control)
}

#[test]
#[ignore = "needs PulseAudio and ALSA: cargo xtask test installs it and runs this"]
fn a_loudspeaker_that_is_unplugged_in_a_call_plays_again_when_it_is_back() {
    let name = "a_loudspeaker_that_is_unplugged_in_a_call_plays_again_when_it_is_back";
    with_server(name, |server| {
        run(async {
            let (_cloud, client, call, control) = tone(server).await;
            server.unplug();
            softphone::goes_on(&call).await;
            let since = Instant::now();
            server.plug_in();
            plays(server, 700.0).await;
            let back = since.elapsed();
            println!(
                "\n| loudspeaker back | after {} ms, opened {} times |",
                back.as_millis(),
                control.openings()
            );
            assert!(back < BACK);
            within(client.shutdown()).await;
        });
    });
}

#[test]
#[ignore = "needs PulseAudio and ALSA: cargo xtask test installs it and runs this"]
fn a_call_outlives_its_sound_server_and_is_heard_by_the_next() {
    with_server("a_call_outlives_its_sound_server_and_is_heard_by_the_next", |server| {
        run(async {
            let (_cloud, client, call, control) = tone(server).await;
            let openings = control.openings();
            server.restart();
            let since = Instant::now();
            plays(server, 700.0).await;
            let back = since.elapsed();
            println!(
                "\n| sound server back | after {} ms, opened {} times |",
                back.as_millis(),
                control.openings()
            );
            assert!(back < BACK);
            assert!(control.openings() > openings);
            softphone::goes_on(&call).await;
            within(client.shutdown()).await;
        });
    });
}

#[test]
#[ignore = "needs PulseAudio and ALSA: cargo xtask test installs it and runs this"]
fn devices_are_listed_and_muted_without_being_closed() {
    with_server("devices_are_listed_and_muted_without_being_closed", |server| {
        run(async {
            let listed = devices().expect("a list");
            for direction in [Direction::Microphone, Direction::Speaker] {
                let default = |device: &&offhook_audio::device::Device| device.is_default;
                assert_eq!(
                    listed
                        .iter()
                        .filter(|device| device.direction == direction)
                        .filter(default)
                        .count(),
                    1
                );
            }
            assert!("device".parse::<SourceSpec>().expect("built with it").load().is_ok());
            assert_eq!(
                "device:default".parse::<SinkSpec>().expect("built with it").check(),
                Ok(())
            );
            let chain = Chain::new(&roomy()).await;
            let speaking = server.say(&speech_of(30));
            let heard = || chain.said.heard().level_dbov > -50.0;
            poll(heard).await;
            chain.microphone.set_muted(true);
            poll(|| !heard()).await;
            assert!(chain.microphone.is_open() && chain.microphone.openings() == 1);
            poll(|| chain.microphone.level_dbov() > -50.0).await;
            chain.microphone.set_muted(false);
            poll(heard).await;
            drop(speaking);
            assert!(chain.played.statistics().packets_received > 0);
            chain.end().await;
        });
    });
}
