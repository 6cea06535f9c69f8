use super::*;
use crate::FRAME_SAMPLES;

fn frame(sample: i16) -> Frame {
    [sample; FRAME_SAMPLES]
}

fn read(source: &mut ChannelSource) -> (i16, Played) {
    let mut frame = [i16::MAX; FRAME_SAMPLES];
    let played = source.read(&mut frame);
    assert!(frame.iter().all(|&sample| sample == frame[0]));
    (frame[0], played)
}

#[test]
fn what_a_program_sends_is_played_in_order_and_then_the_source_ends() {
    let (mut sender, mut source) = source(4);
    for sample in 1..=3 {
        sender.try_send(&frame(sample)).expect("room");
    }
    drop(sender);
    assert_eq!(read(&mut source), (1, Played::Full));
    assert_eq!(read(&mut source), (2, Played::Full));
    assert_eq!(read(&mut source), (3, Played::Full));
    assert_eq!(read(&mut source), (0, Played::End));
    assert_eq!(read(&mut source), (0, Played::End));
}

#[test]
fn what_a_program_has_not_sent_in_time_is_silence_and_counted() {
    let (mut sender, mut source) = source(4);
    assert_eq!(read(&mut source), (0, Played::Underrun));
    sender.try_send(&frame(5)).expect("room");
    assert_eq!(read(&mut source), (5, Played::Full));
    assert_eq!(read(&mut source), (0, Played::Underrun));
    assert_eq!(sender.underruns(), 2);
}

#[test]
fn a_program_that_fails_says_so_after_what_it_sent() {
    let (mut sender, mut source) = source(4);
    sender.try_send(&frame(5)).expect("room");
    sender.fail(SourceFault::Damaged);
    assert_eq!(read(&mut source), (5, Played::Full));
    assert_eq!(read(&mut source), (0, Played::Failed(SourceFault::Damaged)));
}

#[test]
fn a_program_that_is_faster_than_the_call_waits_for_it() {
    let (mut sender, mut source) = source(2);
    let program = thread::spawn(move || {
        for sample in 0..100 {
            sender.send_blocking(&frame(sample)).expect("the call lives");
        }
    });
    let mut heard = Vec::new();
    loop {
        match read(&mut source) {
            (sample, Played::Full) => heard.push(sample),
            (_, Played::Underrun) => thread::yield_now(),
            (_, played) => break assert_eq!(played, Played::End),
        }
    }
    program.join().expect("no panic");
    assert!(heard.into_iter().eq(0..100));
}

#[test]
fn a_program_that_waits_for_room_is_told_when_the_call_is_over() {
    let (mut sender, source) = source(1);
    sender.try_send(&frame(1)).expect("room");
    assert_eq!(sender.try_send(&frame(2)), Err(TrySendError::Full));
    let program = thread::spawn(move || sender.send_blocking(&frame(2)));
    drop(source);
    assert_eq!(program.join().expect("no panic"), Err(Closed));
}

#[test]
fn what_a_slow_program_has_no_room_for_is_dropped_and_counted() {
    let (mut sink, mut receiver) = sink(2);
    for sample in 1..=5 {
        sink.write(&frame(sample)).expect("takes it");
    }
    assert_eq!((receiver.dropped(), sink.waiting()), (3, 2));
    assert_eq!(receiver.try_next(), Some(frame(1)));
    sink.write(&frame(6)).expect("takes it");
    drop(sink);
    let rest: Vec<_> = std::iter::from_fn(|| receiver.next_blocking())
        .map(|frame| frame[0])
        .collect();
    assert_eq!(rest, [2, 6]);
}

#[test]
fn a_sink_whose_program_is_gone_says_so() {
    let (mut closed, receiver) = sink(2);
    drop(receiver);
    assert!(matches!(closed.write(&frame(1)), Err(SinkError::Closed { .. })));
    let (mut failed, receiver) = sink(2);
    let error = SinkError::Write {
        name: "stdout".to_owned(),
        kind: std::io::ErrorKind::BrokenPipe,
    };
    receiver.fail(error.clone());
    assert_eq!(failed.write(&frame(1)), Err(error));
}

#[tokio::test]
async fn both_ends_of_a_program_wait_in_a_runtime() {
    let (mut sender, mut source) = source(1);
    let (mut sink, mut receiver) = sink(8);
    let echo = tokio::spawn(async move {
        let mut frames = 0;
        while let Some(frame) = receiver.next().await {
            sender.send(&frame).await.expect("the call lives");
            frames += 1;
        }
        frames
    });
    let mut heard = Vec::new();
    let mut sample = 0;
    while heard.len() < 50 {
        if sample < 50 && sink.waiting() < 8 {
            sink.write(&frame(sample)).expect("takes it");
            sample += 1;
        }
        if let (sample, Played::Full) = read(&mut source) {
            heard.push(sample);
        }
        tokio::task::yield_now().await;
    }
    drop(sink);
    assert_eq!(echo.await.expect("no panic"), 50);
    assert!(heard.into_iter().eq(0..50));
    assert_eq!(read(&mut source).1, Played::End);
}
