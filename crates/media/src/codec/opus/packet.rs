//! What an Opus packet carries beside its own audio: the redundancy of RFC 6716 section 2.1.7, and deep redundancy (DRED) in its
//! padding, in the format of extensions to Opus.

use crate::codec::Redundancy;

/// The number of the extension that libopus 1.5 and 1.6 use for deep redundancy, and how its payload begins there: a letter
/// and the version of the experiment. Another version cannot be decoded.
const DRED: u8 = 126;
const DRED_BEGINNING: [u8; 2] = [b'D', 12];

/// What this packet knows of the audio before it; nothing where it is broken.
pub(crate) fn redundancy(packet: &[u8]) -> Redundancy {
    let Some(parts) = Parts::read(packet) else {
        return Redundancy::None;
    };
    if has_deep(parts.padding) {
        return Redundancy::Deep;
    }
    if parts.has_previous() {
        Redundancy::Previous
    } else {
        Redundancy::None
    }
}

/// The parts of a packet that are looked at (RFC 6716 section 3.2).
struct Parts<'a> {
    /// The byte that tells mode, length of a frame, channels and how the frames are packed.
    contents: u8,
    /// From the first frame on.
    frames: &'a [u8],
    padding: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(packet: &'a [u8]) -> Option<Self> {
        let (&contents, rest) = packet.split_first()?;
        let (frames, padding): (&[u8], &[u8]) = match contents & 3 {
            0 | 1 => (rest, &[]),
            2 => (skip_length(rest)?, &[]),
            _ => {
                let (&count, rest) = rest.split_first()?;
                let (padding, rest) = if count & 0x40 == 0 { (0, rest) } else { padding(rest)? };
                let (rest, padding) = rest.split_at_checked(rest.len().checked_sub(padding)?)?;
                let lengths = if count & 0x80 == 0 {
                    0
                } else {
                    (count & 0x3f).saturating_sub(1)
                };
                let frames = (0..lengths).try_fold(rest, |rest, _| skip_length(rest))?;
                (frames, padding)
            }
        };
        Some(Self {
            contents,
            frames,
            padding,
        })
    }

    /// Whether the first frame holds another copy of what went before it: a flag after those of its own speech (RFC 6716
    /// section 4.2.3), in every mode but that of music.
    fn has_previous(&self) -> bool {
        let configuration = self.contents >> 3;
        let Some(&flags) = self.frames.first() else {
            return false;
        };
        // Frames of 10, 20, 40 and 60 ms of voice, of 10 and 20 ms of voice and music.
        let voices = match configuration {
            0..=11 => [1, 1, 2, 3][usize::from(configuration % 4)],
            12..=15 => 1,
            _ => return false,
        };
        let middle = flags >> (7 - voices) & 1;
        let side = if self.contents & 4 == 0 {
            0
        } else {
            flags >> (6 - 2 * voices) & 1
        };
        middle | side == 1
    }
}

/// The length of the padding, and what comes after the bytes that tell it.
fn padding(mut rest: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0;
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        if byte < 255 {
            return Some((length + usize::from(byte), rest));
        }
        // The byte stands for as many of padding, and one more of length follows.
        length += 254;
    }
}

/// What comes after the length of a frame, which has one byte or two.
fn skip_length(rest: &[u8]) -> Option<&[u8]> {
    let first = *rest.first()?;
    rest.get(if first < 252 { 1 } else { 2 }..)
}

/// Whether there is deep redundancy among these extensions. Repeated extensions are not looked into; libopus writes none.
fn has_deep(mut rest: &[u8]) -> bool {
    while let Some((&header, after)) = rest.split_first() {
        let (number, long) = (header >> 1, header & 1 == 1);
        rest = match (number, long) {
            // The rest is padding; or what repeats.
            (0, false) | (2, _) => return false,
            // One byte of padding, and the step to the next frame.
            (0, true) | (1, false) => after,
            (1, true) => after.get(1..).unwrap_or_default(),
            (3..=31, _) => after.get(usize::from(long)..).unwrap_or_default(),
            (_, false) => return number == DRED && after.starts_with(&DRED_BEGINNING),
            (_, true) => {
                let runs = after.iter().take_while(|byte| **byte == 255).count();
                let Some(last) = after.get(runs) else {
                    return false;
                };
                let length = runs * 255 + usize::from(*last);
                let payload = &after[runs + 1..];
                if number == DRED && payload.len() >= length && payload.starts_with(&DRED_BEGINNING) {
                    return true;
                }
                payload.get(length..).unwrap_or_default()
            }
        };
    }
    false
}

#[cfg(test)]
mod tests;
