//! What XML allows in text, which is less than a `String` holds.

use std::borrow::Cow;

/// The production `Char` of XML 1.0.
pub(crate) fn is_xml_char(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// The text with U+FFFD in the place of every character that no stanza can carry, not even escaped.
pub(crate) fn xml_text(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_xml_char) {
        Cow::Borrowed(text)
    } else {
        let carried = |character| if is_xml_char(character) { character } else { '\u{FFFD}' };
        text.chars().map(carried).collect()
    }
}
