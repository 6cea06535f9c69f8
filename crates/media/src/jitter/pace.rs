//! When playout is moved: how early or late packets come, watched over seconds.

/// Samples a second.
const CLOCK: i64 = 48_000;
/// Playout is held back by whole frames.
const FRAME: i64 = 960;
/// Packets that are all late for this long mean that the path has become longer.
const STEP_SPELL: i64 = CLOCK / 10;
/// This many spells of lateness ...
const SPELLS: usize = 3;
/// ... within this time mean that the delay is too small for the path's jitter.
const SPELLS_WITHIN: i64 = 3 * CLOCK;
/// Playout is not held back further than this beyond its first delay.
const MOST: i64 = CLOCK * 3 / 10;
/// A full buffer is looked at once a second.
const WINDOW: i64 = CLOCK;
/// This much more than the delay in all packets of five windows is too much.
const EXCESS: i64 = CLOCK * 3 / 100;
const EXCESS_WINDOWS: u32 = 5;
/// This much more in a single window is too much at once.
const GROSS_EXCESS: i64 = CLOCK / 10;

/// Watches the packets and decides when playout has to move.
#[derive(Debug)]
pub(super) struct Pace {
    delay: i64,
    /// Silence still to be put in.
    hold: i64,
    /// How much playout was held back in all.
    held: i64,
    /// How much more than needed waits, when that is too much.
    excess: i64,
    spell: Option<Spell>,
    spells: [Option<Spell>; SPELLS],
    window: Window,
    full_windows: u32,
}

/// A run of late packets.
#[derive(Debug, Clone, Copy)]
struct Spell {
    since: i64,
    lateness: i64,
}

#[derive(Debug)]
struct Window {
    since: i64,
    least: i64,
}

impl Pace {
    pub(super) fn new(now: i64, delay: i64) -> Self {
        Self {
            delay,
            hold: 0,
            held: 0,
            excess: 0,
            spell: None,
            spells: [None; SPELLS],
            window: Window {
                since: now,
                least: i64::MAX,
            },
            full_windows: 0,
        }
    }

    /// A packet came this much after its turn.
    pub(super) fn late(&mut self, now: i64, lateness: i64) {
        let spell = self.spell.get_or_insert(Spell { since: now, lateness });
        spell.lateness = spell.lateness.max(lateness);
        let spell = *spell;
        if now - spell.since >= STEP_SPELL {
            self.hold_back(spell.lateness);
        }
        self.window.least = 0;
    }

    /// A packet came this much before its turn.
    pub(super) fn in_time(&mut self, now: i64, early: i64) {
        if let Some(spell) = self.spell.take() {
            self.spell_ended(now, spell);
        }
        self.window.least = self.window.least.min(early);
        if now - self.window.since >= WINDOW {
            let excess = self.window.least - self.delay;
            self.full_windows = if excess > EXCESS { self.full_windows + 1 } else { 0 };
            let too_much = excess > GROSS_EXCESS || self.full_windows >= EXCESS_WINDOWS;
            self.excess = if too_much { excess } else { 0 };
            self.window = Window {
                since: now,
                least: i64::MAX,
            };
        }
    }

    /// Whether this turn is to be filled while playout waits.
    pub(super) fn hold(&mut self) -> bool {
        let holds = self.hold > 0;
        self.hold = (self.hold - FRAME).max(0);
        holds
    }

    /// Whether a packet of this length is to be dropped now: never more than the excess, and of
    /// short packets so many as make up a frame.
    pub(super) fn squeeze(&mut self, samples: i64) -> bool {
        let squeeze = samples <= self.excess;
        if squeeze {
            self.excess = (self.excess.min(FRAME) - samples).max(0);
            self.full_windows = 0;
            self.held = (self.held - samples).max(0);
        }
        squeeze
    }

    fn spell_ended(&mut self, now: i64, spell: Spell) {
        self.spells.rotate_left(1);
        self.spells[SPELLS - 1] = Some(spell);
        let oldest = self.spells[0].map(|oldest| oldest.since);
        if oldest.is_some_and(|since| now - since <= SPELLS_WITHIN) {
            let worst = self.spells.iter().flatten().map(|spell| spell.lateness).max();
            // Lateness that comes and goes is met half way: its peaks are rare.
            self.hold_back((worst.unwrap_or(FRAME) / 2).max(FRAME));
        }
    }

    fn hold_back(&mut self, lateness: i64) {
        let frames = (lateness + FRAME - 1) / FRAME;
        let by = (frames * FRAME).min(MOST - self.held).max(0);
        self.hold += by;
        self.held += by;
        self.spell = None;
        self.spells = [None; SPELLS];
    }
}
