//! A call from a microphone to a loudspeaker, and what passes on its way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use offhook::Client;
use offhook_audio::device::{DeviceControl, DeviceOptions, Microphone, Speaker};
use offhook_audio::{Frame, Played, SAMPLE_RATE, Sink, SinkError, Source, measure, speech};
use offhook_sim::{CallHandle, CallRequest, Cloud, CloudConfig, GatewayConfig, Play};
use offhook_tests::softphone::{self, Diary, poll, within};

use crate::pulse::Server;

/// How late both ends hear each other: more than a busy machine keeps packets waiting, so that nothing but the devices changes the audio.
const PATIENT: Duration = Duration::from_millis(300);

/// Two calls of one client, and a device at each end: the cloud plays into the second what it hears of the first.
pub struct Chain {
    pub client: Client,
    pub said: CallHandle,
    pub played: CallHandle,
    pub microphone: DeviceControl,
    pub speaker: DeviceControl,
    captured: Tape,
    received: Tape,
    _cloud: Cloud,
    _diary: Diary,
}

impl Chain {
    pub async fn new(options: &DeviceOptions) -> Self {
        let gateway = GatewayConfig {
            playout_delay: PATIENT,
            ..GatewayConfig::default()
        };
        let config = CloudConfig {
            gateway,
            ..CloudConfig::default()
        };
        let cloud = Cloud::start(config).await.expect("loopback");
        let (client, mut diary) = softphone::connected(softphone::builder(&cloud).playout_delay(PATIENT)).await;
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
        let chain = Self {
            client,
            said,
            played,
            microphone: source.control(),
            speaker: sink.control(),
            captured: Tape::default(),
            received: Tape::default(),
            _cloud: cloud,
            _diary: diary,
        };
        chain.insert(source, sink).await;
        chain
    }

    /// Uses other devices from now on.
    pub async fn change(&mut self, options: &DeviceOptions) {
        let source = Microphone::open(options.clone()).expect("a thread");
        let sink = Speaker::open(options.clone()).expect("a thread");
        (self.microphone, self.speaker) = (source.control(), sink.control());
        self.insert(source, sink).await;
    }

    async fn insert(&self, source: Microphone, sink: Speaker) {
        let source = Taped(source, self.captured.clone());
        let sink = Taped(sink, self.received.clone());
        within(self.client.set_source(self.said.session(), source))
            .await
            .expect("a call");
        within(self.client.set_sink(self.played.session(), sink))
            .await
            .expect("a call");
        poll(|| self.microphone.is_open() && self.speaker.is_open()).await;
    }

    pub async fn end(self) {
        within(self.client.shutdown()).await;
    }

    /// Says so many seconds of speech into the microphone, and compares it with what the loudspeaker plays.
    pub async fn talks(&self, server: &Server, how: &str, seconds: usize) -> Talk {
        let speech = speech_of(seconds);
        let (captured, received) = (self.captured.length(), self.received.length());
        let listening = server.listen();
        let speaking = server.say(&speech);
        tokio::time::sleep(Duration::from_secs(seconds as u64 + 2)).await;
        drop(speaking);
        let captured = self.captured.since(captured);
        let received = self.received.since(received);
        let talk = Talk {
            microphone: measure::compare(&speech, &captured),
            call: measure::compare(&speech, &received),
            speaker: measure::compare(&speech, &listening.heard()),
        };
        let clock = |device: &DeviceControl| {
            let figures = device.figures();
            let (underruns, overruns, xruns) = (figures.underruns, figures.overruns, device.xruns());
            format!(
                "{underruns} underruns, {overruns} overruns, {xruns} xruns, {:+.0} ppm",
                figures.device_ppm
            )
        };
        let alike = |likeness: &measure::Likeness| {
            format!(
                "{:.3} ({:.0} %)",
                likeness.median(),
                100.0 * likeness.share_at_least(0.8)
            )
        };
        println!(
            "
| {how} | {seconds} s | {} | {} | {} | {} | {} |",
            alike(&talk.microphone),
            alike(&talk.call),
            alike(&talk.speaker),
            clock(&self.microphone),
            clock(&self.speaker),
        );
        talk
    }
}

/// How like what was said is what there was at three places of its way.
#[derive(Debug)]
pub struct Talk {
    /// What the microphone gave to the call.
    pub microphone: measure::Likeness,
    /// What the call gave to the loudspeaker.
    pub call: measure::Likeness,
    /// What the loudspeaker played.
    pub speaker: measure::Likeness,
}

/// All the frames that passed.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<i16>>>);

impl Tape {
    fn push(&self, frame: &Frame) {
        self.0.lock().expect("nobody panics with it").extend_from_slice(frame);
    }

    fn length(&self) -> usize {
        self.0.lock().expect("nobody panics with it").len()
    }

    fn since(&self, start: usize) -> Vec<i16> {
        self.0.lock().expect("nobody panics with it")[start..].to_vec()
    }
}

/// A source or sink, and a tape beside it.
struct Taped<T>(T, Tape);

impl<S: Source> Source for Taped<S> {
    fn read(&mut self, frame: &mut Frame) -> Played {
        let played = self.0.read(frame);
        self.1.push(frame);
        played
    }
}

impl<S: Sink> Sink for Taped<S> {
    fn write(&mut self, frame: &Frame) -> Result<(), SinkError> {
        self.1.push(frame);
        self.0.write(frame)
    }

    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        Box::new(self.0).finish()
    }
}

/// Two clips after one another, as often as it takes. The pauses between them differ, so that it is like itself at one place only.
pub fn speech_of(seconds: usize) -> Vec<i16> {
    let clips = [speech::CLIP_A.samples(), speech::CLIP_B.samples()];
    let mut speech = Vec::new();
    for (turn, clip) in clips.iter().cycle().enumerate() {
        if speech.len() >= seconds * SAMPLE_RATE as usize {
            break;
        }
        let pause = (turn * 7 % 11) * SAMPLE_RATE as usize / 20;
        speech.extend(clip.iter().copied().chain(std::iter::repeat_n(0, pause)));
    }
    speech.truncate(seconds * SAMPLE_RATE as usize);
    speech
}
