use super::*;
use crate::{Clip, FRAME_SAMPLES, Silence, SourceFault};

/// So many frames of this sample.
fn clip(sample: i16, frames: usize) -> Box<dyn Source> {
    Box::new(Clip::once(vec![sample; frames * FRAME_SAMPLES].into()))
}

fn read(mixer: &mut Mixer) -> (i16, Played) {
    let mut frame = [i16::MAX; FRAME_SAMPLES];
    let played = mixer.read(&mut frame);
    assert!(frame.iter().all(|&sample| sample == frame[0]));
    (frame[0], played)
}

#[test]
fn a_prompt_lies_over_the_source_and_ends_by_itself() {
    let mut mixer = Mixer::new(clip(100, 5));
    assert_eq!(read(&mut mixer), (100, Played::Full));
    let prompt = mixer.play(clip(20, 2)).expect("room");
    assert_eq!(read(&mut mixer), (120, Played::Full));
    assert_eq!(read(&mut mixer), (120, Played::Full));
    assert_eq!(read(&mut mixer), (100, Played::Full));
    let ended = mixer.take_ended().expect("the prompt");
    assert_eq!((ended.id, ended.played), (prompt, Played::End));
    assert!(mixer.take_ended().is_none());
    assert_eq!(mixer.prompts().len(), 0);
    assert_eq!(read(&mut mixer), (100, Played::Full));
    assert_eq!(read(&mut mixer), (0, Played::End));
}

#[test]
fn a_prompt_goes_on_when_the_source_is_at_its_end() {
    let mut mixer = Mixer::new(clip(100, 1));
    mixer.play(clip(20, 3)).expect("room");
    assert_eq!(read(&mut mixer), (120, Played::Full));
    assert_eq!(read(&mut mixer), (20, Played::Full));
    assert_eq!(read(&mut mixer), (20, Played::Full));
    assert_eq!(read(&mut mixer), (0, Played::End));
}

#[test]
fn what_is_too_loud_together_is_clipped_and_does_not_wrap() {
    let mut mixer = Mixer::new(clip(30_000, 2));
    mixer.play(clip(30_000, 1)).expect("room");
    assert_eq!(read(&mut mixer).0, i16::MAX);
    mixer.set_base(clip(-30_000, 1));
    mixer.play(clip(-30_000, 1)).expect("room");
    assert_eq!(read(&mut mixer).0, i16::MIN);
}

#[test]
fn a_prompt_that_is_stopped_is_heard_no_more_and_the_others_go_on() {
    let mut mixer = Mixer::new(Box::new(Silence));
    let first = mixer.play(clip(1, 10)).expect("room");
    let second = mixer.play(clip(20, 10)).expect("room");
    assert_eq!(read(&mut mixer).0, 21);
    assert!(mixer.stop(first).is_some());
    assert!(mixer.stop(first).is_none());
    assert_eq!(mixer.prompts().collect::<Vec<_>>(), [second]);
    assert_eq!(read(&mut mixer).0, 20);
}

#[test]
fn the_base_is_changed_between_two_frames() {
    let mut mixer = Mixer::new(clip(1, 10));
    assert_eq!(read(&mut mixer), (1, Played::Full));
    let mut former = mixer.set_base(clip(2, 10));
    assert_eq!(read(&mut mixer), (2, Played::Full));
    let mut frame = SILENT_FRAME;
    assert_eq!(former.read(&mut frame), Played::Full);
}

#[test]
fn there_are_as_many_prompts_as_may_be_and_no_more() {
    let mut mixer = Mixer::new(Box::new(Silence));
    for _ in 0..Mixer::MOST_PROMPTS {
        mixer.play(clip(1, 1)).expect("room");
    }
    assert_eq!(mixer.play(clip(1, 1)), Err(MixerFull));
    assert_eq!(read(&mut mixer).0, 8);
    assert_eq!(read(&mut mixer).0, 0);
    while mixer.take_ended().is_some() {}
    assert!(mixer.play(clip(1, 1)).is_ok());
}

#[test]
fn a_prompt_that_breaks_is_over_and_the_source_goes_on() {
    struct Broken;
    impl Source for Broken {
        fn read(&mut self, frame: &mut Frame) -> Played {
            frame.fill(0);
            Played::Failed(SourceFault::Gone)
        }
    }
    let mut mixer = Mixer::new(clip(100, 3));
    mixer.play(Box::new(Broken)).expect("room");
    assert_eq!(read(&mut mixer), (100, Played::Full));
    assert_eq!(
        mixer.take_ended().map(|ended| ended.played),
        Some(Played::Failed(SourceFault::Gone))
    );
}

#[test]
fn volume_changes_the_level_by_decibels_and_stays_within_full_scale() {
    let heard = |decibels| {
        let mut mixer = Mixer::new(Box::new(Volume::new(clip(10_000, 1), decibels)));
        read(&mut mixer).0
    };
    assert_eq!(heard(0.0), 10_000);
    assert_eq!(heard(-20.0), 1_000);
    assert_eq!(heard(20.0), i16::MAX);
}
