//! Standard output: JSON lines for programs, or words for people.

use std::io::{self, Write};

use offhook::Event;
use serde_json::Value;

use super::{event::Translator, text};
use crate::exit::Exit;

/// Where events and replies are written. Once nobody reads them, the program ends properly.
pub struct Output {
    /// Turns events into JSON; without it they are put into words.
    translator: Option<Translator>,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self {
            translator: json.then(Translator::default),
        }
    }

    /// Writes an event.
    pub fn event(&mut self, event: &Event) -> Result<(), Exit> {
        match &mut self.translator {
            Some(translator) => translator
                .translate(event)
                .iter()
                .try_for_each(|value| write(&value.to_string())),
            None => text::line(event).map_or(Ok(()), |line| write(&line)),
        }
    }

    /// Writes a JSON line, for programs only.
    pub fn json(&self, value: &Value) -> Result<(), Exit> {
        if self.translator.is_some() {
            write(&value.to_string())
        } else {
            Ok(())
        }
    }
}

fn write(line: &str) -> Result<(), Exit> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(|_| Exit::clean())
}
