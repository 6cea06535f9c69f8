//! Descriptions and transports of other specifications, which are kept as they came.

use minidom::Element;

use super::super::{JingleError, JingleLimits};

/// Namespaces that belong to XML itself. No element may be in them, and none that is could be written again.
const RESERVED: [&str; 2] = ["http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"];

/// The element, if it is not too large. Its prefixes are not kept: they mean nothing, and could not always be written again.
pub(super) fn kept(element: &Element, limits: &JingleLimits) -> Result<Element, JingleError> {
    measure(element, limits)?;
    Ok(without_prefixes(element))
}

/// Whether the element may be kept as it came. Walks without recursion, so that depth is found out before anything recurses.
pub(crate) fn measure(element: &Element, limits: &JingleLimits) -> Result<(), JingleError> {
    let mut bytes: usize = 0;
    let mut ahead = vec![(element, 1)];
    while let Some((element, depth)) = ahead.pop() {
        if depth > limits.foreign_depth {
            return Err(JingleError::TooMany {
                what: "elements inside one another",
                limit: limits.foreign_depth,
            });
        }
        let namespace = element.ns();
        let attributes = || element.attrs().iter();
        // An attribute may be `xml:lang`, or another one of the first of them.
        let [_, xmlns] = RESERVED;
        if RESERVED.contains(&namespace.as_str()) || attributes().any(|((ns, _), _)| &**ns == xmlns) {
            return Err(JingleError::ReservedNamespace);
        }
        let attributes: usize = attributes()
            .map(|((ns, name), value)| ns.len() + name.len() + value.len())
            .sum();
        let texts: usize = element.texts().map(str::len).sum();
        bytes += element.name().len() + namespace.len() + attributes + texts;
        if bytes > limits.foreign {
            return Err(JingleError::TooLong {
                what: "an element that is kept as it came",
                bytes,
                limit: limits.foreign,
            });
        }
        ahead.extend(element.children().map(|child| (child, depth + 1)));
    }
    Ok(())
}

fn without_prefixes(element: &Element) -> Element {
    let mut kept = Element::bare(element.name(), element.ns());
    for ((namespace, name), value) in element.attrs().iter() {
        kept.set_attr(namespace.clone(), name.clone(), value.as_str());
    }
    for node in element.nodes() {
        match node {
            minidom::Node::Element(child) => {
                kept.append_child(without_prefixes(child));
            }
            minidom::Node::Text(text) => kept.append_text(text.as_str()),
        }
    }
    kept
}
