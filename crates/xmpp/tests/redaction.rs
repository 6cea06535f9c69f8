//! Secrets appear in what is sent and nowhere else.
//!
//! A test program of its own: `tracing` decides once for all threads whether an event is of interest, so tests that run
//! beside this one without a subscriber would silence the log that is examined here.

#[path = "stream/rig.rs"]
#[allow(dead_code)]
mod rig;

use std::{
    io,
    sync::{Arc, Mutex},
};

use offhook_xmpp::{
    Credentials, Element, Event, Input, Jid, Message, Output, Reply, Request, RequestKind, Token, Urgency,
    fuzzing::{PASSWORD, Server},
};
use tracing_subscriber::fmt::MakeWriter;

use rig::{After, Rig, TOKEN, config};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The SASL payload of the token, without its padding.
fn payload(frames: &[String]) -> String {
    let auth = frames.iter().find(|frame| frame.starts_with("<auth")).unwrap();
    let start = auth.find('>').unwrap() + 1;
    auth[start..start + 40].to_owned()
}

#[test]
fn no_secret_is_ever_shown() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let (sent, passwords, mut shown) = tracing::subscriber::with_default(subscriber, || {
        let (sent, mut shown) = converse();
        let (passwords, more) = converse_with_passwords();
        shown.push_str(&more);
        (sent, passwords, shown)
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("TRACE") && log.contains("frame sent"), "{log}");
    shown.push_str(&log);

    let all = sent.join("");
    let mut secrets = vec![TOKEN.to_owned(), payload(&sent), "turn-password".to_owned()];
    assert!(all.contains(&secrets[1]), "the payload is sent");
    assert!(passwords.len() > 10, "{passwords:?}");
    secrets.extend(passwords);
    for secret in secrets {
        assert!(!shown.contains(&secret), "{secret} is shown");
    }
}

/// A conversation with every kind of input and output; what was sent, and all that can be shown of the rest.
fn converse() -> (Vec<String>, String) {
    let (mut sent, mut shown) = (Vec::new(), format!("{:?}", config()));
    for failing in [None, Some(After::Authenticating), Some(After::Connected)] {
        let mut rig = Rig::new(config());
        for frame in 0..After::Connected as usize {
            if failing.is_some_and(|after| after as usize == frame) {
                rig.receive(&format!(
                    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><text>{TOKEN}</text></failure>"
                ));
                break;
            }
            let answer = rig.answers[0].clone();
            shown += &format!("{:?}", Input::Frame(answer));
            rig.stream
                .handle_input(rig.now, Input::Frame(rig.answers.pop_front().unwrap()));
            shown += &format!("{:#?}", rig.stream);
            while let output @ (Output::Transmit(_) | Output::Event(_)) = rig.stream.poll_output() {
                shown += &format!("{output:?}{output:#?}");
                if let Output::Transmit(frame) = output {
                    rig.answers.extend(rig.server.answers(frame.as_str()));
                    sent.push(frame.into_string());
                }
            }
        }
        if failing == Some(After::Connected) {
            let secret = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>\
                <text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>";
            rig.receive(&format!("{secret}{TOKEN}</text></stream:error>"));
        } else if failing.is_none() {
            shown += &exchange(&mut rig);
            let (code, reason) = (Some(1008), format!("unknown token {TOKEN}"));
            rig.input(Input::SocketClosed { code, reason });
        }
        for event in &rig.events {
            shown += &format!("{event:?}");
            if let Event::Closed(reason) = event {
                shown += &reason.to_string();
            }
        }
        shown += &format!("{:?}", rig.stream);
    }
    (sent, shown)
}

/// Streams that authenticate by passwords, are lost and resumed; their secrets, and all that can be shown of them.
fn converse_with_passwords() -> (Vec<String>, String) {
    let (mut secrets, mut shown) = (vec![PASSWORD.to_owned(), "resumption-1".to_owned()], String::new());
    for mechanism in ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"] {
        let mut config = config();
        config.credentials = Credentials::Password(PASSWORD.into());
        let mut server = Server::offering(&[mechanism]);
        server.manages_streams = true;
        shown += &format!("{config:?}{:?}", config.credentials);
        let mut rig = Rig::starting(config, server);
        while let Some(answer) = rig.answers.pop_front() {
            secrets.extend(said_in_sasl(&answer));
            rig.receive(&answer);
            shown += &format!("{:#?}{:?}", rig.stream, rig.events);
        }
        secrets.extend(rig.sent.iter().flat_map(|frame| said_in_sasl(frame)));
        rig.try_ask(1, None).unwrap();
        let resumption = rig.lose_socket();
        shown += &format!("{resumption:?}{resumption:#?}");
        rig.reconnect(resumption);
        shown += &format!("{:#?}", rig.stream);
        while let Some(answer) = rig.answers.pop_front() {
            rig.receive(&answer);
            shown += &format!("{:#?}{:?}", rig.stream, rig.events);
        }
        shown += &format!("{:?}", rig.events);
    }
    // A server that repeats what it was told.
    let mut config = config();
    config.credentials = Credentials::Password(PASSWORD.into());
    let mut rig = Rig::starting(config, Server::default());
    rig.obey(2);
    let repeated = said_in_sasl(rig.sent.last().unwrap()).unwrap();
    rig.receive(&format!(
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><text>{PASSWORD} {repeated}</text></failure>"
    ));
    shown += &format!("{:?}", rig.events);
    let Some(Event::Closed(reason)) = rig.events.last() else {
        panic!("not closed");
    };
    shown += &reason.to_string();
    (secrets, shown)
}

/// What a SASL element says beside its name.
fn said_in_sasl(frame: &str) -> Option<String> {
    let element = rig::element(frame);
    let text = element.text();
    (element.ns() == "urn:ietf:params:xml:ns:xmpp-sasl" && text.len() > 1).then_some(text)
}

/// External services asked for again, by the application: its password is in the answer.
fn exchange(rig: &mut Rig) -> String {
    let request = Request {
        token: Token(1),
        to: Some(Jid::new("example.org").unwrap()),
        kind: RequestKind::Get,
        payload: rig::element("<services xmlns='urn:xmpp:extdisco:1' type='turn'/>"),
        urgency: Urgency::High,
    };
    let secret = Element::builder("x", "urn:x").append("turn-password").build();
    let mut shown = format!("{request:?}");
    rig.stream.request(rig.now, request).unwrap();
    rig.pump();
    rig.obey(1);
    rig.receive("<iq type='set' id='1' from='a@b/c'><query xmlns='urn:example:handled'>turn-password</query></iq>");
    rig.receive("<message><a xmlns='urn:a'>turn-password</a></message>");
    shown += &format!("{:?}", Reply::Result(Some(secret.clone())));
    let message = Message {
        from: None,
        payloads: vec![secret],
    };
    shown + &format!("{message:?}{:?}", rig.stream)
}
