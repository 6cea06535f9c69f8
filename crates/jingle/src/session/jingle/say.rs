//! What the session wants, as stanzas.

use crate::{
    Candidate, Reason, SessionId,
    sdp::{self, SessionDescription, content_of},
    session::{
        CommandError, SessionConfig,
        heard::{Change, Words},
        news::News,
        states::Offered,
        terms::Side,
    },
    stanza::{Action, Content, Farewell, Ice, Info, Jingle, Role, Senders, Transport},
};

/// Our side as the description says it.
pub(super) fn read_side(sdp: &str, role: Role, creator: impl Fn(&str) -> Role) -> Result<Side, CommandError> {
    let description: SessionDescription = sdp.parse()?;
    let (contents, groups) = sdp::to_contents(&description, role, creator)?;
    Ok(Side::new(contents, groups))
}

/// `session-initiate`.
pub(in crate::session) fn initiate(config: &SessionConfig, sdp: &str) -> Result<(Words, Side), CommandError> {
    let local = read_side(sdp, Role::Initiator, |_| Role::Initiator)?;
    let jingle = Jingle {
        initiator: config.local.clone().map(Into::into),
        contents: local.contents.clone(),
        groups: local.groups.clone(),
        ..Jingle::new(Action::SessionInitiate, config.id.clone())
    };
    Ok((Words::Jingle(jingle), local))
}

/// What answers the offer, which may be nothing, and our side from then on.
pub(in crate::session) fn answer(
    session: &SessionId,
    role: Role,
    offered: &Offered,
    sdp: &str,
) -> Result<(Vec<Words>, Side), CommandError> {
    let offer = &offered.offer;
    let local = read_side(sdp, role, |name| offer.remote.creator(name, role))?;
    let unknown = local
        .contents
        .iter()
        .find(|content| offer.remote.content(&content.name).is_none());
    if let Some(content) = unknown {
        return Err(CommandError::UnknownMid {
            mid: sdp::mid_of(&content.name),
        });
    }
    let local = match &offer.change {
        Change::Session => local.in_answer_to(&offer.remote),
        Change::Contents(_) | Change::Transport | Change::Restart | Change::Terms => local,
    };
    let words = match &offer.change {
        Change::Session => vec![whole(session, Action::SessionAccept, &local)],
        Change::Contents(names) => answer_contents(session, names, &offer.remote, &local),
        Change::Transport => vec![transports(session, Action::TransportAccept, &local)],
        Change::Restart => vec![transports(session, Action::TransportInfo, &local)],
        Change::Terms => Vec::new(),
    };
    Ok((words, local))
}

fn whole(session: &SessionId, action: Action, side: &Side) -> Words {
    Words::Jingle(Jingle {
        contents: side.contents.clone(),
        groups: side.groups.clone(),
        ..Jingle::new(action, session.clone())
    })
}

/// XEP-0166 section 7.2.1: the contents that are used are accepted, the others rejected.
fn answer_contents(session: &SessionId, names: &[String], remote: &Side, local: &Side) -> Vec<Words> {
    let used = |name: &String| {
        local
            .content(name)
            .is_some_and(|content| content.senders != Senders::None)
    };
    let (accepted, rejected): (Vec<_>, Vec<_>) = names.iter().partition(|name| used(name));
    let contents: Vec<_> = rejected
        .into_iter()
        .filter_map(|name| remote.content(name))
        .map(bare)
        .collect();
    let reject = (!contents.is_empty()).then(|| reject(session, contents));
    let contents: Vec<_> = accepted
        .into_iter()
        .filter_map(|name| local.content(name))
        .cloned()
        .collect();
    let accept = (!contents.is_empty()).then(|| {
        Words::Jingle(Jingle {
            contents,
            ..Jingle::new(Action::ContentAccept, session.clone())
        })
    });
    reject.into_iter().chain(accept).collect()
}

fn reject(session: &SessionId, contents: Vec<Content>) -> Words {
    Words::Jingle(Jingle {
        contents,
        reason: Some(Farewell::new(Reason::FailedApplication)),
        ..Jingle::new(Action::ContentReject, session.clone())
    })
}

/// The content by its name alone.
pub(super) fn bare(content: &Content) -> Content {
    Content {
        description: None,
        transport: None,
        disposition: None,
        ..content.clone()
    }
}

/// The transports of all contents that have one of ICE.
pub(super) fn transports(session: &SessionId, action: Action, side: &Side) -> Words {
    let contents = side.contents.iter().filter_map(|content| {
        let ice = content.ice()?.clone();
        Some(with_transport(content, ice))
    });
    Words::Jingle(Jingle {
        contents: contents.collect(),
        ..Jingle::new(action, session.clone())
    })
}

fn with_transport(content: &Content, ice: Ice) -> Content {
    Content {
        senders: Senders::Both,
        transport: Some(Transport::Ice(ice)),
        ..bare(content)
    }
}

/// What declines the offer; there is nothing to say against new terms, which hold, or a restart, which ends by itself.
pub(in crate::session) fn decline(session: &SessionId, change: &Change, remote: &Side) -> Option<Words> {
    match change {
        Change::Contents(names) => {
            let contents = names.iter().filter_map(|name| remote.content(name)).map(bare);
            Some(reject(session, contents.collect()))
        }
        Change::Transport => {
            let contents = remote.contents.iter().filter(|content| content.transport.is_some());
            let contents = contents.map(|content| Content {
                transport: content.transport.clone(),
                ..bare(content)
            });
            Some(Words::Jingle(Jingle {
                contents: contents.collect(),
                reason: Some(Farewell::new(Reason::FailedTransport)),
                ..Jingle::new(Action::TransportReject, session.clone())
            }))
        }
        Change::Session | Change::Restart | Change::Terms => None,
    }
}

/// `transport-info` or `session-info`.
pub(in crate::session) fn news(session: &SessionId, role: Role, local: &Side, news: News) -> Words {
    match news {
        News::Candidate { mid, candidate } => {
            let name = content_of(&mid);
            // Checked when it was given.
            let candidates = candidate.parse::<Candidate>();
            let content = local.content(&name).or(local.leading());
            trickle(
                session,
                content,
                name.clone(),
                role,
                candidates.into_iter().collect(),
                false,
            )
        }
        News::EndOfCandidates => {
            let content = local.leading();
            let name = content.map(|content| content.name.clone()).unwrap_or_default();
            trickle(session, content, name, role, Vec::new(), true)
        }
        News::Active => info(session, Info::Active),
        News::Muted(muted) => {
            let audio = local.audio();
            let creator = audio.map(|content| content.creator);
            let name = audio.map(|content| content.name.clone());
            info(
                session,
                if muted {
                    Info::Mute { creator, name }
                } else {
                    Info::Unmute { creator, name }
                },
            )
        }
        News::Held(true) => info(session, Info::Hold),
        News::Held(false) => info(session, Info::Unhold),
    }
}

fn trickle(
    session: &SessionId,
    content: Option<&Content>,
    name: String,
    role: Role,
    candidates: Vec<Candidate>,
    gathering_complete: bool,
) -> Words {
    let ice = Ice {
        ufrag: content.and_then(Content::ice).and_then(|ice| ice.ufrag.clone()),
        candidates,
        gathering_complete,
        ..Ice::default()
    };
    let creator = content.map_or(role, |content| content.creator);
    let content = Content {
        transport: Some(Transport::Ice(ice)),
        ..Content::new(creator, name)
    };
    Words::Jingle(Jingle {
        contents: vec![content],
        ..Jingle::new(Action::TransportInfo, session.clone())
    })
}

pub(in crate::session) fn info(session: &SessionId, info: Info) -> Words {
    Words::Jingle(Jingle {
        info: Some(info),
        ..Jingle::new(Action::SessionInfo, session.clone())
    })
}

pub(in crate::session) fn terminate(session: &SessionId, farewell: &Farewell) -> Words {
    Words::Jingle(Jingle {
        reason: Some(farewell.clone()),
        ..Jingle::new(Action::SessionTerminate, session.clone())
    })
}
