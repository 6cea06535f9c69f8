//! From SDP to the contents of Jingle.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use super::{
    Direction, MediaSection, SdpError, SessionDescription,
    bundles::{Bundles, Said},
    content_of,
    names::is_word,
};
use crate::{
    Candidate,
    stanza::{
        Application, Bandwidth, Content, Crypto, Encryption, Feedback, Fingerprint, Group, HeaderExtension, Ice,
        MediaStream, Parameter, PayloadType, Role, Rtp, Senders, Source, SourceGroup, Transport, ZrtpHash,
    },
};

/// The contents that a description by this side says, and their groups. `creators` says who brought in the content of a name.
///
/// # Errors
/// [`SdpError`], if it describes no media, two sections have one tag, a candidate cannot be read, or a section that is not rejected
/// is no RTP.
pub fn to_contents(
    description: &SessionDescription,
    by: Role,
    creators: impl Fn(&str) -> Role,
) -> Result<(Vec<Content>, Vec<Group>), SdpError> {
    if description.media.is_empty() {
        return Err(SdpError::NoMedia);
    }
    let bundles = Bundles::new(description);
    let mut names = BTreeSet::new();
    let mut contents = Vec::with_capacity(description.media.len());
    for (index, section) in description.media.iter().enumerate() {
        let mid = mid(description, index, section);
        let name = content_of(&mid);
        if !names.insert(name.clone()) {
            return Err(SdpError::RepeatedMid { mid });
        }
        let said = bundles.all_of(section);
        contents.push(Content {
            senders: senders(description, section, by),
            description: application(&said, by, &mid)?,
            transport: Some(Transport::Ice(transport(&said, &mid)?)),
            ..Content::new(creators(&name), name)
        });
    }
    Ok((contents, groups(description)))
}

/// A section without a tag gets its kind for one, or its number if that is taken.
fn mid(description: &SessionDescription, index: usize, section: &MediaSection) -> String {
    let alone = || {
        description
            .media
            .iter()
            .filter(|other| other.kind == section.kind)
            .count()
            == 1
    };
    match section.mid() {
        Some(mid) => mid.to_owned(),
        None if alone() => section.kind.clone(),
        None => index.to_string(),
    }
}

fn senders(description: &SessionDescription, section: &MediaSection, by: Role) -> Senders {
    if section.is_rejected() {
        return Senders::None;
    }
    description.direction(section).senders(by)
}

/// A group may name only what is there, and by the tag that it has said.
fn groups(description: &SessionDescription) -> Vec<Group> {
    let mids: BTreeSet<_> = description.media.iter().filter_map(MediaSection::mid).collect();
    let groups = description.attributes().filter(|(name, _)| *name == "group");
    let group = |(_, value): (&str, &str)| {
        let mut words = value.split_whitespace();
        Some(Group {
            semantics: words.next()?.to_owned(),
            contents: words.filter(|mid| mids.contains(mid)).map(content_of).collect(),
        })
    };
    groups.filter_map(group).collect()
}

fn application(said: &Said<'_>, by: Role, mid: &str) -> Result<Option<Application>, SdpError> {
    match (said.section.is_rtp(), said.section.is_rejected()) {
        (true, _) => Ok(Some(Application::Rtp(rtp(said, by)))),
        (false, true) => Ok(None),
        (false, false) => Err(SdpError::NotRtp { mid: mid.to_owned() }),
    }
}

fn rtp(said: &Said<'_>, by: Role) -> Rtp {
    let (description, section) = (said.description, said.section);
    let mut sources = Sources::default();
    let mut codecs = Codecs::new(&section.formats);
    let mut rtp = Rtp::new(&section.kind);
    rtp.mixed_extensions = description.attribute("extmap-allow-mixed").is_some();
    let of_all = description.attributes().filter(|(name, _)| *name == "extmap");
    for (name, value) in of_all.chain(section.attributes()) {
        match name {
            "rtcp-mux" => rtp.rtcp_mux = true,
            "rtcp-rsize" => rtp.rtcp_reduced_size = true,
            "extmap-allow-mixed" => rtp.mixed_extensions = true,
            "rtpmap" | "fmtp" => codecs.take(name, value),
            "rtcp-fb" => take_feedback(&mut rtp, &mut codecs, value),
            "ptime" => codecs.each(|codec| codec.ptime = value.trim().parse().ok()),
            "maxptime" => codecs.each(|codec| codec.max_ptime = value.trim().parse().ok()),
            "extmap" => rtp.extensions.extend(extension(value, by)),
            "ssrc" => sources.take(value),
            "ssrc-group" => rtp.source_groups.extend(source_group(value)),
            "msid" => rtp.streams.extend(stream(value)),
            "crypto" => rtp.encryption.get_or_insert_default().crypto.extend(crypto(value)),
            "zrtp-hash" => rtp.encryption.get_or_insert_default().zrtp.extend(zrtp(value)),
            _ => {}
        }
    }
    rtp.encryption = rtp.encryption.filter(|encryption| *encryption != Encryption::default());
    if let Some(tagged) = said.tagged {
        rtp.rtcp_mux |= tagged.attribute("rtcp-mux").is_some();
        rtp.rtcp_reduced_size |= tagged.attribute("rtcp-rsize").is_some();
    }
    rtp.payload_types = codecs.list;
    rtp.sources = sources.list;
    rtp.ssrc = rtp.sources.first().map(|source| source.ssrc);
    rtp.bandwidth = section.lines.iter().find_map(|line| {
        let (kind, value) = (line.letter == 'b').then(|| line.value.split_once(':'))??;
        let (kind, value) = (kind.to_owned(), value.trim().parse().ok()?);
        is_word(&kind).then_some(Bandwidth { kind, value })
    });
    rtp
}

/// The payload types of a section, found by their numbers.
struct Codecs {
    list: Vec<PayloadType>,
    places: [Option<usize>; 128],
}

impl Codecs {
    fn new(formats: &[String]) -> Self {
        let mut codecs = Self {
            list: Vec::new(),
            places: [None; 128],
        };
        for format in formats {
            // RFC 3550 section 5.1: the number has seven bits.
            if let Ok(id @ 0..=127) = format.parse::<u8>()
                && codecs.places[usize::from(id)].is_none()
            {
                codecs.places[usize::from(id)] = Some(codecs.list.len());
                codecs.list.push(PayloadType::new(id));
            }
        }
        codecs
    }

    fn find(&mut self, id: &str) -> Option<&mut PayloadType> {
        let place = *self.places.get(id.parse::<usize>().ok()?)?;
        self.list.get_mut(place?)
    }

    fn each(&mut self, change: impl Fn(&mut PayloadType)) {
        self.list.iter_mut().for_each(change);
    }

    fn take(&mut self, name: &str, value: &str) {
        let Some((id, value)) = value.trim().split_once(' ') else {
            return;
        };
        let Some(codec) = self.find(id) else {
            return;
        };
        if name == "fmtp" {
            codec.parameters.extend(value.split(';').filter_map(parameter));
            return;
        }
        let mut parts = value.trim().split('/');
        let name = parts.next().filter(|name| is_word(name));
        let rate = parts
            .next()
            .and_then(|rate| rate.parse().ok())
            .filter(|rate| *rate != 0);
        let (Some(name), Some(rate)) = (name, rate) else {
            return;
        };
        codec.name = Some(name.to_owned());
        codec.clock_rate = rate;
        codec.channels = parts
            .next()
            .and_then(|channels| channels.parse().ok())
            .unwrap_or(1)
            .max(1);
    }
}

fn parameter(text: &str) -> Option<Parameter> {
    let text = text.trim();
    match text.split_once('=') {
        _ if text.is_empty() => None,
        Some((name, value)) if !name.is_empty() => Some(Parameter::new(name.trim(), value.trim())),
        Some(_) | None => Some(Parameter::flag(text)),
    }
}

/// RFC 4585 section 4.2: of one payload type, or of all.
fn take_feedback(rtp: &mut Rtp, codecs: &mut Codecs, value: &str) {
    let mut words = value.split_whitespace();
    let (Some(id), Some(kind)) = (words.next(), words.next()) else {
        return;
    };
    let rest: Vec<_> = words.collect();
    let (feedback, interval) = match id {
        "*" => (&mut rtp.feedback, &mut rtp.feedback_interval),
        id => match codecs.find(id) {
            Some(codec) => (&mut codec.feedback, &mut codec.feedback_interval),
            None => return,
        },
    };
    match rest.first().map(|interval| interval.parse()) {
        Some(Ok(number)) if kind == "trr-int" => *interval = Some(number),
        _ => feedback.push(Feedback {
            parameters: rest.iter().skip(1).filter_map(|word| parameter(word)).collect(),
            ..Feedback::new(kind, rest.first().copied())
        }),
    }
}

/// RFC 8285 section 5; the direction is as seen from the one who describes.
fn extension(value: &str, by: Role) -> Option<HeaderExtension> {
    let mut words = value.split_whitespace();
    let id = words.next()?;
    let uri = words.next()?.to_owned();
    let (id, direction) = match id.split_once('/') {
        Some((id, direction)) => (id, Direction::of(direction)?),
        None => (id, Direction::SendRecv),
    };
    Some(HeaderExtension {
        id: id.parse().ok()?,
        uri,
        senders: direction.senders(by),
        parameters: words.filter_map(parameter).collect(),
    })
}

/// The sources of a section, in the order in which they come up.
#[derive(Default)]
struct Sources {
    list: Vec<Source>,
    places: BTreeMap<u32, usize>,
}

impl Sources {
    /// RFC 5576 section 4.1. Without a name and a value nothing is said.
    fn take(&mut self, value: &str) {
        let said = value
            .trim_start()
            .split_once(char::is_whitespace)
            .and_then(|(ssrc, said)| Some((ssrc.parse().ok()?, said.trim_start().split_once(':')?)));
        let Some((ssrc, (name, value))) = said.filter(|(_, (name, _))| is_word(name)) else {
            return;
        };
        let parameter = Parameter::new(name, value);
        match self.places.entry(ssrc) {
            Entry::Occupied(place) => self.list[*place.get()].parameters.push(parameter),
            Entry::Vacant(place) => {
                place.insert(self.list.len());
                let parameters = vec![parameter];
                self.list.push(Source { ssrc, parameters });
            }
        }
    }
}

fn source_group(value: &str) -> Option<SourceGroup> {
    let mut words = value.split_whitespace();
    let semantics = words.next()?.to_owned();
    let sources: Vec<_> = words.filter_map(|ssrc| ssrc.parse().ok()).collect();
    (!sources.is_empty()).then_some(SourceGroup { semantics, sources })
}

fn stream(value: &str) -> Option<MediaStream> {
    let mut words = value.split_whitespace();
    Some(MediaStream {
        id: words.next()?.to_owned(),
        track: words.next().map(str::to_owned),
    })
}

/// RFC 4568 section 9.1.
fn crypto(value: &str) -> Option<Crypto> {
    let mut words = value.split_whitespace();
    let (tag, suite, key_params) = (words.next()?, words.next()?, words.next()?);
    let session_params = words.collect::<Vec<_>>().join(" ");
    Some(Crypto {
        suite: suite.to_owned(),
        key_params: key_params.to_owned(),
        session_params: Some(session_params).filter(|params| !params.is_empty()),
        tag: tag.to_owned(),
    })
}

/// RFC 6189 section 8.
fn zrtp(value: &str) -> Option<ZrtpHash> {
    let mut words = value.split_whitespace().map(str::to_owned);
    let (version, hash) = (words.next()?, words.next()?);
    Some(ZrtpHash { version, hash })
}

/// A rejected section has none of its own, even where the session has.
fn transport(said: &Said<'_>, mid: &str) -> Result<Ice, SdpError> {
    let section = said.section;
    let mut ice = Ice::default();
    if section.is_rejected() {
        return Ok(ice);
    }
    let word = |name| {
        let value = said.attribute(name).map(str::trim);
        value.filter(|text| is_word(text)).map(str::to_owned)
    };
    ice.ufrag = word("ice-ufrag");
    ice.pwd = word("ice-pwd");
    ice.gathering_complete =
        section.attribute("end-of-candidates").is_some() || said.description.attribute("end-of-candidates").is_some();
    for (_, value) in section.attributes().filter(|(name, _)| *name == "candidate") {
        let candidate = format!("candidate:{value}").parse::<Candidate>();
        ice.candidates.push(candidate.map_err(|cause| SdpError::Candidate {
            mid: mid.to_owned(),
            cause,
        })?);
    }
    let setup = said.attribute("setup").and_then(|setup| setup.trim().parse().ok());
    let all = || fingerprints(said.description.attributes());
    let of_tagged = || said.tagged.map(|tagged| fingerprints(tagged.attributes()));
    let fingerprints = [Some(fingerprints(section.attributes())), of_tagged()]
        .into_iter()
        .flatten()
        .find(|fingerprints| !fingerprints.is_empty())
        .unwrap_or_else(all);
    let fingerprint = |(hash, value)| Fingerprint::new(hash, setup, value);
    ice.fingerprints = fingerprints.into_iter().map(fingerprint).collect();
    Ok(ice)
}

/// RFC 8122 section 5.
fn fingerprints<'a>(attributes: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    attributes
        .filter(|(name, _)| *name == "fingerprint")
        .filter_map(|(_, value)| {
            let mut words = value.split_whitespace().map(str::to_owned);
            Some((words.next()?, words.next()?))
        })
        .collect()
}
