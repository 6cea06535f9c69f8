//! The table of conversations.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use offhook_jingle::ConversationId;

use super::Room;

/// How many conversations that are over are remembered.
const OVER: usize = 64;

/// All conversations that live, and the last that ended.
#[derive(Default)]
pub(crate) struct Conversations(Mutex<Table>);

#[derive(Default)]
struct Table {
    /// By their ids, with the number by which they were added.
    rooms: HashMap<String, (u64, Arc<Room>)>,
    added: u64,
    /// Those that are over, in the order of their ends.
    over: VecDeque<Arc<Room>>,
}

impl Conversations {
    /// One that has the same id can be found no more.
    pub(crate) fn add(&self, room: Arc<Room>) {
        let mut table = crate::lock(&self.0);
        table.added += 1;
        let entry = (table.added, Arc::clone(&room));
        table.rooms.insert(room.id().as_str().to_owned(), entry);
    }

    /// The conversation is over, and is forgotten when enough others are.
    pub(super) fn ended(&self, room: &Arc<Room>) {
        let mut table = crate::lock(&self.0);
        table.over.push_back(Arc::clone(room));
        if table.over.len() <= OVER {
            return;
        }
        if let Some(forgotten) = table.over.pop_front() {
            let id = forgotten.id();
            let same = |(_, room): &(u64, Arc<Room>)| Arc::ptr_eq(room, &forgotten);
            if table.rooms.get(id.as_str()).is_some_and(same) {
                table.rooms.remove(id.as_str());
            }
        }
    }

    /// In the order in which they were added.
    pub(crate) fn all(&self) -> Vec<Arc<Room>> {
        let table = crate::lock(&self.0);
        let mut rooms: Vec<_> = table.rooms.values().cloned().collect();
        rooms.sort_by_key(|(number, _)| *number);
        rooms.into_iter().map(|(_, room)| room).collect()
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Room>> {
        crate::lock(&self.0).rooms.get(id).map(|(_, room)| Arc::clone(room))
    }

    /// The conversation has another id from now on.
    pub(crate) fn rename(&self, id: &ConversationId, new: &ConversationId) {
        let mut table = crate::lock(&self.0);
        if let Some(entry) = table.rooms.remove(id.as_str()) {
            entry.1.rename(new.clone());
            table.rooms.insert(new.as_str().to_owned(), entry);
        }
    }
}
