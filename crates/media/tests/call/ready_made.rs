//! Packets that were encoded elsewhere, and packets that are handed on undecoded.

use std::time::Duration;

use offhook_media::{Call, Codec, FRAME_SAMPLES, OpusClip, SAMPLE_RATE, SendOpusError};

use crate::listen::purity;
use crate::network::Weather;
use crate::pair::{Pair, Setting, Voice, an_instant, config, seed};

const SECOND: Duration = Duration::from_secs(1);

/// Two seconds of a tone, as a prompt.
fn prompt(hertz: f64) -> OpusClip {
    let sample = |at: usize| (at as f64 * hertz / f64::from(SAMPLE_RATE) * std::f64::consts::TAU).sin();
    let samples: Vec<i16> = (0..100 * FRAME_SAMPLES)
        .map(|at| (sample(at) * 8_000.0) as i16)
        .collect();
    OpusClip::encode(&samples, 32_000, 1).expect("a clip")
}

#[test]
fn a_prompt_that_was_encoded_once_is_heard_by_all() {
    let clip = prompt(600.0);
    assert_eq!((clip.packets().len(), clip.duration()), (100, 2 * SECOND));
    let mut pair = Pair::new(Setting::default());
    pair.connect();
    pair.offerer.voice = Voice::ReadyMade(clip.clone());
    pair.answerer.voice = Voice::ReadyMade(clip);
    pair.run(3 * SECOND);
    for side in [&pair.offerer, &pair.answerer] {
        assert!(purity(side.heard_last(SECOND), 600.0) > 0.98);
        assert_eq!(side.call.statistics().packets_lost, 0);
    }
    // Frames and packets follow each other.
    pair.offerer.voice = Voice::Tone(440.0);
    pair.run(2 * SECOND);
    assert!(purity(pair.answerer.heard_last(SECOND), 440.0) > 0.98);
    pair.offerer.call.set_muted(pair.now, true);
    pair.offerer.voice = Voice::ReadyMade(prompt(600.0));
    pair.run(2 * SECOND);
    assert!(pair.answerer.heard_last(SECOND).iter().all(|sample| sample.abs() < 50));
}

#[test]
fn packets_are_handed_on_as_they_were_sent() {
    let now = an_instant();
    let mut undecoded = config(2);
    undecoded.decode = false;
    for weather in [
        Weather::CLEAR,
        Weather {
            loss: 0.1,
            ..Weather::CLEAR
        },
    ] {
        let (mut offerer, offer) = Call::offerer(config(1), seed(1, 1), now);
        let (answerer, answer) = Call::answerer(undecoded.clone(), &offer, seed(1, 2), now).expect("answered");
        offerer.accept_answer(now, &answer).expect("an answer that fits");
        let lossless = weather.loss == 0.0;
        let setting = Setting {
            weather,
            ..Setting::default()
        };
        let mut pair = Pair::of(offerer, answerer, now, setting);
        pair.run_until(15 * SECOND, |pair| {
            pair.offerer.call.is_connected() && pair.answerer.call.is_connected()
        });
        pair.run(SECOND);
        let clip = prompt(600.0);
        pair.offerer.restart();
        pair.offerer.voice = Voice::ReadyMade(clip.clone());
        pair.run(SECOND);
        while pair.answerer.call.receive_opus(pair.now).is_some() {}
        let mut received: Vec<(u64, Vec<u8>)> = Vec::new();
        for _ in 0..300 {
            pair.run(Duration::from_millis(20));
            while let Some(packet) = pair.answerer.call.receive_opus(pair.now) {
                assert_eq!(packet.codec, Codec::Opus);
                assert!(packet.arrived <= pair.now);
                received.push((packet.sequence, packet.payload.to_vec()));
            }
        }
        assert!(received.windows(2).all(|two| two[0].0 < two[1].0));
        let (first, _) = received[0];
        let place = |packet: &[u8]| clip.packets().position(|sent| sent == packet);
        for (sequence, packet) in &received {
            assert!(place(packet).is_some(), "packet {}", sequence - first);
        }
        let steps = received.last().map_or(0, |(last, _)| last - first + 1);
        assert_eq!(steps == received.len() as u64, lossless);
        assert_eq!(pair.answerer.call.statistics().packets_lost == 0, lossless);
        assert!(pair.answerer.heard.iter().all(|sample| *sample == 0));
    }
}

#[test]
fn what_cannot_be_sent_is_refused_and_takes_no_time() {
    let mut pair = Pair::new(Setting::default());
    pair.connect();
    let call = &mut pair.offerer.call;
    assert_eq!(call.send_opus(pair.now, &[]), Err(SendOpusError::NotOpus));
    // One frame of 10 ms (RFC 6716 section 3.1).
    assert_eq!(
        call.send_opus(pair.now, &[0, 1]),
        Err(SendOpusError::Length { samples: 480 })
    );
    assert_eq!(
        OpusClip::from_packets([&[0_u8, 1][..]])
            .map(|_| ())
            .unwrap_err()
            .to_string(),
        "packet 0 of the clip is no Opus packet of 20 ms"
    );

    let mut telephone = Pair::new(Setting {
        offer: |offer| offer.replace("opus/48000", "unheard/48000"),
        ..Setting::default()
    });
    telephone.connect();
    let clip = prompt(600.0);
    let first = clip.packet(0).expect("a packet");
    assert_eq!(
        telephone.offerer.call.send_opus(telephone.now, first),
        Err(SendOpusError::NotAgreed)
    );
    telephone.run(SECOND);
    assert!(purity(telephone.answerer.heard_last(SECOND / 2), 440.0) > 0.95);
}
