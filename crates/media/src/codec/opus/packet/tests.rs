use opusic_c::{Application, Bitrate, Channels, Encoder, InbandFec, SampleRate};
use proptest::prelude::*;

use super::*;

/// Packets of a second of something like a voice, by an encoder that expects this loss.
fn packets(fec: bool, deep: u8) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Audio).expect("an encoder");
    encoder.set_bitrate(Bitrate::Value(32_000)).expect("a bit rate");
    encoder.set_packet_loss(20).expect("an expected loss");
    encoder.set_dred_duration(deep).expect("a duration");
    let fec = if fec { InbandFec::Mode1 } else { InbandFec::Off };
    encoder.set_inband_fec(fec).expect("redundancy or none");
    let frame = |number: usize| -> Vec<u16> {
        let sample = |index: usize| {
            let at = (number * 960 + index) as f64 / 48_000.0;
            let voice: f64 = (1..20)
                .map(|partial| (at * 140.0 * f64::from(partial) * std::f64::consts::TAU).sin())
                .sum();
            // Syllables, four a second.
            (voice * 1_500.0 * (at * 4.0 * std::f64::consts::TAU).sin().abs()) as i16
        };
        (0..960).map(|index| sample(index).cast_unsigned()).collect()
    };
    let packet = |number| {
        let mut packet = vec![0; 1_275];
        let length = encoder.encode_to_slice(&frame(number), &mut packet).expect("a packet");
        packet.truncate(length);
        packet
    };
    (0..50).map(packet).collect()
}

fn most(packets: &[Vec<u8>]) -> Redundancy {
    let of = |wanted| packets.iter().filter(|packet| redundancy(packet) == wanted).count();
    [Redundancy::None, Redundancy::Previous, Redundancy::Deep]
        .into_iter()
        .max_by_key(|wanted| of(*wanted))
        .expect("one of three")
}

#[test]
fn packets_tell_what_they_know_of_those_before_them() {
    assert_eq!(most(&packets(false, 0)), Redundancy::None);
    assert_eq!(most(&packets(true, 0)), Redundancy::Previous);
    assert_eq!(most(&packets(false, 10)), Redundancy::Deep);
}

#[test]
fn another_version_of_the_experiment_is_no_redundancy() {
    let mut packets = packets(false, 10);
    for packet in &mut packets {
        let beginning = packet.windows(2).rposition(|two| two == DRED_BEGINNING);
        if let Some(at) = beginning {
            packet[at + 1] += 1;
        }
    }
    assert!(packets.iter().all(|packet| redundancy(packet) != Redundancy::Deep));
}

#[test]
fn extensions_of_other_kinds_are_passed_over() {
    let deep = [252, b'D', 12, 1, 2, 3];
    assert!(has_deep(&deep));
    let others: [&[u8]; 6] = [&[1, 1], &[2], &[3, 1], &[6], &[7, 9], &[81, 2, 5, 6]];
    for other in others {
        assert!(has_deep(&[other, &deep].concat()), "{other:?}");
    }
    assert!(has_deep(&[253, 5, b'D', 12, 1, 2, 3]));
    assert!(!has_deep(&[253, 6, b'D', 12, 1, 2, 3]), "shorter than it says");
    assert!(!has_deep(&[0, 252, b'D', 12]), "only padding follows");
}

proptest! {
    #[test]
    fn any_bytes_are_looked_at_without_harm(packet: Vec<u8>) {
        let _ = redundancy(&packet);
    }
}
