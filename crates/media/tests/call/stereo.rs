//! A far end that would like to send stereo (RFC 7587 sections 6.1 and 7): it is told that mono is preferred, and heard all the same.

use std::time::Duration;

use offhook_media::{FRAME_SAMPLES, OpusClip, SAMPLE_RATE};
use opusic_c::{Application, Channels, Encoder, SampleRate};

use crate::listen::{level, purity};
use crate::network::Weather;
use crate::pair::{Pair, Setting, Voice};

const SECOND: Duration = Duration::from_secs(1);
/// The largest packet of 20 ms (RFC 6716 section 3.4).
const LARGEST: usize = 1275;

/// Two seconds of a tone on each side, -9 dBov each; none where the frequency is 0.
fn stereo(left: f64, right: f64) -> OpusClip {
    let sine = |at: usize, hertz: f64| {
        let phase = at as f64 * hertz / f64::from(SAMPLE_RATE) * std::f64::consts::TAU;
        (phase.sin() * 16_400.0) as i16
    };
    let mut encoder =
        Encoder::new(Channels::Stereo, SampleRate::Hz48000, Application::Audio).expect("memory for an encoder");
    let packets: Vec<Vec<u8>> = (0..100)
        .map(|frame| {
            let samples: Vec<u16> = (frame * FRAME_SAMPLES..(frame + 1) * FRAME_SAMPLES)
                .flat_map(|at| [sine(at, left).cast_unsigned(), sine(at, right).cast_unsigned()])
                .collect();
            let mut packet = vec![0; LARGEST];
            let length = encoder
                .encode_to_slice(&samples, &mut packet)
                .expect("a frame of 20 ms");
            packet.truncate(length);
            packet
        })
        .collect();
    // The third bit of the first byte (RFC 6716 section 3.1).
    assert!(packets.iter().all(|packet| packet[0] & 4 != 0), "they are stereo");
    OpusClip::from_packets(packets.iter().map(Vec::as_slice)).expect("packets of 20 ms")
}

fn offered(offer: String) -> String {
    offer.replace("useinbandfec=1", "useinbandfec=1;stereo=1;sprop-stereo=1")
}

#[test]
fn both_sides_of_a_stereo_stream_are_heard_in_the_middle() {
    for weather in [
        Weather::CLEAR,
        Weather {
            loss: 0.05,
            ..Weather::CLEAR
        },
    ] {
        let lossless = weather.loss == 0.0;
        for (left, right, expected) in [(600.0, 0.0, -15.0), (0.0, 600.0, -15.0), (600.0, 600.0, -9.0)] {
            let mut pair = Pair::new(Setting {
                offer: offered,
                weather,
                ..Setting::default()
            });
            pair.connect();
            pair.offerer.voice = Voice::ReadyMade(stereo(left, right));
            pair.run(2 * SECOND);
            let heard = pair.answerer.heard_last(SECOND);
            let (pure, loud) = (purity(heard, 600.0), level(heard));
            assert!(pure > if lossless { 0.98 } else { 0.75 }, "{left} {right}: {pure}");
            assert!((loud - expected).abs() < 1.5, "{left} {right}: {loud} dBov");
        }
    }
}

#[test]
fn stereo_is_answered_by_a_wish_for_mono() {
    let mut pair = Pair::new(Setting {
        offer: offered,
        answer: |answer| {
            assert!(answer.contains("opus/48000/2\r\n"), "{answer}");
            assert!(!answer.contains("stereo"), "{answer}");
            answer
        },
        ..Setting::default()
    });
    pair.connect();
}
