//! The memory of what has left the table.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Names remembered for a while, the oldest forgotten first when there are too many.
#[derive(Debug, Clone)]
pub(super) struct Memory<K> {
    keep: Duration,
    limit: usize,
    known: BTreeMap<K, u64>,
    /// In the order in which they came, with the instant until which each is kept.
    order: BTreeMap<u64, (Instant, K)>,
    next: u64,
}

impl<K: Ord + Clone> Memory<K> {
    pub(super) fn new(keep: Duration, limit: usize) -> Self {
        Self {
            keep,
            limit,
            known: BTreeMap::new(),
            order: BTreeMap::new(),
            next: 0,
        }
    }

    pub(super) fn insert(&mut self, now: Instant, name: K) {
        if let Some(place) = self.known.insert(name.clone(), self.next) {
            self.order.remove(&place);
        }
        self.order.insert(self.next, (now + self.keep, name));
        self.next += 1;
        while self.order.len() > self.limit {
            self.forget_oldest();
        }
    }

    pub(super) fn contains(&mut self, now: Instant, name: &K) -> bool {
        // All are kept equally long, so the oldest is always the next to go.
        while self.order.values().next().is_some_and(|(until, _)| *until <= now) {
            self.forget_oldest();
        }
        self.known.contains_key(name)
    }

    fn forget_oldest(&mut self) {
        if let Some((_, (_, name))) = self.order.pop_first() {
            self.known.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_is_young_again() {
        let now = crate::fuzzing::some_instant();
        let second = Duration::from_secs(1);
        let mut memory = Memory::new(2 * second, 2);
        for name in ["a", "b", "a", "c"] {
            memory.insert(now, name);
        }
        assert!(!memory.contains(now, &"b"), "the oldest of three");
        memory.insert(now + second, "a");
        assert!(memory.contains(now + second, &"c"));
        assert!(!memory.contains(now + 2 * second, &"c"));
        assert!(memory.contains(now + 2 * second, &"a"));
        assert!(!memory.contains(now + 3 * second, &"a"));
        assert_eq!((memory.known.len(), memory.order.len()), (0, 0));
    }
}
