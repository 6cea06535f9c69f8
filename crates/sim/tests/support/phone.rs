//! The client's end of a call: answers, trickles, plays a tone and keeps what it hears.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook_audio::measure::{Tone, dominant_tone};
use offhook_audio::{Played, Source, SourceSpec};
use offhook_jingle::genesys::Method;
use offhook_jingle::{Reason, SessionId};
use offhook_media::{Call, CallConfig, Event, FRAME_SAMPLES, Identity, Input, Output, SocketId};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::{Client, LIMIT, soon};

/// A call as the client holds it.
pub struct Phone {
    pub session: SessionId,
    /// The gateway's address.
    pub peer: String,
    pub connected: bool,
    pub heard: Vec<i16>,
    /// The keys that were heard so far (RFC 4733).
    pub digits: String,
    /// Whether candidates are ignored.
    deaf: bool,
    call: Call,
    play: Box<dyn Source>,
    sockets: Vec<(SocketId, Arc<UdpSocket>, tokio::task::JoinHandle<()>)>,
    datagrams: (mpsc::Sender<Datagram>, mpsc::Receiver<Datagram>),
    deadline: Instant,
}

type Datagram = (SocketId, SocketAddr, Vec<u8>);

impl Phone {
    /// Proceeds with the proposal that comes next, and answers its offer.
    pub async fn answer(client: &mut Client, hertz: u32) -> Self {
        let (peer, propose) = client.initiation("propose").await;
        let session = propose.attr("id").expect("an id").to_owned();
        client.initiate(&peer, "proceed", &session).await;
        let offer = client.offer(&SessionId::new(session.as_str())).await;
        Self::take_offer(client, peer, &session, &offer, hertz).await
    }

    pub async fn take_offer(client: &mut Client, peer: String, session: &str, offer: &str, hertz: u32) -> Self {
        let identity = Identity::generate().expect("an identity");
        let mut config = CallConfig::new(identity, vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        // A machine that is busy must not change what is heard.
        config.playout_delay = Duration::from_millis(300);
        let now = Instant::now();
        let (call, answer) = Call::answerer(config, offer, [7; 32], now).expect("the offer can be answered");
        let session = SessionId::new(session);
        let bare = client.bare.clone();
        client.initiate(&bare, "accept", session.as_str()).await;
        client
            .session(
                &peer,
                Method::Answer {
                    session: session.clone(),
                    sdp: answer,
                },
            )
            .await;
        let mut phone = Self {
            session,
            peer,
            connected: false,
            heard: Vec::new(),
            digits: String::new(),
            deaf: false,
            call,
            play: SourceSpec::Tone { hertz }.open().expect("a tone opens"),
            sockets: Vec::new(),
            datagrams: mpsc::channel(256),
            deadline: now,
        };
        phone.pump(client).await;
        phone
    }

    /// Runs the call until `done`, sending and hearing a frame every 20 ms once it is connected.
    pub async fn run(&mut self, client: &mut Client, done: impl Fn(&Self) -> bool) {
        let mut frames = tokio::time::interval(Duration::from_millis(20));
        frames.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < LIMIT, "the call does not come to where it should be");
            tokio::select! {
                Some((socket, source, payload)) = self.datagrams.1.recv() => {
                    let input = Input::Datagram { socket, source, payload: &payload };
                    self.call.handle_input(Instant::now(), input);
                }
                text = client.next_text() => {
                    let element = super::parse(&text.expect("the stream stays open"));
                    if let Some(rpc) = element.get_child("genesys-webrtc", "genesys") {
                        self.hear_of(rpc);
                    }
                    client.skipped.push_back(element);
                }
                _ = frames.tick() => self.exchange(),
                () = tokio::time::sleep_until(self.deadline.into()) => {
                    self.call.handle_input(Instant::now(), Input::Timeout);
                }
            }
            self.pump(client).await;
        }
    }

    /// Runs the call for so long; candidates of other media that come meanwhile are not for it.
    pub async fn run_deaf(&mut self, client: &mut Client, long: Duration) {
        let start = Instant::now();
        self.deaf = true;
        self.run(client, |_| start.elapsed() >= long).await;
        self.deaf = false;
    }

    /// Takes the candidates that came while nobody looked.
    pub fn take_skipped(&mut self, client: &mut Client) {
        for element in &client.skipped {
            if let Some(rpc) = element.get_child("genesys-webrtc", "genesys") {
                self.hear_of(rpc);
            }
        }
    }

    fn hear_of(&mut self, rpc: &minidom::Element) {
        let rpc = offhook_jingle::genesys::Rpc::parse(rpc).expect("a readable request");
        if *rpc.session() != self.session || self.deaf {
            return;
        }
        if let Method::Candidate { candidate, .. } = rpc.method {
            self.call
                .add_remote_candidate(Instant::now(), &candidate)
                .expect("a candidate");
        }
    }

    fn exchange(&mut self) {
        if !self.connected {
            return;
        }
        let mut frame = [0; FRAME_SAMPLES];
        let now = Instant::now();
        assert_eq!(self.play.read(&mut frame), Played::Full);
        self.call.push_pcm(now, &frame);
        self.call.pull_pcm(now, &mut frame);
        self.heard.extend(frame);
    }

    async fn pump(&mut self, client: &mut Client) {
        loop {
            match self.call.poll_output() {
                Output::Open { socket, address } => self.open(socket, address).await,
                Output::Transmit {
                    socket,
                    destination,
                    payload,
                } => {
                    let (_, socket, _) = self.sockets.iter().find(|it| it.0 == socket).expect("an open socket");
                    let _ = socket.send_to(&payload, destination).await;
                }
                Output::Event(event) => self.handle_event(client, event).await,
                Output::Resolve { .. } | Output::Connect { .. } | Output::Close { .. } => {
                    panic!("there are no servers, and the interfaces stay")
                }
                Output::Timeout(at) => {
                    self.deadline = at;
                    return;
                }
            }
        }
    }

    async fn handle_event(&mut self, client: &mut Client, event: Event) {
        let session = self.session.clone();
        let method = match event {
            Event::LocalCandidate { mid, candidate } => Method::Candidate {
                session,
                mid: Some(mid),
                candidate,
            },
            Event::EndOfCandidates => Method::EndOfCandidates { session },
            Event::Connected => {
                self.connected = true;
                Method::Info {
                    session,
                    status: "active".into(),
                }
            }
            Event::Digit { digit, .. } => return self.digits.push(digit.as_char()),
            Event::Interrupted | Event::Recovered => return,
            Event::Failed(reason) => panic!("the client's media failed: {reason}"),
        };
        client.session(&self.peer, method).await;
    }

    async fn open(&mut self, id: SocketId, address: IpAddr) {
        let socket = Arc::new(UdpSocket::bind((address, 0)).await.expect("a socket"));
        let local = socket.local_addr().expect("a local address");
        let (reader, sender) = (Arc::clone(&socket), self.datagrams.0.clone());
        let task = tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, source)) = reader.recv_from(&mut buffer).await {
                if sender.send((id, source, buffer[..length].to_vec())).await.is_err() {
                    return;
                }
            }
        });
        self.sockets.push((id, socket, task));
        self.call.handle_input(
            Instant::now(),
            Input::Opened {
                socket: id,
                address: local,
            },
        );
    }

    /// The tone of the last second.
    pub fn tone(&self) -> Option<Tone> {
        dominant_tone(&self.heard[self.heard.len().saturating_sub(48_000)..])
    }

    /// Hangs up; returns when the gateway has confirmed it.
    pub async fn hang_up(self, client: &mut Client) {
        let terminate = Method::Terminate {
            session: self.session.clone(),
            reason: Reason::Success,
        };
        let id = client.session(&self.peer, terminate).await;
        let answer = soon("the end", client.until(|it| it.attr("id") == Some(&id))).await;
        assert_eq!(answer.attr("type"), Some("result"));
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        for (_, _, task) in &self.sockets {
            task.abort();
        }
    }
}
