//! One element's attributes and text, each measured before it is taken.

use std::str::FromStr;

use minidom::Element;

use super::super::{JingleError, JingleLimits};

/// An element that is being read, under the name by which errors speak of it.
pub(super) struct Tag<'a> {
    element: &'a Element,
    name: &'static str,
    limits: &'a JingleLimits,
}

impl<'a> Tag<'a> {
    pub(super) fn new(element: &'a Element, name: &'static str, limits: &'a JingleLimits) -> Self {
        Self { element, name, limits }
    }

    /// An attribute as it is; an empty one counts as absent.
    pub(super) fn text(&self, attribute: &'static str) -> Result<Option<&'a str>, JingleError> {
        Ok(self.raw(attribute)?.filter(|text| !text.is_empty()))
    }

    /// An attribute as it is, which may be empty.
    pub(super) fn raw(&self, attribute: &'static str) -> Result<Option<&'a str>, JingleError> {
        let text = self.element.attr(attribute);
        text.map(|text| measured(attribute, text, self.limits)).transpose()
    }

    /// An attribute that cannot be done without.
    pub(super) fn required(&self, attribute: &'static str) -> Result<&'a str, JingleError> {
        self.text(attribute)?.ok_or(JingleError::Missing {
            element: self.name,
            attribute,
        })
    }

    /// An attribute that may be absent, but if it is there has to be what is expected.
    pub(super) fn word<T: FromStr>(
        &self,
        attribute: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, JingleError> {
        let word = self.text(attribute)?.map(|text| text.trim().parse());
        word.transpose().map_err(|_| JingleError::Malformed {
            element: self.name,
            attribute,
            expected,
        })
    }

    /// An attribute that has to be there and to be what is expected.
    pub(super) fn required_word<T: FromStr>(
        &self,
        attribute: &'static str,
        expected: &'static str,
    ) -> Result<T, JingleError> {
        self.word(attribute, expected)?.ok_or(JingleError::Missing {
            element: self.name,
            attribute,
        })
    }

    /// An attribute that adds something, if it can be understood, and is passed over otherwise.
    pub(super) fn hint<T: FromStr>(&self, attribute: &'static str) -> Result<Option<T>, JingleError> {
        Ok(self.text(attribute)?.and_then(|text| text.trim().parse().ok()))
    }

    /// A boolean of XML Schema; `None` if it is absent or none.
    pub(super) fn flag(&self, attribute: &'static str) -> Option<bool> {
        match self.element.attr(attribute).map(str::trim) {
            Some("true" | "1") => Some(true),
            Some("false" | "0") => Some(false),
            Some(_) | None => None,
        }
    }

    /// The text of the element, without the white space around it.
    pub(super) fn body(&self) -> Result<String, JingleError> {
        let bytes = self.element.texts().map(str::len).sum();
        if bytes > self.limits.text {
            return Err(JingleError::TooLong {
                what: self.name,
                bytes,
                limit: self.limits.text,
            });
        }
        Ok(self.element.text().trim().to_owned())
    }

    /// The text of an element that has no meaning without it.
    pub(super) fn required_body(&self) -> Result<String, JingleError> {
        let body = self.body()?;
        if body.is_empty() {
            return Err(JingleError::Empty { element: self.name });
        }
        Ok(body)
    }
}

/// The text, if it is not too long.
pub(super) fn measured<'a>(what: &'static str, text: &'a str, limits: &JingleLimits) -> Result<&'a str, JingleError> {
    let (bytes, limit) = (text.len(), limits.text);
    if bytes > limit {
        return Err(JingleError::TooLong { what, bytes, limit });
    }
    Ok(text)
}

/// The text of an element as far as the limit goes; `None` if there is none.
pub(super) fn beginning(element: &Element, limit: usize) -> Option<String> {
    let mut text = String::new();
    for character in element.texts().flat_map(str::chars) {
        if text.len() + character.len_utf8() > limit {
            break;
        }
        text.push(character);
    }
    (!text.is_empty()).then_some(text)
}

/// Adds to a list, if it is not too long.
pub(super) fn push<T>(list: &mut Vec<T>, item: T, limit: usize, what: &'static str) -> Result<(), JingleError> {
    if list.len() >= limit {
        return Err(JingleError::TooMany { what, limit });
    }
    list.push(item);
    Ok(())
}
