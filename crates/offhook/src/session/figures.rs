//! The figures of a session: told now and then, at the end, and when somebody asks.

use actix::{Actor, AsyncContext, Context, Handler, Message};
use offhook_media::Statistics;
use tokio::sync::oneshot;

use super::Session;
use crate::event::Event;

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
