use proptest::prelude::*;

use super::{Description, RemoteAudio};
use crate::Codec;
use crate::fuzzing::{self, an_instant};

const GATEWAY: &str = include_str!("../../tests/call/offers/gateway.sdp");

/// A real offer with lines taken away, doubled, moved and changed.
fn mangled() -> impl Strategy<Value = String> {
    let lines: Vec<String> = GATEWAY.lines().map(str::to_owned).collect();
    let count = lines.len();
    let change = (0..count, 0..6_u8, "[ -~]{0,12}", 0..60_usize);
    proptest::collection::vec(change, 0..8).prop_map(move |changes| {
        let mut lines = lines.clone();
        for (index, how, text, at) in changes {
            let index = index % lines.len().max(1);
            let Some(line) = lines.get(index).cloned() else {
                continue;
            };
            let cut = line.len().min(at);
            match how {
                0 => drop(lines.remove(index)),
                1 => lines.push(line),
                2 => lines.insert(0, line),
                3 => lines[index] = format!("{}{text}", &line[..cut]),
                4 => lines[index] = format!("{text}{}", &line[cut..]),
                _ => lines.insert(index, format!("m={text}")),
            }
        }
        lines.join("\r\n")
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        if let Ok(description) = Description::read(&text) {
            let _ = RemoteAudio::find(&description, &Codec::ALL);
        }
    }

    #[test]
    fn any_offer_is_answered_in_form_or_refused(text in mangled()) {
        let now = an_instant();
        let Ok((_, answer)) = fuzzing::call_for(&text, now) else { return Ok(()) };
        prop_assert!(answer.ends_with("\r\n"));
        prop_assert!(!answer.replace("\r\n", "").contains(['\r', '\n']));
        let offer = Description::read(&text).expect("what was answered can be read");
        let read = Description::read(&answer).expect("our own answer can be read");
        let medias = |description: &Description| -> Vec<(String, String)> {
            let sections = description.sections.iter();
            sections.map(|section| (section.media.clone(), section.profile.clone())).collect()
        };
        prop_assert_eq!(medias(&offer), medias(&read));
        let accepted = read.sections.iter().filter(|section| !section.is_rejected());
        prop_assert_eq!(accepted.count(), 1);
        prop_assert!(RemoteAudio::find(&read, &Codec::ALL).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_offer_and_no_candidate_stops_the_engine(text in mangled(), bytes in any::<Vec<u8>>()) {
        fuzzing::sdp_offer(text.as_bytes());
        fuzzing::sdp_answer(text.as_bytes());
        fuzzing::datagrams(&bytes);
        fuzzing::jitter_buffer(&bytes);
        fuzzing::candidate(&bytes);
    }
}

#[test]
fn an_empty_and_a_binary_offer_are_refused_by_the_fuzz_body_too() {
    for data in [&b""[..], &[0xff; 64], GATEWAY.as_bytes()] {
        fuzzing::sdp_offer(data);
        fuzzing::sdp_answer(data);
    }
}
