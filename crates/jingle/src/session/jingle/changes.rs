//! A later offer of ours: what it changes, and which stanza says so. Jingle has one for each kind of change.

use super::say::{bare, read_side, transports};
use crate::{
    SessionId,
    session::{
        CommandError, SessionConfig,
        heard::{Change, Words},
        terms::{self, Side, Terms},
    },
    stanza::{Action, Content, Jingle, Role},
};

/// What says the difference between our side and the description, and what kind of change it is.
pub(in crate::session) fn offer(
    config: &SessionConfig,
    role: Role,
    terms: &Terms,
    sdp: &str,
) -> Result<(Words, Change, Side), CommandError> {
    let held = &terms.local;
    let local = read_side(sdp, role, |name| held.creator(name, role))?.within(&terms.remote);
    let limit = config.limits.contents;
    let mut changes = differences(held, &local);
    let Some((what, action, contents)) = changes.pop() else {
        return Err(CommandError::NothingNew);
    };
    if let Some((other, ..)) = changes.pop() {
        return Err(CommandError::TooManyChanges {
            one: other,
            other: what,
        });
    }
    if local.contents.len() > limit {
        return Err(CommandError::TooManyContents { limit });
    }
    let change = match action {
        Action::ContentAdd => Change::Contents(contents.iter().map(|content| content.name.clone()).collect()),
        Action::TransportReplace => Change::Transport,
        Action::TransportInfo => Change::Restart,
        _ => Change::Terms,
    };
    let words = match change {
        Change::Transport | Change::Restart => transports(&config.id, action, &local),
        Change::Session | Change::Contents(_) | Change::Terms => said(&config.id, action, contents),
    };
    Ok((words, change, local))
}

fn said(session: &SessionId, action: Action, contents: Vec<Content>) -> Words {
    Words::Jingle(Jingle {
        contents,
        ..Jingle::new(action, session.clone())
    })
}

/// Each kind of change that there is, with the action for it and the contents that it is about.
fn differences(held: &Side, new: &Side) -> Vec<(&'static str, Action, Vec<Content>)> {
    let live = || new.contents.iter().filter(|content| !terms::is_declined(content));
    let mut changes = Vec::new();
    let mut note = |what, action, contents: Vec<Content>| {
        if !contents.is_empty() {
            changes.push((what, action, contents));
        }
    };
    note(
        "contents that are new",
        Action::ContentAdd,
        live()
            .filter(|content| held.live(&content.name).is_none())
            .cloned()
            .collect(),
    );
    let gone = held
        .contents
        .iter()
        .filter(|content| !terms::is_declined(content) && new.live(&content.name).is_none());
    note(
        "contents that are gone",
        Action::ContentRemove,
        gone.map(bare).collect(),
    );
    let kept = live().filter_map(|content| Some((held.live(&content.name)?, content)));
    let ice = |content: &Content| content.ice().and_then(terms::credentials);
    let other_ice: Vec<_> = kept.clone().filter(|(old, new)| ice(old) != ice(new)).collect();
    let action = if held.fingerprints() == new.fingerprints() {
        Action::TransportInfo
    } else {
        Action::TransportReplace
    };
    note(
        "ICE",
        action,
        other_ice.into_iter().map(|(_, new)| new.clone()).collect(),
    );
    let turned = kept.clone().filter(|(old, new)| old.senders != new.senders);
    note(
        "directions",
        Action::ContentModify,
        turned.map(|(_, new)| bare(new)).collect(),
    );
    let described = kept.filter(|(old, new)| old.rtp() != new.rtp());
    let described = described.map(|(_, new)| Content {
        description: new.description.clone(),
        ..bare(new)
    });
    note("descriptions", Action::DescriptionInfo, described.collect());
    changes
}
