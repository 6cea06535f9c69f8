//! The figures of a session: told now and then, at the end, and when somebody asks; and to the cloud, if the application wants that.

use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use offhook_media::{CandidateType, Statistics};
use offhook_phone::{MediaFigures, SessionReport};
use tokio::sync::oneshot;

use super::Session;
use crate::event::Event;

/// How often telemetry wants to know.
const MEASURED_EVERY: Duration = Duration::from_secs(5);

/// For a session: say how its media are doing, if it has any.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Measure(pub(crate) oneshot::Sender<Option<Statistics>>);

impl Session {
    /// Begins to tell the figures, as often as the application wants them.
    pub(super) fn tell_figures_regularly(&self, context: &mut <Self as Actor>::Context) {
        if let Some(every) = self.setup.statistics_every {
            context.run_interval(every, |session, _| session.tell_figures());
        }
        if self.setup.measured {
            context.run_interval(MEASURED_EVERY, |session, _| session.report_figures());
        }
    }

    /// Tells the phone, which tells the cloud.
    fn report_figures(&self) {
        let Some(figures) = self.figures() else { return };
        self.report(SessionReport::Measured(MediaFigures {
            packets_sent: figures.packets_sent,
            packets_received: figures.packets_received,
            packets_lost: figures.packets_lost,
            bytes_sent: figures.bytes_sent,
            bytes_received: figures.bytes_received,
            jitter: figures.jitter,
            round_trip: figures.round_trip,
            playout_delay: figures.playout_delay,
            mos: figures.mos,
            relayed: figures.local_candidate == Some(CandidateType::Relayed),
        }));
    }

    /// Tells the figures, if there are media and somebody wants to know.
    pub(super) fn tell_figures(&self) {
        if let Some(statistics) = self.figures().filter(|_| self.setup.statistics_every.is_some()) {
            self.tell(Event::Statistics {
                session: self.id.clone(),
                statistics: Box::new(statistics),
            });
        }
    }

    /// Of the media that play, and of those before them.
    fn figures(&self) -> Option<Statistics> {
        let figures = self.media.as_ref().map(|media| media.call.statistics());
        figures.map(|figures| total(&self.counted, figures))
    }
}

impl Handler<Measure> for Session {
    type Result = ();

    fn handle(&mut self, Measure(reply): Measure, _: &mut Context<Self>) {
        // Whoever asked may have stopped waiting.
        let _ = reply.send(self.figures());
    }
}

/// What was counted before these media, and by them. What is of the moment is theirs alone.
pub(super) fn total(before: &Statistics, now: Statistics) -> Statistics {
    let mut total = now;
    total.packets_sent += before.packets_sent;
    total.bytes_sent += before.bytes_sent;
    total.packets_received += before.packets_received;
    total.bytes_received += before.bytes_received;
    total.packets_lost += before.packets_lost;
    total.packets_late += before.packets_late;
    total.packets_duplicate += before.packets_duplicate;
    total.frames_concealed += before.frames_concealed;
    total.frames_recovered += before.frames_recovered;
    total.interruptions += before.interruptions;
    total.interrupted += before.interrupted;
    total
}
