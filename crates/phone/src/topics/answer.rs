//! What the API answers to a list of topics.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Topic, TopicState};

/// The body of a reply to `PUT` or `POST notifications/channels/{id}/subscriptions`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    entities: Vec<Entity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entity {
    id: String,
    state: Option<String>,
    rejection_reason: Option<String>,
    missing_permissions: Option<Vec<String>>,
}

impl Answer {
    /// What the answer says about each topic. An entity of a combined name speaks for all its topics, but one that names a topic alone
    /// knows better.
    pub(super) fn states(self) -> BTreeMap<Topic, TopicState> {
        let mut states = BTreeMap::new();
        let (combined, alone): (Vec<_>, Vec<_>) = self.entities.into_iter().partition(|entity| entity.id.contains('?'));
        for entity in combined.into_iter().chain(alone) {
            let topics = Topic::split(&entity.id).unwrap_or_else(|error| {
                tracing::debug!(%error, "the answer names a topic that was not asked for");
                Vec::new()
            });
            let state = entity.state();
            states.extend(topics.into_iter().map(|topic| (topic, state.clone())));
        }
        states
    }
}

impl Entity {
    fn state(self) -> TopicState {
        match self.state.as_deref() {
            Some("Permitted") => TopicState::Permitted,
            Some("Rejected") => TopicState::Rejected {
                reason: self.rejection_reason,
                missing_permissions: self.missing_permissions.unwrap_or_default(),
            },
            Some(_) | None => TopicState::Unknown,
        }
    }
}
