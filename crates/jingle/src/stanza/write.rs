//! Writing the element, as the specifications require it and in the order in which clients write it.

mod ice;
mod rtp;
mod tag;

use minidom::{Element, rxml::NcName};

use self::tag::Tag;
use super::{Action, Application, Content, Farewell, Group, Info, Jingle, NAME, Role, Senders, Transport, ns};
use crate::Reason;

pub(super) fn element(jingle: &Jingle) -> Element {
    let contents = jingle.contents.iter();
    Tag::new(NAME, ns::JINGLE)
        .text("action", jingle.action.as_str())
        .shown("initiator", jingle.initiator.as_ref())
        .shown("responder", jingle.responder.as_ref())
        .text("sid", jingle.sid.as_str())
        .children(contents.map(|one| content(one, jingle.action)))
        .children(jingle.groups.iter().map(group))
        .children(jingle.reason.iter().map(farewell))
        .children(jingle.info.iter().filter_map(info))
        .build()
}

fn content(content: &Content, action: Action) -> Element {
    // Whoever modifies a content says who sends in it, even if it is both (XEP-0166 section 7.3).
    let said = content.senders != Senders::Both || action == Action::ContentModify;
    Tag::new("content", ns::JINGLE)
        .text("creator", content.creator.as_str())
        .optional("disposition", content.disposition.as_deref())
        .text("name", &content.name)
        .optional("senders", said.then(|| content.senders.as_str()))
        .children(content.description.iter().map(application))
        .children(content.transport.iter().map(transport))
        .build()
}

fn application(application: &Application) -> Element {
    match application {
        Application::Rtp(rtp) => rtp::description(rtp),
        Application::Other(element) => element.clone(),
    }
}

fn transport(transport: &Transport) -> Element {
    match transport {
        Transport::Ice(ice) => ice::transport(ice),
        Transport::Other(element) => element.clone(),
    }
}

fn group(group: &Group) -> Element {
    let contents = group.contents.iter();
    Tag::new("group", ns::GROUPING)
        .text("semantics", &group.semantics)
        .children(contents.map(|name| Tag::new("content", ns::GROUPING).text("name", name).build()))
        .build()
}

pub(crate) fn farewell(farewell: &Farewell) -> Element {
    let mut condition = Tag::new(farewell.reason.as_str(), ns::JINGLE);
    if let (Reason::AlternativeSession, Some(sid)) = (farewell.reason, &farewell.alternative) {
        condition = condition.child(Tag::new("sid", ns::JINGLE).body(sid.as_str()).build());
    }
    let text = farewell.text.iter();
    Tag::new("reason", ns::JINGLE)
        .child(condition.build())
        .children(text.map(|text| Tag::new("text", ns::JINGLE).body(text).build()))
        .build()
}

/// `None` for a payload whose name no element can have.
fn info(info: &Info) -> Option<Element> {
    let bare = |name| Tag::new(name, ns::RTP_INFO);
    let about = |name, creator: Option<Role>, content: Option<&str>| {
        let creator = creator.map(Role::as_str);
        bare(name).optional("creator", creator).optional("name", content)
    };
    let tag = match info {
        Info::Ringing => bare("ringing"),
        Info::Active => bare("active"),
        Info::Hold => bare("hold"),
        Info::Unhold => bare("unhold"),
        Info::Mute { creator, name } => about("mute", *creator, name.as_deref()),
        Info::Unmute { creator, name } => about("unmute", *creator, name.as_deref()),
        Info::Unknown { name, namespace } => {
            NcName::try_from(name.as_str()).ok()?;
            Tag::new(name, namespace)
        }
    };
    Some(tag.build())
}
