//! The reference model of what a peer has to hear: what the application wanted it to know, beside what it was told. Much
//! simpler than the session, because it keeps everything and forgets nothing.

use std::time::Instant;

use crate::{Token, genesys::Method, session::Outcome};

/// Beyond this many candidates of one generation, the session may have met its limit and dropped some.
const CANDIDATES_KEPT: usize = 64;

#[derive(Default)]
pub(super) struct Ledger {
    wanted: Wanted,
    /// Everything that went out and was not lost, in its order.
    told: Vec<(Option<Token>, Method)>,
    /// Whether the peer refused something, for another reason than not to know the session.
    refused: bool,
}

/// What the application wants the peer to know now.
#[derive(Default)]
struct Wanted {
    /// The last line of the answer.
    answer: Option<String>,
    candidates: Vec<String>,
    end_of_candidates: bool,
    activity: bool,
    muted: bool,
    /// The media failed without signalling.
    gone: Option<Instant>,
}

/// Something that the application wants the peer to know.
pub(super) enum Wish {
    Answer(String),
    Candidate(String),
    EndOfCandidates,
    Activity,
    Muted(bool),
    Gone(Instant),
}

impl Ledger {
    /// A command that the session did not refuse; noted before what it says at once.
    pub(super) fn wish(&mut self, wish: Wish) {
        let wanted = &mut self.wanted;
        match wish {
            Wish::Answer(line) => wanted.answer = Some(line),
            Wish::Candidate(candidate) => wanted.candidates.push(candidate),
            Wish::EndOfCandidates => {
                wanted.end_of_candidates = true;
                self.void(|method| matches!(method, Method::EndOfCandidates { .. }));
            }
            Wish::Activity => {
                wanted.activity = true;
                self.void(|method| matches!(method, Method::Info { .. }));
            }
            Wish::Muted(muted) => wanted.muted = muted,
            Wish::Gone(since) => {
                wanted.gone.get_or_insert(since);
            }
        }
    }

    /// The application has an offer; what it wanted to be known of media that it replaces is void.
    pub(super) fn on_offer(&mut self, new_media: bool) {
        let muted = self.wanted.muted;
        if new_media {
            self.wanted = Wanted {
                muted,
                ..Wanted::default()
            };
            self.void(|method| {
                matches!(
                    method,
                    Method::Candidate { .. } | Method::EndOfCandidates { .. } | Method::Info { .. }
                )
            });
        }
        self.wanted.answer = None;
    }

    pub(super) fn gone(&self) -> Option<Instant> {
        self.wanted.gone
    }

    /// Something went out; a farewell without a token.
    pub(super) fn on_told(&mut self, token: Option<Token>, method: Method) {
        self.told.push((token, method));
    }

    pub(super) fn on_outcome(&mut self, token: Token, outcome: &Outcome) {
        match outcome {
            Outcome::Done => {}
            Outcome::Refused(rejection) => self.refused |= rejection.condition != "item-not-found",
            Outcome::Lost => self.told.retain(|(known, _)| *known != Some(token)),
        }
    }

    /// Whether anything that the peer refused may have ended the session.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    pub(super) fn told_terminate(&self) -> bool {
        self.told(|method| matches!(method, Method::Terminate { .. }))
    }

    /// Signalling is back, and the session lives and has no offer to answer: everything has been said.
    pub(super) fn check_all_told(&self) {
        let wanted = &self.wanted;
        let Some(answer) = &wanted.answer else {
            return;
        };
        assert!(
            self.told(|method| matches!(method, Method::Answer { sdp, .. } if sdp.lines().last() == Some(answer))),
            "the latest answer was not told"
        );
        let is_told = |wish: &String| {
            self.told(|method| matches!(method, Method::Candidate { candidate, .. } if candidate == wish))
        };
        if wanted.candidates.len() <= CANDIDATES_KEPT {
            assert!(wanted.candidates.iter().all(is_told), "a candidate was not told");
        }
        if wanted.end_of_candidates {
            let is_end = |method: &Method| matches!(method, Method::EndOfCandidates { .. });
            assert!(self.told(is_end), "the end of candidates was not told");
        }
        if wanted.activity {
            let is_info = |method: &Method| matches!(method, Method::Info { .. });
            assert!(self.told(is_info), "the activity was not told");
        }
        let muting = self.told.iter().rev().find_map(|(_, method)| match method {
            Method::Mute { .. } => Some(true),
            Method::Unmute { .. } => Some(false),
            Method::Offer { .. }
            | Method::Answer { .. }
            | Method::Candidate { .. }
            | Method::EndOfCandidates { .. }
            | Method::Info { .. }
            | Method::Terminate { .. } => None,
        });
        assert_eq!(muting.unwrap_or(false), wanted.muted, "the latest muting was not told");
    }

    /// What was told of it was told of something else.
    fn void(&mut self, is_it: impl Fn(&Method) -> bool) {
        self.told.retain(|(_, method)| !is_it(method));
    }

    fn told(&self, is_it: impl Fn(&Method) -> bool) -> bool {
        self.told.iter().any(|(_, method)| is_it(method))
    }
}

/// The order in which things are said together when signalling is back.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Accept,
    Answer,
    Candidate,
    EndOfCandidates,
    Activity,
    Muting,
    End,
}

impl Place {
    pub(super) fn of(method: &Method) -> Self {
        match method {
            Method::Answer { .. } => Place::Answer,
            Method::Candidate { .. } => Place::Candidate,
            Method::EndOfCandidates { .. } => Place::EndOfCandidates,
            Method::Info { .. } => Place::Activity,
            Method::Mute { .. } | Method::Unmute { .. } => Place::Muting,
            Method::Offer { .. } | Method::Terminate { .. } => Place::End,
        }
    }
}
