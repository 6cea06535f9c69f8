//! One part of a conversation.

use std::sync::Arc;

use offhook_jingle::Reason;
use serde_json::{Value, json};

use super::{Destination, Participant, ParticipantState, Participation, Purpose};
use crate::call_state::{CallHandle, CallState, Ended};
use crate::config::User;
use crate::gateway::{Party, Voice};

pub(crate) struct Part {
    pub(super) id: String,
    /// The id of its call within the conversation (`communicationId`).
    pub(super) communication: String,
    pub(super) purpose: Purpose,
    outbound: bool,
    /// The user's name, or the number.
    name: String,
    pub(super) who: Who,
    /// Hears nobody and is heard by nobody, while others consult each other.
    pub(super) apart: bool,
    /// It was ended by a transfer.
    pub(super) transferred: bool,
    /// Whom its client was last made to hear, by their ids.
    pub(super) hears: Option<Vec<String>>,
    /// Its user was told that it is over.
    pub(super) told_end: bool,
    /// Who comes in its place if it is not answered.
    pub(super) otherwise: Option<Destination>,
}

/// Who takes part.
pub(super) enum Who {
    /// A user's client, or clients that still ring.
    Client(CallHandle),
    /// A party beyond the gateway.
    Beyond {
        party: Arc<Party>,
        state: ParticipantState,
        participation: Participation,
    },
    /// The voicemail of a user, until the message is left.
    Voicemail {
        user: String,
        party: Arc<Party>,
        listening: bool,
    },
    /// A queue, until somebody has taken the call.
    Queue { waiting: bool },
}

impl Part {
    /// The part of a user who is called, or has called. `ids` are the part's and its communication's.
    pub(crate) fn of_client(ids: [String; 2], purpose: Purpose, name: &str, call: CallHandle) -> Self {
        let outbound = call.outbound;
        Self::new(ids, purpose, name, outbound, Who::Client(call))
    }

    /// The part of somebody beyond the gateway.
    pub(crate) fn beyond(ids: [String; 2], purpose: Purpose, name: &str, party: Arc<Party>) -> Self {
        let called = purpose == Purpose::External;
        let who = Who::Beyond {
            party,
            state: if called {
                ParticipantState::Contacting
            } else {
                ParticipantState::Connected
            },
            participation: Participation::default(),
        };
        Self::new(ids, purpose, name, called, who)
    }

    /// A queue, in which the conversation waits.
    pub(crate) fn queue(ids: [String; 2], name: &str) -> Self {
        Self::new(ids, Purpose::Acd, name, false, Who::Queue { waiting: true })
    }

    /// The voicemail of a user.
    pub(crate) fn voicemail(ids: [String; 2], user: &User, party: Arc<Party>) -> Self {
        let who = Who::Voicemail {
            user: user.id.clone(),
            party,
            listening: true,
        };
        Self::new(ids, Purpose::Voicemail, &user.name, false, who)
    }

    fn new([id, communication]: [String; 2], purpose: Purpose, name: &str, outbound: bool, who: Who) -> Self {
        Self {
            id,
            communication,
            purpose,
            outbound,
            name: name.to_owned(),
            who,
            apart: false,
            transferred: false,
            hears: None,
            told_end: false,
            otherwise: None,
        }
    }

    pub(super) fn user(&self) -> Option<&str> {
        match &self.who {
            Who::Client(call) => Some(call.user()),
            Who::Voicemail { user, .. } => Some(user),
            Who::Beyond { .. } | Who::Queue { .. } => None,
        }
    }

    pub(super) fn state(&self) -> ParticipantState {
        match &self.who {
            Who::Client(call) => match &*call.state.borrow() {
                // Who is told `connected` before there is a session takes the call for another client's.
                CallState::Ringing | CallState::Offered { .. } if self.outbound => ParticipantState::Contacting,
                CallState::Ringing | CallState::Offered { .. } => ParticipantState::Alerting,
                CallState::Answered { .. } | CallState::Connected { .. } => ParticipantState::Connected,
                CallState::Ended(_) => ParticipantState::Disconnected,
            },
            Who::Beyond { state, .. } => *state,
            Who::Queue { waiting: true } | Who::Voicemail { listening: true, .. } => ParticipantState::Connected,
            Who::Queue { waiting: false } | Who::Voicemail { listening: false, .. } => ParticipantState::Disconnected,
        }
    }

    /// Whether somebody is to come in its place, since it was not answered.
    pub(super) fn is_to_be_replaced(&self) -> bool {
        let unanswered = |call: &CallHandle| {
            matches!(
                &*call.state.borrow(),
                CallState::Ended(Ended::Unanswered | Ended::Rejected)
            )
        };
        self.otherwise.is_some() && matches!(&self.who, Who::Client(call) if unanswered(call))
    }

    pub(super) fn is_live(&self) -> bool {
        self.state() != ParticipantState::Disconnected
    }

    pub(super) fn is_client(&self) -> bool {
        matches!(self.who, Who::Client(_))
    }

    pub(super) fn participation(&self) -> Participation {
        match &self.who {
            Who::Client(call) => call.participation(),
            Who::Beyond { participation, .. } => *participation,
            Who::Queue { .. } | Who::Voicemail { .. } => Participation::default(),
        }
    }

    pub(super) fn set_participation(&mut self, wanted: Participation) {
        match &mut self.who {
            Who::Client(call) => call.set_participation(wanted),
            Who::Beyond {
                party, participation, ..
            } => {
                *participation = wanted;
                party.set_muted(wanted.muted || wanted.held);
            }
            Who::Queue { .. } | Who::Voicemail { .. } => {}
        }
    }

    /// A client's call ends soon, a party beyond the gateway is gone at once.
    pub(super) fn end(&mut self) {
        match &mut self.who {
            Who::Client(call) => call.hang_up(Reason::Success),
            Who::Beyond { state, .. } => *state = ParticipantState::Disconnected,
            Who::Queue { waiting } => *waiting = false,
            Who::Voicemail { listening, .. } => *listening = false,
        }
    }

    /// The user picks up.
    pub(super) fn pick_up(&self) {
        match &self.who {
            Who::Client(call) => call.pick_up(),
            Who::Beyond { .. } | Who::Queue { .. } | Who::Voicemail { .. } => {}
        }
    }

    /// Whether it rings, and nobody has to pick it up.
    pub(super) fn is_automatic(&self) -> bool {
        let rings = [ParticipantState::Alerting, ParticipantState::Contacting].contains(&self.state());
        rings && matches!(&self.who, Who::Client(call) if call.automatic)
    }

    /// A party that was called answers.
    pub(super) fn answer(&mut self) {
        if let Who::Beyond { state, .. } = &mut self.who
            && *state == ParticipantState::Contacting
        {
            *state = ParticipantState::Connected;
        }
    }

    /// What is heard of it; nothing of a queue itself.
    pub(super) fn voice(&self) -> Option<Voice> {
        match &self.who {
            Who::Client(call) => Some(Voice::Client(call.clone())),
            Who::Beyond { party, .. } | Who::Voicemail { party, .. } => Some(Voice::Beyond(Arc::clone(party))),
            Who::Queue { .. } => None,
        }
    }

    pub(super) fn participant(&self) -> Participant {
        let Participation { muted, held } = self.participation();
        Participant {
            id: self.id.clone(),
            purpose: self.purpose,
            user: self.user().map(ToOwned::to_owned),
            state: self.state(),
            muted,
            held,
            apart: self.apart,
            session: match &self.who {
                Who::Client(call) => Some(call.session().clone()),
                Who::Beyond { .. } | Who::Queue { .. } | Who::Voicemail { .. } => None,
            },
        }
    }

    /// Waits for others instead of taking part itself.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(
            self.who,
            Who::Queue { waiting: true } | Who::Voicemail { listening: true, .. }
        )
    }

    /// The participant as REST shows it.
    pub(super) fn describe(&self) -> Value {
        let Participation { muted, held } = self.participation();
        let (state, held) = (self.state().name(), held || self.apart);
        let direction = if self.outbound { "outbound" } else { "inbound" };
        let mut part = json!({
            "id": self.id,
            "name": self.name,
            "address": self.name,
            "purpose": self.purpose.name(),
            "state": state,
            "direction": direction,
            "muted": muted,
            "held": held,
            "confined": self.apart,
            "calls": [{
                "id": self.communication,
                "state": state,
                "direction": direction,
                "muted": muted,
                "held": held,
                "confined": self.apart,
                "provider": "Edge",
            }],
        });
        if let Some(user) = self.user() {
            part["userId"] = json!(user);
        }
        if self.transferred && !self.is_live() {
            part["calls"][0]["disconnectType"] = json!("transfer");
        }
        part
    }
}
