//! Elements with something wrong in one place: each gives a value, which goes on as itself, or an error that says what it is.

use minidom::{Element, rxml::Namespace};

use super::{super::*, specimens};

/// What an attribute may be replaced with.
const VALUES: [&str; 9] = [
    "",
    " ",
    "x",
    "-1",
    "0",
    "127",
    "99999999999999999999",
    "\u{0085}\u{FFFD}",
    "initiator",
];

/// The element with one thing changed, for each thing that can be.
fn variants(element: &Element) -> Vec<Element> {
    let mut variants = Vec::new();
    let names: Vec<_> = element.attrs().iter().map(|((_, name), _)| name.clone()).collect();
    for name in names {
        let mut without = element.clone();
        without.attrs_mut().remove(&Namespace::NONE, &name);
        variants.push(without);
        for value in VALUES.into_iter().map(str::to_owned).chain([long()]) {
            let mut changed = element.clone();
            changed.set_attr(Namespace::NONE, name.clone(), value);
            variants.push(changed);
        }
    }
    let children: Vec<_> = element.children().collect();
    for (position, child) in children.iter().enumerate() {
        let replaced = |with: &[&Element]| {
            let mut changed = bare(element);
            for (at, child) in children.iter().enumerate() {
                let with = if at == position { with.to_vec() } else { vec![*child] };
                for child in with {
                    changed.append_child(child.clone());
                }
            }
            changed
        };
        let elsewhere = Element::bare(child.name(), "urn:example:elsewhere");
        let elsewhen = Element::bare("elsewhen", child.ns());
        variants.push(replaced(&[]));
        variants.push(replaced(&[*child, *child]));
        variants.push(replaced(&[&bare(child)]));
        variants.push(replaced(&[&elsewhere]));
        variants.push(replaced(&[&elsewhen]));
        for variant in self::variants(child) {
            variants.push(replaced(&[&variant]));
        }
    }
    variants
}

fn long() -> String {
    "9".repeat(5000)
}

/// The element without anything in it.
fn bare(element: &Element) -> Element {
    let mut bare = Element::bare(element.name(), element.ns());
    for ((namespace, name), value) in element.attrs().iter() {
        bare.set_attr(namespace.clone(), name.clone(), value.as_str());
    }
    bare
}

#[test]
fn whatever_is_wrong_with_an_element_it_is_a_value_or_an_error() {
    let (mut values, mut errors) = (0, 0);
    for specimen in specimens::all() {
        for variant in variants(&specimen.element) {
            match Jingle::parse(&variant) {
                Ok(jingle) => {
                    let written = jingle.to_element();
                    let again = Jingle::parse(&written).expect("what is written can be read");
                    assert_eq!(again.to_element(), written);
                    values += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    errors += 1;
                }
            }
        }
    }
    assert!(values > 500 && errors > 500, "{values} values, {errors} errors");
}

#[test]
fn an_element_that_breaks_off_is_none() {
    for specimen in specimens::all() {
        let text = String::from(&specimen.element);
        for (length, _) in text.char_indices() {
            assert!(text[..length].parse::<Element>().is_err(), "{}", &text[..length]);
        }
    }
}
