use std::time::{Duration, Instant};

use offhook::{ConnectionState, ConversationId, EndedBy, Event, Reason, SessionId, Statistics};
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
};

use super::{
    board::{Action, Board, Done},
    draw::draw,
};

fn session() -> SessionId {
    SessionId::new("s")
}

fn started() -> Event {
    Event::SessionStarted {
        session: session(),
        conversation: Some(ConversationId::new("c")),
        peer: "call@gjoll.example/1".parse().expect("a JID"),
    }
}

fn is(state: ConnectionState) -> Event {
    Event::ConnectionState {
        session: session(),
        state,
    }
}

fn press(board: &mut Board, key: char) -> Option<Action> {
    board.pressed(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE))
}

/// The board on a screen of 100 columns.
fn screen(board: &Board, now: Instant) -> String {
    let mut terminal = Terminal::new(TestBackend::new(100, 16)).expect("a screen in memory");
    terminal.draw(|frame| draw(frame, board, now)).expect("it draws");
    terminal.backend().to_string()
}

#[test]
fn a_call_is_shown_from_its_start_to_its_end() {
    let (mut board, start) = (Board::default(), Instant::now());
    assert!(screen(&board, start).contains("no calls"));
    board.told(&started(), start);
    board.told(&is(ConnectionState::Connected), start);
    let statistics = Box::new(Statistics::default());
    board.told(
        &Event::Statistics {
            session: session(),
            statistics,
        },
        start,
    );

    let shown = screen(&board, start + Duration::from_secs(75));
    for text in ["1 call", "call@gjoll.example/1", "connected", "1:15", "0.0 %", "0 ms"] {
        assert!(shown.contains(text), "no {text:?} in\n{shown}");
    }

    board.done(Ok(Done::Muted(session(), true)));
    assert!(screen(&board, start).contains("muted"));
    board.done(Ok(Done::Held(session(), true)));
    assert!(screen(&board, start).contains("held"));
    board.done(Err("the far end does not want it".to_owned()));
    assert!(screen(&board, start).contains("the far end does not want it"));
    board.told(
        &Event::SessionEnded {
            session: session(),
            conversation: None,
            reason: Reason::Success,
            by: EndedBy::Remote,
            lasted: Duration::from_secs(75),
        },
        start,
    );
    assert!(screen(&board, start).contains("no calls"));
}

#[test]
fn keys_are_for_the_call_that_is_selected() {
    let (mut board, now) = (Board::default(), Instant::now());
    assert_eq!(press(&mut board, 'm'), None, "there is no call");
    board.told(&started(), now);
    assert_eq!(press(&mut board, 'm'), Some(Action::Mute(session(), true)));
    board.done(Ok(Done::Muted(session(), true)));
    assert_eq!(press(&mut board, 'm'), Some(Action::Mute(session(), false)));
    assert_eq!(press(&mut board, 'h'), Some(Action::Hold(session(), true)));
    assert_eq!(press(&mut board, '#'), Some(Action::Digit(session(), '#')));
    assert_eq!(press(&mut board, 'a'), None, "it does not ring");
    assert_eq!(press(&mut board, 'x'), Some(Action::HangUp(session())));
    assert_eq!(press(&mut board, 'q'), Some(Action::Quit));
}

#[test]
fn a_number_is_typed_letter_by_letter() {
    let mut board = Board::default();
    for letter in "duser:q".chars() {
        assert_eq!(press(&mut board, letter), None);
    }
    assert!(screen(&board, Instant::now()).contains("user:q"));
    let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
    assert_eq!(board.pressed(key(KeyCode::Backspace)), None);
    assert_eq!(press(&mut board, '7'), None);
    assert_eq!(
        board.pressed(key(KeyCode::Enter)),
        Some(Action::Dial("user:7".to_owned()))
    );
    assert_eq!(press(&mut board, 'q'), Some(Action::Quit));
}
