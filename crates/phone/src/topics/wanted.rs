//! What the application wants: how often each topic was subscribed to, and how.

use std::collections::BTreeMap;

use super::{Priority, Topic};

/// Why a topic is wanted. It is wanted as long as a single subscription is left, or a bulk subscription names it, or the phone itself
/// wants it.
#[derive(Debug, Default)]
pub(super) struct Want {
    /// The phone itself wants it; no command takes that back.
    own: bool,
    /// Single subscriptions that were not taken back.
    singles: u32,
    bulk: bool,
    /// The highest that anybody gave it.
    pub(super) priority: Priority,
    /// Whether pubsub is to be asked for it rather than REST.
    pub(super) immediate: bool,
}

/// The wanted topics.
#[derive(Debug, Default)]
pub(super) struct Wanted(BTreeMap<Topic, Want>);

impl Wanted {
    pub(super) fn contains(&self, topic: &Topic) -> bool {
        self.0.contains_key(topic)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Topic, &Want)> {
        self.0.iter()
    }

    /// Whether the application wants it.
    pub(super) fn is_asked_for(&self, topic: &Topic) -> bool {
        let want = self.0.get(topic);
        want.is_some_and(|want| want.bulk || want.singles > 0)
    }

    pub(super) fn add_own(&mut self, topic: &Topic) {
        self.entry(topic, Priority::default()).own = true;
    }

    pub(super) fn add_single(&mut self, topic: &Topic, priority: Priority, immediate: bool) {
        let want = self.entry(topic, priority);
        want.singles += 1;
        want.immediate |= immediate;
    }

    pub(super) fn add_bulk(&mut self, topic: &Topic, priority: Priority) {
        self.entry(topic, priority).bulk = true;
    }

    fn entry(&mut self, topic: &Topic, priority: Priority) -> &mut Want {
        let first = Want {
            priority,
            ..Want::default()
        };
        let want = self.0.entry(topic.clone()).or_insert(first);
        want.priority = want.priority.max(priority);
        want
    }

    /// Takes back one subscription, a single one first.
    pub(super) fn remove(&mut self, topic: &Topic) {
        let Some(want) = self.0.get_mut(topic) else {
            return;
        };
        match want.singles {
            0 => want.bulk = false,
            _ => want.singles -= 1,
        }
        if want.singles == 0 && !want.bulk && !want.own {
            self.0.remove(topic);
        }
    }

    /// Takes back all bulk subscriptions, or all single ones, or both; gives the topics that nobody wants any more.
    pub(super) fn clear(&mut self, bulk: bool, singles: bool) -> Vec<Topic> {
        let mut gone = Vec::new();
        self.0.retain(|topic, want| {
            want.bulk &= !bulk;
            want.singles = if singles { 0 } else { want.singles };
            let kept = want.bulk || want.singles > 0 || want.own;
            if !kept {
                gone.push(topic.clone());
            }
            kept
        });
        gone
    }

    /// The next list takes all of them along.
    pub(super) fn leave_to_rest(&mut self) {
        self.0.values_mut().for_each(|want| want.immediate = false);
    }

    pub(super) fn leave_one_to_rest(&mut self, topic: &Topic) {
        if let Some(want) = self.0.get_mut(topic) {
            want.immediate = false;
        }
    }
}
