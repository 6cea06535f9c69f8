//! The signalling of a call alone, by `offhook-jingle`: two accounts, and between them nothing but stanzas. No socket, no clock, no media.
//!
//! `cargo run -p offhook-tests --example embed_jingle`

use std::{error::Error, time::Instant};

use offhook_jingle::{
    Dialect, Endpoint, EndpointConfig, EndpointEvent, Jid, Reason, SessionEvent, SessionId, Ticket, Token,
    endpoint::{Input, Output, Unsolicited},
    session::Outcome,
};

/// What a media library would say of each side.
fn sdp(ufrag: &str, setup: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:password-of-{ufrag}-here\r\na=fingerprint:sha-256 AA:BB\r\na=setup:{setup}\r\n"
    )
}

/// What an endpoint says is given to the other one; what it tells its own program is returned.
fn pass(from: &mut Endpoint, jid: &Jid, to: &mut Endpoint, now: Instant) -> Vec<(SessionId, SessionEvent)> {
    let mut events = Vec::new();
    loop {
        let (output, from) = (from.poll_output(), jid.clone());
        let input = match output {
            Output::Request { token, payload, .. } => {
                println!("{jid}: {}", payload.attr("action").unwrap_or_default());
                let ticket = Ticket(token.0);
                Input::Request { ticket, from, payload }
            }
            // Nobody refuses anything here.
            Output::Reply { ticket, .. } => {
                let (token, outcome) = (Token(ticket.0), Outcome::Done);
                Input::Response { token, outcome }
            }
            Output::Message { payload, .. } | Output::Farewell { payload, .. } => Input::Message { from, payload },
            Output::Event(EndpointEvent::Session { session, event }) => {
                events.push((session, event));
                continue;
            }
            Output::Ignore { .. } | Output::Event(_) => continue,
            // Until then there is nothing to do.
            Output::Timeout(_) => return events,
        };
        to.handle_input(now, input);
    }
}

fn endpoint(jid: &str, seed: u8, now: Instant) -> Result<Endpoint, Box<dyn Error>> {
    let mut config = EndpointConfig::new(jid.parse()?);
    config.unsolicited = Unsolicited::Take;
    Ok(Endpoint::new(config, [seed; 32], now))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (now, names) = (Instant::now(), ["alice@example.org/desk", "bob@example.org/car"]);
    let (mut alice, mut bob) = (endpoint(names[0], 1, now)?, endpoint(names[1], 2, now)?);
    let [here, there]: [Jid; 2] = [names[0].parse()?, names[1].parse()?];
    let call = alice.call(now, there.clone(), Dialect::Jingle, &sdp("alice", "actpass"))?;
    loop {
        let mut events = pass(&mut alice, &here, &mut bob, now);
        events.extend(pass(&mut bob, &there, &mut alice, now));
        for (session, event) in events {
            if let SessionEvent::Offer { generation, .. } = event {
                bob.with_session(now, &session, |one, now| {
                    one.answer(now, generation, sdp("bob", "active"))
                })??;
            } else if let SessionEvent::Answer { .. } = event {
                println!("the call is answered");
                alice.with_session(now, &call, |one, now| one.end(now, Reason::Success))??;
            } else if let SessionEvent::Ended { reason, by, .. } = event {
                println!("the call ended: {reason}, {by:?}");
                return Ok(());
            }
        }
    }
}
