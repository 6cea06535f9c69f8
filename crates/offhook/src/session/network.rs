//! What the network tells a session: datagrams, streams to TURN servers, and other interfaces.

use actix::{Context, StreamHandler};
use offhook_media as media;

use super::{
    Session,
    stage::Ready,
    streams::{Arrival, Arrived},
};
use crate::{clock, interfaces::Changes};

/// How many datagrams of one socket are taken before others have their turn.
const DATAGRAMS_AT_ONCE: usize = 64;

impl Session {
    /// Something for the media of this number, if there are such.
    pub(super) fn media_input(&mut self, number: u64, input: media::Input<'_>, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        let mut media = self.media.iter_mut().chain(&mut self.next);
        if let Some(media) = media.find(|media| media.sockets.number() == number) {
            media.call.handle_input(clock::now(), input);
            self.pump(context);
        }
    }
}

/// What happens to streams to TURN servers.
impl StreamHandler<Arrived> for Session {
    fn handle(&mut self, Arrived { media, socket, what }: Arrived, context: &mut Context<Self>) {
        let bytes;
        let input = match what {
            Arrival::Connected { local, remote } => media::Input::Connected { socket, local, remote },
            Arrival::Broken(reason) => media::Input::Refused { socket, reason },
            Arrival::Bytes(arrived) => {
                bytes = arrived;
                media::Input::Received { socket, bytes: &bytes }
            }
        };
        self.media_input(media, input, context);
    }

    /// A stream is gone, which was told.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

/// The network interfaces have changed.
impl StreamHandler<Changes> for Session {
    fn handle(&mut self, _: Changes, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        let addresses = match self.setup.addresses.list() {
            Ok(addresses) => addresses,
            Err(error) => return tracing::warn!(%error, "the network interfaces cannot be listed"),
        };
        for media in self.media.iter_mut().chain(&mut self.next) {
            let addresses = addresses.clone();
            media
                .call
                .handle_input(clock::now(), media::Input::Addresses(addresses));
        }
        self.pump(context);
    }

    /// They are not watched any more.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

/// Datagrams of one of the call's sockets.
impl StreamHandler<Ready> for Session {
    fn handle(&mut self, ready: Ready, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        for _ in 0..DATAGRAMS_AT_ONCE {
            let mut media = self.media.iter_mut().chain(&mut self.next);
            let Some(media) = media.find(|media| media.sockets.have(ready)) else {
                return;
            };
            let socket = ready.socket;
            let Some((length, source)) = media.sockets.receive(socket, &mut self.datagram) else {
                return;
            };
            let payload = &self.datagram[..length];
            media.call.handle_input(
                clock::now(),
                media::Input::Datagram {
                    socket,
                    source,
                    payload,
                },
            );
            self.pump(context);
        }
    }

    /// A socket is gone; that of an earlier generation, or of a call that is over.
    fn finished(&mut self, _: &mut Context<Self>) {}
}
