//! The two header packets of Opus in Ogg (RFC 7845 section 5).

/// The identification header (RFC 7845 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many channels are to be decoded: 1 or 2.
    pub channels: u8,
    /// Samples at 48 kHz that are decoded at the beginning and not played.
    pub pre_skip: u16,
    /// What is to be added to the level, in units of 1/256 dB.
    pub gain: i16,
}

/// What is wrong with a header.
pub(super) enum Fault {
    NotOpus,
    Damaged(&'static str),
    Surround,
}

const HEAD: &[u8] = b"OpusHead";
const TAGS: &[u8] = b"OpusTags";
/// What programs are told has written a file.
const VENDOR: &str = concat!("offhook ", env!("CARGO_PKG_VERSION"));

impl Head {
    pub(super) fn read(packet: &[u8]) -> Result<Self, Fault> {
        let Some(fields) = packet.strip_prefix(HEAD) else {
            return Err(Fault::NotOpus);
        };
        let Some(
            &[
                version,
                channels,
                skip_low,
                skip_high,
                _,
                _,
                _,
                _,
                gain_low,
                gain_high,
                family,
            ],
        ) = fields.first_chunk::<11>()
        else {
            return Err(Fault::Damaged("its header is too short"));
        };
        if version >> 4 != 0 {
            return Err(Fault::Damaged("its header is of an unknown version"));
        }
        if family != 0 {
            return Err(Fault::Surround);
        }
        if !(1..=2).contains(&channels) {
            return Err(Fault::Damaged("it has neither one channel nor two"));
        }
        Ok(Self {
            channels,
            pre_skip: u16::from_le_bytes([skip_low, skip_high]),
            gain: i16::from_le_bytes([gain_low, gain_high]),
        })
    }

    pub(super) fn write(self) -> Vec<u8> {
        let mut packet = HEAD.to_vec();
        packet.extend([1, self.channels]);
        packet.extend(self.pre_skip.to_le_bytes());
        packet.extend(crate::SAMPLE_RATE.to_le_bytes());
        packet.extend(self.gain.to_le_bytes());
        packet.push(0);
        packet
    }
}

/// Whether this is the comment header (RFC 7845 section 5.2), of which nobody needs more.
pub(super) fn is_tags(packet: &[u8]) -> bool {
    packet.starts_with(TAGS)
}

/// A comment header without comments.
pub(super) fn tags() -> Vec<u8> {
    let mut packet = TAGS.to_vec();
    packet.extend((VENDOR.len() as u32).to_le_bytes());
    packet.extend(VENDOR.as_bytes());
    packet.extend(0_u32.to_le_bytes());
    packet
}
