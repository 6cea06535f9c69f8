//! What a server may send and what it may not; and conversations with a server that is not ours.

use std::{iter, pin::pin};

use futures_util::{SinkExt, StreamExt};
use proptest::prelude::*;
use tokio::io::{DuplexStream, duplex};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, Role},
    },
};

use super::{
    frames::{Violation, frame},
    *,
};

const LIMIT: usize = 100_000;

/// A frame of a server: as a client's, but not masked.
fn sent(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(length as u8),
        length @ 126..=0xffff => frame.extend(iter::once(126).chain((length as u16).to_be_bytes())),
        length => frame.extend(iter::once(127).chain((length as u64).to_be_bytes())),
    }
    frame.extend_from_slice(payload);
    frame
}

/// All that is read of these bytes, up to a violation.
fn read(chunks: &[&[u8]]) -> (Vec<Received>, Option<Violation>) {
    let (mut reader, mut received) = (Reader::new(LIMIT), Vec::new());
    for chunk in chunks {
        reader.push(chunk);
        loop {
            match reader.next() {
                Ok(Some(item)) => received.push(item),
                Ok(None) => break,
                Err(violation) => return (received, Some(violation)),
            }
        }
    }
    (received, None)
}

fn text(text: &str) -> Received {
    Received::Text(text.to_owned())
}

#[test]
fn texts_of_any_length_come_whole() {
    for length in [0, 1, 125, 126, 127, 0xffff, 0x10000, LIMIT] {
        let word = "x".repeat(length);
        assert_eq!(
            read(&[&sent(0x81, word.as_bytes())]),
            (vec![text(&word)], None),
            "{length}"
        );
    }
}

#[test]
fn fragments_are_put_together_and_pings_come_between() {
    let bytes = [
        sent(0x01, "Gr\u{fc}".as_bytes()),
        sent(0x89, b"there?"),
        sent(0x00, b""),
        sent(0x80, b"ezi"),
    ]
    .concat();
    let expected = vec![Received::Ping(b"there?".to_vec()), text("Gr\u{fc}ezi")];
    assert_eq!(read(&[&bytes]), (expected.clone(), None));
    // A character may be cut in two, and so may everything else.
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(&single), (expected, None));
    let bytes = [sent(0x01, &[0xc3]), sent(0x80, &[0xbc])].concat();
    assert_eq!(read(&[&bytes]), (vec![text("\u{fc}")], None));
}

#[test]
fn a_close_says_why_or_does_not() {
    let close = |code, reason: &str| Received::Close {
        code,
        reason: reason.to_owned(),
    };
    assert_eq!(read(&[&[0x88, 0]]).0, [close(None, "")]);
    assert_eq!(read(&[&sent(0x88, b"\x03\xe9moved")]).0, [close(Some(1001), "moved")]);
}

#[test]
fn what_a_server_must_not_send_is_a_violation() {
    let begun = sent(0x01, b"a");
    for (bytes, expected) in [
        (sent(0xc1, b"a"), Violation::Extension),
        (sent(0x83, b"a"), Violation::Opcode(3)),
        (frame(Opcode::Text, b"a", [1; 4]), Violation::Masked),
        (sent(0x09, b"a"), Violation::Control),
        (sent(0x89, &[0; 126]), Violation::Control),
        (sent(0x88, b"a"), Violation::Control),
        (sent(0x88, b"\x03\xe8\xff"), Violation::NotUtf8),
        (sent(0x81, b"\xff"), Violation::NotUtf8),
        (sent(0x80, b"a"), Violation::Order),
        ([begun.clone(), sent(0x81, b"a")].concat(), Violation::Order),
        (sent(0x81, &vec![b'x'; LIMIT + 1]), Violation::TooLarge { limit: LIMIT }),
        (
            [begun, sent(0x80, &vec![b'x'; LIMIT])].concat(),
            Violation::TooLarge { limit: LIMIT },
        ),
        // It is told by the header alone.
        (
            vec![0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Violation::TooLarge { limit: LIMIT },
        ),
    ] {
        assert_eq!(read(&[&bytes]), (Vec::new(), Some(expected)));
    }
}

proptest! {
    #[test]
    fn no_bytes_of_a_server_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 1..40usize) {
        let whole = read(&[&bytes]);
        let pieces: Vec<_> = bytes.chunks(cut).collect();
        prop_assert_eq!(whole, read(&pieces), "where reads end makes no difference");
    }

    #[test]
    fn frames_of_a_server_are_read_however_they_are_cut(
        messages in prop::collection::vec(prop::collection::vec("\\PC{0,90}", 1..4), 0..5),
        cut in 1..50usize,
    ) {
        let mut bytes = Vec::new();
        for fragments in &messages {
            for (number, fragment) in fragments.iter().enumerate() {
                let opcode = if number == 0 { 1 } else { 0 };
                let last = if number + 1 == fragments.len() { 0x80 } else { 0 };
                bytes.extend(sent(last | opcode, fragment.as_bytes()));
            }
        }
        let pieces: Vec<_> = bytes.chunks(cut).collect();
        let expected: Vec<_> = messages.iter().map(|fragments| text(&fragments.concat())).collect();
        prop_assert_eq!(read(&pieces), (expected, None));
    }
}

/// A server that somebody else wrote, and our end.
async fn pair() -> (
    WebSocketStream<DuplexStream>,
    mpsc::Sender<Outgoing>,
    impl Stream<Item = Incoming>,
    Writer<DuplexStream>,
) {
    let (ours, theirs) = duplex(4096);
    let server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
    let (sender, incoming, writer) = open(ours, LIMIT, 64, [7; 32]);
    (server, sender, incoming, writer)
}

#[tokio::test]
async fn another_implementation_understands_us_and_we_it() {
    let (mut server, sender, incoming, writer) = pair().await;
    let writing = tokio::spawn(writer.run());
    let mut incoming = pin!(incoming);
    for length in [0, 5, 125, 126, 65_535, 65_536, 90_000] {
        let word = "\u{fc}".repeat(length / 2);
        sender.send(Outgoing::Text(word.clone())).await.unwrap();
        assert_eq!(server.next().await.unwrap().unwrap(), Message::text(word.clone()));
        let (told, heard) = tokio::join!(server.send(Message::text(word.clone())), incoming.next());
        told.unwrap();
        assert_eq!(heard, Some(Incoming::Text(word)));
    }
    server.send(Message::Ping("there?".into())).await.unwrap();
    server.send(Message::binary("means nothing")).await.unwrap();
    server.send(Message::text("after it")).await.unwrap();
    assert_eq!(incoming.next().await, Some(Incoming::Text("after it".into())));
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Pong("there?".into()));

    // What is queued goes out before the close, though nobody holds the queue any more.
    sender.send(Outgoing::Text("goodbye".into())).await.unwrap();
    drop(sender);
    assert_eq!(server.next().await.unwrap().unwrap(), Message::text("goodbye"));
    let Message::Close(Some(close)) = server.next().await.unwrap().unwrap() else {
        panic!("the close comes last");
    };
    assert_eq!(u16::from(close.code), 1000);
    assert_eq!(writing.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_close_of_the_server_is_told_and_answered() {
    let (mut server, sender, incoming, writer) = pair().await;
    tokio::spawn(writer.run());
    let mut incoming = pin!(incoming);
    let close = |reason: &'static str| CloseFrame {
        code: 4001.into(),
        reason: reason.into(),
    };
    server.close(Some(close("moved"))).await.unwrap();
    let reason = "moved".to_owned();
    assert_eq!(
        incoming.next().await,
        Some(Incoming::Closed {
            code: Some(4001),
            reason
        })
    );
    assert_eq!(incoming.next().await, None);
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Close(Some(close(""))));
    assert!(server.next().await.is_none());
    drop(sender);
}

#[tokio::test]
async fn a_server_that_breaks_the_rules_is_told_which_and_hung_up_on() {
    let (ours, mut theirs) = duplex(4096);
    let (_sender, incoming, writer) = open(ours, LIMIT, 64, [7; 32]);
    tokio::spawn(writer.run());
    theirs.write_all(&sent(0x81, b"\xff")).await.unwrap();
    let reason = "a text is not UTF-8".to_owned();
    assert_eq!(
        pin!(incoming).next().await,
        Some(Incoming::Closed { code: None, reason })
    );
    let mut server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
    let Message::Close(Some(close)) = server.next().await.unwrap().unwrap() else {
        panic!("it is told");
    };
    assert_eq!(u16::from(close.code), 1007);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_nothing_is_given_up_and_its_pings_pile_up_nowhere() {
    let (ours, theirs) = duplex(4096);
    let (sender, incoming, writer) = open(ours, LIMIT, 8, [7; 32]);
    let (_reads_nothing, mut theirs) = split(theirs);
    let writing = tokio::spawn(writer.run());
    let pinging = tokio::spawn(async move {
        for _ in 0..10_000 {
            theirs.write_all(&sent(0x89, &[b'?'; 125])).await.unwrap();
        }
        theirs.write_all(&sent(0x81, b"still here")).await.unwrap();
        theirs
    });
    assert_eq!(pin!(incoming).next().await, Some(Incoming::Text("still here".into())));
    assert_eq!(sender.capacity(), 0, "the queue is full, and nothing waits beside it");
    let reason = "the server read nothing for 15 s".to_owned();
    assert_eq!(writing.await.unwrap(), Err(reason));
    drop(pinging.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_slowly_keeps_no_socket_that_nobody_holds() {
    let (ours, mut theirs) = duplex(100);
    let (sender, _incoming, writer) = open(ours, LIMIT, 64, [7; 32]);
    for _ in 0..64 {
        sender.try_send(Outgoing::Text("x".repeat(1000))).ok().unwrap();
    }
    drop(sender);
    let writing = tokio::spawn(writer.run());
    tokio::spawn(async move {
        let mut frame = [0; 1008];
        while theirs.read_exact(&mut frame).await.is_ok() {
            time::sleep(Duration::from_secs(4)).await;
        }
    });
    let ended = time::timeout(LAST_TIMEOUT + CLOSE_TIMEOUT, writing).await;
    assert_eq!(ended.expect("it does not go on for minutes").unwrap(), Ok(()));
}

#[tokio::test]
async fn a_connection_that_is_cut_ends_without_a_word() {
    let (ours, theirs) = duplex(64);
    let (_sender, incoming, _writer) = open(ours, LIMIT, 8, [7; 32]);
    drop(theirs);
    assert_eq!(pin!(incoming).next().await, None);
}
