//! The notification channels: whose they are, and what they are subscribed to.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

/// How many notification channels are remembered; the oldest go first.
const CHANNELS: usize = 1_000;

/// How many topics a channel may have.
pub(crate) const TOPICS: usize = 1_000;

/// The channels of all users.
#[derive(Debug, Default)]
pub(crate) struct Channels(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    channels: HashMap<String, Channel>,
}

#[derive(Debug)]
struct Channel {
    number: u64,
    /// The id of its user.
    user: String,
    topics: BTreeSet<String>,
}

impl Channels {
    pub(crate) fn open(&self, id: String, user: &str) {
        let table = &mut *crate::lock(&self.0);
        let number = table.next;
        table.next += 1;
        if table.channels.len() >= CHANNELS {
            let oldest = table.channels.iter().min_by_key(|(_, channel)| channel.number);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                table.channels.remove(&oldest);
            }
        }
        let channel = Channel {
            number,
            user: user.to_owned(),
            topics: BTreeSet::new(),
        };
        table.channels.insert(id, channel);
    }

    /// The id of the channel's user.
    pub(crate) fn user(&self, id: &str) -> Option<String> {
        let table = crate::lock(&self.0);
        table.channels.get(id).map(|channel| channel.user.clone())
    }

    /// Changes the topics of a channel, unless they would become too many. `None` when there is no
    /// such channel.
    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut BTreeSet<String>)) -> Option<Topics> {
        let mut table = crate::lock(&self.0);
        let channel = table.channels.get_mut(id)?;
        let mut topics = channel.topics.clone();
        change(&mut topics);
        Some(if topics.len() > TOPICS {
            Topics::TooMany
        } else {
            channel.topics = topics;
            Topics::Changed
        })
    }

    /// The topics of a channel.
    pub(crate) fn topics(&self, id: &str) -> BTreeSet<String> {
        let table = crate::lock(&self.0);
        table
            .channels
            .get(id)
            .map(|channel| channel.topics.clone())
            .unwrap_or_default()
    }
}

/// What became of the topics of a channel.
#[derive(Debug)]
pub(crate) enum Topics {
    /// They are as asked.
    Changed,
    /// It would have had more than [`TOPICS`], and was left alone.
    TooMany,
}

/// The topics that a combined one stands for: `v2.users.1?presence&calls` is
/// `v2.users.1.presence` and `v2.users.1.calls`.
pub(crate) fn expand(topic: &str) -> Vec<String> {
    match topic.split_once('?') {
        Some((prefix, rest)) => rest.split('&').map(|last| format!("{prefix}.{last}")).collect(),
        None => vec![topic.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_combined_topic_is_all_of_its_topics() {
        assert_eq!(expand("v2.a.b"), ["v2.a.b"]);
        assert_eq!(expand("v2.a?b&c"), ["v2.a.b", "v2.a.c"]);
    }

    #[test]
    fn the_oldest_channel_makes_room() {
        let channels = Channels::default();
        for number in 0..=CHANNELS {
            channels.open(number.to_string(), "user");
        }
        assert_eq!(channels.user("0"), None);
        assert_eq!(channels.user("1").as_deref(), Some("user"));
    }

    #[test]
    fn too_many_topics_change_nothing() {
        let channels = Channels::default();
        channels.open("id".into(), "user");
        channels.change("id", |topics| _ = topics.insert("first".into()));
        let all = channels.change("id", |topics| topics.extend((0..TOPICS).map(|it| it.to_string())));
        assert!(matches!(all, Some(Topics::TooMany)));
        assert_eq!(channels.topics("id").len(), 1);
    }
}
