//! Writes elements as text.
//!
//! Namespaces are declared as default namespaces where they change, whatever prefixes an element was read with, and
//! quotes in text stay as they are: the form in which the official client of the platform writes.

use std::fmt::Write as _;

use minidom::{Element, Node, rxml};

/// Writes an element as a frame: no XML declaration, the namespace declared on the outermost element.
///
/// Characters that XML cannot express (most control characters) become U+FFFD. Names are written as they are: whoever
/// builds an element gives it names that XML allows.
pub fn print(element: &Element) -> String {
    let mut text = String::new();
    write_element(&mut text, element, None);
    text
}

fn write_element(out: &mut String, element: &Element, inherited: Option<&str>) {
    let namespace = element.ns();
    out.push('<');
    out.push_str(element.name());
    // Also when it is none: a frame that declares nothing is read as `jabber:client`.
    if inherited != Some(namespace.as_str()) {
        write_attribute(out, "xmlns", &namespace);
    }
    for (index, ((namespace, name), value)) in element.attrs().iter().enumerate() {
        match &**namespace {
            "" => write_attribute(out, name, value),
            rxml::XMLNS_XML => write_attribute(out, &format!("xml:{name}"), value),
            foreign => {
                write_attribute(out, &format!("xmlns:ns{index}"), foreign);
                write_attribute(out, &format!("ns{index}:{name}"), value);
            }
        }
    }
    if element.nodes().next().is_none() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    for node in element.nodes() {
        match node {
            Node::Element(child) => write_element(out, child, Some(&namespace)),
            Node::Text(text) => write_text(out, text),
        }
    }
    out.push_str("</");
    out.push_str(element.name());
    out.push('>');
}

fn write_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    for character in value.chars() {
        match character {
            '"' => out.push_str("&quot;"),
            // A parser would read these as spaces (XML 1.0 section 3.3.3).
            '\t' | '\n' => write_reference(out, character),
            other => write_character(out, other),
        }
    }
    out.push('"');
}

fn write_text(out: &mut String, text: &str) {
    for character in text.chars() {
        write_character(out, character);
    }
}

fn write_character(out: &mut String, character: char) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        // A parser would read it as a line feed (XML 1.0 section 2.11).
        '\r' => write_reference(out, character),
        '\t' | '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}' => {
            out.push(character);
        }
        _ => out.push('\u{fffd}'),
    }
}

fn write_reference(out: &mut String, character: char) {
    // Writing to a String cannot fail.
    let _ = write!(out, "&#{};", u32::from(character));
}
