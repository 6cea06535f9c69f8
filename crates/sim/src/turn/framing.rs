//! Messages in a stream (RFC 8656 section 12.5): STUN as it is, channel data padded to four bytes.

/// Of a STUN message, and of channel data.
const HEADERS: (usize, usize) = (20, 4);
/// Channel numbers begin with these bits, STUN messages with `00`.
const CHANNEL: u8 = 0x40;

/// What has come in of a stream, cut into messages.
#[derive(Debug, Default)]
pub(super) struct Messages(Vec<u8>);

impl Messages {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole message, without padding.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let [first, _, high, low] = *self.0.first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (message, with_padding) = if first >= CHANNEL {
            let message = HEADERS.1 + length;
            (message, message.next_multiple_of(4))
        } else {
            (HEADERS.0 + length, HEADERS.0 + length)
        };
        if self.0.len() < with_padding {
            return None;
        }
        let mut taken: Vec<u8> = self.0.drain(..with_padding).collect();
        taken.truncate(message);
        Some(taken)
    }
}

/// A message as it goes into a stream.
pub(super) fn padded(mut message: Vec<u8>) -> Vec<u8> {
    if message.first().is_some_and(|first| *first >= CHANNEL) {
        message.resize(message.len().next_multiple_of(4), 0);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in_however_the_stream_is_cut() {
        let stun = [&[0, 1, 0, 4][..], &[7; 20]].concat();
        let channel = vec![0x40, 0, 0, 5, 1, 2, 3, 4, 5];
        let stream: Vec<u8> = [stun.clone(), channel.clone(), stun.clone()]
            .into_iter()
            .flat_map(padded)
            .collect();
        assert_eq!(stream.len(), 24 + 12 + 24);
        for piece in 1..stream.len() {
            let (mut messages, mut out) = (Messages::default(), Vec::new());
            for bytes in stream.chunks(piece) {
                messages.add(bytes);
                out.extend(std::iter::from_fn(|| messages.next()));
            }
            assert_eq!(
                out,
                [stun.clone(), channel.clone(), stun.clone()],
                "in pieces of {piece}"
            );
        }
    }
}
