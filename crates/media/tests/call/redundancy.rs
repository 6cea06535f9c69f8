//! What Opus sends against loss, and leaves out in pauses.

use std::time::Duration;

use offhook_media::{Call, CallConfig};

use crate::network::Weather;
use crate::pair::{Pair, Setting, Voice, an_instant, config, seed};

const SECOND: Duration = Duration::from_secs(1);

fn fmtp(description: &str) -> &str {
    let line = description.lines().find(|line| line.starts_with("a=fmtp:96"));
    line.expect("parameters of Opus")
}

#[test]
fn deep_redundancy_is_agreed_between_those_who_know_it() {
    let now = an_instant();
    let (_, offer) = Call::offerer(config(1), seed(1, 1), now);
    assert_eq!(fmtp(&offer), "a=fmtp:96 minptime=10;useinbandfec=1;x-dred=12");
    for (offered, answered) in [("x-dred=12", ";x-dred=12"), ("x-dred=11", ""), ("stereo=1", "")] {
        let offer = offer.replace("x-dred=12", offered);
        let (_, answer) = Call::answerer(config(2), &offer, seed(1, 2), now).expect("answered");
        assert_eq!(
            fmtp(&answer),
            format!("a=fmtp:96 minptime=10;useinbandfec=1{answered}"),
            "{offered}"
        );
    }
}

#[test]
fn a_call_that_loses_much_hears_its_voice_nevertheless() {
    let setting = Setting {
        weather: Weather {
            loss: 0.25,
            ..Weather::CLEAR
        },
        ..Setting::default()
    };
    let mut pair = Pair::new(setting);
    pair.run_until(15 * SECOND, |pair| {
        pair.offerer.call.is_connected() && pair.answerer.call.is_connected()
    });
    pair.run(30 * SECOND);
    let reported = pair.offerer.call.statistics().loss_reported_fraction;
    assert!(reported.is_some_and(|loss| loss > 0.1), "{reported:?}");
    // What went missing is rebuilt as well as can be: the tone is never away for long.
    assert!(crate::listen::longest_gap(pair.answerer.heard_last(10 * SECOND), -45.0) <= 4);
}

/// A pair whose offerer has this configuration.
fn pair_of(first: CallConfig, offer: fn(String) -> String) -> Pair {
    let now = an_instant();
    let (mut offerer, text) = Call::offerer(first, seed(1, 1), now);
    let (answerer, answer) = Call::answerer(config(2), &offer(text), seed(1, 2), now).expect("answered");
    offerer.accept_answer(now, &answer).expect("an answer that fits");
    Pair::of(offerer, answerer, now, Setting::default())
}

#[test]
fn pauses_are_left_out_where_the_configuration_or_the_peer_wants_it() {
    let mut leaves_out = config(1);
    leaves_out.dtx = true;
    let wants = |offer: String| offer.replace("useinbandfec=1", "useinbandfec=1;usedtx=1");
    let as_is = |offer| offer;
    for (first, offer, silent) in [
        (config(1), as_is as fn(String) -> String, [false, false]),
        (leaves_out, as_is, [true, false]),
        (config(1), wants, [false, true]),
    ] {
        let mut pair = pair_of(first, offer);
        pair.connect();
        pair.run(SECOND);
        pair.offerer.voice = Voice::Nothing;
        pair.answerer.voice = Voice::Nothing;
        pair.run(2 * SECOND);
        let sent = |pair: &Pair| [&pair.offerer, &pair.answerer].map(|side| side.call.statistics().packets_sent);
        let before = sent(&pair);
        pair.run(10 * SECOND);
        for (side, (before, after)) in before.into_iter().zip(sent(&pair)).enumerate() {
            // In a pause a packet is sent now and then, 400 ms apart.
            let expected = if silent[side] { 20..=30 } else { 499..=501 };
            assert!(expected.contains(&(after - before)), "side {side}: {}", after - before);
        }
        // A pause is no loss, and no interruption.
        for side in [&pair.offerer, &pair.answerer] {
            let statistics = side.call.statistics();
            assert_eq!((statistics.packets_lost, statistics.interruptions), (0, 0));
        }
        pair.offerer.voice = Voice::Tone(440.0);
        pair.run(2 * SECOND);
        assert!(crate::listen::purity(pair.answerer.heard_last(SECOND), 440.0) > 0.98);
    }
}
