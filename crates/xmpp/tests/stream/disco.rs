//! What the stream says of the client.

use offhook_xmpp::{Disco, Identity};

use crate::rig::{Rig, config, element};

fn question(node: &str) -> String {
    format!("<iq type='get' id='d' from='a@b/c'><query xmlns='http://jabber.org/protocol/disco#info'{node}/></iq>")
}

#[test]
fn a_query_is_answered_with_identity_and_features() {
    let mut config = config();
    config.disco = Disco {
        identity: Identity {
            category: "client".to_owned(),
            kind: "bot".to_owned(),
            name: "answering machine".to_owned(),
        },
        features: vec!["urn:xmpp:jingle:1".to_owned(), "urn:xmpp:ping".to_owned()],
        ..Disco::default()
    };
    let mut rig = Rig::with(config, Default::default());
    rig.take();
    rig.receive(&question(""));
    assert_eq!(
        rig.take().0,
        ["<iq xmlns=\"jabber:client\" id=\"d\" to=\"a@b/c\" type=\"result\">\
          <query xmlns=\"http://jabber.org/protocol/disco#info\">\
          <identity category=\"client\" name=\"answering machine\" type=\"bot\"/>\
          <feature var=\"http://jabber.org/protocol/caps\"/>\
          <feature var=\"http://jabber.org/protocol/disco#info\"/>\
          <feature var=\"urn:xmpp:jingle:1\"/><feature var=\"urn:xmpp:ping\"/></query></iq>"]
    );
}

#[test]
fn the_node_of_the_capabilities_is_known_and_no_other() {
    let mut rig = Rig::connected();
    rig.stream.send_presence(rig.now).unwrap();
    rig.pump();
    let presence = rig.only_sent();
    let caps = presence.get_child("c", "http://jabber.org/protocol/caps").unwrap();
    assert_eq!(caps.attr("hash"), Some("sha-1"));
    let node = format!("{}#{}", caps.attr("node").unwrap(), caps.attr("ver").unwrap());

    rig.receive(&question(&format!(" node='{node}'")));
    let answer = rig.only_sent();
    assert_eq!(answer.attr("type"), Some("result"));
    assert_eq!(answer.children().next().unwrap().attr("node"), Some(node.as_str()));

    rig.receive(&question(" node='other'"));
    let error = rig.only_sent();
    let error = error.get_child("error", "jabber:client").unwrap();
    assert!(error.has_child("item-not-found", "urn:ietf:params:xml:ns:xmpp-stanzas"));
}

#[test]
fn presence_is_sent_on_demand_only() {
    let mut rig = Rig::new(config());
    assert!(rig.stream.send_presence(rig.now).is_err());
    rig.obey_all();
    assert!(!rig.sent.iter().any(|frame| element(frame).name() == "presence"));
}
