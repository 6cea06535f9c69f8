//! Whether each side heard what the other played.

use std::{fmt, path::Path, path::PathBuf};

use offhook_audio::{
    SAMPLE_RATE,
    measure::{Likeness, compare},
    speech::Speech,
};

/// What one side of one call heard, compared with what the other side played.
pub struct Heard {
    name: String,
    played: &'static str,
    likeness: Likeness,
}

impl Heard {
    pub fn new(name: String, played: &Speech, heard: &[i16]) -> Self {
        Self {
            name,
            played: played.name(),
            likeness: compare(&played.samples(), heard),
        }
    }
}

/// The comparison of a whole demo.
pub struct Verdict {
    folder: PathBuf,
    heard: Vec<Heard>,
}

impl Verdict {
    pub fn new(folder: PathBuf, heard: impl IntoIterator<Item = Heard>) -> Self {
        Self {
            folder,
            heard: heard.into_iter().collect(),
        }
    }

    /// Whether everything was heard.
    pub fn passes(&self) -> bool {
        !self.heard.is_empty() && self.heard.iter().all(|heard| heard.likeness.passes())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Speech, compared in windows of 500 ms (correlation, each window within +-60 ms of one alignment):"
        )?;
        for Heard { name, played, likeness } in &self.heard {
            let worst = likeness
                .windows
                .iter()
                .map(|window| window.lag.unsigned_abs())
                .max()
                .unwrap_or(0);
            writeln!(
                f,
                "  {} {name:<32} median {:.3}, {:3.0} % of {:2} windows >= 0.8, furthest {:4.1} ms off  ({played})",
                if likeness.passes() { "ok  " } else { "FAIL" },
                likeness.median(),
                likeness.share_at_least(0.8) * 100.0,
                likeness.windows.len(),
                worst as f64 * 1e3 / f64::from(SAMPLE_RATE),
            )?;
        }
        writeln!(f, "Recordings: {}", self.folder.display())?;
        write!(
            f,
            "{}",
            if self.passes() {
                "Both calls worked, in both directions."
            } else {
                "FAILED."
            }
        )
    }
}

/// What was heard, from a stereo recording of 48 kHz: left is what was sent, right what was heard.
pub fn heard_in(path: &Path) -> Result<Vec<i16>, String> {
    let unreadable = |error: hound::Error| format!("{}: {error}", path.display());
    let recording = hound::WavReader::open(path).map_err(unreadable)?;
    recording
        .into_samples::<i16>()
        .skip(1)
        .step_by(2)
        .collect::<Result<_, _>>()
        .map_err(unreadable)
}
