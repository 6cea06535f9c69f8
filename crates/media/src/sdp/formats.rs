//! The formats of an audio section: which of them can be used, in the order in which their side prefers them.

use super::description::Section;
use crate::codec::PacketTime;
use crate::{AnswerError, Codec, OfferError, SAMPLE_RATE, error::excerpt};

/// Says which version of deep redundancy its side decodes. There is no parameter of a standard for it, and its format differs between the
/// versions of libopus; peers that do not know it pass it over (RFC 7587 section 7.1), and are not answered with it.
pub(super) const DEEP_REDUNDANCY: &str = "x-dred";
pub(super) const DEEP_REDUNDANCY_VERSION: &str = "12";

/// What of the offered formats can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Formats {
    /// Never empty; the first is the one to send.
    pub(crate) audio: Vec<AudioFormat>,
    pub(crate) events: Vec<Events>,
}

/// A payload type with its codec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AudioFormat {
    pub(crate) payload_type: u8,
    pub(crate) codec: Codec,
    /// What the peer wishes to receive.
    pub(crate) wishes: Wishes,
}

/// The length of packets (RFC 8866 section 6.4), and Opus parameters (RFC 7587 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wishes {
    pub(crate) packet_time: PacketTime,
    pub(crate) in_band_fec: bool,
    /// Deep redundancy, in the version that we speak.
    pub(crate) deep_redundancy: bool,
    pub(crate) constant_rate: bool,
    /// Pauses are left out.
    pub(crate) pauses: bool,
    /// Bits a second.
    pub(crate) max_bitrate: Option<i32>,
}

/// A telephone-event format (RFC 4733).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Events {
    pub(crate) payload_type: u8,
    pub(crate) clock_rate: u32,
    /// Whether the peer listed the events it knows.
    pub(crate) listed: bool,
}

impl Formats {
    /// Those of these codecs, each codec once, in the section's order.
    pub(super) fn of(section: &Section, codecs: &[Codec]) -> Result<Self, OfferError> {
        let formats = || section.formats.iter().filter_map(|format| Format::of(section, format));
        let packet_time = packet_time(section);
        let mut audio: Vec<AudioFormat> = Vec::new();
        for format in formats() {
            let codec = codecs.iter().copied().find(|codec| format.is(*codec));
            let Some(codec) = codec else { continue };
            let known = |other: &AudioFormat| other.codec == codec || other.payload_type == format.payload_type;
            if !audio.iter().any(known) {
                audio.push(AudioFormat {
                    payload_type: format.payload_type,
                    codec,
                    wishes: format.wishes(packet_time),
                });
            }
        }
        if audio.is_empty() {
            let names: Vec<&str> = formats().map(|format| format.name).take(16).collect();
            let offered = if names.is_empty() {
                "nothing known".into()
            } else {
                names.join(", ")
            };
            return Err(OfferError::NoUsableCodec {
                offered: excerpt(&offered),
            });
        }
        let events = events(formats(), &audio);
        Ok(Self { audio, events })
    }

    /// Those of our own offers: the numbers are the gateways'.
    pub(crate) fn offered(codecs: &[Codec]) -> Self {
        let audio = codecs.iter().map(|codec| AudioFormat {
            payload_type: match codec {
                Codec::Opus => 96,
                Codec::Pcmu => 0,
                Codec::Pcma => 8,
            },
            codec: *codec,
            wishes: Wishes {
                deep_redundancy: true,
                ..Wishes::default()
            },
        });
        let audio: Vec<AudioFormat> = audio.collect();
        let events = [(101, SAMPLE_RATE), (126, 8_000)].map(|(payload_type, clock_rate)| Events {
            payload_type,
            clock_rate,
            listed: false,
        });
        let beside = |events: &Events| audio.iter().any(|audio| audio.codec.clock_rate() == events.clock_rate);
        let events = events.into_iter().filter(beside).collect();
        Self { audio, events }
    }

    /// Checks an answer's formats against those that were offered; events by another number are passed over.
    pub(crate) fn confirm(&mut self, offered: &Self) -> Result<(), AnswerError> {
        for answer in &self.audio {
            let other = |offer: &&AudioFormat| offer.codec == answer.codec && offer.payload_type != answer.payload_type;
            if let Some(offer) = offered.audio.iter().find(other) {
                return Err(AnswerError::PayloadType {
                    codec: answer.codec,
                    offered: offer.payload_type,
                    answered: answer.payload_type,
                });
            }
        }
        let known = |answer: &Events| {
            let same =
                |offer: &Events| (offer.payload_type, offer.clock_rate) == (answer.payload_type, answer.clock_rate);
            offered.events.iter().any(same)
        };
        self.events.retain(known);
        Ok(())
    }

    /// The number of this codec, when both sides know it.
    pub(crate) fn payload_type(&self, codec: Codec) -> Option<u8> {
        let format = self.audio.iter().find(|format| format.codec == codec)?;
        Some(format.payload_type)
    }

    /// The codec that this number stands for.
    pub(crate) fn codec(&self, payload_type: u8) -> Option<Codec> {
        let format = self.audio.iter().find(|format| format.payload_type == payload_type)?;
        Some(format.codec)
    }

    /// The format to send.
    pub(crate) fn preferred(&self) -> &AudioFormat {
        &self.audio[0]
    }

    /// The events that run beside audio of this clock; others in their absence.
    pub(crate) fn events_beside(&self, clock_rate: u32) -> Option<Events> {
        let beside = self.events.iter().find(|events| events.clock_rate == clock_rate);
        beside.or(self.events.first()).copied()
    }
}

/// What the section says of all its formats. Numbers that are none say nothing.
fn packet_time(section: &Section) -> PacketTime {
    let millis = |name| {
        let value: Option<f32> = section.attributes.all(name).find_map(|value| value.trim().parse().ok());
        value.filter(|millis| *millis > 0.0)
    };
    PacketTime::asked(millis("ptime"), millis("maxptime"))
}

/// Events belong to the audio whose clock they share (RFC 4733 section 2.1); others are taken where there is none such.
fn events<'a>(formats: impl Iterator<Item = Format<'a>>, audio: &[AudioFormat]) -> Vec<Events> {
    let mut all: Vec<Events> = Vec::new();
    for format in formats {
        let is_event = format.name.eq_ignore_ascii_case("telephone-event");
        let known = matches!(format.clock_rate, 8_000 | SAMPLE_RATE);
        let free = audio.iter().all(|audio| audio.payload_type != format.payload_type);
        let first = all
            .iter()
            .all(|events| events.payload_type != format.payload_type && events.clock_rate != format.clock_rate);
        if is_event && known && free && first {
            all.push(Events {
                payload_type: format.payload_type,
                clock_rate: format.clock_rate,
                listed: !format.parameters.is_empty(),
            });
        }
    }
    let belongs = |events: &Events| audio.iter().any(|audio| audio.codec.clock_rate() == events.clock_rate);
    if all.iter().any(belongs) {
        all.retain(belongs);
    }
    all
}

/// A payload type with its `a=rtpmap` and `a=fmtp`.
struct Format<'a> {
    payload_type: u8,
    name: &'a str,
    clock_rate: u32,
    channels: Option<&'a str>,
    parameters: &'a str,
}

impl<'a> Format<'a> {
    fn of(section: &'a Section, format: &'a str) -> Option<Self> {
        // "096" and "+96" would be second names of 96.
        let payload_type = format
            .parse()
            .ok()
            .filter(|number: &u8| is_payload_type(*number) && number.to_string() == format)?;
        let of_this = move |value: &'a str| {
            value
                .split_once(' ')
                .filter(|(number, _)| *number == format)
                .map(|(_, rest)| rest.trim())
        };
        let parameters = section.attributes.all("fmtp").find_map(of_this).unwrap_or_default();
        let Some(encoding) = section.attributes.all("rtpmap").find_map(of_this) else {
            let name = static_name(payload_type)?;
            return Some(Self {
                payload_type,
                name,
                clock_rate: 8_000,
                channels: None,
                parameters,
            });
        };
        let mut parts = encoding.split('/');
        Some(Self {
            payload_type,
            name: parts.next()?,
            clock_rate: parts.next()?.parse().ok()?,
            channels: parts.next(),
            parameters,
        })
    }

    fn is(&self, codec: Codec) -> bool {
        let channels = match codec {
            // Always two, whatever is in the packets (RFC 7587 section 7).
            Codec::Opus => "2",
            Codec::Pcmu | Codec::Pcma => "1",
        };
        self.name.eq_ignore_ascii_case(codec.name())
            && self.clock_rate == codec.clock_rate()
            && self.channels.is_none_or(|offered| offered == channels)
    }

    fn wishes(&self, packet_time: PacketTime) -> Wishes {
        let parameter = |name: &str| {
            let mut pairs = self.parameters.split(';').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim())
        };
        Wishes {
            packet_time,
            in_band_fec: parameter("useinbandfec") == Some("1"),
            deep_redundancy: parameter(DEEP_REDUNDANCY) == Some(DEEP_REDUNDANCY_VERSION),
            constant_rate: parameter("cbr") == Some("1"),
            pauses: parameter("usedtx") == Some("1"),
            max_bitrate: parameter("maxaveragebitrate").and_then(|value| value.parse().ok()),
        }
    }
}

/// The numbers that RTP can use next to RTCP on one port (RFC 5761 section 4).
fn is_payload_type(number: u8) -> bool {
    matches!(number, 0..=63 | 96..=127)
}

/// The audio formats whose numbers speak for themselves (RFC 3551 section 6).
fn static_name(payload_type: u8) -> Option<&'static str> {
    match payload_type {
        0 => Some("PCMU"),
        8 => Some("PCMA"),
        9 => Some("G722"),
        13 => Some("CN"),
        _ => None,
    }
}
