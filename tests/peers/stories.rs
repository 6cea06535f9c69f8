//! What is done in a call with a peer, feature by feature, and what has to come of it.

use offhook_media::{
    CallConfig, CandidateType, Change, Codec, DigitsError, Direction, DtlsVersion, Event, FailureReason, IcePolicy,
};
use offhook_tests::coturn::Coturn;
use serde_json::{Value, json};

use crate::{
    engine::Engine,
    line,
    matrix::Feature,
    pair::{Offerer, Pair},
};

/// Keys that are pressed.
const KEYS: &str = "1599#";

/// Our settings for a call with it.
fn config(engine: Engine, dtls: DtlsVersion) -> CallConfig {
    let mut config = line::config(dtls);
    if !engine.has_opus() {
        config.codecs = vec![Codec::Pcmu];
    }
    config
}

/// Does it, and gives what there is to say of it.
pub async fn shown(feature: Feature, engine: Engine) -> String {
    let begun = |offerer| Pair::connected(engine, offerer, config(engine, DtlsVersion::V1_2));
    match feature {
        Feature::TheyOffer => tones(begun(Offerer::They).await).await,
        Feature::WeOffer => tones(begun(Offerer::We).await).await,
        Feature::Pcmu => {
            let mut config = config(engine, DtlsVersion::V1_2);
            config.codecs = vec![Codec::Pcmu];
            tones(Pair::connected(engine, Offerer::We, config).await).await
        }
        Feature::Relay => relayed(engine).await,
        Feature::TheyHold => they_hold(begun(Offerer::They).await).await,
        Feature::WeHold => we_hold(begun(Offerer::They).await).await,
        Feature::TheyRestart => restarted(begun(Offerer::They).await, false).await,
        Feature::WeRestart => restarted(begun(Offerer::They).await, true).await,
        Feature::TheyPress => {
            for offerer in Offerer::BOTH {
                they_press(begun(offerer).await, engine.has_keys()).await;
            }
            if engine.has_keys() { "yes" } else { "it has no keys" }.to_owned()
        }
        Feature::WePress => {
            for offerer in Offerer::BOTH {
                we_press(begun(offerer).await, engine.takes_keys()).await;
            }
            if engine.takes_keys() { "yes" } else { "it takes none" }.to_owned()
        }
        Feature::Dtls12 => version(begun(Offerer::They).await).await,
        Feature::DtlsAutoAnswered => {
            version(Pair::connected(engine, Offerer::They, config(engine, DtlsVersion::Auto)).await).await
        }
        Feature::DtlsAutoOffered => {
            version(Pair::connected(engine, Offerer::We, config(engine, DtlsVersion::Auto)).await).await
        }
        Feature::TheyClose => they_close(begun(Offerer::They).await).await,
        Feature::WeClose => we_close(begun(Offerer::They).await).await,
    }
}

async fn tones(mut pair: Pair) -> String {
    pair.hear_each_other().await;
    if pair.is_hidden { "yes, address hidden" } else { "yes" }.to_owned()
}

/// It holds by direction, and nothing is heard of it until it unholds.
async fn they_hold(mut pair: Pair) -> String {
    pair.hear_each_other().await;
    pair.they_change(&json!({ "do": "change", "direction": "recvonly" }))
        .await;
    pair.phone.hears_nothing().await;
    pair.is_heard().await;
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
    pair.is_heard().await;
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
    pair.carry_candidates().await;
    pair.hear_each_other().await;
    // For longer than the old pair would be taken for alive.
    for _ in 0..20 {
        pair.hear_each_other().await;
    }
    assert!(!pair.phone.was_interrupted());
    "yes".to_owned()
}

async fn they_press(mut pair: Pair, able: bool) {
    pair.hear_each_other().await;
    pair.peer.does(&json!({ "do": "press", "digits": KEYS }));
    let told = pair.peer.tells("pressed", |_| true).await;
    assert_eq!(told["able"], able);
    if able {
        for key in KEYS.chars() {
            assert_eq!(pair.phone.digit().await, key);
        }
    }
}

/// It plays the tones of the keys that are told to it.
async fn we_press(mut pair: Pair, able: bool) {
    pair.hear_each_other().await;
    let pressed = pair.phone.gives(|line, now| line.send_digits(now, KEYS)).await;
    if !able {
        return assert_eq!(pressed, Err(DigitsError::NotNegotiated));
    }
    assert_eq!(pressed, Ok(()));
    for key in KEYS.chars() {
        let told = pair.peer.tells("key", |_| true).await;
        assert_eq!(told["key"], key.to_string());
    }
    pair.hear_each_other().await;
}

/// The version on which both agreed, by the peer's own words where it has any.
async fn version(mut pair: Pair) -> String {
    pair.hear_each_other().await;
    let told = pair.peer.answers("dtls").await;
    told["version"].as_str().map_or("yes".to_owned(), str::to_owned)
}

/// Both sides may use what a TURN server relays, and nothing else. One that takes this as a rule for the candidates that it tells, and not for
/// those that it uses, reaches our relay by itself.
async fn relayed(engine: Engine) -> String {
    let coturn = Coturn::start("").await;
    for offerer in Offerer::BOTH {
        let mut config = config(engine, DtlsVersion::V1_2);
        config.policy = IcePolicy::Relay;
        config.servers = vec![coturn.server()];
        let mut pair = Pair::connected(engine, offerer, config).await;
        pair.hear_each_other().await;
        let (ours, theirs) = pair.paths().await;
        assert_eq!(ours, Some(CandidateType::Relayed), "{offerer:?}");
        assert_eq!(
            theirs.as_deref() == Some("relay"),
            engine.can_be_relayed_alone(),
            "{offerer:?}"
        );
    }
    if engine.can_be_relayed_alone() {
        "yes"
    } else {
        "our side"
    }
    .to_owned()
}

async fn they_close(mut pair: Pair) -> String {
    pair.peer.does(&json!({ "do": "close" }));
    pair.phone.is_told(&Event::Failed(FailureReason::ClosedByPeer)).await;
    "yes".to_owned()
}

async fn we_close(mut pair: Pair) -> String {
    pair.phone.does(|line, now| line.close(now));
    // An engine that does not look at the close of DTLS misses us a few seconds later.
    let gone = |state: &Value| ["closed", "failed", "disconnected"].iter().any(|gone| state == gone);
    pair.peer.tells("state", |told| gone(&told["state"])).await;
    "yes".to_owned()
}
