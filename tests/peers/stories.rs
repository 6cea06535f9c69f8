//! What is done in a call with a peer, feature by feature, and what has to come of it.

use std::time::Duration;

use offhook_media::{
    CallConfig, CandidateType, Change, Codec, DigitsError, Direction, DtlsVersion, FailureReason, IcePolicy,
};
use offhook_tests::coturn::Coturn;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    engine::Engine,
    line,
    matrix::Feature,
    pair::{Offerer, Pair},
};

/// Keys that are pressed.
const KEYS: &str = "1599#";

/// How often they are pressed, if an engine misses one.
const TIMES_PRESSED: u32 = 4;
/// How long after a key the next is told at the latest, if it was played.
const ALL_PLAYED: Duration = Duration::from_secs(3);

/// How long there is nothing to be heard: longer than it takes to call silence an interruption.
const PAUSE: Duration = Duration::from_secs(5);
/// After which silence an engine is given up.
const MISSED: Duration = Duration::from_secs(6);

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
        Feature::TheyOffer => return tones(begun(Offerer::They).await, engine).await,
        Feature::WeOffer => return tones(begun(Offerer::We).await, engine).await,
        Feature::Pcmu => {
            let mut config = config(engine, DtlsVersion::V1_2);
            config.codecs = vec![Codec::Pcmu];
            return tones(Pair::connected(engine, Offerer::We, config).await, engine).await;
        }
        Feature::Relay => return relayed(engine).await,
        Feature::TheyHold => whoever_offers(engine, they_hold).await,
        Feature::WeHold => {
            whoever_offers(engine, async |pair| we_hold(pair, engine).await).await;
            return if engine.follows_directions() { "yes" } else { "our side" }.to_owned();
        }
        Feature::TheyPause => whoever_offers(engine, they_pause).await,
        Feature::WePause => {
            whoever_offers(engine, async |pair| we_pause(pair, engine).await).await;
            return if engine.follows_directions() { "yes" } else { "our side" }.to_owned();
        }
        Feature::Renegotiate => {
            whoever_offers(engine, async |pair| renegotiated(pair, engine).await).await;
            return match (engine.reorders_codecs(), engine.takes_what_is_declined()) {
                (true, _) => "yes",
                (false, true) => "data alone",
                (false, false) => "what there is alone",
            }
            .to_owned();
        }
        Feature::TheyRestart => whoever_offers(engine, async |pair| restarted(pair, Offerer::They).await).await,
        Feature::WeRestart => whoever_offers(engine, async |pair| restarted(pair, Offerer::We).await).await,
        Feature::TheyPress => {
            whoever_offers(engine, async |pair| they_press(pair, engine.has_keys()).await).await;
            return if engine.has_keys() { "yes" } else { "it has no keys" }.to_owned();
        }
        Feature::WePress => {
            whoever_offers(engine, async |pair| we_press(pair, engine.takes_keys()).await).await;
            return if engine.takes_keys() { "yes" } else { "it takes none" }.to_owned();
        }
        Feature::Dtls12 => {
            let [answered, offered] = Offerer::BOTH.map(|offerer| version(engine, offerer, DtlsVersion::V1_2));
            let (answered, offered) = tokio::join!(answered, offered);
            assert_eq!(answered, offered);
            return answered;
        }
        Feature::DtlsAutoAnswered => return version(engine, Offerer::They, DtlsVersion::Auto).await,
        Feature::DtlsAutoOffered => return version(engine, Offerer::We, DtlsVersion::Auto).await,
        Feature::TheyClose => return they_close(engine).await,
        Feature::WeClose => we_close(begun(Offerer::They).await).await,
    }
    "yes".to_owned()
}

/// The same in a call that they offered, and in one that we did.
async fn whoever_offers(engine: Engine, story: impl AsyncFn(Pair)) {
    let one = async |offerer| story(Pair::connected(engine, offerer, config(engine, DtlsVersion::V1_2)).await).await;
    tokio::join!(one(Offerer::They), one(Offerer::We));
}

async fn tones(mut pair: Pair, engine: Engine) -> String {
    pair.hear_each_other().await;
    assert_eq!(pair.is_hidden, engine.hides_its_address());
    if pair.is_hidden { "yes, address hidden" } else { "yes" }.to_owned()
}

/// Both sides may use what a TURN server relays, and nothing else. One that takes this as a rule for the candidates that it tells, and not for
/// those that it uses, reaches our relay by itself.
async fn relayed(engine: Engine) -> String {
    let coturn = Coturn::start("").await;
    let one = async |offerer| {
        let mut config = config(engine, DtlsVersion::V1_2);
        config.policy = IcePolicy::Relay;
        config.servers = vec![coturn.server()];
        let mut pair = Pair::connected(engine, offerer, config).await;
        pair.hear_each_other().await;
        let (ours, theirs) = pair.paths().await;
        assert_eq!(ours, Some(CandidateType::Relayed), "{offerer:?}");
        assert!(
            theirs.as_deref() == Some("relay") || !engine.can_be_relayed_alone(),
            "{offerer:?}: {theirs:?}"
        );
    };
    tokio::join!(one(Offerer::They), one(Offerer::We));
    if engine.can_be_relayed_alone() {
        "yes"
    } else {
        "our side"
    }
    .to_owned()
}

/// It holds by direction, and nothing is heard of it until it unholds.
async fn they_hold(mut pair: Pair) {
    pair.hear_each_other().await;
    pair.they_turn("recvonly").await;
    pair.phone.hears_nothing().await;
    pair.is_heard().await;
    pair.they_turn("sendrecv").await;
    pair.hear_each_other().await;
}

/// We hold by direction, to which it agrees, and unhold. What it sends all the same is not heard.
async fn we_hold(mut pair: Pair, engine: Engine) {
    pair.hear_each_other().await;
    pair.we_turn(Direction::SendOnly).await;
    assert_eq!(pair.direction().await == "recvonly", engine.follows_directions());
    pair.phone.hears_nothing().await;
    pair.is_heard().await;
    pair.we_turn(Direction::SendRecv).await;
    assert_eq!(pair.direction().await, "sendrecv");
    pair.hear_each_other().await;
}

/// It stops the sound in both directions, for longer than a path would be silent that is cut, and starts it again.
async fn they_pause(mut pair: Pair) {
    pair.hear_each_other().await;
    pair.they_turn("inactive").await;
    pair.is_silent(PAUSE).await;
    pair.they_turn("sendrecv").await;
    pair.hear_each_other().await;
    assert!(!pair.phone.was_interrupted());
}

/// We do.
async fn we_pause(mut pair: Pair, engine: Engine) {
    pair.hear_each_other().await;
    pair.we_turn(Direction::Inactive).await;
    assert_eq!(pair.direction().await == "inactive", engine.follows_directions());
    pair.is_silent(PAUSE).await;
    pair.we_turn(Direction::SendRecv).await;
    assert_eq!(pair.direction().await, "sendrecv");
    pair.hear_each_other().await;
    assert!(!pair.phone.was_interrupted());
}

/// In the call that there is it prefers another codec, and wants to exchange data too, which we decline; then we offer what
/// there is once more, and it does.
async fn renegotiated(mut pair: Pair, engine: Engine) {
    pair.hear_each_other().await;
    if engine.reorders_codecs() {
        pair.they_change(&json!({ "do": "change", "codec": "audio/PCMU" }))
            .await;
        pair.hear_each_other().await;
        assert_eq!(pair.peer.answers("codec").await["heard"], "audio/PCMU");
    }
    let data = engine.takes_what_is_declined();
    pair.they_change(&json!({ "do": "change", "data": data })).await;
    pair.hear_each_other().await;
    pair.we_turn(Direction::SendRecv).await;
    pair.hear_each_other().await;
    pair.they_change(&json!({ "do": "change" })).await;
    pair.hear_each_other().await;
    assert!(!pair.phone.was_interrupted());
}

/// New ICE on both sides, for which nothing is interrupted. Their offer and our answer are on their way for as long as it takes to hear each
/// other, so that they may check us from new addresses before they have it.
async fn restarted(mut pair: Pair, by: Offerer) {
    pair.hear_each_other().await;
    match by {
        Offerer::They => {
            let offer = pair.their_offer(&json!({ "do": "change", "restart": true })).await;
            pair.hear_each_other().await;
            let answer = pair.our_answer(offer).await;
            pair.hear_each_other().await;
            pair.peer.does(&json!({ "do": "accept", "sdp": answer }));
        }
        Offerer::We => pair.we_change(Change::Restart).await,
    }
    pair.carry_candidates().await;
    // For longer than the old pair would be taken for alive.
    for _ in 0..20 {
        pair.hear_each_other().await;
    }
    assert!(!pair.phone.was_interrupted());
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

/// It plays the tones of the keys that are told to it. On a machine that is too busy a tone has holes, and is heard as several of one key, or
/// it is never played: an engine that gets no processor for the time of a key has lost it. Then all of them are pressed anew.
async fn we_press(mut pair: Pair, able: bool) {
    pair.hear_each_other().await;
    let mut expected: Vec<char> = KEYS.chars().collect();
    expected.dedup();
    let mut heard = Vec::new();
    for _ in 0..TIMES_PRESSED {
        let pressed = pair.phone.gives(|line, now| line.send_digits(now, KEYS)).await;
        if !able {
            return assert_eq!(pressed, Err(DigitsError::NotNegotiated));
        }
        assert_eq!(pressed, Ok(()));
        heard = they_heard(&mut pair).await;
        if heard == expected {
            return pair.hear_each_other().await;
        }
    }
    assert_eq!(heard, expected, "pressed {TIMES_PRESSED} times");
}

/// The keys that it tells until nothing more comes, holes closed.
async fn they_heard(pair: &mut Pair) -> Vec<char> {
    let mut heard: Vec<char> = Vec::new();
    while heard.last() != KEYS.chars().last().as_ref() {
        let Ok(told) = timeout(ALL_PLAYED, pair.peer.tells("key", |_| true)).await else {
            break;
        };
        heard.extend(told["key"].as_str().expect("a key").chars());
    }
    heard.dedup();
    heard
}

/// The version on which both agreed, which is the highest that both speak.
async fn version(engine: Engine, offerer: Offerer, ours: DtlsVersion) -> String {
    let mut pair = Pair::connected(engine, offerer, config(engine, ours)).await;
    pair.hear_each_other().await;
    let statistics = pair.phone.gives(|line, _| line.statistics()).await;
    let agreed = engine.dtls(ours);
    assert_eq!(statistics.dtls_version, Some(agreed));
    let told = pair.peer.answers("dtls").await;
    let expected = engine.tells_dtls().then_some(agreed.as_str());
    assert_eq!(told["version"].as_str(), expected);
    agreed.to_string()
}

/// It closes its end of DTLS. One that does so only if its sockets outlive it by chance is missed else.
async fn they_close(engine: Engine) -> String {
    let mut config = config(engine, DtlsVersion::V1_2);
    config.failed_after = MISSED;
    let mut pair = Pair::connected(engine, Offerer::They, config).await;
    pair.peer.does(&json!({ "do": "close" }));
    let reason = pair.phone.failure().await;
    if engine.closes_in_order() {
        assert_eq!(reason, FailureReason::ClosedByPeer);
        return "yes".to_owned();
    }
    let seconds = MISSED.as_secs();
    let missed = FailureReason::PathLost { seconds };
    assert!(reason == missed || reason == FailureReason::ClosedByPeer, "{reason}");
    "yes, or by its silence".to_owned()
}

async fn we_close(mut pair: Pair) {
    pair.phone.does(|line, now| line.close(now));
    // An engine that does not look at the close of DTLS misses us a few seconds later.
    let gone = |state: &Value| ["closed", "failed", "disconnected"].iter().any(|gone| state == gone);
    pair.peer.tells("state", |told| gone(&told["state"])).await;
}
