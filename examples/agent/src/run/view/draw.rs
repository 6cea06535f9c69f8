//! The board on a screen.

use std::time::{Duration, Instant};

use offhook::Statistics;
use ratatui::{
    Frame,
    layout::{Constraint, Layout},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Cell, Paragraph, Row as TableRow, Table},
};

use super::board::{Board, Connection, Row, State};

/// What the keys are, for somebody who sees this for the first time.
const KEYS: &str =
    "a answer  r reject  m mute  h hold  0-9 * # digits  x hang up  d dial  \u{2191}\u{2193} select  q quit";

/// Levels of speech are shown from here, in dBov, to full scale.
const QUIETEST_DBOV: f32 = -60.0;
const BARS: usize = 8;

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, board: &Board, now: Instant) {
    let calls = u16::try_from(board.calls.len().max(1)).unwrap_or(u16::MAX);
    let [top, middle, bottom, keys] = Layout::vertical([
        Constraint::Length(1),
        // A head, and a frame around.
        Constraint::Length(calls.saturating_add(3).min(frame.area().height / 2)),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(connection(&board.connection), top);
    frame.render_widget(calls_table(board, now), middle);
    frame.render_widget(happened(board, bottom.height), bottom);
    frame.render_widget(last_line(board), keys);
}

fn connection(connection: &Connection) -> Line<'static> {
    let (text, color) = match connection {
        Connection::Connecting => ("connecting".to_owned(), Color::Yellow),
        Connection::Connected(jid) => (format!("connected as {jid}"), Color::Green),
        Connection::Lost { reconnecting: true } => ("disconnected; reconnecting".to_owned(), Color::Yellow),
        Connection::Lost { reconnecting: false } => ("disconnected".to_owned(), Color::Red),
    };
    let name = Span::styled(" offhook ", Style::new().add_modifier(Modifier::BOLD));
    Line::from(vec![name, Span::styled(text, Style::new().fg(color))])
}

fn calls_table(board: &Board, now: Instant) -> Table<'static> {
    let head = ["", "call", "state", "time", "heard", "sent", "loss", "jitter", "MOS"];
    let rows = board.calls.iter().enumerate().map(|(at, row)| {
        let is_selected = at == board.selected;
        let style = if is_selected {
            Style::new().add_modifier(Modifier::REVERSED)
        } else {
            Style::new()
        };
        call(row, is_selected, now).style(style)
    });
    let widths = [
        Constraint::Length(1),
        Constraint::Min(16),
        Constraint::Length(11),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(4),
    ];
    Table::new(rows, widths)
        .header(TableRow::new(head).style(Style::new().add_modifier(Modifier::DIM)))
        .block(Block::bordered().title(format!(" {} ", count(board.calls.len()))))
}

fn count(calls: usize) -> String {
    match calls {
        0 => "no calls".to_owned(),
        1 => "1 call".to_owned(),
        calls => format!("{calls} calls"),
    }
}

fn call(row: &Row, is_selected: bool, now: Instant) -> TableRow<'static> {
    let figures = row.statistics.as_ref();
    let shown = |text: &dyn Fn(&Statistics) -> String| figures.map(text).unwrap_or_default();
    let color = match row.state {
        State::Ringing => Color::Yellow,
        State::Live(_) => Color::Green,
    };
    TableRow::new([
        Cell::from(if is_selected { ">" } else { "" }),
        Cell::from(row.who.clone()),
        Cell::from(row.word()).style(Style::new().fg(color)),
        Cell::from(row.lasts(now).map(clock).unwrap_or_default()),
        Cell::from(shown(&|figures| bars(figures.level_received_dbov))),
        Cell::from(shown(&|figures| bars(figures.level_sent_dbov))),
        Cell::from(shown(&loss)),
        Cell::from(shown(&|figures| format!("{} ms", figures.jitter.as_millis()))),
        Cell::from(shown(&|figures| {
            figures.mos.map(|mos| format!("{mos:.1}")).unwrap_or_default()
        })),
    ])
}

fn clock(lasted: Duration) -> String {
    let seconds = lasted.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A level as a bar.
fn bars(dbov: f32) -> String {
    let share = ((dbov - QUIETEST_DBOV) / -QUIETEST_DBOV).clamp(0.0, 1.0);
    // At most as many as there are.
    let full = (share * BARS as f32).round() as usize;
    format!("{}{}", "\u{2588}".repeat(full), "\u{b7}".repeat(BARS - full))
}

fn loss(figures: &Statistics) -> String {
    let sent = figures.packets_received + figures.packets_lost;
    let share = figures.packets_lost as f64 / sent.max(1) as f64;
    format!("{:.1} %", share * 100.0)
}

/// The last lines, as many as there is room for.
fn happened(board: &Board, height: u16) -> Paragraph<'static> {
    let room = usize::from(height.saturating_sub(2));
    let first = board.lines.len().saturating_sub(room);
    let lines: Vec<Line<'static>> = board.lines.iter().skip(first).cloned().map(Line::from).collect();
    Paragraph::new(lines).block(Block::bordered().title(" what happened "))
}

fn last_line(board: &Board) -> Line<'static> {
    match &board.number {
        Some(number) => Line::from(format!(
            " dial (+4930..., user:ID, queue:ID; Enter, Esc): {number}\u{2588}"
        )),
        None => Line::from(format!(" {KEYS}")).style(Style::new().add_modifier(Modifier::DIM)),
    }
}
