//! What the gateway plays into a call.

use std::fmt;
use std::sync::Arc;

use offhook_audio::{Clip, Source, SourceError, SourceSpec};

use crate::call_state::CallHandle;
use crate::gateway::Overheard;

/// What the gateway plays into a call.
#[derive(Clone)]
pub enum Play {
    /// Something an option can name: silence, a tone, a file.
    Spec(SourceSpec),
    /// Samples in memory, 48 kHz mono, played once.
    Clip(Arc<[i16]>),
    /// What is heard of the client of another call.
    Heard(CallHandle),
}

impl Play {
    /// Opens the source.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn open(&self) -> Result<Box<dyn Source>, SourceError> {
        match self {
            Self::Spec(spec) => spec.open(),
            Self::Heard(call) => Ok(Box::new(Overheard::new(call))),
            Self::Clip(samples) => Ok(Box::new(Clip::once(Arc::clone(samples)))),
        }
    }
}

impl fmt::Debug for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(spec) => f.debug_tuple("Spec").field(spec).finish(),
            Self::Heard(call) => f.debug_tuple("Heard").field(call).finish(),
            Self::Clip(samples) => write!(f, "Clip({} samples)", samples.len()),
        }
    }
}

impl From<SourceSpec> for Play {
    fn from(spec: SourceSpec) -> Self {
        Self::Spec(spec)
    }
}

impl From<Arc<[i16]>> for Play {
    fn from(samples: Arc<[i16]>) -> Self {
        Self::Clip(samples)
    }
}
