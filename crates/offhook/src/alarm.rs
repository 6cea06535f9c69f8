//! The one timer of an actor, as a stream that is re-armed and never replaced: arming costs no allocation.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use futures_core::Stream;
use tokio::time::{Sleep, sleep};

/// Sets the timer.
pub(crate) struct Alarm(Rc<RefCell<State>>);

/// The stream of its rings, for the actor's context.
pub(crate) struct Rings(Rc<RefCell<State>>);

/// The timer rang. It may ring early, never late: cores take a timeout that is not due as nothing.
pub(crate) struct Rang;

struct State {
    sleep: Pin<Box<Sleep>>,
    /// When it rings, if it is set.
    at: Option<Instant>,
    waker: Option<Waker>,
}

impl Alarm {
    /// A timer that is not set, and its rings.
    pub(crate) fn new() -> (Self, Rings) {
        let state = State {
            sleep: Box::pin(sleep(Duration::ZERO)),
            at: None,
            waker: None,
        };
        let state = Rc::new(RefCell::new(state));
        (Self(state.clone()), Rings(state))
    }

    /// Rings at this time at the latest. Setting it to a later time than before changes nothing: it rings, and its
    /// owner sets it again.
    pub(crate) fn set(&self, at: Instant) {
        let mut state = self.0.borrow_mut();
        if state.at.is_some_and(|set| set <= at) {
            return;
        }
        state.at = Some(at);
        state.sleep.as_mut().reset(at.into());
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

impl Stream for Rings {
    type Item = Rang;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Rang>> {
        let mut state = self.0.borrow_mut();
        state.waker = Some(context.waker().clone());
        if state.at.is_none() || state.sleep.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        state.at = None;
        Poll::Ready(Some(Rang))
    }
}
