//! Noticing that the server is gone: a watchdog where it pings, pings of ours where it does not (XEP-0199).

use std::time::Instant;

use minidom::Element;

use super::{
    Context,
    requests::{Purpose, Question},
    wire::Wire,
};
use crate::{CloseReason, RequestKind, Urgency, ns};

/// How a stream that is connected is watched.
#[derive(Debug, Clone)]
pub(super) struct Keepalive {
    watch: Watch,
    /// The ping after a suspend waits for its answer.
    waking: bool,
}

#[derive(Debug, Clone)]
enum Watch {
    /// Something has to come until then.
    Server { until: Instant },
    /// We ping then.
    Idle { ping_at: Instant, missed: bool },
    /// A ping waits for its answer.
    Asked { missed: bool },
}

impl Keepalive {
    pub(super) fn start(cx: &Context<'_>, server_pings: bool) -> Self {
        let watch = if server_pings {
            Watch::Server {
                until: cx.now + cx.config.timeouts.watchdog,
            }
        } else {
            Watch::Idle {
                ping_at: cx.now + cx.config.timeouts.ping_every,
                missed: false,
            }
        };
        Self { watch, waking: false }
    }

    /// On a new socket the wait begins anew; a ping that is on its way is sent again if need be.
    pub(super) fn resumed(&mut self, cx: &Context<'_>) {
        match &mut self.watch {
            Watch::Server { until } => *until = cx.now + cx.config.timeouts.watchdog,
            Watch::Idle { ping_at, missed } => {
                *ping_at = cx.now + cx.config.timeouts.ping_every;
                *missed = false;
            }
            Watch::Asked { missed } => *missed = false,
        }
    }

    pub(super) fn server_pings(&self) -> bool {
        match self.watch {
            Watch::Server { .. } => true,
            Watch::Idle { .. } | Watch::Asked { .. } => false,
        }
    }

    /// A frame came, whatever it is.
    pub(super) fn heard(&mut self, cx: &Context<'_>) {
        match &mut self.watch {
            Watch::Server { until } => *until = cx.now + cx.config.timeouts.watchdog,
            Watch::Idle { .. } | Watch::Asked { .. } => {}
        }
    }

    /// The machine slept: what was heard before proves nothing, so the server is asked at once.
    pub(super) fn woke(&mut self, cx: &mut Context<'_>, wire: &mut Wire) {
        self.heard(cx);
        if !self.waking {
            self.waking = true;
            ask(cx, wire, Purpose::Wake);
        }
    }

    /// A ping of ours has ended; any answer is a pong.
    pub(super) fn ponged(&mut self, cx: &Context<'_>, answered: bool) -> Result<(), CloseReason> {
        if let Watch::Asked { missed } = self.watch {
            if missed && !answered {
                return Err(CloseReason::PingsUnanswered);
            }
            self.watch = Watch::Idle {
                ping_at: cx.now + cx.config.timeouts.ping_every,
                missed: !answered,
            };
        }
        Ok(())
    }

    /// The ping after a suspend has ended.
    pub(super) fn woken(&mut self, cx: &Context<'_>, answered: bool) -> Result<(), CloseReason> {
        self.waking = false;
        if answered {
            return Ok(());
        }
        Err(CloseReason::Silent {
            after: cx.config.timeouts.wake,
        })
    }

    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_>, wire: &mut Wire) -> Result<(), CloseReason> {
        match self.watch {
            Watch::Server { until } if until <= cx.now => Err(CloseReason::Silent {
                after: cx.config.timeouts.watchdog,
            }),
            Watch::Idle { ping_at, missed } if ping_at <= cx.now => {
                self.watch = Watch::Asked { missed };
                ask(cx, wire, Purpose::Ping);
                Ok(())
            }
            Watch::Server { .. } | Watch::Idle { .. } | Watch::Asked { .. } => Ok(()),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.watch {
            Watch::Server { until } => Some(until),
            Watch::Idle { ping_at, .. } => Some(ping_at),
            Watch::Asked { .. } => None,
        }
    }
}

fn ask(cx: &mut Context<'_>, wire: &mut Wire, purpose: Purpose) {
    let timeouts = &cx.config.timeouts;
    let patience = if matches!(purpose, Purpose::Wake) {
        timeouts.wake
    } else {
        timeouts.ping
    };
    let question = Question {
        to: None,
        from: None,
        kind: RequestKind::Get,
        payload: Element::bare("ping", ns::PING),
        patience,
        urgency: Urgency::High,
    };
    wire.ask(cx, purpose, question);
}
