//! What either client has sent, by addressee.

use std::collections::BTreeMap;

use offhook_tests::recording::meaning;
use offhook_xmpp::Element;

/// What was sent to each addressee, in order, answers apart. Stream-level elements, which name no addressee, are together under the empty
/// name.
#[derive(Default)]
pub struct Ledger(BTreeMap<String, Vec<Sent>>);

/// A frame that went out.
struct Sent {
    id: Option<String>,
    meaning: String,
}

impl Ledger {
    /// Takes in a frame.
    pub fn keep(&mut self, element: &Element) {
        let to = element.attr("to").unwrap_or_default().to_owned();
        let to = match (element.name(), element.attr("type")) {
            ("open", _) => String::new(),
            // Difference on purpose: requests are answered at once, not only when media have done what they ask. So answers are in
            // order among themselves.
            ("iq", Some("result" | "error")) => format!("{to} (answers)"),
            _ => to,
        };
        self.0.entry(to).or_default().push(Sent {
            id: element.attr("id").map(str::to_owned),
            meaning: meaning(element),
        });
    }

    /// How many frames mean exactly this.
    pub fn count(&self, element: &Element) -> usize {
        let meaning = meaning(element);
        self.0.values().flatten().filter(|sent| sent.meaning == meaning).count()
    }

    /// The id of the frame in this ledger that stands where the frame with `id` stands in `other`.
    pub fn id_for(&self, other: &Self, id: &str) -> Option<String> {
        let place = |sent: &Vec<Sent>| sent.iter().position(|sent| sent.id.as_deref() == Some(id));
        let (to, place) = other.0.iter().find_map(|(to, sent)| Some((to, place(sent)?)))?;
        let ours = self.0.get(to).and_then(|sent| sent.get(place));
        ours.unwrap_or_else(|| panic!("nothing of ours stands for {id}"))
            .id
            .clone()
    }

    /// Finds the first frame that differs from the one in `recorded`.
    pub fn compare(&self, recorded: &Self) {
        for (to, recorded) in &recorded.0 {
            let ours = self.0.get(to).map(Vec::as_slice).unwrap_or_default();
            let meaning = |sent: &[Sent], place: usize| sent.get(place).map(|sent| sent.meaning.clone());
            for place in 0..ours.len().max(recorded.len()) {
                let (ours, recorded) = (meaning(ours, place), meaning(recorded, place));
                assert!(
                    ours == recorded,
                    "frame {place} to {to:?}\n    ours {ours:?}\nrecorded {recorded:?}"
                );
            }
        }
        let unheard: Vec<_> = self.0.keys().filter(|to| !recorded.0.contains_key(*to)).collect();
        assert!(
            unheard.is_empty(),
            "the recorded client says nothing to {unheard:?}, we do"
        );
    }
}
