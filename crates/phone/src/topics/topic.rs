//! Names of topics, and how important a topic is.

use std::{fmt, str::FromStr};

use serde::Serialize;
use thiserror::Error;

/// A name on the wire is shorter than this, in bytes.
pub(super) const LONGEST: usize = 200;

/// The name of one notification topic, for example `v2.users.{id}.presence`: a node of the pubsub service (XEP-0060).
///
/// ```
/// use offhook_phone::Topic;
///
/// let presence: Topic = "v2.users.me.presence".parse()?;
/// // What the API writes as one name may be several topics.
/// assert_eq!(Topic::split("v2.users.me?presence&station")?, [presence, "v2.users.me.station".parse()?]);
/// # Ok::<(), offhook_phone::TopicError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Topic(String);

/// Why a text names no topic.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TopicError {
    /// There is no text, or no text where a part of a combined name should be.
    #[error("the topic {text:?} has an empty part")]
    Empty {
        /// What was given.
        text: String,
    },
    /// The name is too long to be subscribed to.
    #[error("the topic {text:?} has {} bytes; names are shorter than {LONGEST}", text.len())]
    TooLong {
        /// What was given.
        text: String,
    },
    /// A character that no topic's name has.
    #[error("the topic {text:?} contains {character:?}")]
    Character {
        /// What was given.
        text: String,
        /// What does not belong there.
        character: char,
    },
}

impl Topic {
    /// The topics of a name that may combine several: `prefix?a&b` is `prefix.a` and `prefix.b`.
    ///
    /// # Errors
    /// When a part is empty, too long, or has a character that cannot be in it.
    pub fn split(text: &str) -> Result<Vec<Self>, TopicError> {
        match text.split_once('?') {
            None => Ok(vec![text.parse()?]),
            Some((prefix, parts)) => {
                let empty = || TopicError::Empty { text: text.to_owned() };
                let whole = |part: &str| match part {
                    "" => Err(empty()),
                    part => format!("{prefix}.{part}").parse(),
                };
                parts.split('&').map(whole).collect()
            }
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What may be combined with others: everything before the last dot, and the rest.
    pub(crate) fn parts(&self) -> Option<(&str, &str)> {
        self.0.rsplit_once('.')
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        let text = text.to_owned();
        let wrong =
            |character: &char| matches!(character, '?' | '&') || character.is_whitespace() || character.is_control();
        if text.split('.').any(str::is_empty) {
            Err(TopicError::Empty { text })
        } else if text.len() >= LONGEST {
            Err(TopicError::TooLong { text })
        } else if let Some(character) = text.chars().find(wrong) {
            Err(TopicError::Character { text, character })
        } else {
            Ok(Self(text))
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for Topic {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Topic {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// How important a topic is: when there are more than the server takes, the least important ones are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Priority(pub i32);

impl Priority {
    /// Before all others.
    pub const HIGHEST: Self = Self(i32::MAX);
}
