//! What each action says, read and written.

use std::collections::BTreeSet;

use super::{super::*, read, specimens};
use crate::Reason;

#[test]
fn every_action_is_read_as_what_it_says() {
    for specimen in specimens::all() {
        assert_eq!(read(&specimen.element), specimen.value);
    }
}

#[test]
fn every_action_is_written_as_the_specifications_have_it() {
    for specimen in specimens::all() {
        let written = specimen.value.to_element();
        assert_eq!(written, specimen.element, "{}", String::from(&written));
    }
}

#[test]
fn no_action_is_forgotten() {
    let shown: BTreeSet<_> = specimens::all().iter().map(|specimen| specimen.value.action).collect();
    assert_eq!(shown, Action::ALL.into_iter().collect());
    for action in Action::ALL {
        assert_eq!(action.as_str().parse(), Ok(action));
    }
    assert_eq!("Session-Initiate".parse::<Action>(), Err(UnknownAction));
}

#[test]
fn every_reason_goes_through_a_farewell() {
    for reason in Reason::ALL {
        let mut jingle = Jingle::new(Action::SessionTerminate, crate::SessionId::new("s"));
        jingle.reason = Some(reason.into());
        assert_eq!(read(&jingle.to_element()), jingle);
    }
}

#[test]
fn the_groups_come_after_the_contents_and_the_reason_after_both() {
    let mut jingle = Jingle::new(Action::ContentReject, crate::SessionId::new("s"));
    jingle.contents = vec![Content::new(Role::Initiator, "a")];
    jingle.groups = vec![Group {
        semantics: "BUNDLE".to_owned(),
        contents: Vec::new(),
    }];
    jingle.reason = Some(Reason::Decline.into());
    let element = jingle.to_element();
    let names: Vec<_> = element.children().map(Element::name).collect();
    assert_eq!(names, ["content", "group", "reason"]);
}

#[test]
fn a_condition_is_found_in_an_error_reply() {
    for condition in JingleCondition::ALL {
        let error = Element::builder("error", "jabber:client")
            .append(Element::bare("conflict", "urn:ietf:params:xml:ns:xmpp-stanzas"))
            .append(condition.to_element())
            .build();
        assert_eq!(JingleCondition::of_error(&error), Some(condition));
        assert_eq!(JingleCondition::from_element(&error), None);
        let elsewhere = Element::bare(condition.as_str(), "urn:xmpp:jingle:1");
        assert_eq!(JingleCondition::from_element(&elsewhere), None);
    }
}

#[test]
fn roles_and_senders_fit_together() {
    for role in [Role::Initiator, Role::Responder] {
        assert_eq!(role.other().other(), role);
        assert_ne!(role.other(), role);
        assert_eq!(role.as_str().parse(), Ok(role));
        assert!(Senders::Both.includes(role) && !Senders::None.includes(role));
        let alone: Senders = role.as_str().parse().expect("each party may send alone");
        assert!(alone.includes(role) && !alone.includes(role.other()));
    }
    for setup in [Setup::Active, Setup::Passive, Setup::Actpass, Setup::Holdconn] {
        assert_eq!(setup.as_str().parse(), Ok(setup));
    }
}

#[test]
fn passwords_and_keys_are_in_no_debug_output() {
    for specimen in specimens::all() {
        let mut value = specimen.value;
        for content in &mut value.contents {
            if let Some(Transport::Ice(ice)) = &mut content.transport {
                ice.pwd = Some("hunter2".to_owned());
            }
            if let Some(Application::Rtp(rtp)) = &mut content.description {
                for crypto in rtp.encryption.iter_mut().flat_map(|encryption| &mut encryption.crypto) {
                    crypto.key_params = "inline:hunter2".to_owned();
                }
            }
            if let Some(Application::Other(element)) = &mut content.description {
                element.append_text("hunter2");
            }
            if let Some(Transport::Other(element)) = &mut content.transport {
                element.append_text("hunter2");
            }
        }
        let written = String::from(&value.to_element());
        assert_eq!(written.contains("hunter2"), written.contains("<transport"));
        let shown = format!("{value:?} {value:#?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
