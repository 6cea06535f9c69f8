//! What is under way between the parties: it arrives, or does not, once or twice, in its order or in another.

use offhook_jingle::Element;

use super::words::{Answer, Time, Who};

/// Something under way.
#[derive(Debug, Clone)]
pub struct Packet {
    pub from: Who,
    pub to: Who,
    pub cargo: Cargo,
    /// It is not lost, whatever happens: what a farewell is.
    pub sure: bool,
    pub since: Time,
}

#[derive(Debug, Clone)]
pub enum Cargo {
    Message(Element),
    /// A request, by the number that the network gave it.
    Request(u64, Element),
    /// What became of one.
    Reply(u64, Reply),
}

#[derive(Debug, Clone)]
pub enum Reply {
    Answer(Answer),
    /// Somebody between the two says where else to ask.
    Redirect,
}

/// All that is under way, in the order in which it was sent.
#[derive(Debug, Default)]
pub struct Network {
    packets: Vec<Packet>,
}

impl Network {
    pub fn send(&mut self, packet: Packet) {
        self.packets.push(packet);
    }

    /// One that may arrive next: the first of its sender for its receiver, unless order does not matter.
    pub fn place(&self, choice: usize, in_order: bool, arrives: impl Fn(&Packet) -> bool) -> Option<usize> {
        let is_first = |at: usize| {
            let packet = &self.packets[at];
            let same_way = |other: &&Packet| other.from == packet.from && other.to == packet.to;
            !in_order || !self.packets[..at].iter().any(|other| same_way(&other))
        };
        let places: Vec<_> = (0..self.packets.len())
            .filter(|at| arrives(&self.packets[*at]) && is_first(*at))
            .collect();
        places.get(choice.checked_rem(places.len())?).copied()
    }

    pub fn peek(&self, place: usize) -> &Packet {
        &self.packets[place]
    }

    pub fn take(&mut self, place: usize) -> Packet {
        self.packets.remove(place)
    }

    /// Everything for somebody who is not there.
    pub fn take_all(&mut self, to: Who) -> Vec<Packet> {
        let (gone, left) = self
            .packets
            .drain(..)
            .partition(|packet| packet.to == to && !packet.sure);
        self.packets = left;
        gone
    }

    /// Everything that has been under way for longer than this, and may be lost.
    pub fn take_old(&mut self, since: Time) -> Vec<Packet> {
        let (old, left) = self
            .packets
            .drain(..)
            .partition(|packet| packet.since < since && !packet.sure);
        self.packets = left;
        old
    }

    /// It arrives twice.
    pub fn double(&mut self, place: usize) {
        let twin = self.packets[place].clone();
        self.packets.insert(place + 1, twin);
    }
}
