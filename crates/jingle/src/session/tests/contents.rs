//! Contents that come, go and are declined while a session goes on.

use super::pair::*;
use crate::stanza::{Action, Application, Content, Jingle, Parameter, Role, Rtp, Senders, Source};

#[test]
fn a_peer_cannot_describe_sources_without_end() {
    let mut pair = Pair::talking();
    let describe = |first: u32| {
        let sources = (first..first + 300).map(|ssrc| Source {
            ssrc,
            parameters: vec![Parameter::new("cname", "a")],
        });
        let mut describe = about(Action::DescriptionInfo, "audio");
        describe.contents[0].description = Some(Application::Rtp(Rtp {
            sources: sources.collect(),
            ..Rtp::new("audio")
        }));
        describe
    };
    assert_eq!(pair.ask_juliet(describe(0)), "done");
    assert_eq!(pair.ask_juliet(describe(0)), "done");
    assert_eq!(pair.ask_juliet(describe(300)), "wait resource-constraint");
    let senders = Jingle {
        contents: vec![Content {
            senders: Senders::Initiator,
            ..Content::new(Role::Initiator, "audio")
        }],
        ..Jingle::new(Action::ContentModify, super::id())
    };
    assert_eq!(pair.ask_juliet(senders), "done");
    assert_eq!(pair.juliet.described().matches("a=ssrc:").count(), 300);
}
