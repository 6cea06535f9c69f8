//! Calls with WebRTC engines that others wrote: Chromium, libwebrtc and libdatachannel in Node, aiortc in
//! Python.
//!
//! Each side plays a tone and listens for the other's; descriptions and candidates are carried by the test. What was seen
//! is written to `docs/interop.md` when all of it was. `cargo xtask test` installs the engines and runs this.

mod engine;
mod line;
mod matrix;
mod pair;
mod stories;

use engine::Engine;
use matrix::{Cell, Feature};

macro_rules! features {
    ($($name:ident: $feature:ident,)*) => {$(
        mod $name {
            use super::{Engine, Feature, show};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs Chromium: cargo xtask test installs it and runs this"]
            async fn with_chromium() {
                show(Feature::$feature, Engine::Chromium).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
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
    relay_alone: Relay,
    hold_of_theirs: TheyHold,
    hold_of_ours: WeHold,
    pause_of_theirs: TheyPause,
    pause_of_ours: WePause,
    renegotiation: Renegotiate,
    restart_of_theirs: TheyRestart,
    restart_of_ours: WeRestart,
    keys_of_theirs: TheyPress,
    keys_of_ours: WePress,
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
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
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
    relay_alone: Relay,
    hold_of_theirs: TheyHold,
    hold_of_ours: WeHold,
    pause_of_theirs: TheyPause,
    pause_of_ours: WePause,
    renegotiation: Renegotiate,
    keys_of_ours: WePress,
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
    we_offer: WeOffer,
    g711: Pcmu,
    relay_alone: Relay,
    hold_of_theirs: TheyHold,
    hold_of_ours: WeHold,
    pause_of_theirs: TheyPause,
    pause_of_ours: WePause,
    renegotiation: Renegotiate,
    keys_of_theirs: TheyPress,
    keys_of_ours: WePress,
    dtls_1_2: Dtls12,
    dtls_auto_answered: DtlsAutoAnswered,
    dtls_auto_offered: DtlsAutoOffered,
    they_close: TheyClose,
    we_close: WeClose,
}

async fn show(feature: Feature, engine: Engine) {
    let cell = Cell::new(feature, engine);
    cell.is(stories::shown(feature, engine).await);
}
