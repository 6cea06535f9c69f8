use super::*;

/// Reads frames until the source is over; the samples and how it ended.
fn drained(source: &mut dyn Source) -> (Vec<i16>, Played) {
    let until = Instant::now() + Duration::from_secs(20);
    let mut samples = Vec::new();
    loop {
        let mut frame = SILENT_FRAME;
        match source.read(&mut frame) {
            Played::Full => samples.extend(frame),
            Played::Underrun => thread::yield_now(),
            over @ (Played::End | Played::Failed(_)) => return (samples, over),
        }
        assert!(Instant::now() < until, "the pipe never ended");
    }
}

#[test]
fn what_is_piped_in_is_played_and_a_cut_off_frame_is_filled_with_silence() {
    let samples: Vec<i16> = (0..2000).collect();
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut source = source(io::Cursor::new(bytes)).expect("a thread");
    let (played, end) = drained(&mut source);
    assert_eq!(end, Played::End);
    assert_eq!(played[..2000], samples);
    assert_eq!(played.len(), 3 * FRAME_SAMPLES);
    assert!(played[2000..].iter().all(|&sample| sample == 0));
}

#[test]
fn a_pipe_that_cannot_be_read_fails_with_its_cause() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let mut source = source(Broken).expect("a thread");
    let (_, end) = drained(&mut source);
    assert_eq!(end, Played::Failed(SourceFault::Read(io::ErrorKind::ConnectionReset)));
}

#[test]
fn what_is_piped_out_arrives_whole_when_the_sink_is_finished() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let mut sink = Box::new(sink(writer, "pipe").expect("a thread"));
    for sample in 0..20 {
        sink.write(&[sample; FRAME_SAMPLES]).expect("takes it");
    }
    let reading = thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map(|_| bytes)
    });
    sink.finish().expect("nothing is lost");
    let bytes = reading.join().expect("no panic").expect("reads");
    let expected: Vec<u8> = (0..20_i16)
        .flat_map(|sample| [sample; FRAME_SAMPLES])
        .flat_map(i16::to_le_bytes)
        .collect();
    assert_eq!(bytes, expected);
}

#[test]
fn a_sink_whose_reader_is_gone_says_so_by_its_name() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let mut sink = sink(writer, "pipe").expect("a thread");
    let until = Instant::now() + Duration::from_secs(20);
    let error = loop {
        match sink.write(&SILENT_FRAME) {
            Ok(()) => assert!(Instant::now() < until, "the sink never noticed"),
            Err(error) => break error,
        }
    };
    assert_eq!(
        error,
        SinkError::Closed {
            name: "pipe".to_owned()
        }
    );
}

#[test]
fn one_at_a_time_has_what_there_is_one_of() {
    let shelf = Shelf::new(7);
    let (mut first, mut second) = (shelf.lend(), shelf.lend());
    assert_eq!(first.get(), Some(&mut 7));
    assert_eq!(second.get(), None);
    drop(first);
    assert_eq!(second.get(), Some(&mut 7));
}
