//! Sources and their groups (RFC 5576).

use super::*;
use crate::stanza::{Content, Parameter, Rtp, Source, SourceGroup};

fn rtp(lines: &str) -> Rtp {
    let text = format!("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n{lines}");
    let (contents, _) = to_contents(&read(&text), Role::Initiator, |_| Role::Initiator).expect("contents");
    contents[0].rtp().expect("RTP").clone()
}

/// libwebrtc refuses a whole description for `a=ssrc:1`, `a=ssrc:1 flag` and `a=ssrc-group:FID`; peers do say the like in Jingle.
#[test]
fn what_says_nothing_of_a_source_is_left_out() {
    let mut rtp = Rtp::new("audio");
    let source = |ssrc, parameters| Source { ssrc, parameters };
    rtp.sources = vec![
        source(1, Vec::new()),
        source(2, vec![Parameter::flag("flag"), Parameter::new("cname", "c")]),
        source(3, vec![Parameter::new("label", "")]),
    ];
    let group = |semantics: &str, sources| SourceGroup {
        semantics: semantics.to_owned(),
        sources,
    };
    rtp.source_groups = vec![group("FID", Vec::new()), group("SIM", vec![1, 2])];
    let mut content = Content::new(Role::Initiator, "0");
    content.description = Some(Application::Rtp(rtp));
    let text = from_contents(&[content], &[], Role::Initiator, 1).to_string();
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("a=ssrc")).collect();
    assert_eq!(lines, ["a=ssrc-group:SIM 1 2", "a=ssrc:2 cname:c", "a=ssrc:3 label:"]);
    let said = self::rtp("a=ssrc:1\r\na=ssrc:2 flag\r\na=ssrc:x cname:c\r\na=ssrc-group:FID\r\na=ssrc-group:\r\n");
    assert_eq!((said.sources, said.source_groups), (Vec::new(), Vec::new()));
}

#[test]
fn what_is_said_of_one_source_stands_together() {
    let rtp = rtp("a=ssrc:2 cname:b\r\na=ssrc:1 cname:a\r\na=ssrc:2 msid:s t\r\na=ssrc-group:FID 2 1\r\n");
    let parameters = |source: &Source| {
        source
            .parameters
            .iter()
            .map(|known| known.name.clone())
            .collect::<Vec<_>>()
    };
    let sources: Vec<_> = rtp
        .sources
        .iter()
        .map(|source| (source.ssrc, parameters(source)))
        .collect();
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(sources, [(2, of(&["cname", "msid"])), (1, of(&["cname"]))]);
    assert_eq!(rtp.ssrc, Some(2));
    assert_eq!(rtp.source_groups[0].sources, [2, 1]);
}
