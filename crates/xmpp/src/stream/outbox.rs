//! What a stream has to say, in order, and the ids it says it under.

use std::{collections::VecDeque, fmt};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use minidom::Element;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tracing::trace;

use crate::{Event, Frame, Output};

/// What is to be done, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox(VecDeque<Output>);

impl Outbox {
    pub(super) fn transmit(&mut self, element: &Element) {
        self.transmit_frame(Frame::of(element));
    }

    pub(super) fn transmit_frame(&mut self, frame: Frame) {
        trace!(name = frame.name(), bytes = frame.as_str().len(), "frame sent");
        self.0.push_back(Output::Transmit(frame));
    }

    /// The next thing to do.
    pub(super) fn next(&mut self) -> Option<Output> {
        self.0.pop_front()
    }

    pub(super) fn event(&mut self, event: Event) {
        self.0.push_back(Output::Event(event));
    }
}

/// The source of stanza ids and nonces.
pub(super) struct Ids(StdRng);

impl Ids {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self(StdRng::from_seed(seed))
    }

    /// A version 4 UUID (RFC 9562 section 5.4).
    pub(super) fn draw(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.0.random())
            .into_uuid()
            .to_string()
    }
}

impl Ids {
    /// The client's nonce of a SCRAM exchange (RFC 5802 section 5.1): 144 random bits, printable and without comma.
    pub(super) fn draw_nonce(&mut self) -> String {
        BASE64_STANDARD.encode(self.0.random::<[u8; 18]>())
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}
