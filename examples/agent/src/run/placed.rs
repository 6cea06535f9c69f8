//! The call of `agent call`: what became of it decides how the program ends.

use std::{collections::HashMap, fmt};

use offhook::{ConnectionState, ConversationId, Event, SessionId};

use crate::exit::Exit;

/// A call that was placed. Its proposal may come before REST says which conversation it is.
#[derive(Default)]
pub struct Placed {
    conversation: Option<ConversationId>,
    /// The conversations of what rings and runs.
    carries: HashMap<SessionId, ConversationId>,
    /// How sessions ended while it was not known which is ours.
    ended: HashMap<ConversationId, Result<(), Exit>>,
    /// Sessions whose audio has come.
    answered: Vec<SessionId>,
}

impl Placed {
    /// Whether its audio flows.
    pub fn is_answered(&self) -> bool {
        self.answered
            .iter()
            .any(|session| self.carries.get(session) == self.conversation.as_ref())
    }

    /// REST has answered.
    pub fn became(&mut self, conversation: ConversationId) -> Result<(), Exit> {
        let ended = self.ended.remove(&conversation);
        self.conversation = Some(conversation);
        match ended {
            Some(Err(exit)) => Err(exit),
            Some(Ok(())) => Err(Exit::clean()),
            None => Ok(()),
        }
    }

    /// Takes in an event; an `Err` is the end of the call.
    pub fn told(&mut self, event: &Event) -> Result<(), Exit> {
        match event {
            Event::Proposed(proposal) => {
                self.carries.extend(
                    proposal
                        .conversation
                        .clone()
                        .map(|conversation| (proposal.id.clone(), conversation)),
                );
                Ok(())
            }
            Event::ProposalCancelled(session) => self.over(session, Err(Exit::call_refused("the call was taken back"))),
            Event::ProposalHandled(session) => self.over(
                session,
                Err(Exit::call_refused("the call was answered by another client")),
            ),
            Event::SessionStarted {
                session,
                conversation: Some(conversation),
                ..
            } => {
                self.carries.insert(session.clone(), conversation.clone());
                Ok(())
            }
            Event::SessionReplaced {
                session,
                replaced,
                conversation,
                ..
            } => {
                self.carries.remove(replaced);
                self.carries.insert(session.clone(), conversation.clone());
                if self.answered.contains(replaced) {
                    self.answered.push(session.clone());
                }
                Ok(())
            }
            Event::ConnectionState {
                session,
                state: ConnectionState::Connected,
            } => {
                self.answered.push(session.clone());
                Ok(())
            }
            Event::SessionEnded { session, reason, .. } => self.left(session, reason),
            _ => Ok(()),
        }
    }

    /// A session has ended, or its conversation has and it stays open.
    pub fn left(&mut self, session: &SessionId, why: &impl fmt::Display) -> Result<(), Exit> {
        let end = if self.answered.contains(session) {
            Ok(())
        } else {
            Err(Exit::call_refused(format!("no audio came: {why}")))
        };
        self.over(session, end)
    }

    fn over(&mut self, session: &SessionId, how: Result<(), Exit>) -> Result<(), Exit> {
        let Some(conversation) = self.carries.remove(session) else {
            return Ok(());
        };
        match &self.conversation {
            Some(ours) if *ours == conversation => Err(how.err().unwrap_or_else(Exit::clean)),
            Some(_) => Ok(()),
            None => {
                self.ended.insert(conversation, how);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook::{EndedBy, Reason};

    fn ended(session: &str, conversation: Option<&str>, reason: Reason) -> Event {
        Event::SessionEnded {
            session: SessionId::new(session),
            conversation: conversation.map(ConversationId::new),
            reason,
            by: EndedBy::Local,
            lasted: std::time::Duration::ZERO,
        }
    }

    #[test]
    fn a_call_that_goes_on_in_another_session_ends_with_that_one() {
        let mut placed = Placed::default();
        let conversation = ConversationId::new("c");
        let peer: offhook::Jid = "call@gjoll.example/1".parse().expect("a JID");
        let started = Event::SessionStarted {
            session: SessionId::new("one"),
            conversation: Some(conversation.clone()),
            peer: peer.clone(),
        };
        let connected = Event::ConnectionState {
            session: SessionId::new("one"),
            state: ConnectionState::Connected,
        };
        let replaced = Event::SessionReplaced {
            session: SessionId::new("two"),
            replaced: SessionId::new("one"),
            conversation: conversation.clone(),
            peer,
            reconnects: 1,
        };
        assert!(placed.became(conversation).is_ok());
        let alternative = ended("one", None, Reason::AlternativeSession);
        for event in [started, connected, replaced, alternative] {
            assert!(placed.told(&event).is_ok(), "{event:?} is not the end");
        }
        assert!(placed.is_answered());
        assert!(placed.told(&ended("two", Some("c"), Reason::Success)).is_err());
    }
}
