//! The external services of a connected stream, asked for again every few hours and on demand.

use std::time::Instant;

use super::{
    Context,
    iq::Answer,
    requests::{Purpose, Question},
    wire::Wire,
};
use crate::{Event, FullJid, RequestKind, Service, ServicesError, Urgency, services::ServiceList};

/// How often the lists are asked for before it is given up.
const TRIES: u8 = 3;

/// When the lists are asked for.
#[derive(Debug, Clone)]
pub(super) enum Refresh {
    /// Then.
    Due(Instant),
    /// They are being asked for.
    Asking(Asking),
}

#[derive(Debug, Clone)]
pub(super) struct Asking {
    tries: u8,
    /// The end of this try.
    until: Instant,
    turn: Option<Vec<Service>>,
    stun: Option<Vec<Service>>,
    /// Why there is no answer in this try.
    error: ServicesError,
}

impl Refresh {
    pub(super) fn later(cx: &Context<'_>) -> Self {
        Self::Due(cx.now + cx.config.timeouts.services_refresh)
    }

    /// Asks now, unless that is going on.
    pub(super) fn now(&mut self, cx: &mut Context<'_>, wire: &mut Wire, own: &FullJid) {
        if let Self::Due(_) = self {
            let mut asking = Asking {
                tries: 0,
                until: cx.now,
                turn: None,
                stun: None,
                error: ServicesError::TimedOut,
            };
            asking.again(cx, wire, own);
            *self = Self::Asking(asking);
        }
    }

    /// One of the lists has come, or will not come in this try.
    pub(super) fn concluded(&mut self, cx: &mut Context<'_>, list: ServiceList, answer: Answer) {
        let Self::Asking(asking) = self else {
            return;
        };
        let slot = match list {
            ServiceList::Turn => &mut asking.turn,
            ServiceList::Stun => &mut asking.stun,
        };
        match answer {
            Answer::Result(payload) => *slot = Some(list.read(payload.as_ref())),
            Answer::Error { error, .. } => asking.error = ServicesError::Refused(Box::new(error)),
            Answer::Silence => {}
        }
        if let (Some(turn), Some(stun)) = (&mut asking.turn, &mut asking.stun) {
            let mut services = std::mem::take(turn);
            services.append(stun);
            *self = Self::later(cx);
            cx.outbox.event(Event::Services(services));
        }
    }

    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_>, wire: &mut Wire, own: &FullJid) {
        match self {
            Self::Due(at) if *at <= cx.now => self.now(cx, wire, own),
            Self::Asking(asking) if asking.until <= cx.now && asking.tries < TRIES => asking.again(cx, wire, own),
            Self::Asking(asking) if asking.until <= cx.now => {
                let error = asking.error.clone();
                *self = Self::later(cx);
                cx.outbox.event(Event::ServicesFailed(error));
            }
            Self::Due(_) | Self::Asking(_) => {}
        }
    }

    /// After a resumption this try has its time anew.
    pub(super) fn resumed(&mut self, cx: &Context<'_>) {
        if let Self::Asking(asking) = self {
            asking.until = cx.now + cx.config.timeouts.services;
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        match self {
            Self::Due(at) => *at,
            Self::Asking(asking) => asking.until,
        }
    }
}

impl Asking {
    /// Asks for what is missing.
    fn again(&mut self, cx: &mut Context<'_>, wire: &mut Wire, own: &FullJid) {
        self.tries += 1;
        self.until = cx.now + cx.config.timeouts.services;
        self.error = ServicesError::TimedOut;
        for (list, missing) in [
            (ServiceList::Turn, self.turn.is_none()),
            (ServiceList::Stun, self.stun.is_none()),
        ] {
            if missing {
                ask(cx, wire, own, list, Purpose::Refresh(list));
            }
        }
    }
}

/// Asks the server for one list.
pub(super) fn ask(cx: &mut Context<'_>, wire: &mut Wire, own: &FullJid, list: ServiceList, purpose: Purpose) {
    let question = Question {
        to: Some(crate::BareJid::from_parts(None, own.domain()).into()),
        from: None,
        kind: RequestKind::Get,
        payload: list.query(),
        patience: cx.config.timeouts.services,
        urgency: Urgency::Normal,
    };
    wire.ask(cx, purpose, question);
}
