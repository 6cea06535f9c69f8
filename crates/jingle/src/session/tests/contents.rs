//! Contents that come, go and are declined while a session goes on.

use super::pair::*;
use crate::{
    Generation,
    stanza::{Action, Application, Content, Jingle, Parameter, Role, Rtp, Senders, Source},
};

const FIRST: Generation = Generation::FIRST;

/// A description of sound and, in these directions, of video and of a second video.
fn with(ufrag: &str, directions: &[&str]) -> String {
    let sections = directions.iter().zip(["video", "screen"]).map(|(direction, mid)| {
        let section = section("video", mid, ufrag, "AA:BB", direction);
        match *direction {
            "rejected" => section.replace(" 9 ", " 0 ").replace("a=rejected", "a=inactive"),
            _ => section,
        }
    });
    sound(ufrag) + &sections.collect::<String>()
}

/// The `m=` lines, as far as the port.
fn sections(sdp: &str) -> Vec<String> {
    let lines = sdp.lines().filter_map(|line| line.strip_prefix("m="));
    lines
        .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        .collect()
}

/// Both have sound and video.
fn seeing() -> Pair {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &with("r0", &["sendrecv"])));
    pair.settle();
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, with("j0", &["sendrecv"])));
    pair.settle();
    pair.romeo.events.clear();
    pair.juliet.events.clear();
    pair
}

#[test]
fn of_two_contents_one_is_taken() {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &with("r0", &["sendrecv", "sendrecv"])));
    pair.settle();
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, with("j0", &["rejected", "sendrecv"])));
    let said = pair.settle();
    assert_eq!(
        said.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>(),
        [
            "juliet: content-reject [video both ] failed-application",
            "juliet: content-accept [screen both j0]",
        ]
    );
    // In the order of the offer, as an answer has to be.
    assert_eq!(sections(pair.romeo.described()), ["audio 9", "video 0", "video 9"]);
    assert_eq!(pair.romeo.told(), ["event: answer 0"]);
    assert_eq!(
        pair.juliet.told(),
        ["event: offer 0 Renegotiation", "event: acknowledged 0"]
    );
    // What was declined can be added again.
    pair.romeo(|romeo, now| romeo.offer(now, &with("r0", &["sendrecv", "sendrecv"])));
    assert_eq!(pair.settle()[0], "romeo: content-add [video both r0]");
    assert_eq!(pair.juliet.told(), ["event: offer 0 Renegotiation"]);
}

#[test]
fn contents_that_were_not_offered_cannot_be_accepted_or_rejected() {
    let accept = |names: &[&str]| {
        let mut accept = about(Action::ContentAccept, "audio");
        accept.contents = names.iter().map(|name| Content::new(Role::Initiator, *name)).collect();
        accept
    };
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &with("r0", &["sendrecv"])));
    pair.settle();
    assert_eq!(pair.ask_romeo(accept(&["audio"])), "modify bad-request");
    assert_eq!(pair.ask_romeo(accept(&["video", "other"])), "modify bad-request");
    assert_eq!(pair.ask_romeo(accept(&[])), "modify bad-request");
    assert_eq!(
        pair.ask_romeo(about(Action::ContentReject, "other")),
        "modify bad-request"
    );
    assert_eq!(pair.romeo.told(), [""; 0]);
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, with("j0", &["sendrecv"])));
    pair.settle();
    assert_eq!(sections(pair.romeo.described()), ["audio 9", "video 9"]);
}

/// A description never loses a section; one that is gone has the port 0.
#[test]
fn a_section_whose_port_becomes_0_is_removed_and_may_come_back() {
    let mut pair = seeing();
    pair.romeo(|romeo, now| romeo.offer(now, &with("r0", &["rejected"])));
    assert_eq!(pair.settle()[0], "romeo: content-remove [video both ]");
    assert_eq!(sections(pair.romeo.described()), ["audio 9", "video 0"]);
    assert_eq!(pair.romeo.told(), ["event: answer 0"]);
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, with("j0", &["rejected"])));
    pair.romeo(|romeo, now| romeo.offer(now, &with("r0", &["sendrecv"])));
    assert_eq!(pair.settle()[0], "romeo: content-add [video both r0]");
}

/// There is one `senders` for both sides (XEP-0166 section 7.2.3).
#[test]
fn a_new_direction_is_that_of_the_peer_too() {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &described("r0", "AA:BB", "sendonly")));
    pair.settle();
    assert!(pair.romeo.described().contains("a=recvonly\r\n"));
}

/// There is no word against new terms: the peer goes by them.
#[test]
fn new_terms_hold_even_if_they_are_declined() {
    let mut pair = seeing();
    pair.romeo(|romeo, now| romeo.offer(now, &sound("r0")));
    pair.settle();
    pair.juliet(|juliet, now| juliet.decline(now, FIRST));
    pair.settle();
    pair.juliet.events.clear();
    pair.romeo(|romeo, now| romeo.offer(now, &with("r0", &["sendrecv"])));
    pair.settle();
    assert_eq!(pair.juliet.told(), ["event: offer 0 Renegotiation"]);
}

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
