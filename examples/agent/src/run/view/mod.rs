//! The live view in a terminal: connection, calls with their figures, what happened, and keys that act on them.

mod board;
mod draw;
#[cfg(test)]
mod tests;

use std::{
    env,
    io::{self, IsTerminal as _},
    sync::mpsc as blocking,
    thread,
    time::{Duration, Instant},
};

use offhook::{Client, Event, OutboundCall, Reason, SessionId, SinkSpec, SourceSpec};
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event as Happened, KeyEvent},
};
use tokio::{sync::mpsc, time::sleep_until};

use self::board::Board;
pub use self::board::{Action, Done};
use crate::{
    cli::{self, RunOptions},
    exit::Exit,
};

/// How often times and levels are drawn anew when nothing happens.
const REFRESH: Duration = Duration::from_millis(500);

/// Whether there is somebody to look at it, at a screen that can show it, which is not for a program or for audio.
pub fn is_wanted(options: &RunOptions) -> bool {
    let is_screen = io::stdout().is_terminal() && io::stdin().is_terminal();
    let has_audio = options.sink() == Ok(SinkSpec::Stdout) || options.source() == Ok(SourceSpec::Stdin);
    !options.json && !has_audio && is_screen && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A screen. Dropped, it leaves the terminal as it was.
pub struct View {
    terminal: DefaultTerminal,
    board: Board,
    input: mpsc::UnboundedReceiver<Input>,
    logs: blocking::Receiver<String>,
    drawn: Instant,
}

/// What the terminal says.
enum Input {
    Key(KeyEvent),
    /// It has another size.
    Resized,
}

/// Lines of the log, for the view.
#[derive(Clone)]
pub struct LogLines(blocking::Sender<String>);

impl LogLines {
    /// What is written to one comes out of the other.
    pub fn new() -> (Self, blocking::Receiver<String>) {
        let (lines, receiver) = blocking::channel();
        (Self(lines), receiver)
    }
}

impl io::Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        for line in text.lines() {
            // The view is gone at the end of the program.
            drop(self.0.send(line.to_owned()));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl View {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When it cannot be controlled.
    pub fn open(logs: blocking::Receiver<String>) -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let (told, input) = mpsc::unbounded_channel();
        // Reading a terminal blocks; the end of the program does not wait for it.
        thread::spawn(move || {
            while let Ok(happened) = event::read() {
                let input = match happened {
                    Happened::Key(key) => Input::Key(key),
                    Happened::Resize(..) => Input::Resized,
                    Happened::FocusGained | Happened::FocusLost | Happened::Mouse(_) | Happened::Paste(_) => continue,
                };
                if told.send(input).is_err() {
                    return;
                }
            }
        });
        let mut view = Self {
            terminal,
            board: Board::default(),
            input,
            logs,
            drawn: Instant::now(),
        };
        view.draw()?;
        Ok(view)
    }

    /// What a person wants next. Draws meanwhile.
    pub async fn next(&mut self) -> Action {
        loop {
            let refresh = sleep_until((self.drawn + REFRESH).into());
            let action = tokio::select! {
                input = self.input.recv() => match input {
                    Some(Input::Key(key)) => self.board.pressed(key),
                    Some(Input::Resized) => None,
                    // The terminal is gone.
                    None => Some(Action::Quit),
                },
                () = refresh => None,
            };
            if self.draw().is_err() {
                return Action::Quit;
            }
            if let Some(action) = action {
                return action;
            }
        }
    }

    /// Shows an event.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        self.board.told(event, Instant::now());
        self.draw()
    }

    /// Shows what has come of an action.
    pub fn done(&mut self, result: Result<Done, String>) -> io::Result<()> {
        self.board.done(result);
        self.draw()
    }

    /// Shows that only these sessions run.
    pub fn keep(&mut self, live: &[SessionId]) -> io::Result<()> {
        self.board.keep(live);
        self.draw()
    }

    fn draw(&mut self) -> io::Result<()> {
        for line in self.logs.try_iter() {
            self.board.say(line);
        }
        self.drawn = Instant::now();
        let (board, now) = (&self.board, self.drawn);
        self.terminal.draw(|frame| draw::draw(frame, board, now))?;
        Ok(())
    }
}

impl Drop for View {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Does what a person wants of the client.
///
/// # Errors
/// When it cannot be done, in words.
pub async fn act(client: &Client, action: Action) -> Result<Done, String> {
    fn told<T, E: ToString>(result: Result<T, E>) -> Result<Done, String> {
        result.map(|_| Done::Told).map_err(|error| error.to_string())
    }
    match action {
        Action::Answer(session) => told(client.accept(&session).await),
        Action::Reject(session) => told(client.reject(&session, false).await).map(|_| Done::Refused(session)),
        Action::HangUp(session) => told(client.end(&session, Reason::Success).await),
        Action::Digit(session, digit) => told(client.send_digits(&session, digit).await),
        Action::Mute(session, muted) => {
            told(client.set_muted(&session, muted).await).map(|_| Done::Muted(session, muted))
        }
        Action::Hold(session, held) => {
            let calls = client.calls().await;
            let call = calls.into_iter().find(|call| call.session().as_ref() == Some(&session));
            let call = call.ok_or("there is no such call")?;
            told(call.hold(held).await).map(|_| Done::Held(session, held))
        }
        Action::Dial(number) => {
            let destination = cli::destination(&number)?;
            told(client.place_call(OutboundCall::to(destination)).await)
        }
        // The loop ends with it.
        Action::Quit => Ok(Done::Told),
    }
}

/// The terminal failed: the program ends as if it had been left.
pub fn lost(error: io::Error) -> Exit {
    Exit::other(format!("the terminal cannot be drawn on: {error}"))
}
