//! How much of one element is read.

/// The sizes up to which a `<jingle/>` element is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JingleLimits {
    /// Contents: 16 unless told otherwise.
    pub contents: usize,
    /// Candidates of all contents together, those that were chosen included: 64 unless told otherwise.
    pub candidates: usize,
    /// Payload types of one description: 128, which is all there are, unless told otherwise.
    pub payload_types: usize,
    /// Entries of any other list, each counted by itself: 512 unless told otherwise.
    pub entries: usize,
    /// Any attribute that is read, and any text, in bytes: 4096 unless told otherwise.
    pub text: usize,
    /// A description or transport that is kept as it came, and a stanza that has to wait for its session, with its names and
    /// texts, in bytes: 16 KiB unless told otherwise.
    pub foreign: usize,
    /// Elements inside one another in such an element: 16 unless told otherwise.
    pub foreign_depth: usize,
}

impl Default for JingleLimits {
    fn default() -> Self {
        Self {
            contents: 16,
            candidates: 64,
            payload_types: 128,
            entries: 512,
            text: 4096,
            foreign: 16 * 1024,
            foreign_depth: 16,
        }
    }
}
