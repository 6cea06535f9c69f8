//! Content names of Jingle, which are any text, as identification tags of SDP, which are tokens (RFC 5888 section 4).

use std::fmt::Write;

/// The tag for a content of this name. A name that is a token stays as it is; in any other the bytes that no token has are written as
/// `%` and two hexadecimal digits.
///
/// It may be longer than engines take: for libwebrtc a tag has at most 32 bytes, and at most 16 in a bundle.
pub fn mid_of(name: &str) -> String {
    let mut mid = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte != b'%' && is_token_byte(byte) {
            mid.push(char::from(byte));
        } else {
            write!(mid, "%{byte:02X}").expect("a String takes all");
        }
    }
    mid
}

/// The name of the content with this tag: the opposite of [`mid_of`]. A tag that it would not have made stays as it is.
pub fn content_of(mid: &str) -> String {
    decoded(mid)
        .filter(|name| mid_of(name) == mid)
        .unwrap_or_else(|| mid.to_owned())
}

fn decoded(mid: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(mid.len());
    let mut rest = mid.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// `token-char` of RFC 8866 section 9.
pub(super) fn is_token_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x27 | 0x2A..=0x2B | 0x2D..=0x2E | 0x30..=0x39 | 0x41..=0x5A | 0x5E..=0x7E)
}

/// Whether it is a token (RFC 8866 section 9).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether the character cannot stand in a line.
pub(super) fn breaks_a_line(character: char) -> bool {
    character.is_control() && character != '\t'
}

/// Whether it can stand as one word of a line.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|character: char| character.is_whitespace() || character.is_control())
}
