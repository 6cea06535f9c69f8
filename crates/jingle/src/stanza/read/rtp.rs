//! Reading a description of RTP.

use minidom::Element;

use super::{
    super::{
        Bandwidth, Crypto, Encryption, Feedback, HeaderExtension, JingleError, JingleLimits, MediaStream, Parameter,
        PayloadType, Rtp, Source, SourceGroup, ZrtpHash, ns,
    },
    tag::{Tag, push},
};

pub(super) fn description(element: &Element, content: &str, limits: &JingleLimits) -> Result<Rtp, JingleError> {
    let tag = Tag::new(element, "description", limits);
    let mut rtp = Rtp {
        ssrc: tag.hint("ssrc")?,
        ..Rtp::new(tag.text("media")?.unwrap_or(media_of(content)))
    };
    for child in element.children() {
        match child.ns().as_str() {
            ns::RTP => own(child, &mut rtp, limits)?,
            ns::RTCP_FEEDBACK => {
                self::feedback(child, &mut rtp.feedback, &mut rtp.feedback_interval, limits)?;
            }
            ns::HEADER_EXTENSIONS => match child.name() {
                "rtp-hdrext" => {
                    let extension = extension(child, limits)?;
                    push(&mut rtp.extensions, extension, limits.entries, "header extensions")?;
                }
                "extmap-allow-mixed" => rtp.mixed_extensions = true,
                _ => {}
            },
            ns::SOURCES => match child.name() {
                "source" => {
                    if let Some(source) = source(child, limits)? {
                        push(&mut rtp.sources, source, limits.entries, "sources")?;
                    }
                }
                "ssrc-group" => {
                    let group = source_group(child, limits)?;
                    push(&mut rtp.source_groups, group, limits.entries, "groups of sources")?;
                }
                _ => {}
            },
            ns::MEDIA_STREAMS if child.name() == "stream" => {
                let stream = stream(child, limits)?;
                push(&mut rtp.streams, stream, limits.entries, "media streams")?;
            }
            _ => {}
        }
    }
    Ok(rtp)
}

/// What a peer means that does not say which media it offers.
fn media_of(content: &str) -> &'static str {
    match content {
        "video" => "video",
        _ => "audio",
    }
}

/// A child in the description's own namespace.
fn own(element: &Element, rtp: &mut Rtp, limits: &JingleLimits) -> Result<(), JingleError> {
    match element.name() {
        "payload-type" => {
            let payload_type = payload_type(element, limits)?;
            push(
                &mut rtp.payload_types,
                payload_type,
                limits.payload_types,
                "payload types",
            )
        }
        "rtcp-mux" => {
            rtp.rtcp_mux = true;
            Ok(())
        }
        "rtcp-reduced-size" => {
            rtp.rtcp_reduced_size = true;
            Ok(())
        }
        "bandwidth" => {
            let bandwidth = bandwidth(element, limits)?;
            rtp.bandwidth = rtp.bandwidth.take().or(bandwidth);
            Ok(())
        }
        "encryption" if rtp.encryption.is_none() => {
            rtp.encryption = Some(encryption(element, limits)?);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn payload_type(element: &Element, limits: &JingleLimits) -> Result<PayloadType, JingleError> {
    const NUMBER: &str = "a number from 0 to 127";
    let tag = Tag::new(element, "payload-type", limits);
    let id: u8 = tag.required_word("id", NUMBER)?;
    if id > 127 {
        return Err(JingleError::Malformed {
            element: "payload-type",
            attribute: "id",
            expected: NUMBER,
        });
    }
    let mut payload_type = PayloadType {
        name: tag.text("name")?.map(str::to_owned),
        clock_rate: tag.hint("clockrate")?.unwrap_or(0),
        channels: tag.hint("channels")?.unwrap_or(1),
        ptime: tag.hint("ptime")?,
        max_ptime: tag.hint("maxptime")?,
        parameters: parameters(element, ns::RTP, limits)?,
        ..PayloadType::new(id)
    };
    for child in element.children().filter(|child| child.has_ns(ns::RTCP_FEEDBACK)) {
        let PayloadType {
            feedback: list,
            feedback_interval,
            ..
        } = &mut payload_type;
        feedback(child, list, feedback_interval, limits)?;
    }
    Ok(payload_type)
}

/// The parameters among an element's children. Some peers write them in the namespace of the description, wherever they are.
fn parameters(element: &Element, namespace: &str, limits: &JingleLimits) -> Result<Vec<Parameter>, JingleError> {
    let mut parameters = Vec::new();
    for child in element.children() {
        if child.is("parameter", namespace) || child.is("parameter", ns::RTP) {
            let tag = Tag::new(child, "parameter", limits);
            let parameter = Parameter {
                name: tag.text("name")?.unwrap_or_default().to_owned(),
                value: tag.raw("value")?.map(str::to_owned),
            };
            push(&mut parameters, parameter, limits.entries, "parameters")?;
        }
    }
    Ok(parameters)
}

/// A child in the namespace of XEP-0293, of a payload type or of the description.
fn feedback(
    element: &Element,
    list: &mut Vec<Feedback>,
    interval: &mut Option<u32>,
    limits: &JingleLimits,
) -> Result<(), JingleError> {
    let tag = Tag::new(element, "rtcp-fb", limits);
    match element.name() {
        "rtcp-fb" => {
            let feedback = Feedback {
                kind: tag.required("type")?.to_owned(),
                subtype: tag.text("subtype")?.map(str::to_owned),
                parameters: parameters(element, ns::RTCP_FEEDBACK, limits)?,
            };
            push(list, feedback, limits.entries, "kinds of feedback")
        }
        "rtcp-fb-trr-int" => {
            *interval = interval.or(tag.hint("value")?);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn extension(element: &Element, limits: &JingleLimits) -> Result<HeaderExtension, JingleError> {
    let tag = Tag::new(element, "rtp-hdrext", limits);
    Ok(HeaderExtension {
        id: tag.required_word("id", "a number up to 65535")?,
        uri: tag.required("uri")?.to_owned(),
        senders: tag
            .word("senders", "`both`, `initiator`, `none` or `responder`")?
            .unwrap_or_default(),
        parameters: parameters(element, ns::HEADER_EXTENSIONS, limits)?,
    })
}

/// `None` for a source that has no number yet, as simulcast streams may.
fn source(element: &Element, limits: &JingleLimits) -> Result<Option<Source>, JingleError> {
    let tag = Tag::new(element, "source", limits);
    let Some(ssrc) = tag.word("ssrc", "a number of 32 bits")? else {
        return Ok(None);
    };
    let parameters = parameters(element, ns::SOURCES, limits)?;
    Ok(Some(Source { ssrc, parameters }))
}

fn source_group(element: &Element, limits: &JingleLimits) -> Result<SourceGroup, JingleError> {
    let tag = Tag::new(element, "ssrc-group", limits);
    let mut group = SourceGroup {
        semantics: tag.required("semantics")?.to_owned(),
        sources: Vec::new(),
    };
    for child in element.children().filter(|child| child.is("source", ns::SOURCES)) {
        let tag = Tag::new(child, "source", limits);
        let ssrc = tag.required_word("ssrc", "a number of 32 bits")?;
        push(&mut group.sources, ssrc, limits.entries, "sources of a group")?;
    }
    Ok(group)
}

fn stream(element: &Element, limits: &JingleLimits) -> Result<MediaStream, JingleError> {
    let tag = Tag::new(element, "stream", limits);
    Ok(MediaStream {
        id: tag.required("id")?.to_owned(),
        track: tag.text("track")?.map(str::to_owned),
    })
}

/// `None` if it does not say which bandwidth, or not as a number.
fn bandwidth(element: &Element, limits: &JingleLimits) -> Result<Option<Bandwidth>, JingleError> {
    let tag = Tag::new(element, "bandwidth", limits);
    let value = tag.body()?.parse().ok();
    let kind = tag.text("type")?.map(str::to_owned);
    Ok(kind.zip(value).map(|(kind, value)| Bandwidth { kind, value }))
}

fn encryption(element: &Element, limits: &JingleLimits) -> Result<Encryption, JingleError> {
    let required = Tag::new(element, "encryption", limits).flag("required");
    let mut encryption = Encryption {
        required: required.unwrap_or(false),
        ..Encryption::default()
    };
    for child in element.children() {
        if child.is("crypto", ns::RTP) {
            let crypto = crypto(child, limits)?;
            push(&mut encryption.crypto, crypto, limits.entries, "key descriptions")?;
        } else if child.is("zrtp-hash", ns::ZRTP) {
            let tag = Tag::new(child, "zrtp-hash", limits);
            let hash = ZrtpHash {
                version: tag.text("version")?.unwrap_or_default().to_owned(),
                hash: tag.required_body()?,
            };
            push(&mut encryption.zrtp, hash, limits.entries, "ZRTP hashes")?;
        }
    }
    Ok(encryption)
}

fn crypto(element: &Element, limits: &JingleLimits) -> Result<Crypto, JingleError> {
    let tag = Tag::new(element, "crypto", limits);
    Ok(Crypto {
        suite: tag.required("crypto-suite")?.to_owned(),
        key_params: tag.required("key-params")?.to_owned(),
        session_params: tag.text("session-params")?.map(str::to_owned),
        tag: tag.text("tag")?.unwrap_or_default().to_owned(),
    })
}
