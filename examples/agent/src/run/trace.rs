//! `--trace`: the log as `traceRtcSession` events, for programs.

use std::fmt::Debug;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use super::event::named;

/// Where the log goes.
pub struct Trace(mpsc::UnboundedSender<Value>);

impl Trace {
    /// What is logged to one comes out of the other.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Value>) {
        let (events, receiver) = mpsc::unbounded_channel();
        (Self(events), receiver)
    }
}

impl<S: Subscriber> Layer<S> for Trace {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let told = json!({
            "level": event.metadata().level().as_str().to_ascii_lowercase(),
            "message": fields.message,
            "details": fields.details,
        });
        // The program is at its end when nobody takes it.
        drop(self.0.send(named("traceRtcSession", told)));
    }
}

/// What an event of the log says.
#[derive(Default)]
struct Fields {
    message: String,
    details: Map<String, Value>,
}

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        self.details.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.set(field, text.into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }
}
