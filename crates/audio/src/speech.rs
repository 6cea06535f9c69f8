//! Two clips of human speech to call with, built into the program: LibriVox recordings, in the public domain
//! (`assets/README.md`).

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::wav::decode;

/// "Unless to be rather cold hearted and rather selfish is to be ill disposed": 5.0 s.
pub static CLIP_A: Speech = Speech::new(
    "unless_to_be_rather_cold_hearted.wav",
    include_bytes!("../assets/unless_to_be_rather_cold_hearted.wav"),
);

/// "Had he married a more amiable woman, he might have been made still more respectable than he was": 5.7 s.
pub static CLIP_B: Speech = Speech::new(
    "had_he_married_a_more_amiable_woman.wav",
    include_bytes!("../assets/had_he_married_a_more_amiable_woman.wav"),
);

/// A clip of speech inside the program.
pub struct Speech {
    name: &'static str,
    wav: &'static [u8],
    samples: OnceLock<Arc<[i16]>>,
}

impl Speech {
    const fn new(name: &'static str, wav: &'static [u8]) -> Self {
        Self {
            name,
            wav,
            samples: OnceLock::new(),
        }
    }

    /// The clip's file name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The clip as a WAV file: 16 kHz, mono, 16 bit.
    #[must_use]
    pub fn wav(&self) -> &'static [u8] {
        self.wav
    }

    /// The clip at 48 kHz, resampled at the first call and shared from then on.
    #[must_use]
    pub fn samples(&self) -> Arc<[i16]> {
        let decoded = || {
            decode(self.wav, Path::new(self.name))
                .expect("the clips in the program are WAV files")
                .into()
        };
        Arc::clone(self.samples.get_or_init(decoded))
    }
}
