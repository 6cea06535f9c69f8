//! From the contents of Jingle to SDP.

use super::{
    Direction, Line, MediaSection, SessionDescription, mid_of,
    names::{breaks_a_line, is_token, is_word},
};
use crate::stanza::{
    Application, Content, Feedback, Group, HeaderExtension, Ice, Parameter, PayloadType, Role, Rtp, Senders,
};

/// The description that these contents say, if they are said by this side: its newest if `version` is higher than before.
///
/// Whatever it is given, it makes a description that can be read: what is no RTP becomes a rejected section, and what cannot stand in
/// a line is left out.
pub fn from_contents(contents: &[Content], groups: &[Group], by: Role, version: u64) -> SessionDescription {
    let mut lines = vec![
        line('v', "0"),
        line('o', &format!("- 1 {version} IN IP4 0.0.0.0")),
        line('s', "-"),
        line('t', "0 0"),
    ];
    for group in groups {
        let named = |name: &&String| contents.iter().any(|content| content.name == **name);
        let mids = group.contents.iter().filter(named).map(|name| mid_of(name));
        let value = [group.semantics.clone()].into_iter().chain(mids).collect::<Vec<_>>();
        if is_word(&group.semantics) {
            lines.push(Line::attribute("group", Some(&value.join(" "))));
        }
    }
    SessionDescription {
        lines,
        media: contents.iter().map(|content| section(content, by)).collect(),
    }
}

fn line(letter: char, value: &str) -> Line {
    let value = value.to_owned();
    Line { letter, value }
}

fn section(content: &Content, by: Role) -> MediaSection {
    let mut section = match (&content.description, content.ice()) {
        (Some(Application::Rtp(rtp)), ice) => {
            // In either syntax.
            let says_nothing = |ice: &Ice| {
                let syntax = ice.syntax;
                *ice == Ice {
                    syntax,
                    ..Ice::default()
                }
            };
            let is_rejected = content.senders == Senders::None && ice.is_none_or(says_nothing);
            let port = if is_rejected { 0 } else { 9 };
            MediaSection::new(kind(rtp), port, protocol(rtp, ice), formats(rtp))
        }
        (Some(Application::Other(_)) | None, _) => {
            let formats = vec!["webrtc-datachannel".to_owned()];
            MediaSection::new("application", 0, "UDP/DTLS/SCTP", formats)
        }
    };
    section.lines.push(line('c', "IN IP4 0.0.0.0"));
    let mut attributes = Attributes(&mut section.lines);
    if let Some(rtp) = content.rtp() {
        attributes.bandwidth(rtp);
    }
    attributes.say("mid", &mid_of(&content.name));
    // What is rejected has no transport.
    let ice = content.ice().filter(|_| content.rtp().is_some());
    if let Some(ice) = ice {
        attributes.ice(ice);
    }
    if let Some(rtp) = content.rtp() {
        attributes.flag(Direction::of_senders(content.senders, by).as_str());
        attributes.rtp(rtp, by);
    }
    if let Some(ice) = ice {
        attributes.candidates(ice);
    }
    section
}

fn kind(rtp: &Rtp) -> &str {
    if is_token(&rtp.media) { &rtp.media } else { "audio" }
}

fn protocol(rtp: &Rtp, ice: Option<&Ice>) -> &'static str {
    let is_dtls = ice.is_some_and(|ice| !ice.fingerprints.is_empty());
    let has_crypto = rtp
        .encryption
        .as_ref()
        .is_some_and(|encryption| !encryption.crypto.is_empty());
    match (is_dtls, has_crypto) {
        (true, _) => "UDP/TLS/RTP/SAVPF",
        (false, true) => "RTP/SAVPF",
        // A declined content has no fingerprint, and is of the same kind as the others.
        (false, false) if ice.is_none_or(|ice| ice.ufrag.is_none()) => "UDP/TLS/RTP/SAVPF",
        (false, false) => "RTP/AVPF",
    }
}

/// The payload types; of two with one number the first.
fn codecs(rtp: &Rtp) -> impl Iterator<Item = &PayloadType> {
    let mut known = [false; 256];
    let is_first = move |codec: &&PayloadType| !std::mem::replace(&mut known[usize::from(codec.id)], true);
    rtp.payload_types.iter().filter(is_first)
}

fn formats(rtp: &Rtp) -> Vec<String> {
    let formats: Vec<_> = codecs(rtp).map(|codec| codec.id.to_string()).collect();
    // There has to be one (RFC 8866 section 5.14).
    if formats.is_empty() {
        vec!["0".to_owned()]
    } else {
        formats
    }
}

/// The attributes of one section, as they are said.
struct Attributes<'a>(&'a mut Vec<Line>);

impl Attributes<'_> {
    /// Says it, unless it cannot stand in a line.
    fn say(&mut self, name: &str, value: &str) {
        if !value.contains(breaks_a_line) {
            self.0.push(Line::attribute(name, Some(value)));
        }
    }

    fn flag(&mut self, name: &str) {
        self.0.push(Line::attribute(name, None));
    }

    /// Says it, if all of its words are words.
    fn words(&mut self, name: &str, words: &[&str]) {
        if words.iter().all(|word| is_word(word)) {
            self.say(name, &words.join(" "));
        }
    }

    fn bandwidth(&mut self, rtp: &Rtp) {
        if let Some(bandwidth) = rtp.bandwidth.as_ref().filter(|bandwidth| is_word(&bandwidth.kind)) {
            self.0
                .push(line('b', &format!("{}:{}", bandwidth.kind, bandwidth.value)));
        }
    }

    fn ice(&mut self, ice: &Ice) {
        if let Some(ufrag) = &ice.ufrag {
            self.words("ice-ufrag", &[ufrag]);
            // XEP-0176 section 5.5: candidates may always be trickled.
            self.say("ice-options", "trickle");
        }
        if let Some(pwd) = &ice.pwd {
            self.words("ice-pwd", &[pwd]);
        }
        for fingerprint in &ice.fingerprints {
            self.words("fingerprint", &[&fingerprint.hash, &fingerprint.value]);
        }
        let setup = ice.fingerprints.iter().find_map(|fingerprint| fingerprint.setup);
        if let Some(setup) = setup {
            self.say("setup", setup.as_str());
        }
    }

    fn candidates(&mut self, ice: &Ice) {
        for candidate in ice.candidates.iter().filter(|candidate| candidate.is_writable()) {
            let value = candidate.to_string();
            self.0.push(line('a', &value));
        }
        if ice.gathering_complete {
            self.flag("end-of-candidates");
        }
    }

    fn rtp(&mut self, rtp: &Rtp, by: Role) {
        for extension in &rtp.extensions {
            self.extension(extension, by);
        }
        if rtp.mixed_extensions {
            self.flag("extmap-allow-mixed");
        }
        for stream in &rtp.streams {
            match &stream.track {
                Some(track) => self.words("msid", &[&stream.id, track]),
                None => self.words("msid", &[&stream.id]),
            }
        }
        if rtp.rtcp_mux {
            self.flag("rtcp-mux");
        }
        if rtp.rtcp_reduced_size {
            self.flag("rtcp-rsize");
        }
        self.feedback("*", &rtp.feedback, rtp.feedback_interval);
        for codec in codecs(rtp) {
            self.codec(codec);
        }
        let ptime = rtp.payload_types.iter().find_map(|codec| codec.ptime);
        let max_ptime = rtp.payload_types.iter().find_map(|codec| codec.max_ptime);
        for (name, time) in [("ptime", ptime), ("maxptime", max_ptime)] {
            if let Some(time) = time {
                self.say(name, &time.to_string());
            }
        }
        self.encryption(rtp);
        self.sources(rtp);
    }

    fn codec(&mut self, codec: &PayloadType) {
        let id = codec.id.to_string();
        // A static payload type needs none (RFC 3551 section 6).
        let name = codec.name.as_ref().filter(|name| is_word(name) && !name.contains('/'));
        if let Some(name) = name.filter(|_| codec.clock_rate != 0) {
            let channels = if codec.channels > 1 {
                format!("/{}", codec.channels)
            } else {
                String::new()
            };
            self.say("rtpmap", &format!("{id} {name}/{}{channels}", codec.clock_rate));
        }
        self.feedback(&id, &codec.feedback, codec.feedback_interval);
        let parameters: Vec<_> = codec.parameters.iter().filter_map(parameter).collect();
        if !parameters.is_empty() {
            self.say("fmtp", &format!("{id} {}", parameters.join(";")));
        }
    }

    fn feedback(&mut self, id: &str, feedback: &[Feedback], interval: Option<u32>) {
        for feedback in feedback {
            let parameters: Vec<_> = feedback.parameters.iter().map(pair).collect();
            let subtype = feedback.subtype.as_deref();
            // What qualifies a subtype means nothing without one.
            let parameters = parameters.iter().map(String::as_str).filter(|_| subtype.is_some());
            let words = [id, &feedback.kind].into_iter().chain(subtype).chain(parameters);
            self.words("rtcp-fb", &words.collect::<Vec<_>>());
        }
        if let Some(interval) = interval {
            self.say("rtcp-fb", &format!("{id} trr-int {interval}"));
        }
    }

    fn extension(&mut self, extension: &HeaderExtension, by: Role) {
        let id = match Direction::of_senders(extension.senders, by) {
            Direction::SendRecv => extension.id.to_string(),
            direction => format!("{}/{}", extension.id, direction.as_str()),
        };
        let parameters: Vec<_> = extension.parameters.iter().map(pair).collect();
        let mut words = vec![id.as_str(), &extension.uri];
        words.extend(parameters.iter().map(String::as_str));
        self.words("extmap", &words);
    }

    fn encryption(&mut self, rtp: &Rtp) {
        let Some(encryption) = &rtp.encryption else {
            return;
        };
        for crypto in &encryption.crypto {
            let mut words = vec![crypto.tag.as_str(), &crypto.suite, &crypto.key_params];
            words.extend(
                crypto
                    .session_params
                    .iter()
                    .flat_map(|params| params.split_whitespace()),
            );
            self.words("crypto", &words);
        }
        for zrtp in &encryption.zrtp {
            self.words("zrtp-hash", &[&zrtp.version, &zrtp.hash]);
        }
    }

    /// Groups without sources, and what is said of a source without a value, are left out: RFC 5576 gives them no meaning, and libwebrtc
    /// refuses the whole description for them.
    fn sources(&mut self, rtp: &Rtp) {
        let groups = rtp.source_groups.iter().filter(|group| !group.sources.is_empty());
        for group in groups.filter(|group| is_word(&group.semantics)) {
            let sources = group.sources.iter().map(u32::to_string);
            let words = [group.semantics.clone()].into_iter().chain(sources).collect::<Vec<_>>();
            self.say("ssrc-group", &words.join(" "));
        }
        for source in &rtp.sources {
            for parameter in &source.parameters {
                let name = parameter.name.as_str();
                if let Some(value) = parameter.value.as_deref()
                    && is_word(name)
                    && !name.contains(':')
                {
                    self.say("ssrc", &format!("{} {name}:{value}", source.ssrc));
                }
            }
        }
    }
}

/// A parameter as one word, whatever is in it.
fn pair(parameter: &Parameter) -> String {
    match &parameter.value {
        Some(value) => format!("{}={value}", parameter.name),
        None => parameter.name.clone(),
    }
}

/// A parameter that can stand among others; one without a value is a word of its own.
fn parameter(parameter: &Parameter) -> Option<String> {
    let is_part = |text: &str| !text.contains(|character| breaks_a_line(character) || character == ';');
    let name = parameter.name.trim();
    match parameter.value.as_deref().map(str::trim) {
        None if !name.is_empty() && is_part(name) => Some(name.to_owned()),
        // Some write what has no name as a value without one.
        Some(value) if name.is_empty() && !value.is_empty() && is_part(value) => Some(value.to_owned()),
        Some(value) if !name.is_empty() && is_part(name) && is_part(value) => Some(format!("{name}={value}")),
        Some(_) | None => None,
    }
}
