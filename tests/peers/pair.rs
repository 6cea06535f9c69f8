//! A call between us and a peer: who offers, and what the test carries from one to the other.

use std::time::{Duration, Instant};

use offhook_media::{Call, CallConfig, CandidateType, Change, Direction, Event, IcePolicy, ServerKind};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::{
    engine::{Engine, Peer},
    line::Phone,
};

/// What each side plays, in hertz.
const OUR_TONE: u32 = 440;
const THEIR_TONE: u32 = 700;

/// Whose description is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offerer {
    They,
    We,
}

impl Offerer {
    pub const BOTH: [Self; 2] = [Self::They, Self::We];
}

pub struct Pair {
    pub phone: Phone,
    pub peer: Peer,
    /// It tells no address but a name that only multicast DNS knows, which nobody here asks.
    pub is_hidden: bool,
}

impl Pair {
    /// One that is connected. A policy and a server of ours hold for the peer too.
    pub async fn connected(engine: Engine, offerer: Offerer, config: CallConfig) -> Self {
        let mut peer = Peer::start(engine);
        let relay = relay(&config);
        let phone = match offerer {
            Offerer::They => {
                peer.does(&json!({ "do": "offer", "hertz": THEIR_TONE, "relay": relay }));
                let offer = sdp(&peer.tells("offer", |_| true).await);
                let (call, answer) = Call::answerer(config, &offer, [1; 32], Instant::now()).expect("an offer for us");
                peer.does(&json!({ "do": "accept", "sdp": answer }));
                // libdatachannel takes the ICE part of an answer first, and the fingerprint last: checks of ours that come in between make it
                // begin DTLS with a certificate that it does not know yet.
                peer.tells("accepted", |_| true).await;
                Phone::new(call, OUR_TONE)
            }
            Offerer::We => {
                let (call, offer) = Call::offerer(config, [2; 32], Instant::now());
                peer.does(&json!({ "do": "answer", "hertz": THEIR_TONE, "sdp": offer, "relay": relay }));
                let answer = sdp(&peer.tells("answer", |_| true).await);
                let phone = Phone::new(call, OUR_TONE);
                phone.does(move |line, now| line.accept_answer(now, &answer));
                phone
            }
        };
        let mut pair = Self {
            phone,
            peer,
            is_hidden: false,
        };
        pair.carry_candidates().await;
        pair.phone.is_told(&Event::Connected).await;
        pair.peer.is("connected").await;
        pair
    }

    /// All of ours, and their first: by our checks they learn of us, by theirs we learn of them.
    pub async fn carry_candidates(&mut self) {
        while let Some((mid, candidate)) = self.phone.candidate().await {
            self.peer.takes_candidate(&mid, &candidate);
        }
        let theirs = self.peer.tells("candidate", |_| true).await;
        let candidate = theirs["candidate"].as_str().expect("a text").to_owned();
        self.is_hidden = candidate.contains(".local ");
        self.phone
            .does(move |line, now| line.add_remote_candidate(now, &candidate));
    }

    /// A later offer of theirs, and our answer.
    pub async fn they_change(&mut self, change: &Value) {
        let offer = self.their_offer(change).await;
        let answer = self.our_answer(offer).await;
        self.peer.does(&json!({ "do": "accept", "sdp": answer }));
    }

    pub async fn their_offer(&mut self, change: &Value) -> String {
        self.peer.does(change);
        sdp(&self.peer.tells("offer", |_| true).await)
    }

    pub async fn our_answer(&mut self, offer: String) -> String {
        self.phone.gives(move |line, now| line.accept_offer(now, &offer)).await
    }

    /// A later offer of ours, and their answer.
    pub async fn we_change(&mut self, change: Change) {
        let offer = self.phone.gives(move |line, now| line.offer(now, change)).await;
        self.peer.does(&json!({ "do": "again", "sdp": offer }));
        let answer = sdp(&self.peer.tells("answer", |_| true).await);
        self.phone
            .gives(move |line, now| line.accept_answer(now, &answer))
            .await;
    }

    /// They change the direction of the sound, as they see it.
    pub async fn they_turn(&mut self, direction: &str) {
        self.they_change(&json!({ "do": "change", "direction": direction }))
            .await;
    }

    /// We do, as we see it.
    pub async fn we_turn(&mut self, direction: Direction) {
        self.we_change(Change::Direction(direction)).await;
    }

    /// In which direction it says that audio goes.
    pub async fn direction(&mut self) -> String {
        let told = self.peer.answers("direction").await;
        told["direction"].as_str().expect("a direction").to_owned()
    }

    /// Waits until the peer hears us.
    pub async fn is_heard(&mut self) {
        self.peer.hears(OUR_TONE).await;
    }

    pub async fn hear_each_other(&mut self) {
        tokio::join!(self.phone.hears(THEIR_TONE), self.peer.hears(OUR_TONE));
    }

    /// Neither side hears the other, for so long.
    pub async fn is_silent(&mut self, during: Duration) {
        let end = Instant::now() + during;
        while Instant::now() < end {
            tokio::join!(self.phone.hears_nothing(), self.peer.hears_nothing());
        }
    }

    /// What kinds of candidates of its own each side sends from, ours first.
    pub async fn paths(&mut self) -> (Option<CandidateType>, Option<String>) {
        let told = self.peer.answers("path").await;
        let statistics = self.phone.gives(|line, _| line.statistics()).await;
        let theirs = told["local"].as_str().map(str::to_owned);
        (statistics.local_candidate, theirs)
    }
}

fn sdp(told: &Value) -> String {
    told["sdp"].as_str().expect("a text").to_owned()
}

/// The TURN server that the peer is to use, and nothing else, if we do so.
fn relay(config: &CallConfig) -> Value {
    let server = match config.policy {
        IcePolicy::All => return Value::Null,
        IcePolicy::Relay => config.servers.first().expect("a server"),
    };
    match &server.kind {
        ServerKind::Turn {
            username, credential, ..
        } => json!({
            "host": server.host,
            "port": server.port,
            "username": username,
            "credential": credential.expose_secret(),
        }),
        ServerKind::Stun => panic!("it relays nothing"),
    }
}
