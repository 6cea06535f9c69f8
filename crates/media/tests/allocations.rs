//! The jitter buffer allocates nothing once it is warm, whatever the network does.

use std::time::{Duration, Instant};

use offhook_media::jitter::{Delays, JitterBuffer, PULL, Packet};
use offhook_media::{Codec, FRAME_SAMPLES};
use opusic_c::{Application, Channels, Encoder, InbandFec, SampleRate};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Some instant to begin at: std gives none but the present one.
#[allow(clippy::disallowed_methods)]
fn an_instant() -> Instant {
    Instant::now()
}

/// Packets of a buzz that comes and goes.
fn packets(count: usize) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Audio).expect("an encoder");
    encoder.set_inband_fec(InbandFec::Mode1).expect("FEC");
    encoder.set_packet_loss(10).expect("a share");
    let sample = |at: usize| {
        let seconds = at as f64 / 48_000.0;
        let loudness = (seconds * 8.0).sin().max(0.0);
        (12_000.0 * loudness * ((seconds * 130.0).fract() - 0.5)) as i16
    };
    let mut packet = |number: usize| {
        let frame: Vec<u16> = (0..FRAME_SAMPLES)
            .map(|index| sample(number * FRAME_SAMPLES + index).cast_unsigned())
            .collect();
        let mut packet = vec![0; 1_275];
        let length = encoder.encode_to_slice(&frame, &mut packet).expect("a packet");
        packet.truncate(length);
        packet
    };
    (0..count).map(&mut packet).collect()
}

#[test]
fn no_packet_and_no_frame_allocates() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let packets = packets(3_000);
    let start = an_instant();
    let mut buffer = JitterBuffer::new(Codec::Opus, Delays::default(), start).expect("a decoder");
    // A tenth is lost, a tenth is late, and every four seconds nothing comes for 200 ms, and then all at once.
    let arrival = |number: usize| match (number * 7_919 % 10, number % 200) {
        (3, _) => None,
        (_, stalled @ 190..) => Some(20 * (number + 200 - stalled)),
        (7, _) => Some(20 * number + 40),
        _ => Some(20 * number),
    };
    let mut arrivals: Vec<(usize, usize)> = (0..packets.len())
        .filter_map(|number| Some((arrival(number)?, number)))
        .collect();
    arrivals.sort_unstable();
    let (mut arriving, mut before) = (arrivals.into_iter().peekable(), None);
    for at in (0..20 * packets.len()).step_by(10) {
        let now = start + Duration::from_millis(at as u64);
        while let Some((_, number)) = arriving.next_if(|(arrival, _)| *arrival <= at) {
            let packet = Packet {
                codec: Codec::Opus,
                sequence: number as u16,
                timestamp: (number * FRAME_SAMPLES) as u32,
                payload: &packets[number],
            };
            buffer.insert(now, &packet);
        }
        buffer.pull(now, &mut [0; PULL]);
        if at == 10_000 {
            before = Some((dhat::HeapStats::get().total_blocks, buffer.counters()));
        }
    }

    let (blocks, warm) = before.expect("a minute is longer than ten seconds");
    assert_eq!(dhat::HeapStats::get().total_blocks, blocks);
    // It had something to do.
    let counters = buffer.counters();
    assert!(counters.recovered > warm.recovered && counters.concealed_samples > warm.concealed_samples);
    assert!(
        counters.shortened_samples + counters.lengthened_samples > 0,
        "{counters:?}"
    );
}
