use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::measure::{dominant_tone, level_dbov};

fn played(source: &mut dyn Source, frames: usize) -> (Vec<i16>, Vec<Played>) {
    let mut samples = Vec::new();
    let mut told = Vec::new();
    for _ in 0..frames {
        let mut frame = [i16::MAX; FRAME_SAMPLES];
        told.push(source.read(&mut frame));
        samples.extend_from_slice(&frame);
    }
    (samples, told)
}

fn opened(text: &str) -> Box<dyn Source> {
    text.parse::<SourceSpec>().expect("a source").open().expect("opens")
}

#[test]
fn silence_is_silent_and_never_ends() {
    let (samples, told) = played(&mut *opened("silence"), 3);
    assert!(samples.iter().all(|&sample| sample == 0));
    assert_eq!(told, [Played::Full; 3]);
}

#[test]
fn a_tone_has_its_pitch_and_no_seam_between_frames() {
    for hertz in [50, 440, 1004, 3999, 12_345] {
        let (samples, told) = played(&mut *opened(&format!("tone:{hertz}")), 50);
        assert!(told.iter().all(|&played| played == Played::Full));
        let tone = dominant_tone(&samples).expect("a tone");
        assert!((tone.hertz - hertz as f32).abs() < 0.5, "{hertz} Hz was {}", tone.hertz);
        assert!((-15.2..-14.9).contains(&tone.dbov), "{hertz} Hz at {} dBov", tone.dbov);
        assert!(
            (tone.dbov - level_dbov(&samples)).abs() < 0.1,
            "there is nothing beside the tone"
        );
    }
}

#[test]
fn a_clip_played_once_ends_in_silence_within_a_frame() {
    let clip: Arc<[i16]> = (1..=1000).collect();
    let mut source = Clip::once(Arc::clone(&clip));
    let (samples, told) = played(&mut source, 3);
    assert_eq!(samples[..1000], clip[..]);
    assert!(samples[1000..].iter().all(|&sample| sample == 0));
    assert_eq!(told, [Played::Full, Played::End, Played::End]);
}

#[test]
fn a_clip_that_fills_its_last_frame_ends_with_the_next() {
    let mut source = Clip::once(vec![7; FRAME_SAMPLES].into());
    let (samples, told) = played(&mut source, 2);
    assert_eq!(told, [Played::Full, Played::End]);
    assert!(samples[FRAME_SAMPLES..].iter().all(|&sample| sample == 0));
}

#[test]
fn a_repeated_clip_without_samples_is_silence() {
    let (samples, told) = played(&mut Clip::repeated(Arc::new([])), 1);
    assert_eq!(told, [Played::End]);
    assert!(samples.iter().all(|&sample| sample == 0));
}

proptest! {
    #[test]
    fn a_repeated_clip_follows_on_itself_without_a_gap(clip in prop::collection::vec(any::<i16>(), 1..3000)) {
        let (samples, told) = played(&mut Clip::repeated(clip.clone().into()), 5);
        prop_assert!(told.iter().all(|&played| played == Played::Full));
        prop_assert!(samples.iter().eq(clip.iter().cycle().take(samples.len())));
    }

    #[test]
    fn a_source_is_read_from_what_it_writes(path in "[a-z/. ?]{1,20}", repeat: bool, hertz in Tone::RANGE) {
        let file = SourceSpec::File { path: path.clone().into(), repeat };
        for spec in [SourceSpec::Silence, SourceSpec::Stdin, SourceSpec::Tone { hertz }, file] {
            prop_assert_eq!(spec.to_string().parse(), Ok(spec));
        }
    }

    #[test]
    fn any_text_is_a_source_or_is_refused_with_what_there_is(text: String) {
        if let Err(error) = text.parse::<SourceSpec>() {
            prop_assert!(error.to_string().contains("tone:") || error.to_string().contains("file:"));
        }
    }
}

#[test]
fn a_file_is_looped_only_when_asked() {
    let path = |text: &str| match text.parse() {
        Ok(SourceSpec::File { path, repeat }) => (path, repeat),
        other => panic!("{text} is a file, not {other:?}"),
    };
    assert_eq!(path("file:/a:b/c.wav"), (Path::new("/a:b/c.wav").to_owned(), false));
    assert_eq!(path("file:c.wav?loop"), (Path::new("c.wav").to_owned(), true));
}

#[cfg(not(feature = "device"))]
#[test]
fn without_sound_devices_their_names_say_how_to_build_them() {
    for name in ["device", "device:USB Headset"] {
        let error = name.parse::<SourceSpec>().expect_err("not there");
        assert_eq!(error, SourceSpecError::NotBuilt { name: name.to_owned() });
        assert!(error.to_string().contains("--features device"), "{error}");
    }
}

#[cfg(feature = "device")]
#[test]
fn a_microphone_is_named_or_the_default_one() {
    for text in ["device", "device:USB Headset", "device:hw:CARD=0,DEV=1"] {
        assert_eq!(text.parse::<SourceSpec>().expect("a source").to_string(), text);
    }
    assert_eq!("device:".parse::<SourceSpec>(), Err(SourceSpecError::NoName));
    let nowhere = SourceSpec::Device {
        name: Some("nowhere".to_owned()),
    };
    let error = nowhere.load().expect_err("there is none");
    assert!(
        error.to_string().contains("no microphone is called `nowhere`"),
        "{error}"
    );
}

#[test]
fn a_wrong_name_is_refused_with_its_fault() {
    let refused = |text: &str| text.parse::<SourceSpec>().expect_err(text);
    assert_eq!(
        refused("music"),
        SourceSpecError::Unknown {
            text: "music".to_owned()
        }
    );
    assert_eq!(
        refused("silence:1"),
        SourceSpecError::Unknown {
            text: "silence:1".to_owned()
        }
    );
    for (text, pitch) in [
        ("tone", ""),
        ("tone:", ""),
        ("tone:a4", "a4"),
        ("tone:19", "19"),
        ("tone:20001", "20001"),
    ] {
        assert_eq!(refused(text), SourceSpecError::Pitch { text: pitch.to_owned() });
    }
    for text in ["file", "file:", "file:?loop"] {
        assert_eq!(refused(text), SourceSpecError::NoPath);
    }
}

#[test]
fn a_missing_file_is_refused_when_it_is_opened() {
    let spec: SourceSpec = "file:no/such/file.wav".parse().expect("a source");
    let error = spec.open().err().expect("missing");
    assert!(
        error.to_string().starts_with("no/such/file.wav: cannot be read:"),
        "{error}"
    );
}

#[test]
fn an_ogg_opus_file_is_a_source_that_hands_its_packets_on() {
    use crate::ogg_opus::PacketWriter;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("prompt.opus");
    let mut file = PacketWriter::new(std::fs::File::create(&path).expect("created"), 1).expect("written");
    // Silence of 20 ms, mono.
    let packet = [0xf8, 0xff, 0xfe];
    for index in 0..3 {
        file.write(index * 960, &packet).expect("written");
    }
    file.finish().expect("written");
    let mut source = opened(&format!("file:{}", path.display()));
    for _ in 0..3 {
        assert_eq!(source.packet(), Some(&packet[..]));
        assert_eq!(source.skip(), Played::Full);
    }
    assert_eq!(source.packet(), None);
    assert_eq!(source.skip(), Played::End);
}
