//! The faults of a running cloud: what is left of them.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use minidom::Element;
use tokio::sync::watch;

use super::{CloudFaults, DeliveryHow, StreamFault, Towards};
use crate::server::Switchboard;

/// The faults that stand. Those with a number of times are used up.
#[derive(Debug)]
pub(crate) struct Faults {
    standing: Mutex<Standing>,
    /// Where the faults are that open streams look at.
    switchboard: Switchboard,
    /// The TURN servers look at this.
    dead_turn: watch::Sender<bool>,
}

#[derive(Debug)]
struct Standing {
    faults: CloudFaults,
    /// When the outage that is set ends by itself.
    outage_until: Option<Instant>,
}

/// How a request or a WebSocket is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// By an HTTP status.
    Status {
        status: u16,
        retry_after: Option<Duration>,
        message: Option<String>,
    },
    /// By a reset of the connection.
    Reset,
}

impl Faults {
    pub(crate) fn new(faults: CloudFaults, switchboard: Switchboard, now: Instant) -> Self {
        let standing = Standing {
            faults: CloudFaults::default(),
            outage_until: None,
        };
        let it = Self {
            standing: Mutex::new(standing),
            switchboard,
            dead_turn: watch::Sender::new(false),
        };
        it.set(faults, now);
        it
    }

    pub(crate) fn set(&self, faults: CloudFaults, now: Instant) {
        self.change(now, |standing| *standing = faults);
    }

    /// Changes what stands at the moment; an outage that stays as it is does not begin anew.
    fn change(&self, now: Instant, change: impl FnOnce(&mut CloudFaults)) {
        let mut standing = crate::lock(&self.standing);
        self.refresh(&mut standing, now);
        let before = standing.faults.outage.clone();
        change(&mut standing.faults);
        if standing.faults.outage != before {
            let outage = standing.faults.outage.as_ref();
            standing.outage_until = outage.and_then(|outage| outage.lasts).map(|lasts| now + lasts);
        }
        self.switchboard.set_throttle(standing.faults.throttle.clone());
        self.switchboard.reject_topics(standing.faults.rejected_topics.clone());
        let dead = standing.faults.dead_turn;
        self.dead_turn
            .send_if_modified(|is| std::mem::replace(is, dead) != dead);
    }

    /// Whether the TURN servers are dead.
    pub(crate) fn dead_turn(&self) -> watch::Receiver<bool> {
        self.dead_turn.subscribe()
    }

    /// Sets the fields that `change` has, and leaves the others as they are.
    ///
    /// # Errors
    /// When the fields are none of [`CloudFaults`]; nothing is changed then.
    pub(crate) fn merge(
        &self,
        change: &serde_json::Map<String, serde_json::Value>,
        now: Instant,
    ) -> Result<(), String> {
        let mut refused = Ok(());
        self.change(now, |faults| {
            let merged = serde_json::to_value(&*faults).and_then(|mut all| {
                for (name, value) in change {
                    // `null` stands for the field's default, in lists too.
                    let known = if value.is_null() {
                        all.get(name).is_some()
                    } else {
                        false
                    };
                    if known {
                        all.as_object_mut().map(|all| all.remove(name));
                    } else {
                        all[name] = value.clone();
                    }
                }
                serde_json::from_value(all)
            });
            match merged {
                Ok(merged) => *faults = merged,
                Err(error) => refused = Err(error.to_string()),
            }
        });
        refused
    }

    /// What is left of the faults.
    pub(crate) fn left(&self, now: Instant) -> CloudFaults {
        let mut standing = crate::lock(&self.standing);
        self.refresh(&mut standing, now);
        standing.faults.clone()
    }

    /// Whether a REST request is refused, and how; it counts as refused then.
    pub(crate) fn refuse_rest(&self, method: &str, path: &str, now: Instant) -> Option<Refused> {
        let mut standing = crate::lock(&self.standing);
        self.refresh(&mut standing, now);
        if let Some(refused) = outage(&standing.faults) {
            return Some(refused);
        }
        let faults = &mut standing.faults.rest;
        let fault = faults.iter_mut().find(|fault| {
            let method = fault.method.as_ref().is_none_or(|it| it.eq_ignore_ascii_case(method));
            method && path.starts_with(&fault.path)
        })?;
        use_up(&mut fault.times);
        let refused = Refused::Status {
            status: fault.status,
            retry_after: fault.retry_after,
            message: fault.message.clone(),
        };
        faults.retain(|fault| fault.times != Some(0));
        Some(refused)
    }

    /// Whether a WebSocket is refused, and how; it counts as refused then.
    pub(crate) fn refuse_upgrade(&self, now: Instant) -> Option<Refused> {
        let mut standing = crate::lock(&self.standing);
        self.refresh(&mut standing, now);
        if let Some(refused) = outage(&standing.faults) {
            return Some(refused);
        }
        let fault = standing.faults.upgrade.as_mut()?;
        use_up(&mut fault.times);
        let refused = Refused::Status {
            status: fault.status,
            retry_after: fault.retry_after,
            message: None,
        };
        if fault.times == Some(0) {
            standing.faults.upgrade = None;
        }
        Some(refused)
    }

    /// What goes wrong with a stream that opens now; the stream counts.
    pub(crate) fn take_stream(&self) -> Option<StreamFault> {
        let faults = &mut crate::lock(&self.standing).faults;
        let fault = faults.stream.clone()?;
        use_up(&mut faults.streams);
        if faults.streams == Some(0) {
            (faults.stream, faults.streams) = (None, None);
        }
        Some(fault)
    }

    /// What becomes of a stanza of this client; it counts.
    pub(crate) fn take_delivery(
        &self,
        (user, connection): (&str, &str),
        towards: Towards,
        stanza: &Element,
    ) -> Option<DeliveryHow> {
        let faults = &mut crate::lock(&self.standing).faults.delivery;
        let is = |wanted: &Option<String>, it: &str| wanted.as_ref().is_none_or(|wanted| wanted == it);
        let fault = faults.iter_mut().find(|fault| {
            let payload = fault.payload.as_ref();
            fault.towards == towards
                && fault.stanzas != Some(0)
                && is(&fault.user, user)
                && is(&fault.connection, connection)
                && payload.is_none_or(|payload| stanza.children().any(|child| child.name() == payload))
        })?;
        use_up(&mut fault.stanzas);
        let how = fault.how;
        faults.retain(|fault| fault.stanzas != Some(0));
        Some(how)
    }

    /// Forgets what is over.
    fn refresh(&self, standing: &mut Standing, now: Instant) {
        if standing.outage_until.is_some_and(|until| now >= until) {
            standing.outage_until = None;
            standing.faults.outage = None;
        }
        standing.faults.throttle = self.switchboard.throttle();
        standing.faults.rest.retain(|fault| fault.times != Some(0));
        standing.faults.delivery.retain(|fault| fault.stanzas != Some(0));
        if standing.faults.upgrade.as_ref().is_some_and(|it| it.times == Some(0)) {
            standing.faults.upgrade = None;
        }
        if standing.faults.streams == Some(0) {
            (standing.faults.stream, standing.faults.streams) = (None, None);
        }
    }
}

fn outage(faults: &CloudFaults) -> Option<Refused> {
    faults.outage.as_ref().map(|outage| {
        if outage.reset {
            Refused::Reset
        } else {
            Refused::Status {
                status: 503,
                retry_after: outage.retry_after,
                message: None,
            }
        }
    })
}

fn use_up(times: &mut Option<u32>) {
    if let Some(times) = times {
        *times = times.saturating_sub(1);
    }
}
