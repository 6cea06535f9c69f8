//! The session's words in Jingle (XEP-0166 and its family): stanzas into what they mean given what was said before, and what the
//! session wants into stanzas.

mod changes;
mod hear;
mod say;

pub(super) use changes::offer;
pub(super) use hear::{action_of, hear};
pub(super) use say::{answer, decline, info, initiate, news, terminate};
