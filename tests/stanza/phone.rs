//! Our side, as a test sees it.

use std::time::Instant;

use offhook_audio::measure;
use offhook_jingle::{
    Session, SessionEvent, SessionId,
    session::{CommandError, EndedBy, OfferKind},
    stanza::Farewell,
};
use offhook_tests::{
    diary::{Diary, NotTold},
    prosody::{Client, LIMIT, Way, config},
};
use offhook_xmpp::Payload;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use crate::desk::Desk;

/// How far from its pitch a tone may be heard, in hertz.
const NEAR: f32 = 2.0;
/// A tone that arrives whole is played at -15 dBov; libwebrtc's gain control may take some of it.
const LOUD_ENOUGH_DBOV: f32 = -30.0;

/// What happens at the desk.
#[derive(Debug)]
pub enum Told {
    Session {
        session: SessionId,
        event: SessionEvent,
    },
    /// The media are connected.
    Connected,
    /// What 200 ms of a session hold: a tone, or none.
    Heard(Option<measure::Tone>),
    /// A request came, and is held back.
    HeldBack,
}

/// A phone at a desk of its own, which is a task. Dropped, it drops its socket.
pub struct Phone {
    jid: String,
    acts: mpsc::UnboundedSender<Act>,
    told: Diary<Told>,
    _task: JoinHandle<()>,
}

/// Something that is done at the desk.
pub type Act = Box<dyn FnOnce(&mut Desk, Instant) + Send>;

impl Phone {
    /// Logs in at Prosody, with an account that plays a tone in its calls.
    pub async fn connect(port: u16, account: &str, hertz: u32) -> Self {
        let mut config = config(account, "offhook");
        config.handled.push(Payload {
            name: "jingle",
            namespace: "urn:xmpp:jingle:1",
        });
        let (client, connected) = Client::connect(port, config).await;
        let (acts, acted) = mpsc::unbounded_channel();
        let (tell, told) = mpsc::unbounded_channel();
        let desk = Desk::new(client, connected.jid.clone(), hertz, tell);
        Self {
            jid: connected.jid.to_string(),
            acts,
            told: Diary::new(told, |told| {
                (!matches!(told, Told::Heard(_))).then(|| format!("{told:?}"))
            }),
            _task: tokio::spawn(desk.run(acted)),
        }
    }

    pub fn jid(&self) -> &str {
        &self.jid
    }

    pub async fn calls(&self, peer: &str) -> SessionId {
        let peer = peer.parse().expect("a JID");
        self.act(move |desk, now| desk.call(now, peer)).await
    }

    /// Accepts the call that is offered.
    pub async fn answers(&self, session: &SessionId) {
        let session = session.clone();
        self.act(move |desk, now| desk.answer(now, &session)).await;
    }

    pub async fn rings(&self, session: &SessionId) {
        self.does(session, Session::ring).await;
    }

    pub async fn holds(&self, session: &SessionId, held: bool) {
        self.does(session, move |session, now| session.set_held(now, held))
            .await;
    }

    pub async fn mutes(&self, session: &SessionId, muted: bool) {
        self.does(session, move |session, now| session.set_muted(now, muted))
            .await;
    }

    pub async fn ends(&self, session: &SessionId, farewell: impl Into<Farewell>) {
        let farewell = farewell.into();
        self.does(session, move |session, now| session.end_with(now, farewell))
            .await;
    }

    async fn does(
        &self,
        session: &SessionId,
        command: impl FnOnce(&mut Session, Instant) -> Result<(), CommandError> + Send + 'static,
    ) {
        let session = session.clone();
        self.act(move |desk, now| desk.command(now, &session, command)).await;
    }

    /// Leaves the media as they are.
    pub async fn declines(&self, session: &SessionId) {
        let session = session.clone();
        self.act(move |desk, now| desk.decline(now, &session)).await;
    }

    /// From now on requests of the peer are kept at the door.
    pub async fn holds_back(&self) {
        self.act(|desk, _| desk.hold_back()).await;
    }

    /// Lets in what was kept at the door.
    pub async fn lets_in(&self) {
        self.act(|desk, now| desk.let_in(now)).await;
    }

    /// How many sessions there are.
    pub async fn sessions(&self) -> usize {
        self.act(|desk, _| desk.sessions()).await
    }

    /// How many frames went this way that hold this text.
    pub async fn frames(&self, way: Way, text: &'static str) -> usize {
        self.act(move |desk, _| desk.client().frames(way, text)).await
    }

    async fn act<R: Send + 'static>(&self, act: impl FnOnce(&mut Desk, Instant) -> R + Send + 'static) -> R {
        let (give, given) = oneshot::channel();
        let act: Act = Box::new(move |desk, now| {
            // Whoever asked has panicked, or takes the answer.
            let _ = give.send(act(desk, now));
        });
        assert!(self.acts.send(act).is_ok(), "the desk is there");
        timeout(LIMIT, given)
            .await
            .expect("in time")
            .expect("the desk is there")
    }

    /// The session of the call that is offered next.
    pub async fn offered(&mut self) -> SessionId {
        let offered = |told: &Told| match told {
            Told::Session { session, event } => matches!(event, SessionEvent::Offer { .. }).then(|| session.clone()),
            _ => None,
        };
        self.tells("an offer", offered).await
    }

    /// The kind of the offer that comes next.
    pub async fn offered_a_change(&mut self) -> OfferKind {
        let kind = |told: &Told| match told {
            Told::Session {
                event: SessionEvent::Offer { kind, .. },
                ..
            } => Some(*kind),
            _ => None,
        };
        self.tells("an offer", kind).await
    }

    /// Waits for this event of the session.
    pub async fn hears_of(&mut self, session: &SessionId, expected: SessionEvent) {
        let is = |told: &Told| match told {
            Told::Session { session: of, event } => (of == session && *event == expected).then_some(()),
            _ => None,
        };
        self.tells(&format!("{expected:?}"), is).await;
    }

    /// How the session ends.
    pub async fn ended(&mut self, session: &SessionId) -> (EndedBy, Farewell) {
        let end = |told: &Told| match told {
            Told::Session {
                session: of,
                event: SessionEvent::Ended { reason, by, text },
            } if of == session => {
                let text = text.clone();
                Some((
                    *by,
                    Farewell {
                        text,
                        ..Farewell::new(*reason)
                    },
                ))
            }
            _ => None,
        };
        self.tells("the end", end).await
    }

    pub async fn is_held_back(&mut self) {
        self.tells("a request", |told| matches!(told, Told::HeldBack).then_some(()))
            .await;
    }

    /// Waits until it hears this tone, from now on.
    pub async fn hears(&mut self, hertz: u32) {
        self.told.forget(|told| matches!(told, Told::Heard(_)));
        // What was half heard by then.
        self.tells("sound", |told| matches!(told, Told::Heard(_)).then_some(()))
            .await;
        let right = |tone: &measure::Tone| (tone.hertz - hertz as f32).abs() <= NEAR && tone.dbov > LOUD_ENOUGH_DBOV;
        let is = |told: &Told| matches!(told, Told::Heard(Some(tone)) if right(tone)).then_some(());
        self.tells(&format!("{hertz} Hz"), is).await;
    }

    /// The first that is told and of which `is` makes something.
    async fn tells<T>(&mut self, what: &str, is: impl Fn(&Told) -> Option<T>) -> T {
        match self.told.next(is).await {
            Ok(found) => found,
            Err(NotTold) => panic!("{what} was not told:\n{}", self.told.report()),
        }
    }
}
