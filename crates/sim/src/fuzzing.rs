//! Bodies of fuzz targets: plain functions over bytes, which stable tests call too.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use secrecy::SecretString;

use crate::config::User;
use crate::record::Direction;
use crate::server::{Input, Output, Stream, StreamConfig, Switchboard};
use crate::summary::Summariser;

/// A client says each line of `data` to the server's half of a stream, after signing in rightly
/// when the first byte is even. Everything is answered, and nothing after the end.
pub fn server_stream(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let user = User::default();
    let config = StreamConfig {
        account: user.jid.clone(),
        tokens: vec![SecretString::from("token")],
        ping_every: Duration::from_secs(30),
        switchboard: Switchboard::default(),
        resumable: Some(Duration::from_secs(30)),
        fault: None,
    };
    let now = Instant::now();
    let mut stream = Stream::new(config, [0; 32], now);
    let mut summariser = Summariser::default();
    let greeting = match data.first() {
        Some(byte) if byte % 2 == 0 => sign_in(&user),
        Some(_) | None => Vec::new(),
    };
    let mut closed = false;
    for line in greeting.iter().map(String::as_str).chain(text.lines()) {
        let _ = summariser.frame(Direction::ToCloud, line);
        stream.handle_input(now, Input::Frame(line.to_owned()));
        loop {
            match stream.poll_output() {
                Output::Transmit(sent) => {
                    assert!(!closed, "a closed stream spoke");
                    let _ = summariser.frame(Direction::ToClient, &sent);
                }
                Output::Event(crate::server::Event::Resume { .. }) => {
                    stream.handle_input(now, Input::Resumed(None));
                }
                Output::Event(event) => {
                    assert!(!closed, "a closed stream told something");
                    closed = matches!(event, crate::server::Event::Closed { .. });
                }
                Output::Timeout(_) => break,
            }
        }
    }
}

fn sign_in(user: &User) -> Vec<String> {
    use base64::Engine;
    let open = format!(
        "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{}'/>",
        user.jid.domain()
    );
    let secret = format!("\0{}\0authKey:token", user.jid);
    let secret = base64::engine::general_purpose::STANDARD.encode(secret);
    let auth = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>");
    let bind = "<iq xmlns='jabber:client' type='set' id='b'>\
                <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    vec![open.clone(), auth, open, bind.to_owned()]
}

/// Any datagram at the STUN server.
pub fn stun(data: &[u8]) {
    let source = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    if let Some(answer) = crate::stun::answer(data, source) {
        assert_eq!(answer.len(), 32);
        assert_eq!(answer[4..20], data[4..20]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Lines that are nearly right, so that chance gets past the first check.
    fn line() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec!["iq", "message", "presence", "open", "close", "auth"]);
        let namespace = prop::sample::select(vec![
            "jabber:client",
            "urn:ietf:params:xml:ns:xmpp-framing",
            "urn:ietf:params:xml:ns:xmpp-sasl",
        ]);
        let kind = prop::sample::select(vec!["get", "set", "result", "error", "x"]);
        let to = prop::sample::select(vec!["", "@", "a@b/c", "acme.orgspan.offhook.test", "notifications.x"]);
        let payload = prop::sample::select(vec![
            "",
            "text",
            "<ping xmlns='urn:xmpp:ping'/>",
            "<services xmlns='urn:xmpp:extdisco:1'/>",
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe/></pubsub>",
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><unsubscribe node='enable.server.side.pings'/></pubsub>",
            "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>&#65;</resource></bind>",
            "<genesys-webrtc xmlns='genesys'>{\"method\":\"info\",\"params\":7}</genesys-webrtc>",
        ]);
        let managed = prop::sample::select(vec![
            "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
            "<r xmlns='urn:xmpp:sm:3'/>",
            "<a xmlns='urn:xmpp:sm:3' h='1'/>",
            "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>",
        ]);
        let stanza = (name, namespace, kind, to, payload).prop_map(|(name, namespace, kind, to, payload)| {
            format!("<{name} xmlns='{namespace}' type='{kind}' id='1' to='{to}'>{payload}</{name}>")
        });
        prop_oneof![4 => stanza, 1 => managed.prop_map(str::to_owned)]
    }

    proptest! {
        #[test]
        fn the_server_survives_any_bytes(data: Vec<u8>) {
            super::server_stream(&data);
            super::stun(&data);
        }

        #[test]
        fn the_server_survives_nearly_right_stanzas(lines in prop::collection::vec(line(), 1..20)) {
            // A blank first line: its line feed is an even byte, so the client is signed in.
            super::server_stream(format!("\n{}", lines.join("\n")).as_bytes());
        }
    }
}
