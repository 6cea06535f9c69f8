//! Messages of a TURN server on a stream (RFC 8656 section 12.5, RFC 8489 section 6.2.2).

/// Of a STUN message, before its attributes.
const STUN_HEADER: usize = 20;
/// Of a message on a channel, before its data.
const CHANNEL_HEADER: usize = 4;

/// Finds the messages in a stream. Messages on channels are padded to a multiple of four there.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: Vec<u8>,
}

/// The stream does not carry what a TURN server sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotTurn;

impl Frames {
    /// Takes more of the stream; gives the messages that are complete by now, without padding.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, NotTurn> {
        self.buffer.extend_from_slice(bytes);
        let mut messages = Vec::new();
        let mut rest = self.buffer.as_slice();
        while let [first, _, high, low, ..] = *rest {
            let announced = usize::from(u16::from_be_bytes([high, low]));
            let (length, padded) = match first {
                0..=0x3F => (STUN_HEADER + announced, STUN_HEADER + announced),
                0x40..=0x7F => {
                    let length = CHANNEL_HEADER + announced;
                    (length, length.next_multiple_of(4))
                }
                _ => return Err(NotTurn),
            };
            if rest.len() < padded {
                break;
            }
            messages.push(rest[..length].to_vec());
            rest = &rest[padded..];
        }
        let consumed = self.buffer.len() - rest.len();
        self.buffer.drain(..consumed);
        Ok(messages)
    }

    /// A message as it goes over a stream.
    pub(super) fn padded(mut message: Vec<u8>) -> Vec<u8> {
        if message.first().is_some_and(|first| (0x40..=0x7F).contains(first)) {
            message.resize(message.len().next_multiple_of(4), 0);
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message() -> impl Strategy<Value = Vec<u8>> {
        let stun = prop::collection::vec(any::<u8>(), 0..40).prop_map(|mut attributes| {
            attributes.resize(attributes.len().next_multiple_of(4), 7);
            let mut message = vec![1, 1, 0, attributes.len() as u8];
            message.resize(STUN_HEADER, 9);
            message.extend(attributes);
            message
        });
        let channel = prop::collection::vec(any::<u8>(), 0..40).prop_map(|data| {
            let mut message = vec![0x40, 3, 0, data.len() as u8];
            message.extend(data);
            message
        });
        prop_oneof![stun, channel]
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_however_the_stream_is_cut(
            messages in prop::collection::vec(message(), 0..8),
            piece in 1_usize..50,
        ) {
            let stream: Vec<u8> = messages.iter().cloned().flat_map(Frames::padded).collect();
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for bytes in stream.chunks(piece) {
                found.extend(frames.push(bytes).expect("what a server sends"));
            }
            prop_assert_eq!(found, messages);
        }
    }

    #[test]
    fn what_is_no_turn_is_noticed() {
        assert_eq!(Frames::default().push(b"\xFFTTP"), Err(NotTurn));
    }
}
