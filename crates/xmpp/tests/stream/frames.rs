//! Frames as text and as elements.

use offhook_xmpp::{
    Element, FrameError,
    frame::{Limits, parse, print},
    fuzzing,
};

fn refused(text: &str) -> FrameError {
    parse(text, &Limits::default()).unwrap_err()
}

#[test]
// A stack of a known size is that of a thread.
#[allow(clippy::disallowed_methods)]
fn a_mebibyte_of_open_tags_is_refused_on_a_small_stack() {
    let hostile = "<a>".repeat(1024 * 1024 / 3);
    std::thread::Builder::new()
        .stack_size(64 * 1024)
        .spawn(move || assert_eq!(refused(&hostile), FrameError::TooDeep { limit: 64 }))
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn each_limit_is_exact() {
    let limits = Limits {
        bytes: 40,
        depth: 2,
        attributes: 2,
        elements: 4,
    };
    assert!(parse(&format!("<a>{}</a>", "x".repeat(33)), &limits).is_ok());
    assert_eq!(
        parse(&format!("<a>{}</a>", "x".repeat(34)), &limits),
        Err(FrameError::TooLarge { bytes: 41, limit: 40 })
    );
    assert!(parse("<a><b/><b/></a>", &limits).is_ok());
    assert_eq!(
        parse("<a><b><c/></b></a>", &limits),
        Err(FrameError::TooDeep { limit: 2 })
    );
    assert!(parse("<a><b/><b/><b/></a>", &limits).is_ok());
    assert_eq!(
        parse("<a><b/><b/><b/><b/></a>", &limits),
        Err(FrameError::TooManyElements { limit: 4 })
    );
    assert!(parse("<a x='1' xmlns='urn:a'/>", &limits).is_ok());
    assert_eq!(
        parse("<a x='1' y='2' xmlns='urn:a'/>", &limits),
        Err(FrameError::TooManyAttributes { limit: 2 })
    );
}

#[test]
fn a_mebibyte_of_anything_else_is_read_or_refused() {
    let many = format!("<a {}/>", (0..60_000).map(|i| format!("a{i}='' ")).collect::<String>());
    assert_eq!(refused(&many), FrameError::TooManyAttributes { limit: 64 });
    let declarations = format!(
        "<a {}/>",
        (0..30_000).map(|i| format!("xmlns:a{i}='u' ")).collect::<String>()
    );
    assert_eq!(refused(&declarations), FrameError::TooManyAttributes { limit: 64 });
    assert!(matches!(
        refused(&format!("<{}/>", "a".repeat(1_000_000))),
        FrameError::Restricted { .. }
    ));
    assert!(matches!(
        refused(&format!("<a b='{}'/>", "x".repeat(9_000))),
        FrameError::Restricted { .. }
    ));
    assert_eq!(
        refused(&format!("<a>{}</a>", "<b/>".repeat(250_000))),
        FrameError::TooManyElements { limit: 16 * 1024 }
    );
    let text = "x".repeat(1_000_000);
    let element = parse(&format!("<a>{text}</a>"), &Limits::default()).unwrap();
    assert_eq!(element.text(), text);
}

#[test]
fn xml_that_xmpp_forbids_is_refused() {
    for text in [
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<a>&b;</a>",
        "<a b='&lol9;'/>",
        "<a><!-- b --></a>",
        "<!-- b --><a/>",
        "<?php echo 1 ?><a/>",
        "<a><?b c?></a>",
        "<a/><?b?>",
        "<a><!DOCTYPE a></a>",
    ] {
        let error = refused(text);
        assert!(
            matches!(error, FrameError::Restricted { .. } | FrameError::NotWellFormed { .. }),
            "{text}: {error}"
        );
    }
}

#[test]
fn only_one_whole_document_is_a_frame() {
    for text in [
        "",
        "  ",
        "text",
        "\n<a/>",
        "<a",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>text",
        "</a>",
        "\u{feff}<a/>",
        "<a>\0</a>",
        "<a>&#0;</a>",
    ] {
        let error = refused(text);
        assert!(matches!(error, FrameError::NotWellFormed { .. }), "{text:?}: {error}");
    }
    for text in ["<?xml version='1.0'?><a/>", "<a/>\n", "<a><![CDATA[<b>]]></a>"] {
        assert!(parse(text, &Limits::default()).is_ok(), "{text}");
    }
}

#[test]
fn names_are_told_apart_by_namespace() {
    assert_eq!(refused("<a:b/>"), FrameError::UndeclaredPrefix);
    assert_eq!(refused("<b a:c=''/>"), FrameError::UndeclaredPrefix);
    assert_eq!(refused("<a b='1' b='2'/>"), FrameError::DuplicateAttribute);
    assert_eq!(refused("<a xmlns:b='1' xmlns:b='2'/>"), FrameError::DuplicateAttribute);
    assert_eq!(
        refused("<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>"),
        FrameError::DuplicateAttribute
    );
    for text in ["<a xmlns:b=''/>", "<a xmlns:xml='urn:x'/>", "<a xmlns:xmlns='urn:x'/>"] {
        assert!(matches!(refused(text), FrameError::NotWellFormed { .. }), "{text}");
    }
}

#[test]
fn without_a_namespace_it_is_a_stanza() {
    let element = parse("<iq><a/><b xmlns=''/></iq>", &Limits::default()).unwrap();
    let namespaces: Vec<String> = element.children().map(Element::ns).collect();
    assert_eq!(
        (element.ns().as_str(), &namespaces[..]),
        ("jabber:client", &["jabber:client".to_owned(), String::new()][..])
    );
    assert_eq!(parse("<iq xmlns='urn:x'/>", &Limits::default()).unwrap().ns(), "urn:x");
}

#[test]
fn what_is_written_is_plain() {
    let element = parse(
        "<a xmlns='urn:a' xmlns:p='urn:p' xml:lang='en' p:q='&quot;&#9;&#10;&#13;'>{\"x\":\"&lt;\"}<p:c/><b xmlns=''/></a>",
        &Limits::default(),
    )
    .unwrap();
    let text = print(&element);
    assert_eq!(parse(&text, &Limits::default()).unwrap(), element);
    assert!(text.starts_with("<a xmlns=\"urn:a\""), "{text}");
    assert!(
        text.ends_with(">{\"x\":\"&lt;\"}<c xmlns=\"urn:p\"/><b xmlns=\"\"/></a>"),
        "{text}"
    );
}

#[test]
fn characters_that_xml_cannot_express_do_no_harm() {
    let element = Element::builder("a", "urn:a").append("\0\u{1}\u{fffe}\r\n]]>").build();
    let read = parse(&print(&element), &Limits::default()).unwrap();
    assert_eq!(read.text(), "\u{fffd}\u{fffd}\u{fffd}\r\n]]>");
}

#[test]
fn errors_say_what_was_wrong() {
    insta::assert_snapshot!(
        ["<a>", "<a b='1' b='2'/>", "<a:b/>", "<!DOCTYPE a><a/>", "<a>&b;</a>", "<a><?b?></a>"].map(|text| refused(text).to_string()).join("\n"),
        @r"
    it is not one well-formed XML document: invalid eof in text node
    one of its elements has two attributes of the same name
    it uses a namespace prefix that it does not declare
    it is not one well-formed XML document: invalid syntax: malformed cdata or comment section start
    it uses XML that XMPP forbids: an entity that is not predefined
    it uses XML that XMPP forbids: processing instructions
    "
    );
}

#[test]
fn fuzzed_frames_of_all_sorts() {
    for text in [
        "",
        "<a/>",
        "<message><a/></message>",
        "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
        "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
        "<iq type='set' id='1' from='a@b/c'><query xmlns='urn:example:handled'/></iq>",
        "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<error xmlns='http://etherx.jabber.org/streams'/>",
    ] {
        fuzzing::xmpp_frame(text.as_bytes());
    }
    fuzzing::xmpp_frame(b"\xff");
}

#[test]
fn an_element_in_no_namespace_stays_in_none() {
    let limits = Limits::default();
    let element = parse("<open xmlns=''><a xmlns='urn:a'><b xmlns=''/></a></open>", &limits).unwrap();
    assert_eq!(parse(&print(&element), &limits).unwrap(), element);
}
