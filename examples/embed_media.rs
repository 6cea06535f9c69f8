//! The media of a call alone, by `offhook-media`: two ends on one clock that runs as fast as it can, and between them nothing but datagrams.
//!
//! `cargo run -p offhook-tests --example embed_media`

use std::{array, error::Error, f64::consts::TAU, net::SocketAddr, time::Duration, time::Instant};

use offhook_media::{Call, CallConfig, Event, FRAME_SAMPLES, Identity, Input, Output, SocketId};

/// One end, and the only socket that it asks for.
struct End(Call, SocketAddr);

const SOCKET: SocketId = SocketId(0);

/// What an end says: datagrams for the other one, who is told the candidates. Whether it said anything.
fn pass(from: &mut End, to: &mut End, now: Instant) -> Result<bool, Box<dyn Error>> {
    let mut said = false;
    loop {
        match from.0.poll_output() {
            Output::Open { socket, .. } => {
                let address = from.1;
                from.0.handle_input(now, Input::Opened { socket, address });
            }
            Output::Transmit { payload, .. } => {
                let (socket, source, payload) = (SOCKET, from.1, &payload[..]);
                let datagram = Input::Datagram {
                    socket,
                    source,
                    payload,
                };
                to.0.handle_input(now, datagram);
                said = true;
            }
            Output::Event(Event::LocalCandidate { candidate, .. }) => {
                to.0.add_remote_candidate(now, &candidate)?;
            }
            Output::Event(event) => println!("{}: {event:?}", from.1),
            // Of names, of servers, of addresses that are gone: there are none.
            Output::Resolve { .. } | Output::Connect { .. } | Output::Close { .. } => {}
            Output::Timeout(_) => return Ok(said),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let [here, there]: [SocketAddr; 2] = ["192.0.2.1:4000".parse()?, "192.0.2.2:4000".parse()?];
    let identity = Identity::generate()?;
    let config = |address: SocketAddr| CallConfig::new(identity.clone(), vec![address.ip()]);
    let (mut call, offer) = Call::offerer(config(here), [1; 32], start);
    let (other, answer) = Call::answerer(config(there), &offer, [2; 32], start)?;
    call.accept_answer(start, &answer)?;
    let (mut one, mut two) = (End(call, here), End(other, there));

    let mut heard = Vec::new();
    // Two seconds, in which one speaks and two listens.
    for frame in 0..100 {
        let now = start + Duration::from_millis(20) * frame;
        let turns = |at: usize| (frame as usize * FRAME_SAMPLES + at) as f64 * 440.0 / 48_000.0;
        let tone = array::from_fn(|at| (8_000.0 * (turns(at) * TAU).sin()) as i16);
        one.0.push_pcm(now, &tone);
        let mut played = [0; FRAME_SAMPLES];
        two.0.pull_pcm(now, &mut played);
        heard.extend(played);
        one.0.handle_input(now, Input::Timeout);
        two.0.handle_input(now, Input::Timeout);
        while pass(&mut one, &mut two, now)? | pass(&mut two, &mut one, now)? {}
    }
    let loudest = heard.iter().map(|sample| sample.unsigned_abs()).max();
    println!("two heard {} samples, the loudest of {loudest:?}", heard.len());
    if loudest < Some(4_000) {
        return Err("two heard nothing".into());
    }
    Ok(())
}
