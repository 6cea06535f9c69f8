//! One element that is being written.

use minidom::{Element, element::ElementBuilder, rxml::NcName};

use crate::xml::xml_text;

/// An element that is being written; whatever goes into it is made into text that XML can carry.
pub(super) struct Tag(ElementBuilder);

impl Tag {
    pub(super) fn new(name: &str, namespace: &str) -> Self {
        Self(Element::builder(name, xml_text(namespace)))
    }

    pub(super) fn text(self, attribute: &'static str, value: &str) -> Self {
        let name =
            NcName::try_from(attribute).expect("the attributes named in this module are XML names without a colon");
        Self(self.0.attr(name, xml_text(value).into_owned()))
    }

    pub(super) fn optional(self, attribute: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(attribute, value),
            None => self,
        }
    }

    /// A number, or whatever else shows itself as text.
    pub(super) fn shown(self, attribute: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.text(attribute, &value.to_string()),
            None => self,
        }
    }

    pub(super) fn child(self, child: Element) -> Self {
        Self(self.0.append(child))
    }

    pub(super) fn children(self, children: impl IntoIterator<Item = Element>) -> Self {
        Self(self.0.append_all(children))
    }

    /// An empty child, if it holds.
    pub(super) fn mark(self, holds: bool, name: &str, namespace: &str) -> Self {
        self.children(holds.then(|| Element::bare(name, namespace)))
    }

    pub(super) fn body(self, text: &str) -> Self {
        Self(self.0.append(xml_text(text).into_owned()))
    }

    pub(super) fn build(self) -> Element {
        self.0.build()
    }
}
