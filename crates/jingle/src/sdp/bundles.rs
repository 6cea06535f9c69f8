//! What is said of a section elsewhere: by the session as a whole, and by the section whose transport it uses (RFC 8843).

use std::collections::BTreeMap;

use super::{MediaSection, SessionDescription};

/// All that is said of a section, by itself or for it.
pub(super) struct Said<'a> {
    pub(super) description: &'a SessionDescription,
    pub(super) section: &'a MediaSection,
    /// The section whose transport it uses, if that is another one.
    pub(super) tagged: Option<&'a MediaSection>,
}

impl<'a> Said<'a> {
    /// The attribute of this name of the section, or else of the one whose transport it uses, or else of all.
    pub(super) fn attribute(&self, name: &str) -> Option<&'a str> {
        let of_tagged = || self.tagged.and_then(|tagged| tagged.attribute(name));
        let of_all = || self.description.attribute(name);
        self.section.attribute(name).or_else(of_tagged).or_else(of_all)
    }
}

/// Which section has the transport of which others. In a bundle only the first has to say what is said of transports (RFC 8843 section
/// 7.1.3); in Jingle each content says it, and one that does not is taken as declined.
pub(super) struct Bundles<'a> {
    description: &'a SessionDescription,
    tagged: BTreeMap<&'a str, &'a MediaSection>,
}

impl<'a> Bundles<'a> {
    pub(super) fn new(description: &'a SessionDescription) -> Self {
        let carrying = description
            .media
            .iter()
            .filter(|section| !section.is_rejected() && has_credentials(section));
        let carrying: BTreeMap<_, _> = carrying.filter_map(|section| Some((section.mid()?, section))).collect();
        let mut tagged = BTreeMap::new();
        for (_, group) in description.attributes().filter(|(name, _)| *name == "group") {
            let mut words = group.split_whitespace();
            if words.next() != Some("BUNDLE") {
                continue;
            }
            if let Some(first) = words.clone().find_map(|mid| carrying.get(mid).copied()) {
                tagged.extend(words.map(|mid| (mid, first)));
            }
        }
        Self { description, tagged }
    }

    pub(super) fn all_of(&self, section: &'a MediaSection) -> Said<'a> {
        let mid = section
            .mid()
            .filter(|_| !section.is_rejected() && !has_credentials(section));
        Said {
            description: self.description,
            section,
            tagged: mid.and_then(|mid| self.tagged.get(mid).copied()),
        }
    }
}

fn has_credentials(section: &MediaSection) -> bool {
    section.attribute("ice-ufrag").is_some()
}
