//! Writing a description of RTP.

use minidom::Element;

use super::{
    super::{
        Bandwidth, Crypto, Encryption, Feedback, HeaderExtension, MediaStream, Parameter, PayloadType, Rtp, Senders,
        Source, SourceGroup, ZrtpHash, ns,
    },
    tag::Tag,
};

pub(super) fn description(rtp: &Rtp) -> Element {
    Tag::new("description", ns::RTP)
        .text("media", &rtp.media)
        .shown("ssrc", rtp.ssrc)
        .mark(rtp.rtcp_mux, "rtcp-mux", ns::RTP)
        .mark(rtp.rtcp_reduced_size, "rtcp-reduced-size", ns::RTP)
        .children(rtp.payload_types.iter().map(payload_type))
        .children(rtp.encryption.iter().map(encryption))
        .children(rtp.bandwidth.iter().map(bandwidth))
        .children(rtp.feedback.iter().map(feedback))
        .children(rtp.feedback_interval.map(feedback_interval))
        .children(rtp.extensions.iter().map(extension))
        .mark(rtp.mixed_extensions, "extmap-allow-mixed", ns::HEADER_EXTENSIONS)
        .children(rtp.sources.iter().map(source))
        .children(rtp.source_groups.iter().map(source_group))
        .children(rtp.streams.iter().map(stream))
        .build()
}

fn payload_type(payload_type: &PayloadType) -> Element {
    let said = payload_type.clock_rate != 0;
    Tag::new("payload-type", ns::RTP)
        .shown("channels", Some(payload_type.channels))
        .shown("clockrate", said.then_some(payload_type.clock_rate))
        .shown("id", Some(payload_type.id))
        .shown("maxptime", payload_type.max_ptime)
        .optional("name", payload_type.name.as_deref())
        .shown("ptime", payload_type.ptime)
        .children(parameters(&payload_type.parameters, ns::RTP))
        .children(payload_type.feedback.iter().map(feedback))
        .children(payload_type.feedback_interval.map(feedback_interval))
        .build()
}

fn parameters(parameters: &[Parameter], namespace: &str) -> impl Iterator<Item = Element> {
    parameters.iter().map(move |parameter| {
        Tag::new("parameter", namespace)
            .text("name", &parameter.name)
            .optional("value", parameter.value.as_deref())
            .build()
    })
}

fn feedback(feedback: &Feedback) -> Element {
    Tag::new("rtcp-fb", ns::RTCP_FEEDBACK)
        .optional("subtype", feedback.subtype.as_deref())
        .text("type", &feedback.kind)
        .children(parameters(&feedback.parameters, ns::RTCP_FEEDBACK))
        .build()
}

fn feedback_interval(milliseconds: u32) -> Element {
    Tag::new("rtcp-fb-trr-int", ns::RTCP_FEEDBACK)
        .shown("value", Some(milliseconds))
        .build()
}

fn extension(extension: &HeaderExtension) -> Element {
    let said = extension.senders != Senders::Both;
    Tag::new("rtp-hdrext", ns::HEADER_EXTENSIONS)
        .shown("id", Some(extension.id))
        .optional("senders", said.then(|| extension.senders.as_str()))
        .text("uri", &extension.uri)
        .children(parameters(&extension.parameters, ns::HEADER_EXTENSIONS))
        .build()
}

fn numbered(ssrc: u32) -> Tag {
    Tag::new("source", ns::SOURCES).shown("ssrc", Some(ssrc))
}

fn source(source: &Source) -> Element {
    numbered(source.ssrc)
        .children(parameters(&source.parameters, ns::SOURCES))
        .build()
}

fn source_group(group: &SourceGroup) -> Element {
    Tag::new("ssrc-group", ns::SOURCES)
        .text("semantics", &group.semantics)
        .children(group.sources.iter().map(|ssrc| numbered(*ssrc).build()))
        .build()
}

fn stream(stream: &MediaStream) -> Element {
    Tag::new("stream", ns::MEDIA_STREAMS)
        .text("id", &stream.id)
        .optional("track", stream.track.as_deref())
        .build()
}

fn bandwidth(bandwidth: &Bandwidth) -> Element {
    Tag::new("bandwidth", ns::RTP)
        .text("type", &bandwidth.kind)
        .body(&bandwidth.value.to_string())
        .build()
}

fn encryption(encryption: &Encryption) -> Element {
    Tag::new("encryption", ns::RTP)
        .optional("required", encryption.required.then_some("1"))
        .children(encryption.crypto.iter().map(crypto))
        .children(encryption.zrtp.iter().map(zrtp_hash))
        .build()
}

fn crypto(crypto: &Crypto) -> Element {
    Tag::new("crypto", ns::RTP)
        .text("crypto-suite", &crypto.suite)
        .text("key-params", &crypto.key_params)
        .optional("session-params", crypto.session_params.as_deref())
        .text("tag", &crypto.tag)
        .build()
}

fn zrtp_hash(hash: &ZrtpHash) -> Element {
    let version = Some(hash.version.as_str()).filter(|version| !version.is_empty());
    Tag::new("zrtp-hash", ns::ZRTP)
        .optional("version", version)
        .body(&hash.hash)
        .build()
}
