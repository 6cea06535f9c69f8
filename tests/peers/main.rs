//! Calls with WebRTC engines that others wrote: Chromium, libwebrtc and libdatachannel in Node, aiortc in
//! Python.
//!
//! Each side plays a tone and listens for the other's; descriptions and candidates are carried by the test. What was seen
//! is written to `docs/interop.md` when all of it was. `cargo xtask test` installs the engines and runs this.

mod engine;
mod line;
mod matrix;

use offhook_media::{Call, CallConfig, Change, Codec, Direction, DtlsVersion, Event, FailureReason};
use serde_json::{Value, json};
use std::time::Instant;

use engine::{Engine, Peer};
use line::{Phone, config};
use matrix::{Cell, Feature};

/// What each side plays, in hertz.
const OUR_TONE: u32 = 440;
const THEIR_TONE: u32 = 700;

struct Pair {
    phone: Phone,
    peer: Peer,
    /// It tells no address but a name that only multicast DNS knows, which nobody here asks.
    hidden: bool,
}

impl Pair {
    /// They offer, we answer.
    async fn they_offer(engine: Engine, dtls: DtlsVersion) -> Self {
        let mut peer = Peer::start(engine);
        peer.does(&json!({ "do": "offer", "hertz": THEIR_TONE }));
        let offer = peer.tells("offer", |_| true).await;
        let sdp = offer["sdp"].as_str().expect("a text");
        let (call, answer) = Call::answerer(config(dtls), sdp, [1; 32], Instant::now()).expect("an offer for us");
        peer.does(&json!({ "do": "accept", "sdp": answer }));
        Self::connect(Phone::new(call, OUR_TONE), peer).await
    }

    /// We offer, they answer.
    async fn we_offer(engine: Engine, dtls: DtlsVersion) -> Self {
        Self::offering(engine, config(dtls)).await
    }

    async fn offering(engine: Engine, config: CallConfig) -> Self {
        let mut peer = Peer::start(engine);
        let (call, offer) = Call::offerer(config, [2; 32], Instant::now());
        peer.does(&json!({ "do": "answer", "hertz": THEIR_TONE, "sdp": offer }));
        let answer = peer.tells("answer", |_| true).await;
        let sdp = answer["sdp"].as_str().expect("a text").to_owned();
        let phone = Phone::new(call, OUR_TONE);
        phone.does(move |line, now| line.accept_answer(now, &sdp));
        Self::connect(phone, peer).await
    }

    /// Carries our candidates, and their first: by our checks they learn of us, by theirs we learn of them.
    async fn connect(phone: Phone, peer: Peer) -> Self {
        let mut pair = Self {
            phone,
            peer,
            hidden: false,
        };
        pair.carry_ours().await;
        pair.carry_theirs().await;
        pair.phone.is_told(&Event::Connected).await;
        pair.peer.is("connected").await;
        pair
    }

    async fn carry_ours(&mut self) {
        while let Some((mid, candidate)) = self.phone.candidate().await {
            self.peer.takes_candidate(&mid, &candidate);
        }
    }

    async fn carry_theirs(&mut self) {
        let theirs = self.peer.tells("candidate", |_| true).await;
        let candidate = theirs["candidate"].as_str().expect("a text").to_owned();
        self.hidden = candidate.contains(".local ");
        self.phone
            .does(move |line, now| line.add_remote_candidate(now, &candidate));
    }

    /// A later offer of theirs, and our answer.
    async fn they_change(&mut self, change: &Value) {
        self.peer.does(change);
        let offer = self.peer.tells("offer", |_| true).await;
        let sdp = offer["sdp"].as_str().expect("a text").to_owned();
        let answer = self.phone.gives(move |line, now| line.accept_offer(now, &sdp)).await;
        self.peer.does(&json!({ "do": "accept", "sdp": answer }));
    }

    /// A later offer of ours, and their answer.
    async fn we_change(&mut self, change: Change) {
        let offer = self.phone.gives(move |line, now| line.offer(now, change)).await;
        self.peer.does(&json!({ "do": "again", "sdp": offer }));
        let answer = self.peer.tells("answer", |_| true).await;
        let sdp = answer["sdp"].as_str().expect("a text").to_owned();
        self.phone.gives(move |line, now| line.accept_answer(now, &sdp)).await;
    }

    async fn direction(&mut self) -> String {
        self.peer.does(&json!({ "do": "direction" }));
        let told = self.peer.tells("direction", |_| true).await;
        told["direction"].as_str().expect("a direction").to_owned()
    }

    async fn hear_each_other(&mut self) {
        tokio::join!(self.phone.hears(THEIR_TONE), self.peer.hears(OUR_TONE));
    }
}

async fn tones(mut pair: Pair) -> String {
    pair.hear_each_other().await;
    if pair.hidden { "yes, address hidden" } else { "yes" }.to_owned()
}

/// It holds by direction, and nothing is heard of it until it unholds.
async fn they_hold(mut pair: Pair) -> String {
    pair.hear_each_other().await;
    pair.they_change(&json!({ "do": "change", "direction": "recvonly" }))
        .await;
    pair.phone.hears_nothing().await;
    pair.peer.hears(OUR_TONE).await;
    pair.they_change(&json!({ "do": "change", "direction": "sendrecv" }))
        .await;
    pair.hear_each_other().await;
    "yes".to_owned()
}

/// We hold by direction, to which it agrees, and unhold.
async fn we_hold(mut pair: Pair) -> String {
    pair.hear_each_other().await;
    pair.we_change(Change::Direction(Direction::SendOnly)).await;
    assert_eq!(pair.direction().await, "recvonly");
    pair.phone.hears_nothing().await;
    pair.peer.hears(OUR_TONE).await;
    pair.we_change(Change::Direction(Direction::SendRecv)).await;
    assert_eq!(pair.direction().await, "sendrecv");
    pair.hear_each_other().await;
    "yes".to_owned()
}

/// New ICE on both sides, for which nothing is interrupted.
async fn restarted(mut pair: Pair, by_us: bool) -> String {
    pair.hear_each_other().await;
    if by_us {
        pair.we_change(Change::Restart).await;
    } else {
        pair.they_change(&json!({ "do": "change", "restart": true })).await;
    }
    pair.carry_ours().await;
    pair.carry_theirs().await;
    pair.hear_each_other().await;
    // For longer than the old pair would be taken for alive.
    for _ in 0..20 {
        pair.hear_each_other().await;
    }
    assert!(!pair.phone.was_interrupted());
    "yes".to_owned()
}

async fn they_press(mut pair: Pair) -> String {
    const KEYS: &str = "159#";
    pair.hear_each_other().await;
    pair.peer.does(&json!({ "do": "press", "digits": KEYS }));
    let told = pair.peer.tells("pressed", |_| true).await;
    if told["able"] != true {
        return "it has no keys".to_owned();
    }
    let mut heard = String::new();
    for _ in KEYS.chars() {
        heard.push(pair.phone.digit().await);
    }
    assert_eq!(heard, KEYS);
    "yes".to_owned()
}

/// The version on which both agreed, by the peer's own words where it has any.
async fn version(mut pair: Pair) -> String {
    pair.hear_each_other().await;
    pair.peer.does(&json!({ "do": "dtls" }));
    let told = pair.peer.tells("dtls", |_| true).await;
    told["version"].as_str().map_or("yes".to_owned(), str::to_owned)
}

async fn shown(feature: Feature, engine: Engine) -> String {
    match feature {
        Feature::TheyOffer => tones(Pair::they_offer(engine, DtlsVersion::V1_2).await).await,
        Feature::WeOffer => tones(Pair::we_offer(engine, DtlsVersion::V1_2).await).await,
        Feature::Pcmu => {
            let mut config = config(DtlsVersion::V1_2);
            config.codecs = vec![Codec::Pcmu];
            tones(Pair::offering(engine, config).await).await
        }
        Feature::TheyHold => they_hold(Pair::they_offer(engine, DtlsVersion::V1_2).await).await,
        Feature::WeHold => we_hold(Pair::they_offer(engine, DtlsVersion::V1_2).await).await,
        Feature::TheyRestart => restarted(Pair::they_offer(engine, DtlsVersion::V1_2).await, false).await,
        Feature::WeRestart => restarted(Pair::they_offer(engine, DtlsVersion::V1_2).await, true).await,
        Feature::TheyPress => they_press(Pair::we_offer(engine, DtlsVersion::V1_2).await).await,
        Feature::Dtls12 => version(Pair::they_offer(engine, DtlsVersion::V1_2).await).await,
        Feature::DtlsAutoAnswered => version(Pair::they_offer(engine, DtlsVersion::Auto).await).await,
        Feature::DtlsAutoOffered => version(Pair::we_offer(engine, DtlsVersion::Auto).await).await,
        Feature::TheyClose => {
            let mut pair = Pair::they_offer(engine, DtlsVersion::V1_2).await;
            pair.peer.does(&json!({ "do": "close" }));
            pair.phone.is_told(&Event::Failed(FailureReason::ClosedByPeer)).await;
            "yes".to_owned()
        }
        Feature::WeClose => {
            let mut pair = Pair::they_offer(engine, DtlsVersion::V1_2).await;
            pair.phone.does(|line, now| line.close(now));
            // An engine that does not look at the close of DTLS misses us a few seconds later.
            let gone = |state: &Value| ["closed", "failed", "disconnected"].iter().any(|gone| state == gone);
            pair.peer.tells("state", |told| gone(&told["state"])).await;
            "yes".to_owned()
        }
    }
}

macro_rules! features {
    ($($name:ident: $feature:ident,)*) => {$(
        mod $name {
            use super::{Engine, Feature, show};

            #[tokio::test]
            #[ignore = "needs Chromium: cargo xtask test installs it and runs this"]
            async fn with_chromium() {
                show(Feature::$feature, Engine::Chromium).await;
            }

            #[tokio::test]
            #[ignore = "needs libwebrtc in Node: cargo xtask test installs it and runs this"]
            async fn with_libwebrtc() {
                show(Feature::$feature, Engine::Libwebrtc).await;
            }
        }
    )*};
}

features! {
    they_offer: TheyOffer,
    we_offer: WeOffer,
    g711: Pcmu,
    hold_of_theirs: TheyHold,
    hold_of_ours: WeHold,
    restart_of_theirs: TheyRestart,
    restart_of_ours: WeRestart,
    keys_of_theirs: TheyPress,
    dtls_1_2: Dtls12,
    dtls_auto_answered: DtlsAutoAnswered,
    dtls_auto_offered: DtlsAutoOffered,
    they_close: TheyClose,
    we_close: WeClose,
}

/// The features of an engine that does not have all of them.
macro_rules! features_of {
    ($engine:ident in $module:ident, #[$needs:meta] $($name:ident: $feature:ident,)*) => {
        mod $module {
            use super::{Engine, Feature, show};

            $(
                #[tokio::test]
                #[$needs]
                async fn $name() {
                    show(Feature::$feature, Engine::$engine).await;
                }
            )*

            #[test]
            fn every_feature_that_it_is_said_to_have_is_tested() {
                let tested = [$(Feature::$feature),*];
                for feature in Feature::ALL {
                    assert_eq!(feature.is_of(Engine::$engine), tested.contains(&feature), "{feature:?}");
                }
            }
        }
    };
}

features_of! {
    Aiortc in with_aiortc,
    #[ignore = "needs aiortc: cargo xtask test installs it and runs this"]
    they_offer: TheyOffer,
    we_offer: WeOffer,
    g711: Pcmu,
    dtls_1_2: Dtls12,
    dtls_auto_answered: DtlsAutoAnswered,
    dtls_auto_offered: DtlsAutoOffered,
    they_close: TheyClose,
    we_close: WeClose,
}

features_of! {
    Libdatachannel in with_libdatachannel,
    #[ignore = "needs libdatachannel in Node: cargo xtask test installs it and runs this"]
    they_offer: TheyOffer,
    g711: Pcmu,
    dtls_1_2: Dtls12,
    dtls_auto_answered: DtlsAutoAnswered,
    we_close: WeClose,
}

async fn show(feature: Feature, engine: Engine) {
    let cell = Cell::new(feature, engine);
    let result = shown(feature, engine).await;
    cell.is(result);
}
