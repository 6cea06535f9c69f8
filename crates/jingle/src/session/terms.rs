//! What each side has said of the media. In Jingle that is kept, since later stanzas speak of parts of it; in SDP over XMPP a
//! description is a whole each time, and only its ICE credentials matter.

use super::{heard::Change, ice::Credentials};
use crate::{
    sdp,
    stanza::{Application, Content, Group, Ice, Role, Rtp, Senders, Transport},
};

/// What the two sides have said.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    pub(super) remote: Side,
    pub(super) local: Side,
    /// How many descriptions of the peer there were; each is a newer version of the same origin (RFC 8866 section 5.2).
    pub(super) version: u64,
}

/// What one side has said.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Side {
    pub(super) contents: Vec<Content>,
    pub(super) groups: Vec<Group>,
    /// Those of the first content that has any: the others are bundled with it or have none.
    pub(super) credentials: Option<Credentials>,
}

impl Side {
    /// Of Jingle's contents.
    pub(super) fn new(contents: Vec<Content>, groups: Vec<Group>) -> Self {
        let credentials = contents.iter().find_map(|content| credentials(content.ice()?));
        Self {
            contents,
            groups,
            credentials,
        }
    }

    /// Of a description that is kept by nobody.
    pub(super) fn of_text(sdp: &str) -> Self {
        Self {
            credentials: Credentials::of_offer(sdp),
            ..Self::default()
        }
    }

    pub(super) fn sdp(&self, by: Role, version: u64) -> String {
        sdp::from_contents(&self.contents, &self.groups, by, version).to_string()
    }

    pub(super) fn content(&self, name: &str) -> Option<&Content> {
        self.contents.iter().find(|content| content.name == name)
    }

    pub(super) fn content_mut(&mut self, name: &str) -> Option<&mut Content> {
        self.contents.iter_mut().find(|content| content.name == name)
    }

    /// The content, unless it is declined or removed.
    pub(super) fn live(&self, name: &str) -> Option<&Content> {
        self.content(name).filter(|content| !is_declined(content))
    }

    /// What this side says after the other has changed its own in this way. There is one `senders` for both (XEP-0166 section
    /// 7.2.3), and what one side removes the other does not have.
    pub(super) fn following(mut self, old: &Side, new: &Side) -> Self {
        for content in &mut self.contents {
            match (old.live(&content.name), new.live(&content.name)) {
                (Some(old), Some(new)) if old.senders != new.senders => content.senders = new.senders,
                (Some(_), Some(_)) | (None, _) => {}
                (Some(_), None) => *content = declined(content),
            }
        }
        Self::new(self.contents, self.groups)
    }

    /// Without what was to be added and is declined by the other side (XEP-0166 section 7.2.1).
    pub(super) fn answered_by(mut self, change: &Change, answer: &Side) -> Self {
        if let Change::Contents(names) = change {
            let unused: Vec<_> = names
                .iter()
                .filter(|name| answer.live(name).is_none())
                .cloned()
                .collect();
            self.decline(&unused);
        }
        self
    }

    /// Leaves nothing of these contents but their places.
    pub(super) fn decline(&mut self, names: &[String]) {
        for content in self.contents.iter_mut().filter(|content| names.contains(&content.name)) {
            *content = declined(content);
        }
    }

    /// Who brought the content in; what nobody knows is of the one who speaks of it.
    pub(super) fn creator(&self, name: &str, speaker: Role) -> Role {
        self.content(name).map_or(speaker, |content| content.creator)
    }

    /// The content that speaks for all: the first that is in use, or else the first.
    pub(super) fn leading(&self) -> Option<&Content> {
        let in_use = self.contents.iter().find(|content| content.senders != Senders::None);
        in_use.or(self.contents.first())
    }

    /// The first content that carries sound.
    pub(super) fn audio(&self) -> Option<&Content> {
        let sounds = |content: &&Content| content.rtp().is_some_and(|rtp| rtp.media == "audio");
        self.contents.iter().find(sounds)
    }

    pub(super) fn fingerprints(&self) -> Vec<(&str, &str)> {
        let ice = self.contents.iter().filter_map(Content::ice);
        ice.flat_map(|ice| &ice.fingerprints)
            .map(|fingerprint| (fingerprint.hash.as_str(), fingerprint.value.as_str()))
            .collect()
    }

    /// With the transports of these contents, where both have the content.
    pub(super) fn with_transports(&self, contents: Vec<Content>) -> Self {
        let mut side = self.contents.clone();
        for content in contents {
            if let Some(own) = side.iter_mut().find(|own| own.name == content.name) {
                own.transport = content.transport;
            }
        }
        Self::new(side, self.groups.clone())
    }

    /// The same contents and transports, with the directions and descriptions of `other`.
    pub(super) fn with_terms_of(&self, other: &Side) -> Self {
        let mut side = self.clone();
        for own in &mut side.contents {
            if let Some(content) = other.content(&own.name) {
                own.senders = content.senders;
                own.description.clone_from(&content.description);
            }
        }
        side
    }

    /// Without what has been rejected: contents that carry nothing and that the other side does not know. A description cannot leave
    /// them out (RFC 3264 section 8).
    pub(super) fn within(mut self, other: &Side) -> Self {
        self.contents
            .retain(|content| content.senders != Senders::None || other.content(&content.name).is_some());
        self
    }

    /// Without those of the contents that the answer does not use: they are as they were before, and so not there if they are new.
    pub(super) fn without_rejected(mut self, names: &[String], answer: &Side, before: &Side) -> Self {
        let used = |name: &String| {
            answer
                .content(name)
                .is_some_and(|content| content.senders != Senders::None)
        };
        for name in names.iter().filter(|name| !used(name)) {
            match (
                self.contents.iter().position(|content| content.name == *name),
                before.content(name),
            ) {
                (Some(at), Some(old)) => self.contents[at] = old.clone(),
                (Some(at), None) => drop(self.contents.remove(at)),
                (None, _) => {}
            }
        }
        Self::new(self.contents, self.groups)
    }

    /// As an answer to `offered`, with a content for each of its contents, in its order (RFC 3264 section 6). What has no ICE of its
    /// own, or is left out, is declined.
    pub(super) fn in_answer_to(mut self, offered: &Side) -> Self {
        let contents = offered.contents.iter().map(|offered| {
            let accepted =
                |content: &Content| content.name == offered.name && content.ice().is_some_and(has_credentials);
            let own = self.contents.iter().position(accepted);
            own.map_or_else(|| declined(offered), |at| self.contents.swap_remove(at))
        });
        let contents = contents.collect();
        Self::new(contents, std::mem::take(&mut self.groups))
    }
}

fn has_credentials(ice: &Ice) -> bool {
    ice.ufrag.is_some()
}

/// Whether it is like [`declined`] ones, which a port 0 in SDP becomes: not only silent for now.
pub(super) fn is_declined(content: &Content) -> bool {
    content.senders == Senders::None && content.ice().is_none_or(|ice| !has_credentials(ice))
}

/// A content that is declined in an answer: nobody sends, and there is no transport. Peers that make SDP of it need a kind of
/// media and a payload type that was offered; then it becomes a rejected media description.
fn declined(offered: &Content) -> Content {
    let description = offered.rtp().map(|rtp| {
        let named = rtp
            .payload_types
            .iter()
            .find(|payload_type| payload_type.name.is_some());
        Application::Rtp(Rtp {
            payload_types: named.or(rtp.payload_types.first()).cloned().into_iter().collect(),
            ..Rtp::new(&rtp.media)
        })
    });
    Content {
        senders: Senders::None,
        disposition: None,
        description: description.or_else(|| offered.description.clone()),
        transport: Some(Transport::Ice(Ice::default())),
        ..offered.clone()
    }
}

/// Both credentials, if both are there.
pub(super) fn credentials(ice: &Ice) -> Option<Credentials> {
    Some(Credentials::new(ice.ufrag.clone()?, ice.pwd.clone()?))
}
