//! The audio of calls at the client's end: sources, prompts, sinks, recordings and packets, changed while calls run.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use offhook::{
    AudioError, Client, ClientBuilder, Event, OpusClip, PacketSink, PromptId, Reason, RecordingOptions, SessionId,
    SoundFailure, SourceSpec,
};
use offhook_audio::{
    Clip, FRAME_SAMPLES, Frame, Played, SILENT_FRAME, Silence, Source, SourceFault, Tone, channel,
    measure::{dominant_tone, level_dbov},
    ogg_opus::{PacketRecording, PacketWriter, read_ogg_opus},
    wav,
};
use offhook_sim::{CallHandle, Cloud, CloudConfig, Reinvite};
use offhook_tests::softphone::{self, Diary, goes_on, poll, within};

/// What the gateway plays.
const GATEWAY_HERTZ: f32 = 440.0;
/// Nothing is heard.
const SILENCE_DBOV: f32 = -60.0;

/// A call that is up, with all that belongs to it.
struct Story {
    cloud: Cloud,
    client: Client,
    diary: Diary,
    call: CallHandle,
    session: SessionId,
}

impl Story {
    async fn begin(equip: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
        let (client, mut diary) = softphone::connected(equip(softphone::builder(&cloud))).await;
        let call = softphone::call(&cloud, &mut diary).await;
        let session = call.session().clone();
        Self {
            cloud,
            client,
            diary,
            call,
            session,
        }
    }

    /// The gateway hears this tone.
    async fn is_heard(&self, hertz: f32) {
        poll(|| near(self.call.heard().tone.map(|tone| tone.hertz), hertz)).await;
    }

    async fn audio_error(&mut self) -> AudioError {
        let session = self.session.clone();
        let (_, error) = self
            .diary
            .until(|event| match event {
                Event::AudioError { session: of, error } if *of == session => Some(error.clone()),
                _ => None,
            })
            .await;
        error
    }

    async fn prompt_ended(&mut self) -> PromptId {
        let (_, prompt) = self
            .diary
            .until(|event| match event {
                Event::PromptEnded { prompt, .. } => Some(*prompt),
                _ => None,
            })
            .await;
        prompt
    }

    async fn end(self) -> Vec<Event> {
        within(self.client.shutdown()).await;
        let told = self.diary.to_the_end().await;
        self.cloud.stop().await;
        told.into_iter().map(|(_, event)| event).collect()
    }
}

fn near(heard: Option<f32>, hertz: f32) -> bool {
    heard.is_some_and(|heard| (heard - hertz).abs() < 5.0)
}

/// So many frames of a tone.
fn tone(hertz: u32, frames: usize) -> Vec<i16> {
    let mut tone = Tone::new(hertz);
    let mut samples = Vec::new();
    for _ in 0..frames {
        let mut frame = SILENT_FRAME;
        let _ = tone.read(&mut frame);
        samples.extend(frame);
    }
    samples
}

/// What was sent and what was heard, by a recording.
fn channels(path: &Path) -> [Vec<i16>; 2] {
    let bytes = fs::read(path).expect("the recording");
    let samples: Vec<i16> = bytes[44..]
        .as_chunks::<2>()
        .0
        .iter()
        .map(|sample| i16::from_le_bytes(*sample))
        .collect();
    let channel = |of: usize| samples.iter().skip(of).step_by(2).copied().collect();
    [channel(0), channel(1)]
}

#[tokio::test]
async fn another_source_is_heard_in_mid_call_without_a_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let story = Story::begin(|builder| builder.play(SourceSpec::Tone { hertz: 500 })).await;
    let path = folder.path().join("call.wav");
    let options = RecordingOptions::default();
    story
        .client
        .start_recording(&story.session, &path, options)
        .await
        .expect("it lives");
    poll(|| fs::metadata(&path).is_ok_and(|file| file.len() > 100_000)).await;
    story
        .client
        .set_source(&story.session, Tone::new(900))
        .await
        .expect("it lives");
    story.is_heard(900.0).await;
    let recorded = story.client.stop_recording(&story.session).await.expect("it records");
    assert_eq!((&*recorded.path, recorded.missed_frames), (&*path, 0));
    let [sent, _] = channels(&path);
    assert!(
        sent.chunks(FRAME_SAMPLES).all(|frame| level_dbov(frame) > -20.0),
        "there is a gap"
    );
    let tones: Vec<_> = [&sent[..9600], &sent[sent.len() - 9600..]]
        .map(|part| dominant_tone(part).map(|tone| tone.hertz))
        .into();
    assert!(near(tones[0], 500.0) && near(tones[1], 900.0), "{tones:?}");
    story.end().await;
}

#[tokio::test]
async fn a_prompt_is_heard_over_the_source_until_it_ends_or_is_stopped() {
    let mut story = Story::begin(|builder| builder).await;
    let clip = Clip::once(tone(1500, 60).into());
    let prompt = story.client.play_prompt(&story.session, clip).await.expect("it lives");
    story.is_heard(1500.0).await;
    assert_eq!(story.prompt_ended().await, prompt);
    assert_eq!(story.client.stop_prompt(&story.session, prompt).await, Ok(false));

    let music = story
        .client
        .play_prompt(&story.session, Tone::new(700))
        .await
        .expect("it lives");
    story.is_heard(700.0).await;
    assert_eq!(story.client.stop_prompt(&story.session, music).await, Ok(true));
    poll(|| story.call.heard().level_dbov < SILENCE_DBOV).await;
    let mut last = Ok(());
    while last.is_ok() {
        last = story.client.play_prompt(&story.session, Silence).await.map(drop);
    }
    assert!(matches!(last, Err(SoundFailure::Prompts(_))), "{last:?}");
    story.end().await;
}

#[tokio::test]
async fn a_program_hears_the_far_end_and_answers() {
    let (sink, mut listener) = channel::sink(50);
    let (mut speaker, source) = channel::source(50);
    let story = Story::begin(|builder| builder).await;
    story.client.set_sink(&story.session, sink).await.expect("it lives");
    story.client.set_source(&story.session, source).await.expect("it lives");
    let program = tokio::spawn(async move {
        let mut voice = Tone::new(1200);
        let mut heard = Vec::new();
        while let Some(frame) = listener.next().await {
            let mut answer = SILENT_FRAME;
            let _ = voice.read(&mut answer);
            if speaker.send(&answer).await.is_err() {
                break;
            }
            heard.extend(frame);
        }
        heard
    });
    story.is_heard(1200.0).await;
    goes_on(&story.call).await;
    story.end().await;
    let heard = within(program).await.expect("the end of the call ends it");
    let second = &heard[heard.len().saturating_sub(48_000)..];
    assert!(near(dominant_tone(second).map(|tone| tone.hertz), GATEWAY_HERTZ));
}

#[tokio::test]
async fn a_recording_begins_and_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let story = Story::begin(|builder| builder).await;
    let options = RecordingOptions::default();
    let start = |name: &str| {
        story
            .client
            .start_recording(&story.session, folder.path().join(name), options)
    };
    assert_eq!(
        story.client.stop_recording(&story.session).await,
        Err(SoundFailure::NotRecording)
    );
    start("call.wav").await.expect("it lives");
    assert_eq!(start("again.wav").await, Err(SoundFailure::Recording));
    poll(|| fs::metadata(folder.path().join("call.wav")).is_ok_and(|file| file.len() > 100_000)).await;
    story.client.stop_recording(&story.session).await.expect("it records");
    let [_, heard] = channels(&folder.path().join("call.wav"));
    let second = &heard[heard.len().saturating_sub(24_000)..];
    assert!(near(dominant_tone(second).map(|tone| tone.hertz), GATEWAY_HERTZ));

    let refused = start("no/such/folder.wav").await;
    assert!(
        matches!(&refused, Err(SoundFailure::Audio(AudioError::Recording { .. }))),
        "{refused:?}"
    );
    start("more.wav").await.expect("a refusal leaves nothing behind");
    story.end().await;
    assert!(
        wav::decode(
            &*fs::read(folder.path().join("more.wav")).expect("there"),
            Path::new("more")
        )
        .is_ok()
    );
}

#[tokio::test]
async fn a_recording_that_fails_ends_with_an_error_and_the_call_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut story = Story::begin(|builder| builder).await;
    // The second file of the recording is in the way of itself.
    fs::write(folder.path().join("call-2.wav"), "precious").expect("written");
    let options = RecordingOptions {
        most_bytes: 100_000,
        ..RecordingOptions::default()
    };
    let path = folder.path().join("call.wav");
    story
        .client
        .start_recording(&story.session, &path, options)
        .await
        .expect("it lives");
    let error = story.audio_error().await;
    assert!(
        matches!(&error, AudioError::Recording { path: of, .. } if *of == path),
        "{error:?}"
    );
    assert_eq!(error.code(), "recording_failed");
    goes_on(&story.call).await;
    assert_eq!(
        story.client.stop_recording(&story.session).await,
        Err(SoundFailure::NotRecording)
    );
    story.end().await;
}

/// A source that fails as a device does that was unplugged.
struct Unplugged;

impl Source for Unplugged {
    fn read(&mut self, frame: &mut Frame) -> Played {
        *frame = SILENT_FRAME;
        Played::Failed(SourceFault::Gone)
    }
}

#[tokio::test]
async fn a_source_or_sink_that_fails_is_told_once_and_can_be_replaced() {
    let mut story = Story::begin(|builder| builder.play_with(|| Box::new(Unplugged))).await;
    assert_eq!(story.audio_error().await, AudioError::Source(SourceFault::Gone));
    let (sink, receiver) = channel::sink(1);
    drop(receiver);
    story.client.set_sink(&story.session, sink).await.expect("it lives");
    assert_eq!(story.audio_error().await.code(), "sink_failed");
    story
        .client
        .set_source(&story.session, Tone::new(600))
        .await
        .expect("it lives");
    story.is_heard(600.0).await;
    let told = story.end().await;
    let errors = told.iter().filter(|event| matches!(event, Event::AudioError { .. }));
    assert_eq!(errors.count(), 2);
}

#[tokio::test]
async fn nothing_is_changed_in_a_session_that_is_not_there() {
    let story = Story::begin(|builder| builder).await;
    let nobody = SessionId::new("nobody");
    let refused = story.client.set_source(&nobody, Silence).await;
    assert!(matches!(refused, Err(SoundFailure::Command(_))), "{refused:?}");
    let refused = story.client.stop_recording(&nobody).await;
    assert!(matches!(refused, Err(SoundFailure::Command(_))), "{refused:?}");
    story.end().await;
}

#[tokio::test]
async fn a_clip_is_played_as_packets_and_recorded_as_samples() {
    let folder = tempfile::tempdir().expect("a folder");
    let clip = OpusClip::encode(&tone(800, 500), 32_000, 5).expect("memory");
    let story = Story::begin(|builder| builder.play_clip(&clip)).await;
    story.is_heard(800.0).await;
    let path = folder.path().join("call.wav");
    let options = RecordingOptions::default();
    story
        .client
        .start_recording(&story.session, &path, options)
        .await
        .expect("it lives");
    poll(|| fs::metadata(&path).is_ok_and(|file| file.len() > 100_000)).await;
    story.client.stop_recording(&story.session).await.expect("it records");
    let [sent, _] = channels(&path);
    let second = &sent[sent.len().saturating_sub(24_000)..];
    assert!(near(dominant_tone(second).map(|tone| tone.hertz), 800.0));
    story.end().await;
}

#[tokio::test]
async fn packets_of_a_file_go_on_through_new_media() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("prompt.opus");
    let clip = OpusClip::encode(&tone(800, 50), 32_000, 5).expect("memory");
    let mut file = PacketWriter::new(fs::File::create(&path).expect("created"), 1).expect("written");
    for (packet, timestamp) in clip.packets().zip((0..).step_by(FRAME_SAMPLES)) {
        file.write(timestamp, packet).expect("written");
    }
    file.finish().expect("written");
    let story = Story::begin(|builder| builder.play(SourceSpec::File { path, repeat: true })).await;
    story.is_heard(800.0).await;
    story.call.reinvite(Reinvite::default());
    within(story.call.replaced(1)).await.expect("it lives");
    goes_on(&story.call).await;
    story.is_heard(800.0).await;
    story.end().await;
}

#[tokio::test]
async fn the_far_end_is_recorded_as_the_packets_that_came() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("far.opus");
    let file = PacketRecording::create(&path).expect("created");
    let file: Arc<Mutex<Option<Box<dyn PacketSink>>>> = Arc::new(Mutex::new(Some(Box::new(file))));
    let take = move |_: &SessionId| file.lock().expect("no panic").take().expect("there is one call");
    let story = Story::begin(|builder| builder.receive_packets_with(take)).await;
    goes_on(&story.call).await;
    let received = async {
        while story
            .client
            .statistics(&story.session)
            .await
            .expect("it lives")
            .packets_received
            < 60
        {
            tokio::task::yield_now().await;
        }
    };
    within(received).await;
    story
        .client
        .end(&story.session, Reason::Success)
        .await
        .expect("it lives");
    story.end().await;
    let samples = read_ogg_opus(&path).expect("a file").samples().expect("decodes");
    let end = &samples[samples.len().saturating_sub(40_000)..];
    assert!(near(dominant_tone(end).map(|tone| tone.hertz), GATEWAY_HERTZ));
}
