//! What the view shows, and what a key means while it is shown. No terminal in here.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use offhook::{ConnectionState, Event, SessionId, Statistics};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::run::text;

/// How many of the last lines are kept.
const LINES: usize = 200;

/// What there is to see.
#[derive(Debug, Default)]
pub struct Board {
    pub connection: Connection,
    /// What rings and runs, in the order in which it came.
    pub calls: Vec<Row>,
    /// The call that keys are for.
    pub selected: usize,
    /// The number that is being typed.
    pub number: Option<String>,
    /// What happened, the newest last.
    pub lines: VecDeque<String>,
}

/// How signalling stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// Not for the first time yet.
    #[default]
    Connecting,
    /// As this JID.
    Connected(String),
    /// It is gone and coming back, or just gone.
    Lost { reconnecting: bool },
}

/// One call.
#[derive(Debug)]
pub struct Row {
    pub session: SessionId,
    pub who: String,
    pub state: State,
    pub muted: bool,
    pub held: bool,
    /// The latest figures of its media.
    pub statistics: Option<Statistics>,
    /// The first audio came.
    pub since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Ringing,
    Live(ConnectionState),
}

/// What a person wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Answer(SessionId),
    Reject(SessionId),
    Mute(SessionId, bool),
    Hold(SessionId, bool),
    Digit(SessionId, char),
    HangUp(SessionId),
    Dial(String),
    Quit,
}

/// What an action has changed that no event tells of.
#[derive(Debug)]
pub enum Done {
    Muted(SessionId, bool),
    Held(SessionId, bool),
    /// It no longer rings here.
    Refused(SessionId),
    /// Events tell the rest.
    Told,
}

impl Board {
    /// Takes in an event.
    pub fn told(&mut self, event: &Event, now: Instant) {
        if let Some(line) = text::line(event) {
            self.say(line);
        }
        match event {
            Event::Connected { jid, .. } => self.connection = Connection::Connected(jid.to_string()),
            Event::Disconnected { reconnecting, .. } => {
                self.connection = Connection::Lost {
                    reconnecting: *reconnecting,
                };
            }
            Event::Proposed(proposal) if self.row(&proposal.id).is_none() => {
                self.add(proposal.id.clone(), proposal.from.to_string(), State::Ringing);
            }
            Event::ProposalCancelled(session) | Event::ProposalHandled(session) => self.remove(session),
            Event::SessionStarted { session, peer, .. } => {
                let state = State::Live(ConnectionState::Starting);
                match self.row(session) {
                    Some(row) => row.state = state,
                    None => self.add(session.clone(), peer.to_string(), state),
                }
            }
            Event::SessionReplaced { session, replaced, .. } => {
                if let Some(row) = self.row(replaced) {
                    row.session = session.clone();
                }
            }
            Event::ConnectionState { session, state } => {
                if let Some(row) = self.row(session) {
                    row.state = State::Live(*state);
                    if *state == ConnectionState::Connected {
                        row.since.get_or_insert(now);
                    }
                }
            }
            Event::Statistics { session, statistics } => {
                if let Some(row) = self.row(session) {
                    row.statistics = Some(**statistics);
                }
            }
            Event::SessionEnded { session, .. } => self.remove(session),
            _ => {}
        }
    }

    /// An action of a person has come to its end.
    pub fn done(&mut self, result: Result<Done, String>) {
        match result {
            Ok(Done::Muted(session, muted)) => {
                if let Some(row) = self.row(&session) {
                    row.muted = muted;
                }
            }
            Ok(Done::Held(session, held)) => {
                if let Some(row) = self.row(&session) {
                    row.held = held;
                }
            }
            Ok(Done::Refused(session)) => self.remove(&session),
            Ok(Done::Told) => {}
            Err(error) => self.say(error),
        }
    }

    /// After events were missed: only these run.
    pub fn keep(&mut self, live: &[SessionId]) {
        self.calls
            .retain(|row| row.state == State::Ringing || live.contains(&row.session));
        self.select(self.selected);
    }

    /// Adds a line to what happened.
    pub fn say(&mut self, line: String) {
        self.lines.push_back(line);
        if self.lines.len() > LINES {
            self.lines.pop_front();
        }
    }

    /// What a key asks for. Letters are as the last line of the screen says; a number that is being typed takes all of them.
    pub fn pressed(&mut self, key: KeyEvent) -> Option<Action> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Some(Action::Quit);
        }
        match self.number.take() {
            Some(number) => self.typed(number, key.code),
            None => self.chosen(key.code),
        }
    }

    fn typed(&mut self, mut number: String, key: KeyCode) -> Option<Action> {
        match key {
            KeyCode::Enter if !number.trim().is_empty() => return Some(Action::Dial(number.trim().to_owned())),
            KeyCode::Enter | KeyCode::Esc => return None,
            KeyCode::Char(letter) => number.push(letter),
            KeyCode::Backspace => drop(number.pop()),
            _ => {}
        }
        self.number = Some(number);
        None
    }

    fn chosen(&mut self, key: KeyCode) -> Option<Action> {
        match key {
            KeyCode::Char('q') => return Some(Action::Quit),
            KeyCode::Char('d') => self.number = Some(String::new()),
            KeyCode::Up | KeyCode::Char('k') => self.select(self.selected.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.select(self.selected + 1),
            KeyCode::Char(letter) => return self.for_call(letter),
            _ => {}
        }
        None
    }

    /// What a letter means for the call that is selected.
    fn for_call(&self, letter: char) -> Option<Action> {
        let row = self.calls.get(self.selected)?;
        let session = row.session.clone();
        match (letter, row.state) {
            ('a', State::Ringing) => Some(Action::Answer(session)),
            ('r' | 'x', State::Ringing) => Some(Action::Reject(session)),
            ('m', State::Live(_)) => Some(Action::Mute(session, !row.muted)),
            ('h', State::Live(_)) => Some(Action::Hold(session, !row.held)),
            ('x', State::Live(_)) => Some(Action::HangUp(session)),
            ('0'..='9' | '*' | '#', State::Live(_)) => Some(Action::Digit(session, letter)),
            _ => None,
        }
    }

    fn select(&mut self, wanted: usize) {
        self.selected = wanted.min(self.calls.len().saturating_sub(1));
    }

    fn add(&mut self, session: SessionId, who: String, state: State) {
        self.calls.push(Row {
            session,
            who,
            state,
            muted: false,
            held: false,
            statistics: None,
            since: None,
        });
    }

    fn remove(&mut self, session: &SessionId) {
        self.calls.retain(|row| row.session != *session);
        self.select(self.selected);
    }

    fn row(&mut self, session: &SessionId) -> Option<&mut Row> {
        self.calls.iter_mut().find(|row| row.session == *session)
    }
}

impl Row {
    /// How long it has been heard.
    pub fn lasts(&self, now: Instant) -> Option<Duration> {
        self.since.map(|since| now.saturating_duration_since(since))
    }

    /// One word for its state.
    pub fn word(&self) -> &'static str {
        match self.state {
            State::Ringing => "ringing",
            State::Live(_) if self.held => "held",
            State::Live(ConnectionState::Connected) if self.muted => "muted",
            State::Live(state) => state.as_str(),
        }
    }
}
