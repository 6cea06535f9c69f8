//! Standard output: JSON lines for programs, words for people, or a live view where there is a screen.

use std::{
    future::pending,
    io::{self, Write},
    sync::mpsc::Receiver,
};

use offhook::{Event, SessionId, SinkSpec};
use serde_json::Value;

use super::{
    event::Translator,
    text,
    view::{self, Action, Done, View},
};
use crate::{cli::RunOptions, exit::Exit};

/// Where events and replies are written. Once nobody reads them, the program ends properly.
pub enum Output {
    Json(Translator),
    Words(Stream),
    View(Box<View>),
}

/// Where words go.
pub enum Stream {
    Output,
    /// Standard output is for audio.
    Error,
}

impl Output {
    /// JSON if it is asked for, else a view if somebody looks, which shows these lines of the log too.
    pub fn new(options: &RunOptions, logs: Receiver<String>) -> Result<Self, Exit> {
        if options.json {
            Ok(Self::Json(Translator::default()))
        } else if view::is_wanted(options) {
            let view = View::open(logs).map_err(view::lost)?;
            Ok(Self::View(Box::new(view)))
        } else if options.sink()? == SinkSpec::Stdout {
            Ok(Self::Words(Stream::Error))
        } else {
            Ok(Self::Words(Stream::Output))
        }
    }

    /// Writes an event.
    pub fn event(&mut self, event: &Event) -> Result<(), Exit> {
        match self {
            Self::Json(translator) => translator
                .translate(event)
                .iter()
                .try_for_each(|value| write(&value.to_string())),
            Self::Words(stream) => text::line(event).map_or(Ok(()), |line| match stream {
                Stream::Output => write(&line),
                Stream::Error => writeln!(io::stderr(), "{line}").map_err(|_| Exit::clean()),
            }),
            Self::View(view) => view.event(event).map_err(view::lost),
        }
    }

    /// Writes a JSON line, for programs only.
    pub fn json(&self, value: &Value) -> Result<(), Exit> {
        match self {
            Self::Json(_) => write(&value.to_string()),
            Self::Words(_) | Self::View(_) => Ok(()),
        }
    }

    /// What a person at a screen wants next; never comes without a screen.
    pub async fn next_action(&mut self) -> Action {
        match self {
            Self::View(view) => view.next().await,
            Self::Json(_) | Self::Words(_) => pending().await,
        }
    }

    /// Shows what has come of an action.
    pub fn done(&mut self, result: Result<Done, String>) -> Result<(), Exit> {
        match self {
            Self::View(view) => view.done(result).map_err(view::lost),
            Self::Json(_) | Self::Words(_) => Ok(()),
        }
    }

    /// Events were missed, and only these sessions run.
    pub fn keep(&mut self, live: &[SessionId]) -> Result<(), Exit> {
        match self {
            Self::View(view) => view.keep(live).map_err(view::lost),
            Self::Json(_) | Self::Words(_) => Ok(()),
        }
    }
}

fn write(line: &str) -> Result<(), Exit> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(|_| Exit::clean())
}
