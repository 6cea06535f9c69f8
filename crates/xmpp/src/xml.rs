//! Small steps between elements and values.

use jid::Jid;
use minidom::Element;
use minidom::rxml::{Namespace, NcName};

use crate::ns;

/// The most characters of a peer's words that are kept.
const WORDS: usize = 1024;

/// An element with attributes in no namespace.
pub(crate) fn element(name: &str, namespace: &str, attributes: &[(&'static str, &str)]) -> Element {
    let mut element = Element::bare(name, namespace);
    for (name, value) in attributes {
        set(&mut element, Namespace::NONE, name, value);
    }
    element
}

/// Whether it is one of the three kinds of stanza.
pub(crate) fn is_stanza(element: &Element) -> bool {
    element.has_ns(ns::CLIENT) && matches!(element.name(), "iq" | "message" | "presence")
}

/// Adds an attribute in no namespace.
pub(crate) fn set_attribute(element: &mut Element, name: &'static str, value: &str) {
    set(element, Namespace::NONE, name, value);
}

/// Adds the language of the stream (RFC 6120 section 4.7.4).
pub(crate) fn set_language(element: &mut Element, language: &str) {
    set(element, Namespace::XML, "lang", language);
}

fn set(element: &mut Element, namespace: Namespace<'static>, name: &'static str, value: &str) {
    let name = NcName::try_from(name).expect("attribute names are literals of this crate");
    element.attrs_mut().insert(namespace, name, value.to_owned());
}

/// The address in an attribute: `Ok(None)` when there is none.
pub(crate) fn address(element: &Element, attribute: &str) -> Result<Option<Jid>, jid::Error> {
    element.attr(attribute).map(Jid::new).transpose()
}

/// The text of an error or failure for people (a `<text/>` child), cut to a length fit for a log.
pub(crate) fn words(element: &Element, namespace: &str) -> Option<String> {
    let text = element.get_child("text", namespace)?.text();
    Some(text.chars().take(WORDS).collect())
}
