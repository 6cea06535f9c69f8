//! What one side tells, kept until the test asks for it: of two things that may come in either order, each is found.

use std::collections::VecDeque;

use crate::prosody::LIMIT;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

/// What was told.
#[derive(Debug)]
pub struct Diary<T> {
    arriving: mpsc::UnboundedReceiver<T>,
    /// What nobody has asked for yet.
    kept: VecDeque<T>,
    /// All that was worth a line, for the report of a failure.
    history: Vec<String>,
    line: fn(&T) -> Option<String>,
}

/// It was not told, as [`LIMIT`] is over or whoever tells has ended.
#[derive(Debug)]
pub struct NotTold;

impl<T> Diary<T> {
    /// Of what arrives; `line` is its line in the report.
    pub fn new(arriving: mpsc::UnboundedReceiver<T>, line: fn(&T) -> Option<String>) -> Self {
        Self {
            arriving,
            kept: VecDeque::new(),
            history: Vec::new(),
            line,
        }
    }

    /// Takes out the first of which `found` makes something, told already or to be told.
    ///
    /// # Errors
    /// When nothing of the kind is told.
    pub async fn next<R>(&mut self, found: impl Fn(&T) -> Option<R>) -> Result<R, NotTold> {
        if let Some((at, found)) = self
            .kept
            .iter()
            .enumerate()
            .find_map(|(at, told)| Some((at, found(told)?)))
        {
            self.kept.remove(at);
            return Ok(found);
        }
        let limit = Instant::now() + LIMIT;
        loop {
            let told = timeout_at(limit, self.arriving.recv())
                .await
                .ok()
                .flatten()
                .ok_or(NotTold)?;
            self.history.extend((self.line)(&told));
            match found(&told) {
                Some(found) => return Ok(found),
                None => self.kept.push_back(told),
            }
        }
    }

    /// Drops what was told already and is like this.
    pub fn forget(&mut self, is: impl Fn(&T) -> bool) {
        while let Ok(told) = self.arriving.try_recv() {
            self.history.extend((self.line)(&told));
            self.kept.push_back(told);
        }
        self.kept.retain(|told| !is(told));
    }

    /// Adds a line to the report.
    pub fn note(&mut self, line: String) {
        self.history.push(line);
    }

    /// All so far, one a line.
    pub fn report(&mut self) -> String {
        self.forget(|_| false);
        self.history.join("\n")
    }
}
