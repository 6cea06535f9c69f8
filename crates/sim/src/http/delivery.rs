//! What faults make of the stanzas of one connection: held back, doubled, swapped, lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jid::Jid;
use minidom::Element;

use crate::faults::{DeliveryHow, Towards};
use crate::hub::WAITING_STANZAS;

/// How long a stanza that is to be overtaken waits for another one.
const OVERTAKEN_WITHIN: Duration = Duration::from_secs(1);

/// A stanza on its way.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Travelling {
    /// To the client of the connection.
    ToClient(Element),
    /// From the client to this address.
    ToCloud(Jid, Element),
}

impl Travelling {
    pub(super) fn towards(&self) -> Towards {
        match self {
            Self::ToClient(_) => Towards::Client,
            Self::ToCloud(..) => Towards::Cloud,
        }
    }

    pub(super) fn stanza(&self) -> &Element {
        match self {
            Self::ToClient(stanza) | Self::ToCloud(_, stanza) => stanza,
        }
    }
}

/// The stanzas of one connection that are on their way. Those without a fault pass at once, and so do those that are to be delayed
/// when a thousand are already.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    arrived: VecDeque<Travelling>,
    delayed: Vec<(Instant, Travelling)>,
    /// Of each direction the one that waits for another to overtake it, and until when.
    overtaken: [Option<(Instant, Travelling)>; 2],
}

impl Delivery {
    /// A stanza sets out; `fault` is asked what becomes of it, unless it overtakes another one.
    pub(super) fn send(
        &mut self,
        now: Instant,
        stanza: Travelling,
        fault: impl FnOnce(&Travelling) -> Option<DeliveryHow>,
    ) {
        let waiting = &mut self.overtaken[stanza.towards() as usize];
        if let Some((_, overtaken)) = waiting.take() {
            self.arrived.extend([stanza, overtaken]);
            return;
        }
        match fault(&stanza) {
            Some(DeliveryHow::Delay { seconds }) if self.delayed.len() < WAITING_STANZAS => {
                self.delayed.push((now + seconds, stanza));
            }
            None | Some(DeliveryHow::Delay { .. }) => self.arrived.push_back(stanza),
            Some(DeliveryHow::Duplicate) => self.arrived.extend([stanza.clone(), stanza]),
            Some(DeliveryHow::Reorder) => *waiting = Some((now + OVERTAKEN_WITHIN, stanza)),
            Some(DeliveryHow::Lose) => {}
        }
    }

    /// The next stanza that has arrived.
    pub(super) fn arrived(&mut self, now: Instant) -> Option<Travelling> {
        if let Some(arrived) = self.arrived.pop_front() {
            return Some(arrived);
        }
        // The one that was due first, and of those the one that set out first.
        let first = self.delayed.iter().enumerate().min_by_key(|(_, (due, _))| *due);
        if let Some((at, (due, _))) = first
            && *due <= now
        {
            return Some(self.delayed.remove(at).1);
        }
        let given_up = |waiting: &&mut Option<_>| matches!(waiting, Some((until, _)) if *until <= now);
        let (_, stanza) = self.overtaken.iter_mut().find(given_up)?.take()?;
        Some(stanza)
    }

    /// When the next one arrives, if one is under way.
    pub(super) fn next(&self) -> Option<Instant> {
        let delayed = self.delayed.iter().map(|(due, _)| *due);
        let overtaken = self.overtaken.iter().flatten().map(|(until, _)| *until);
        delayed.chain(overtaken).min()
    }

    /// Everything that is under way to the client, in the order in which it would have arrived.
    pub(super) fn into_stanzas_to_client(mut self) -> Vec<Element> {
        let mut stanzas = Vec::new();
        let mut now = Instant::now();
        loop {
            match self.arrived(now) {
                Some(Travelling::ToClient(stanza)) => stanzas.push(stanza),
                Some(Travelling::ToCloud(..)) => {}
                None => match self.next() {
                    Some(next) => now = next,
                    None => return stanzas,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_client(name: &str) -> Travelling {
        Travelling::ToClient(Element::builder(name, "").build())
    }

    fn arrived(delivery: &mut Delivery, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| delivery.arrived(now))
            .map(|stanza| stanza.stanza().name().to_owned())
            .collect()
    }

    #[test]
    fn one_that_is_delayed_holds_up_no_other() {
        let now = Instant::now();
        let later = Duration::from_secs(2);
        let mut delivery = Delivery::default();
        delivery.send(now, to_client("a"), |_| Some(DeliveryHow::Delay { seconds: later }));
        delivery.send(now, to_client("b"), |_| None);
        assert_eq!(arrived(&mut delivery, now), ["b"]);
        assert_eq!(delivery.next(), Some(now + later));
        assert_eq!(arrived(&mut delivery, now + later), ["a"]);
        assert_eq!(delivery.next(), None);
    }

    #[test]
    fn one_is_overtaken_by_the_next_of_its_direction_or_waits_in_vain() {
        let now = Instant::now();
        let mut delivery = Delivery::default();
        let reorder = |_: &Travelling| Some(DeliveryHow::Reorder);
        let nobody = Jid::new("nobody@example.org").expect("an address");
        delivery.send(now, to_client("a"), reorder);
        let up = Travelling::ToCloud(nobody, Element::builder("up", "").build());
        delivery.send(now, up, |_| None);
        assert_eq!(arrived(&mut delivery, now), ["up"], "that goes the other way");
        delivery.send(now, to_client("b"), |_| panic!("it overtakes"));
        assert_eq!(arrived(&mut delivery, now), ["b", "a"]);
        delivery.send(now, to_client("c"), reorder);
        assert_eq!(arrived(&mut delivery, now), [""; 0]);
        assert_eq!(arrived(&mut delivery, now + OVERTAKEN_WITHIN), ["c"]);
    }

    #[test]
    fn one_comes_twice_and_one_never() {
        let now = Instant::now();
        let mut delivery = Delivery::default();
        delivery.send(now, to_client("a"), |_| Some(DeliveryHow::Duplicate));
        delivery.send(now, to_client("b"), |_| Some(DeliveryHow::Lose));
        assert_eq!(arrived(&mut delivery, now), ["a", "a"]);
        assert_eq!(delivery.next(), None);
    }

    #[test]
    fn what_is_under_way_is_kept_when_the_connection_is_lost() {
        let now = Instant::now();
        let mut delivery = Delivery::default();
        let seconds = Duration::from_secs(9);
        delivery.send(now, to_client("a"), |_| Some(DeliveryHow::Delay { seconds }));
        delivery.send(now, to_client("b"), |_| Some(DeliveryHow::Reorder));
        let names = delivery.into_stanzas_to_client();
        let names: Vec<&str> = names.iter().map(Element::name).collect();
        assert_eq!(names, ["b", "a"]);
    }
}
