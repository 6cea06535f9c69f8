//! Reading the element: the action, its contents, groups, reason and payload.

mod foreign;
mod ice;
mod rtp;
mod tag;

use minidom::Element;

pub(crate) use self::foreign::measure;
use self::tag::{Tag, push};
use super::{
    Action, Application, Content, Farewell, Group, Info, Jingle, JingleError, JingleLimits, NAME, Role, Transport, ns,
};
use crate::{Reason, SessionId};

pub(super) fn jingle(element: &Element, limits: &JingleLimits) -> Result<Jingle, JingleError> {
    if !element.is(NAME, ns::JINGLE) {
        return Err(JingleError::OtherElement);
    }
    let tag = Tag::new(element, NAME, limits);
    let mut jingle = Jingle {
        initiator: tag.hint("initiator")?,
        responder: tag.hint("responder")?,
        ..Jingle::new(action(&tag)?, SessionId::new(tag.required("sid")?))
    };
    let mut candidates = 0;
    for child in element.children() {
        if child.is("content", ns::JINGLE) {
            let content = content(child, limits)?;
            candidates += content
                .ice()
                .map_or(0, |ice| ice.candidates.len() + ice.remote_candidates.len());
            if candidates > limits.candidates {
                return Err(too_many_candidates(limits));
            }
            if jingle.content(content.creator, &content.name).is_some() {
                return Err(JingleError::RepeatedContent { name: content.name });
            }
            push(&mut jingle.contents, content, limits.contents, "contents")?;
        } else if child.is("group", ns::GROUPING) {
            if let Some(group) = group(child, limits)? {
                push(&mut jingle.groups, group, limits.entries, "groups")?;
            }
        } else if child.is("reason", ns::JINGLE) {
            jingle.reason.get_or_insert_with(|| farewell(child, limits));
        } else if jingle.action == Action::SessionInfo && jingle.info.is_none() {
            jingle.info = Some(info(child, limits)?);
        }
    }
    Ok(jingle)
}

fn too_many_candidates(limits: &JingleLimits) -> JingleError {
    JingleError::TooMany {
        what: "candidates",
        limit: limits.candidates,
    }
}

/// What a `<jingle/>` element asks of which session, without a look at the rest.
///
/// # Errors
/// [`JingleError`], as reading it whole would give for these two attributes.
pub(crate) fn address(element: &Element, limit: usize) -> Result<(Action, SessionId), JingleError> {
    let limits = JingleLimits {
        text: limit,
        ..JingleLimits::default()
    };
    let tag = Tag::new(element, NAME, &limits);
    Ok((action(&tag)?, SessionId::new(tag.required("sid")?)))
}

fn action(tag: &Tag<'_>) -> Result<Action, JingleError> {
    let action = tag.required("action")?;
    action.parse().map_err(|_| JingleError::UnknownAction {
        action: action.to_owned(),
    })
}

fn content(element: &Element, limits: &JingleLimits) -> Result<Content, JingleError> {
    let tag = Tag::new(element, "content", limits);
    let creator = tag.word("creator", "`initiator` or `responder`")?;
    let mut content = Content {
        senders: tag
            .word("senders", "`both`, `initiator`, `none` or `responder`")?
            .unwrap_or_default(),
        disposition: tag.text("disposition")?.map(str::to_owned),
        ..Content::new(creator.unwrap_or(Role::Initiator), tag.required("name")?)
    };
    for child in element.children() {
        match child.name() {
            "description" if content.description.is_none() => {
                content.description = Some(application(child, &content.name, limits)?);
            }
            "transport" if content.transport.is_none() => {
                content.transport = Some(transport(child, limits)?);
            }
            _ => {}
        }
    }
    Ok(content)
}

fn application(element: &Element, content: &str, limits: &JingleLimits) -> Result<Application, JingleError> {
    if element.has_ns(ns::RTP) {
        Ok(Application::Rtp(rtp::description(element, content, limits)?))
    } else {
        Ok(Application::Other(foreign::kept(element, limits)?))
    }
}

fn transport(element: &Element, limits: &JingleLimits) -> Result<Transport, JingleError> {
    match ice::syntax(element) {
        Some(syntax) => Ok(Transport::Ice(ice::transport(element, syntax, limits)?)),
        None => Ok(Transport::Other(foreign::kept(element, limits)?)),
    }
}

/// `None` where nothing is said of how the contents belong together.
fn group(element: &Element, limits: &JingleLimits) -> Result<Option<Group>, JingleError> {
    let Some(semantics) = Tag::new(element, "group", limits).text("semantics")? else {
        return Ok(None);
    };
    let mut contents = Vec::new();
    for child in element.children().filter(|child| child.is("content", ns::GROUPING)) {
        let name = Tag::new(child, "content", limits).required("name")?.to_owned();
        push(&mut contents, name, limits.entries, "contents of a group")?;
    }
    Ok(Some(Group {
        semantics: semantics.to_owned(),
        contents,
    }))
}

/// Total: whatever is wrong with the reason of a farewell, it is one. What it holds is of its own namespace or of Jingle's.
pub(crate) fn farewell(element: &Element, limits: &JingleLimits) -> Farewell {
    let mut condition = None;
    let mut farewell = Farewell::new(Reason::GeneralError);
    let own = |child: &&Element| child.has_ns(ns::JINGLE) || child.ns() == element.ns();
    for child in element.children().filter(own) {
        if child.name() == "text" {
            farewell.text = farewell.text.or_else(|| tag::beginning(child, limits.text));
        } else if condition.is_none() {
            let reason = child.name().parse().unwrap_or(Reason::GeneralError);
            condition = Some(reason);
            if reason == Reason::AlternativeSession {
                farewell.alternative = alternative(child, limits);
            }
        }
    }
    farewell.reason = condition.unwrap_or(Reason::GeneralError);
    farewell
}

/// In a `<sid/>`, or as some clients write it, without.
fn alternative(element: &Element, limits: &JingleLimits) -> Option<SessionId> {
    let sid = element
        .children()
        .find(|child| child.name() == "sid")
        .unwrap_or(element);
    let sid = Tag::new(sid, "sid", limits).body().ok()?;
    (!sid.is_empty()).then(|| SessionId::new(sid))
}

fn info(element: &Element, limits: &JingleLimits) -> Result<Info, JingleError> {
    let name = element.name();
    let about = |name| -> Result<(Option<Role>, Option<String>), JingleError> {
        let tag = Tag::new(element, name, limits);
        let creator = tag.text("creator")?.and_then(|creator| creator.parse().ok());
        Ok((creator, tag.text("name")?.map(str::to_owned)))
    };
    if element.has_ns(ns::RTP_INFO) {
        match name {
            "ringing" => return Ok(Info::Ringing),
            "active" => return Ok(Info::Active),
            "hold" => return Ok(Info::Hold),
            "unhold" => return Ok(Info::Unhold),
            "mute" => {
                let (creator, name) = about("mute")?;
                return Ok(Info::Mute { creator, name });
            }
            "unmute" => {
                let (creator, name) = about("unmute")?;
                return Ok(Info::Unmute { creator, name });
            }
            _ => {}
        }
    }
    let namespace = element.ns();
    tag::measured("the name of a payload", name, limits)?;
    tag::measured("the namespace of a payload", &namespace, limits)?;
    Ok(Info::Unknown {
        name: name.to_owned(),
        namespace,
    })
}
