//! Bodies of the fuzz targets, as plain functions: a fuzzer runs them, and so do the tests, on stored inputs and random ones.

use super::frames::{Reader, Received, Violation};

/// The largest message, small enough for a fuzzer to go beyond it.
const LIMIT: usize = 1000;

/// Bytes of a server, read at once and in pieces of as many bytes as the first byte says: that must make no difference, and
/// nothing larger than agreed may come of it.
pub fn websocket_frames(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else {
        return;
    };
    let whole = read([bytes]);
    for item in &whole.0 {
        let length = match item {
            Received::Text(text) => text.len(),
            Received::Ping(payload) => payload.len(),
            Received::Close { reason, .. } => reason.len(),
            Received::Binary | Received::Pong => 0,
        };
        assert!(length <= LIMIT, "larger than agreed");
    }
    let size = usize::from(*size).max(1);
    assert!(whole == read(bytes.chunks(size)), "where reads end makes a difference");
}

fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Received>, Option<Violation>) {
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
