//! Writes answers in the terms of their offers, and offers such as a gateway makes.

use std::fmt::Write;

use super::Direction;
use super::audio::{Credentials, RemoteAudio, Setup};
use super::description::{Description, Section};
use super::formats::{DEEP_REDUNDANCY, DEEP_REDUNDANCY_VERSION, Formats};
use crate::Codec;

/// Our half of a description.
#[derive(Debug, Clone)]
pub(crate) struct LocalAudio {
    /// The number of the session in the `o=` line (RFC 8866 section 5.2).
    pub(crate) session: u64,
    /// Counts our descriptions of this session.
    pub(crate) version: u64,
    pub(crate) credentials: Credentials,
    /// SHA-256, colon-separated hex.
    pub(crate) fingerprint: String,
    pub(crate) setup: Setup,
    pub(crate) direction: Direction,
    pub(crate) ssrc: u32,
    pub(crate) cname: String,
    pub(crate) track: String,
}

/// The answer to an offer: its first usable audio section is accepted, all others are declined
/// with port zero (RFC 8829 section 5.3.1).
pub(crate) fn answer(offer: &Description, remote: &RemoteAudio, local: &LocalAudio) -> String {
    let mut text = Text::default();
    let bundled = remote.mid.as_deref().filter(|mid| offer.is_bundled(mid));
    session(&mut text, local, bundled);
    for (index, section) in offer.sections.iter().enumerate() {
        if index == remote.index {
            accepted(&mut text, section, remote, local);
        } else {
            declined(&mut text, section);
        }
    }
    text.0
}

/// An offer like those of the gateways: one audio section with these formats.
pub(crate) fn offer(mid: &str, formats: &Formats, local: &LocalAudio) -> String {
    let mut text = Text::default();
    session(&mut text, local, Some(mid));
    media(&mut text, "UDP/TLS/RTP/SAVPF", formats);
    transport(&mut text, local);
    text.line(format_args!("a=mid:{mid}"));
    text.line(format_args!("a={}", local.direction.as_str()));
    stream(&mut text, local);
    text.line(format_args!("a=rtcp-mux"));
    describe(&mut text, formats);
    source(&mut text, local);
    text.0
}

fn session(text: &mut Text, local: &LocalAudio, bundled: Option<&str>) {
    text.line(format_args!("v=0"));
    text.line(format_args!("o=- {} {} IN IP4 127.0.0.1", local.session, local.version));
    text.line(format_args!("s=-"));
    text.line(format_args!("t=0 0"));
    if let Some(mid) = bundled {
        text.line(format_args!("a=group:BUNDLE {mid}"));
    }
    text.line(format_args!("a=msid-semantic: WMS"));
}

fn accepted(text: &mut Text, section: &Section, remote: &RemoteAudio, local: &LocalAudio) {
    media(text, &section.profile, &remote.formats);
    transport(text, local);
    if let Some(mid) = &remote.mid {
        text.line(format_args!("a=mid:{mid}"));
    }
    text.line(format_args!("a={}", local.direction.as_str()));
    stream(text, local);
    if remote.rtcp_mux {
        text.line(format_args!("a=rtcp-mux"));
    }
    describe(text, &remote.formats);
    source(text, local);
}

fn media(text: &mut Text, profile: &str, formats: &Formats) {
    text.part(format_args!("m=audio 9 {profile}"));
    for format in &formats.audio {
        text.part(format_args!(" {}", format.payload_type));
    }
    for events in &formats.events {
        text.part(format_args!(" {}", events.payload_type));
    }
    text.line(format_args!(""));
}

fn describe(text: &mut Text, formats: &Formats) {
    for format in &formats.audio {
        let (number, codec, rate) = (format.payload_type, format.codec, format.codec.clock_rate());
        match codec {
            Codec::Opus => {
                text.line(format_args!("a=rtpmap:{number} {codec}/{rate}/2"));
                text.part(format_args!("a=fmtp:{number} minptime=10;useinbandfec=1"));
                if format.wishes.deep_redundancy {
                    text.part(format_args!(";{DEEP_REDUNDANCY}={DEEP_REDUNDANCY_VERSION}"));
                }
                text.line(format_args!(""));
            }
            Codec::Pcmu | Codec::Pcma => text.line(format_args!("a=rtpmap:{number} {codec}/{rate}")),
        }
    }
    for events in &formats.events {
        let number = events.payload_type;
        text.line(format_args!("a=rtpmap:{number} telephone-event/{}", events.clock_rate));
        if events.listed {
            text.line(format_args!("a=fmtp:{number} 0-15"));
        }
    }
}

fn declined(text: &mut Text, section: &Section) {
    text.part(format_args!("m={} 0 {}", section.media, section.profile));
    for format in &section.formats {
        text.part(format_args!(" {format}"));
    }
    text.line(format_args!(""));
    text.line(format_args!("c=IN IP4 0.0.0.0"));
    if let Some(mid) = section.mid() {
        text.line(format_args!("a=mid:{mid}"));
    }
    text.line(format_args!("a=inactive"));
}

fn transport(text: &mut Text, local: &LocalAudio) {
    text.line(format_args!("c=IN IP4 0.0.0.0"));
    text.line(format_args!("a=rtcp:9 IN IP4 0.0.0.0"));
    text.line(format_args!("a=ice-ufrag:{}", local.credentials.ufrag));
    text.line(format_args!("a=ice-pwd:{}", local.credentials.password));
    text.line(format_args!("a=ice-options:trickle"));
    text.line(format_args!("a=fingerprint:sha-256 {}", local.fingerprint));
    let setup = match local.setup {
        Setup::ActPass => "actpass",
        Setup::Active => "active",
        Setup::Passive => "passive",
    };
    text.line(format_args!("a=setup:{setup}"));
}

// Stream and source are named whether we send or not, as browsers do: to Chromium a source that goes away and comes back with the end of a
// hold is silent for ever after.

fn stream(text: &mut Text, local: &LocalAudio) {
    text.line(format_args!("a=msid:- {}", local.track));
}

fn source(text: &mut Text, local: &LocalAudio) {
    text.line(format_args!("a=ssrc:{} cname:{}", local.ssrc, local.cname));
}

/// Text under construction.
#[derive(Default)]
struct Text(String);

impl Text {
    fn part(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.0.write_fmt(text);
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        self.part(text);
        self.0.push_str("\r\n");
    }
}
