//! The frames of a WebSocket as its client sees them (RFC 6455 section 5): bytes in, messages out, and back. No I/O.

use thiserror::Error;

/// How long a control frame's payload may be.
pub(super) const LARGEST_CONTROL: usize = 125;

/// What the server sent.
#[derive(PartialEq)]
#[cfg_attr(test, derive(Debug, Clone))]
pub(super) enum Received {
    /// A text message, whole.
    Text(String),
    /// A binary message, of which the content is not kept: RFC 7395 knows none.
    Binary,
    Ping(Vec<u8>),
    Pong,
    Close {
        code: Option<u16>,
        reason: String,
    },
}

/// What the server must not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Violation {
    #[error("a frame uses an extension that was not agreed on")]
    Extension,
    #[error("a frame has the unknown opcode {0}")]
    Opcode(u8),
    #[error("a frame of the server is masked")]
    Masked,
    #[error("a control frame is fragmented or longer than {LARGEST_CONTROL} bytes")]
    Control,
    #[error("a message begins before another has ended, or goes on without a beginning")]
    Order,
    #[error("a text is not UTF-8")]
    NotUtf8,
    #[error("a message is larger than {limit} bytes")]
    TooLarge { limit: usize },
}

impl Violation {
    /// What the server is told when it is hung up on (RFC 6455 section 7.4.1).
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Extension | Self::Opcode(_) | Self::Masked | Self::Control | Self::Order => 1002,
            Self::NotUtf8 => 1007,
            Self::TooLarge { .. } => 1009,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn read(bits: u8) -> Result<Self, Violation> {
        Ok(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            unknown => return Err(Violation::Opcode(unknown)),
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

/// Makes messages of what the server sends. It never holds more than one message of the largest size and one read.
pub(super) struct Reader {
    limit: usize,
    buffer: Vec<u8>,
    /// How much of the buffer has been read.
    read: usize,
    message: Option<Fragments>,
}

/// A message of which the last fragment is not there yet.
struct Fragments {
    text: bool,
    payload: Vec<u8>,
}

struct Header {
    last: bool,
    opcode: Opcode,
    /// Of itself.
    length: usize,
    payload: usize,
}

impl Reader {
    /// A reader of messages of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            buffer: Vec::new(),
            read: 0,
            message: None,
        }
    }

    /// Takes what came; read on with [`next`](Self::next) before more is given.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, if it is there. After a violation nothing that follows can be trusted.
    pub(super) fn next(&mut self) -> Result<Option<Received>, Violation> {
        loop {
            let unread = &self.buffer[self.read..];
            let Some(header) = self.header(unread)? else {
                return Ok(None);
            };
            let end = header.length + header.payload;
            let Some(payload) = unread.get(header.length..end) else {
                return Ok(None);
            };
            let payload = payload.to_vec();
            self.read += end;
            let whole = match header.opcode {
                Opcode::Text => self.begin(true, header.last, payload)?,
                Opcode::Binary => self.begin(false, header.last, payload)?,
                Opcode::Continuation => self.go_on(header.last, &payload)?,
                Opcode::Close => Some(close(&payload)?),
                Opcode::Ping => Some(Received::Ping(payload)),
                Opcode::Pong => Some(Received::Pong),
            };
            if whole.is_some() {
                return Ok(whole);
            }
        }
    }

    /// The header of the frame that begins here, if all of it is there (RFC 6455 section 5.2).
    fn header(&self, bytes: &[u8]) -> Result<Option<Header>, Violation> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & 0b0111_0000 != 0 {
            return Err(Violation::Extension);
        }
        let (last, opcode) = (first & 0b1000_0000 != 0, Opcode::read(first & 0b1111)?);
        if second & 0b1000_0000 != 0 {
            return Err(Violation::Masked);
        }
        let (length, payload) = match second {
            126 => match rest.first_chunk() {
                Some(length) => (4, u64::from(u16::from_be_bytes(*length))),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(length) => (10, u64::from_be_bytes(*length)),
                None => return Ok(None),
            },
            short => (2, u64::from(short)),
        };
        let allowed = match opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong if !last || payload > LARGEST_CONTROL as u64 => {
                return Err(Violation::Control);
            }
            Opcode::Close | Opcode::Ping | Opcode::Pong => LARGEST_CONTROL,
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                let begun = self.message.as_ref().map_or(0, |message| message.payload.len());
                self.limit - begun
            }
        };
        match usize::try_from(payload) {
            Ok(payload) if payload <= allowed => Ok(Some(Header {
                last,
                opcode,
                length,
                payload,
            })),
            // Told before it is read: what is too large is not waited for.
            Ok(_) | Err(_) => Err(Violation::TooLarge { limit: self.limit }),
        }
    }

    fn begin(&mut self, text: bool, last: bool, payload: Vec<u8>) -> Result<Option<Received>, Violation> {
        if self.message.is_some() {
            return Err(Violation::Order);
        }
        let message = Fragments { text, payload };
        if last {
            return message.whole().map(Some);
        }
        self.message = Some(message);
        Ok(None)
    }

    fn go_on(&mut self, last: bool, payload: &[u8]) -> Result<Option<Received>, Violation> {
        let mut message = self.message.take().ok_or(Violation::Order)?;
        message.payload.extend_from_slice(payload);
        if last {
            return message.whole().map(Some);
        }
        self.message = Some(message);
        Ok(None)
    }
}

impl Fragments {
    fn whole(self) -> Result<Received, Violation> {
        if self.text {
            utf8(self.payload).map(Received::Text)
        } else {
            Ok(Received::Binary)
        }
    }
}

fn close(payload: &[u8]) -> Result<Received, Violation> {
    let (code, reason) = match payload {
        [] => (None, &[][..]),
        [_] => return Err(Violation::Control),
        &[high, low, ref reason @ ..] => (Some(u16::from_be_bytes([high, low])), reason),
    };
    let reason = utf8(reason.to_vec())?;
    Ok(Received::Close { code, reason })
}

fn utf8(bytes: Vec<u8>) -> Result<String, Violation> {
    String::from_utf8(bytes).map_err(|_| Violation::NotUtf8)
}

/// A frame of the client, whole and masked (RFC 6455 section 5.3).
pub(super) fn frame(opcode: Opcode, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame.push(0b1000_0000 | opcode.bits());
    // The first bit says that the payload is masked.
    match payload.len() {
        length @ 0..=125 => frame.push(0b1000_0000 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0b1000_0000 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0b1000_0000 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}
