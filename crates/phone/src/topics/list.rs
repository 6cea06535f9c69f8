//! The list of names that REST is given: topics with one prefix combined, the most important ones first, and no more than fit.

use std::{cmp::Reverse, collections::BTreeMap};

use serde_json::{Value, json};

use super::{Priority, Topic, topic::LONGEST};

/// A list and what it stands for.
#[derive(Debug, Default)]
pub(super) struct List {
    /// `prefix.a`, or `prefix?a&b`.
    pub(super) names: Vec<String>,
    /// The topics that the names stand for, each once.
    pub(super) topics: Vec<Topic>,
    /// Those that found no room.
    pub(super) left_out: Vec<Topic>,
}

/// What may be combined.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Group<'a> {
    Prefix(&'a str),
    /// A name without a dot.
    Alone(&'a Topic),
}

/// Several topics under one name.
struct Name<'a> {
    priority: Priority,
    text: String,
    topics: Vec<&'a Topic>,
}

impl List {
    /// Combines topics, and leaves the least important names out when there are more than `limit`.
    pub(super) fn new<'a>(topics: impl Iterator<Item = (&'a Topic, Priority)>, limit: usize) -> Self {
        let mut groups: BTreeMap<Group<'_>, Vec<(Reverse<Priority>, &Topic)>> = BTreeMap::new();
        for (topic, priority) in topics {
            let group = match topic.parts() {
                Some((prefix, _)) => Group::Prefix(prefix),
                None => Group::Alone(topic),
            };
            let group = groups.entry(group).or_default();
            group.push((Reverse(priority), topic));
        }
        let mut names: Vec<Name<'_>> = Vec::new();
        for mut group in groups.into_values() {
            group.sort();
            let first = names.len();
            for (Reverse(priority), topic) in group {
                let joined = names[first..].last_mut().is_some_and(|name| name.join(topic));
                if !joined {
                    names.push(Name {
                        priority,
                        text: topic.as_str().to_owned(),
                        topics: vec![topic],
                    });
                }
            }
        }
        // Stable: names of one priority stay in the order of the alphabet.
        names.sort_by_key(|name| Reverse(name.priority));
        let mut list = Self::default();
        for (place, name) in names.into_iter().enumerate() {
            let topics = name.topics.into_iter().cloned();
            if place < limit {
                list.names.push(name.text);
                list.topics.extend(topics);
            } else {
                list.left_out.extend(topics);
            }
        }
        list
    }

    /// The body of the request.
    pub(super) fn body(&self) -> Value {
        self.names.iter().map(|name| json!({ "id": name })).collect()
    }
}

impl<'a> Name<'a> {
    /// Takes in another topic of the same prefix, if the name stays short enough.
    fn join(&mut self, topic: &'a Topic) -> bool {
        let Some((prefix, part)) = topic.parts() else {
            return false;
        };
        if self.text.len() + 1 + part.len() >= LONGEST {
            return false;
        }
        if self.topics.len() == 1 {
            self.text.replace_range(prefix.len()..=prefix.len(), "?");
        }
        self.text.push('&');
        self.text.push_str(part);
        self.topics.push(topic);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(topics: &[(&str, i32)], limit: usize) -> List {
        let topics: Vec<(Topic, Priority)> = topics
            .iter()
            .map(|(topic, priority)| (topic.parse().unwrap(), Priority(*priority)))
            .collect();
        List::new(topics.iter().map(|(topic, priority)| (topic, *priority)), limit)
    }

    #[test]
    fn topics_of_one_prefix_are_one_name() {
        let list = list(&[("v2.u.a", 0), ("v2.u.b", 0), ("v2.q.a", 0), ("plain", 0)], 1000);
        assert_eq!(list.names, ["v2.q.a", "v2.u?a&b", "plain"]);
        assert_eq!(
            list.body().to_string(),
            r#"[{"id":"v2.q.a"},{"id":"v2.u?a&b"},{"id":"plain"}]"#
        );
    }

    #[test]
    fn a_name_that_would_reach_200_characters_is_split() {
        for (second, names) in [(98, vec![199]), (99, vec![100, 101])] {
            let topics = ["a".repeat(98), "b".repeat(second)].map(|part| format!("u.{part}"));
            let list = list(&[(&topics[0], 0), (&topics[1], 0)], 1000);
            assert_eq!(list.names.iter().map(String::len).collect::<Vec<_>>(), names);
            assert_eq!(list.topics, topics.each_ref().map(String::as_str));
        }
    }

    #[test]
    fn what_matters_most_comes_first_and_the_rest_is_left_out() {
        let list = list(&[("a.x", 0), ("b.x", 5), ("c.x", -1), ("d.x", 9), ("d.y", -9)], 3);
        assert_eq!(list.names, ["d?x&y", "b.x", "a.x"]);
        assert_eq!(list.left_out, ["c.x"]);
    }
}
