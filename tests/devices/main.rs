//! Calls from one sound device to another: what is said into a microphone of PulseAudio is what a loudspeaker of PulseAudio plays.
//!
//! Two calls of one client stand between: the cloud plays into the second what it hears of the first. Built with the feature `device`.

#![cfg(feature = "device")]

mod chain;
mod pulse;

use std::time::{Duration, Instant};

use chain::{Chain, speech_of};
use offhook::{Client, SinkSpec, SourceSpec, VoiceOptions};
use offhook_audio::device::{DeviceControl, DeviceFormat, DeviceOptions, Direction, Speaker, devices};
use offhook_audio::{Frame, Played, SAMPLE_RATE, Source, measure};
use offhook_sim::{CallHandle, CallRequest, Cloud, CloudConfig, Play};
use offhook_tests::agent::Agent;
use offhook_tests::softphone::{self, poll, within};
use pulse::{Listening, Server, alone, with_server};
use secrecy::ExposeSecret as _;
use serde_json::json;

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

fn run(body: impl Future<Output = ()>) {
    // Shown when a test fails, and with --nocapture.
    let log = tracing_subscriber::fmt()
        .with_env_filter("offhook_audio=info")
        .with_test_writer();
    log.init();
    // Calls go on in the threads of the runtime while the test waits for programs and compares audio in this one.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(body);
}

#[test]
#[ignore = "needs PulseAudio and ALSA: cargo xtask test installs it and runs this"]
fn a_minute_of_speech_goes_from_device_to_device_without_an_underrun() {
    let name = "a_minute_of_speech_goes_from_device_to_device_without_an_underrun";
    with_server(name, |server| {
        run(async {
            let chain = Chain::new(&roomy()).await;
            let before = (chain.microphone.figures().underruns, chain.speaker.figures().underruns);
            let talk = chain.talks(server, "as the devices prefer", 60).await;
            assert!(talk.speaker.passes(), "{talk:?}");
            let after = (chain.microphone.figures().underruns, chain.speaker.figures().underruns);
            assert_eq!(before, after);
            chain.end().await;
        });
    });
}

/// Steady noise that is the same each time, at about -45 dBov.
struct Fan(u32);

impl Source for Fan {
    fn read(&mut self, frame: &mut Frame) -> Played {
        for sample in frame {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = (self.0 >> 16) as i16 / 100;
        }
        Played::Full
    }
}

/// How loud a fan is at the far end of a call.
async fn fan_is_heard(voice: VoiceOptions) -> f32 {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
    let builder = softphone::builder(&cloud).play_with(|| Box::new(Fan(1))).voice(voice);
    let (client, mut diary) = softphone::connected(builder).await;
    let call = softphone::call(&cloud, &mut diary).await;
    // The noise is known by then.
    poll(|| call.heard().duration >= Duration::from_secs(6)).await;
    let level = call.heard().level_dbov;
    within(client.shutdown()).await;
    level
}

#[test]
fn the_voice_of_a_client_is_processed_as_it_wishes() {
    let _alone = alone();
    run(async {
        let noise = fan_is_heard(VoiceOptions::off()).await;
        let suppressed = fan_is_heard(VoiceOptions {
            noise: true,
            ..VoiceOptions::off()
        })
        .await;
        assert!(noise - suppressed > 8.0, "{noise} dBov became {suppressed}");
    });
}

/// Waits until the loudspeaker plays the tone, and says how long that took.
async fn plays(server: &Server, hertz: f32) -> Duration {
    let since = Instant::now();
    hears(server.listen(), hertz).await;
    since.elapsed()
}

/// Waits until the tone is heard.
async fn hears(listening: Listening, hertz: f32) {
    poll(|| {
        let heard = listening.heard();
        let last = &heard[heard.len().saturating_sub(SAMPLE_RATE as usize / 5)..];
        measure::dominant_tone(last).is_some_and(|tone| (tone.hertz - hertz).abs() < 5.0)
    })
    .await;
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
fn devices_of_any_rate_number_of_channels_and_format_make_a_call() {
    let name = "devices_of_any_rate_number_of_channels_and_format_make_a_call";
    with_server(name, |server| {
        run(async {
            let mut chain = Chain::new(&roomy()).await;
            for rate in [48_000, 44_100, 16_000] {
                for channels in [1, 2] {
                    for format in [DeviceFormat::I16, DeviceFormat::F32] {
                        let options = DeviceOptions {
                            rate: Some(rate),
                            channels: Some(channels),
                            format: Some(format),
                            ..roomy()
                        };
                        chain.change(&options).await;
                        let talk = chain
                            .talks(server, &format!("{rate} Hz, {channels}, {format:?}"), 5)
                            .await;
                        // There are ten windows, so one of them is not the tenth part of many.
                        let alike = talk.speaker.median() >= 0.9 && talk.speaker.share_at_least(0.8) >= 0.8;
                        assert!(alike, "{talk:?}");
                    }
                }
            }
            chain.end().await;
        });
    });
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
fn the_agent_is_spoken_to_and_heard_by_devices() {
    with_server("the_agent_is_spoken_to_and_heard_by_devices", |server| {
        run(async {
            let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
            let sound = ["--play", "device", "--listen", "device", "--voice", "echo,gain"];
            let options = [&["--answer", "always"], &sound[..]].concat();
            let token = cloud.default_token();
            let mut agent = Agent::start("agent/device", "run", &cloud, token.expose_secret(), &options);
            agent.tells("connected", |_| true).await;
            let listed = agent.does(json!({ "command": "listDevices" })).await.to_string();
            assert!(
                listed.contains("\"microphone\"") && listed.contains("\"speaker\""),
                "{listed}"
            );
            let play = Some(Play::Spec(SourceSpec::Tone { hertz: 700 }));
            let request = CallRequest {
                play,
                ..CallRequest::default()
            };
            let call = cloud.call(request).expect("it is connected");
            plays(server, 700.0).await;
            let speaking = server.say(&speech_of(30));
            poll(|| call.heard().level_dbov > -40.0).await;
            drop(speaking);
            cloud.stop().await;
        });
    });
}

#[test]
#[ignore = "needs PulseAudio and ALSA: cargo xtask test installs it and runs this"]
fn a_call_goes_on_at_another_loudspeaker_when_that_becomes_the_default_one() {
    let name = "a_call_goes_on_at_another_loudspeaker_when_that_becomes_the_default_one";
    with_server(name, |server| {
        run(async {
            let (_cloud, client, call, _) = tone(server).await;
            server.control(&["set-default-sink", "spare"]);
            let since = Instant::now();
            hears(server.listen_to("spare.monitor"), 700.0).await;
            let there = since.elapsed();
            println!("\n| other loudspeaker | after {} ms |", there.as_millis());
            assert!(there < BACK);
            softphone::goes_on(&call).await;
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
