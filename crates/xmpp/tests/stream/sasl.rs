//! Which mechanism is used, and a whole exchange of each.

use offhook_xmpp::{
    BareJid, CloseReason, Credentials, Event, ScramError, StreamConfig,
    fuzzing::{PASSWORD, Server},
};

use crate::rig::{CLOSE_SENT, Rig, config, element};

fn password(password: &str) -> StreamConfig {
    let mut config = config();
    config.credentials = Credentials::Password(password.into());
    config
}

/// Goes as far as it gets with a server that offers these.
fn connect(config: StreamConfig, mechanisms: &[&'static str]) -> Rig {
    Rig::with(config, Server::offering(mechanisms))
}

fn mechanism(rig: &Rig) -> String {
    let auth = rig.sent.iter().find(|frame| frame.starts_with("<auth")).unwrap();
    element(auth).attr("mechanism").unwrap().to_owned()
}

#[test]
fn a_password_goes_by_the_strongest_mechanism_offered() {
    for (offered, expected) in [
        (&["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"][..], "SCRAM-SHA-256"),
        (&["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"], "SCRAM-SHA-1"),
        (&["ANONYMOUS", "PLAIN", "DIGEST-MD5"], "PLAIN"),
    ] {
        let rig = connect(password(PASSWORD), offered);
        assert_eq!(mechanism(&rig), expected);
        assert!(matches!(&rig.events[..], [Event::Connected(_)]), "{:?}", rig.events);
    }
}

#[test]
fn plain_with_a_password_names_the_user_alone() {
    let rig = connect(password("pw"), &["PLAIN"]);
    let auth = element(rig.sent.iter().find(|frame| frame.starts_with("<auth")).unwrap());
    assert_eq!(auth.text(), "AGFnZW50AHB3", "NUL agent NUL pw");
}

#[test]
fn a_guest_is_anonymous_and_nothing_else() {
    let mut config = config();
    config.credentials = Credentials::Guest;
    config.jid = BareJid::new("guest@example.org").unwrap();
    let rig = connect(config.clone(), &["PLAIN", "ANONYMOUS"]);
    assert_eq!(mechanism(&rig), "ANONYMOUS");
    assert!(matches!(&rig.events[..], [Event::Connected(_)]));

    let mut rig = connect(config, &["PLAIN", "SCRAM-SHA-1"]);
    assert!(matches!(rig.closed(), CloseReason::NoUsableMechanism { .. }));
}

#[test]
fn a_guest_learns_its_name_by_the_binding() {
    for (from, is_ours) in [("x7@example.org/y", true), ("x7@example.net/y", false)] {
        let mut config = config();
        config.credentials = Credentials::Guest;
        let mut rig = Rig::starting(config, Server::offering(&["ANONYMOUS"]));
        rig.obey(5);
        let answer = rig
            .answers
            .pop_front()
            .unwrap()
            .replace("agent@example.org/desk", "x7@example.org/y");
        rig.receive(&answer.replace("<iq ", &format!("<iq from='{from}' ")));
        let jid = rig.stream.jid().map(|jid| jid.as_str());
        assert_eq!(jid, is_ours.then_some("x7@example.org/y"), "{from}");
    }
}

#[test]
fn a_token_goes_by_plain_alone() {
    let mut rig = connect(config(), &["SCRAM-SHA-256", "ANONYMOUS"]);
    assert!(matches!(rig.closed(), CloseReason::NoUsableMechanism { .. }));
}

#[test]
fn a_wrong_password_is_refused() {
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256"] {
        let mut rig = connect(password("wrong"), &[mechanism]);
        assert!(rig.closed().credentials_refused());
    }
}

/// A stream whose server is about to send its challenge.
fn challenged() -> Rig {
    let server = Server::offering(&["SCRAM-SHA-256"]);
    let mut rig = Rig::starting(password(PASSWORD), server);
    rig.obey(2);
    rig.take();
    rig
}

fn broken(rig: &mut Rig) -> ScramError {
    assert_eq!(rig.sent, [CLOSE_SENT]);
    let reason = rig.closed();
    assert!(
        !reason.credentials_refused(),
        "the server cheats, it has refused nothing"
    );
    match reason {
        CloseReason::ScramBroken(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn a_success_without_proof_is_none() {
    let mut rig = challenged();
    rig.receive("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    assert_eq!(broken(&mut rig), ScramError::ServerSignature);

    let mut rig = challenged();
    rig.obey(1);
    rig.take();
    rig.receive("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>dj0h</success>");
    assert_eq!(broken(&mut rig), ScramError::Malformed);

    let mut rig = challenged();
    rig.obey(1);
    rig.take();
    rig.receive("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>dj1hYWFh</success>");
    assert_eq!(broken(&mut rig), ScramError::ServerSignature);
}

#[test]
fn challenges_that_cannot_be_read_end_the_exchange() {
    for text in ["", "=", "%", "/w==", "YQ=="] {
        let mut rig = challenged();
        rig.receive(&format!(
            "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{text}</challenge>"
        ));
        assert_eq!(broken(&mut rig), ScramError::Malformed, "{text}");
    }
}

#[test]
fn the_nonce_comes_from_the_seed() {
    let first = |rig: &Rig| rig.sent.iter().find(|frame| frame.starts_with("<auth")).cloned();
    let connect = || connect(password(PASSWORD), &["SCRAM-SHA-1"]);
    assert_eq!(first(&connect()), first(&connect()));
}
