//! The gateway: the far end of every call. It proposes, offers, plays, listens and hangs up.

mod call;
mod change;
pub(crate) mod clock;
mod line;
mod media;
mod path;
mod reinvite;
mod requests;
mod session;
mod signalling;
mod sound;
mod table;
mod voices;
mod words;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jid::{FullJid, Jid};
use minidom::Element;
use offhook_audio::ogg_opus::OpusPackets;
use offhook_audio::{Recording, RecordingError, SourceError};
use offhook_jingle::{ConversationId, Dialect, Reason, SessionId};
use offhook_media::Change;
use thiserror::Error;
use tokio::sync::{mpsc, watch};

pub(crate) use line::Lines;
use line::{NextCall, Way};
pub use path::MediaPath;
pub use reinvite::Reinvite;
pub(crate) use table::Calls;
pub(crate) use voices::{Overheard, Party, Voice, mix};

use crate::call_state::{CallHandle, CallState, KeptAudio};
use crate::config::{CallFaults, GATEWAY, User};
use crate::conversation::{self, Destination, Part, Participation, Purpose, Room};
use crate::gauge::Kind;
use crate::inner::Inner;
use crate::play::Play;
use crate::stanza::{self, is_request};

/// How many stanzas and commands may wait for one call.
const WAITING: usize = 256;

/// A call to be placed to a user. What is `None` is as [`GatewayConfig`](crate::GatewayConfig) says.
#[derive(Debug, Clone, Default)]
pub struct CallRequest {
    /// The id of the user to call; `None` is the first one.
    pub user: Option<String>,
    /// Its conversation; `None` draws a new one.
    pub conversation: Option<ConversationId>,
    /// `inin-autoanswer`: the client shall accept without asking.
    pub auto_answer: bool,
    /// How the session speaks.
    pub dialect: Option<Dialect>,
    /// What the gateway plays.
    pub play: Option<Play>,
    /// Opus packets of 20 ms that the client hears over and over, as they are. Then nothing is encoded or decoded: the
    /// gateway plays nothing else, hears silence, and counts the client's packets
    /// ([`CallHandle::statistics`]). So hundreds of calls fit on one machine.
    pub ready_made: Option<Arc<OpusPackets>>,
    /// The WAV file of the recording: left what the gateway played, right what it heard. It must
    /// not exist.
    pub record: Option<PathBuf>,
    /// The gateway hangs up this long after media connected; `None` leaves it to others.
    pub duration: Option<Duration>,
    /// The user has placed it; otherwise it comes in.
    pub outbound: bool,
    /// How long it rings.
    pub ring: Option<Duration>,
    /// What goes wrong.
    pub faults: Option<CallFaults>,
}

/// Why a call could not be placed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The cloud has no such user.
    #[error("there is no user {user}")]
    UnknownUser {
        /// The id that was asked for.
        user: String,
    },
    /// None of the user's clients is connected.
    #[error("no client of {user} is connected")]
    NotConnected {
        /// The user's id.
        user: String,
    },
    /// All lines of the user's station have calls, and lines are enforced.
    #[error("all lines of {user} are taken")]
    Busy {
        /// The user's id.
        user: String,
    },
    /// The cloud has no such queue.
    #[error("there is no queue {queue}")]
    UnknownQueue {
        /// The id that was asked for.
        queue: String,
    },
    /// What is to be played cannot be opened.
    #[error("the gateway has nothing to play: {0}")]
    Source(#[from] SourceError),
    /// The recording cannot be written.
    #[error("the gateway cannot record: {0}")]
    Recording(#[from] RecordingError),
    /// The cloud is stopping.
    #[error("the cloud is stopping")]
    Stopping,
}

/// What a call's task is told from outside.
#[derive(Debug)]
pub(crate) enum CallInput {
    /// A stanza of a client.
    Stanza { from: FullJid, stanza: Element },
    /// A wish of the owner of the call of this number.
    Command { call: u32, command: Command },
    /// A call, of this number, for the session, which has none.
    Next { number: u32, next: Box<NextCall> },
}

/// A wish of the call's owner.
#[derive(Debug)]
pub(crate) enum Command {
    HangUp(Reason),
    Retract,
    HandledElsewhere,
    SetMuted(bool),
    Participate(Participation),
    PickUp,
    SendDigits(String),
    Play(Play),
    /// Its client hears these.
    Hear(Vec<Voice>),
    Reinvite(Reinvite),
    Change(Change),
    RepeatCandidate,
    SetPath(MediaPath),
}

/// Calls a user for a party beyond the gateway, or the other way round: the proposal is on its way when this returns.
pub(crate) fn start(inner: &Arc<Inner>, request: CallRequest) -> Result<CallHandle, CallError> {
    callee(inner, &request)?;
    let source = match &request.play {
        Some(play) => play.open()?,
        None => inner.source.source(),
    };
    let party = Arc::new(Party::new(source));
    let room = open_room(inner, &request);
    let purpose = if request.outbound {
        Purpose::External
    } else {
        Purpose::Customer
    };
    let ids = [inner.draw_id(), inner.draw_id()];
    room.enter(Part::beyond(ids, purpose, "", Arc::clone(&party)));
    let (part, call) = place(inner, &room, request, Purpose::Agent, Some(party))?;
    leave_message_otherwise(inner, &room, &part, &call);
    inner.conversations.add(Arc::clone(&room));
    room.complete(inner);
    Ok(call)
}

/// Somebody beyond the gateway calls a queue.
pub(crate) fn call_queue(inner: &Arc<Inner>, queue: &str, request: CallRequest) -> Result<Arc<Room>, CallError> {
    inner.queue(queue)?;
    let source = match &request.play {
        Some(play) => play.open()?,
        None => inner.source.source(),
    };
    let party = Arc::new(Party::new(source));
    let room = open_room(inner, &request);
    let ids = [inner.draw_id(), inner.draw_id()];
    room.enter(Part::beyond(ids, Purpose::Customer, "", Arc::clone(&party)));
    inner.conversations.add(Arc::clone(&room));
    // Each of the calls has a recording of its own, if the gateway records at all.
    let request = CallRequest {
        record: None,
        ..request
    };
    conversation::enqueue(inner, &room, queue, request, Some(party))?;
    room.complete(inner);
    Ok(room)
}

/// A user calls a queue.
pub(crate) fn connect_queue(inner: &Arc<Inner>, caller: CallRequest, queue: &str) -> Result<CallHandle, CallError> {
    inner.queue(queue)?;
    let room = open_room(inner, &caller);
    let (_, call) = place(inner, &room, caller, Purpose::User, None)?;
    inner.conversations.add(Arc::clone(&room));
    conversation::enqueue(inner, &room, queue, CallRequest::default(), None)?;
    room.complete(inner);
    Ok(call)
}

/// Calls two users, who hear each other, in one conversation. When one hangs up, so does the gateway with the other.
pub(crate) fn connect(
    inner: &Arc<Inner>,
    caller: CallRequest,
    called: CallRequest,
) -> Result<(CallHandle, CallHandle), CallError> {
    callee(inner, &called)?;
    let room = open_room(inner, &caller);
    let (_, first) = place(inner, &room, caller, Purpose::User, None)?;
    let second = match place(inner, &room, called, Purpose::User, None) {
        Ok((part, second)) => {
            leave_message_otherwise(inner, &room, &part, &second);
            second
        }
        Err(error) => {
            first.hang_up(Reason::Gone);
            return Err(error);
        }
    };
    inner.conversations.add(Arc::clone(&room));
    room.complete(inner);
    Ok((first, second))
}

/// Whoever calls leaves a message if nobody answers, where the cloud is so.
fn leave_message_otherwise(inner: &Inner, room: &Room, part: &str, call: &CallHandle) {
    if inner.config.gateway.voicemail && !call.outbound {
        room.otherwise(part, Destination::Voicemail(call.user.clone()));
    }
}

fn open_room(inner: &Inner, request: &CallRequest) -> Arc<Room> {
    let id = request.conversation.clone();
    let id = id.unwrap_or_else(|| ConversationId::new(inner.draw_id()));
    Arc::new(Room::new(inner, id))
}

/// Who is called, and at which clients.
fn callee<'a>(inner: &'a Inner, request: &CallRequest) -> Result<(&'a User, Vec<FullJid>), CallError> {
    if *inner.stopping.borrow() {
        return Err(CallError::Stopping);
    }
    let user = match &request.user {
        None => inner.default_user(),
        Some(id) => inner
            .user(id)
            .ok_or_else(|| CallError::UnknownUser { user: id.clone() })?,
    };
    let clients = inner.hub.connected(&user.id);
    if clients.is_empty() {
        return Err(CallError::NotConnected { user: user.id.clone() });
    }
    let lines = inner.stations.of_user(&user.id).map(|station| station.lines);
    let are_taken = |lines| inner.calls.of_user(&user.id) >= lines;
    if inner.config.gateway.enforce_lines && lines.is_some_and(are_taken) {
        return Err(CallError::Busy { user: user.id.clone() });
    }
    Ok((user, clients))
}

/// Calls a user into a conversation; the id of the part in it, and the call. `party` is who speaks by
/// [`CallHandle::play`].
pub(crate) fn place(
    inner: &Arc<Inner>,
    room: &Arc<Room>,
    request: CallRequest,
    purpose: Purpose,
    party: Option<Arc<Party>>,
) -> Result<(String, CallHandle), CallError> {
    let (user, clients) = callee(inner, &request)?;
    let settings = &inner.config.gateway;
    let conversation = room.id();
    let file = request.record.clone().or_else(|| {
        let folder = settings.record.as_ref()?;
        Some(folder.join(file_name(&conversation, room.calls())))
    });
    let recording = file.map(Recording::create).transpose()?;
    let faults = request.faults.clone().unwrap_or_else(|| settings.faults.clone());
    let audio = Arc::new(Mutex::new(KeptAudio::new(settings.keep_audio)));
    let (state, watched) = watch::channel(CallState::Ringing);
    let next = NextCall {
        conversation: conversation.clone(),
        sound: sound::Sound::new(
            faults.muted,
            Arc::clone(&audio),
            recording,
            party,
            request.ready_made.clone(),
        ),
        state,
        ring: request.ring.unwrap_or(settings.ring),
        duration: request.duration,
        undelivered: Arc::default(),
        replaced: watch::Sender::new(0),
    };
    let (undelivered, replaced) = (Arc::clone(&next.undelivered), next.replaced.clone());
    let way = match inner.lines.ring(inner, user, Box::new(next)) {
        Ok(way) => way,
        Err(next) => propose(inner, user, clients, &request, faults, *next),
    };
    let handle = CallHandle {
        session: way.session,
        conversation,
        user: user.id.clone(),
        state: watched,
        input: way.sender,
        audio,
        undelivered,
        replaced,
        participation: watch::Sender::default(),
        outbound: request.outbound,
        number: way.number,
        automatic: way.call.is_none() && (request.outbound || request.auto_answer),
    };
    inner.calls.add(way.gateway, handle.clone());
    inner.floor.called(&user.id);
    let ids = [inner.draw_id(), inner.draw_id()];
    let part = ids[0].clone();
    room.enter(Part::of_client(ids, purpose, &user.name, handle.clone()));
    let task = inner.gauge.count(Kind::Task);
    let follow = conversation::follow(Arc::clone(inner), Arc::clone(room), handle.clone(), task);
    tokio::spawn(follow);
    if let Some(call) = way.call {
        let task = inner.gauge.count(Kind::Task);
        tokio::spawn(async move {
            call.run(task).await;
        });
    }
    Ok((part, handle))
}

/// A call of a session of its own, which is still to be run.
fn propose(
    inner: &Arc<Inner>,
    user: &User,
    clients: Vec<FullJid>,
    request: &CallRequest,
    faults: CallFaults,
    next: NextCall,
) -> Way {
    let (peer, resource) = (inner.draw_id(), inner.draw_id());
    let gateway = FullJid::new(&format!("peer-{}@{GATEWAY}/{}", &peer[..8], &resource[..8]))
        .expect("hexadecimal digits make a valid address");
    let session = SessionId::new(inner.draw_id());
    let (sender, input) = mpsc::channel(WAITING);
    let signalling = signalling::Signalling {
        gateway: gateway.clone(),
        account: user.jid.clone(),
        dialect: request.dialect.unwrap_or(inner.config.gateway.dialect),
        session: session.clone(),
        former: Vec::new(),
        conversation: next.conversation,
        user: user.id.clone(),
        auto_answer: request.auto_answer,
    };
    let settings = call::Settings {
        clients,
        ring: next.ring,
        duration: next.duration,
        ready_made: request.ready_made.is_some(),
        faults,
        undelivered: next.undelivered,
        replaced: next.replaced,
    };
    let input = (sender.downgrade(), input);
    let call = call::Call::new(Arc::clone(inner), settings, signalling, next.sound, next.state, input);
    Way {
        gateway,
        session,
        number: 0,
        sender,
        call: Some(Box::new(call)),
    }
}

/// The recording's file name: of the id only what is safe in a name, and the number of the call if it is not the first
/// one of its conversation.
fn file_name(conversation: &ConversationId, before: usize) -> String {
    let safe: String = conversation
        .as_str()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    match before {
        0 => format!("{safe}.wav"),
        before => format!("{safe}-{}.wav", before + 1),
    }
}

/// Takes a stanza of a client to the call it is for.
pub(crate) fn deliver(inner: &Arc<Inner>, from: &FullJid, to: &Jid, stanza: Element) {
    let call = inner.calls.of_address(to).map(|call| call.input);
    let undelivered = match call.or_else(|| inner.lines.of_address(to)) {
        None => stanza,
        Some(call) => {
            match call.try_send(CallInput::Stanza {
                from: from.clone(),
                stanza,
            }) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Closed(input) | mpsc::error::TrySendError::Full(input)) => match input {
                    CallInput::Stanza { stanza, .. } => stanza,
                    CallInput::Command { .. } | CallInput::Next { .. } => return,
                },
            }
        }
    };
    answer_stray(inner, from, &undelivered);
}

/// Answers a request for a call that is no more: its end is confirmed, anything else is refused.
fn answer_stray(inner: &Arc<Inner>, to: &FullJid, stanza: &Element) {
    if !is_request(stanza) {
        return;
    }
    let answer = match words::Request::read(stanza) {
        Some(words::Request {
            asked: words::Asked::End(_),
            ..
        }) => stanza::result(stanza, None),
        Some(_) => stanza::no_such_session(stanza),
        None => stanza::error(stanza, "cancel", "service-unavailable"),
    };
    inner.hub.deliver(to, answer);
}
