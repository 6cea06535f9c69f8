//! A bridge between calls and a voice bot in any language: a WebSocket server that gives it both directions of each call.
//!
//! ```text
//! OFFHOOK_TOKEN=... cargo run -p offhook --example voice_bridge -- 127.0.0.1:9000 mypurecloud.de
//! python3 crates/offhook/examples/voice_bot.py ws://127.0.0.1:9000
//! ```
//!
//! A bot connects to `/`, and is told of calls in JSON: `{"event": "started", "session": ID}`, also of those that run already, and
//! `{"event": "ended", "session": ID, "reason": R}`. For each it connects to `/ID`. There, **binary messages** are audio, PCM of 16 bit,
//! little endian, mono, 48 kHz: from the bridge 20 ms of the far end each, from the bot as much as it likes, which is played at the call's
//! pace. More than 30 s that wait make the bot wait. **Text messages** are JSON: from the bot `{"command": "clear"}` (what waits is not
//! played: the far end has interrupted), `{"command": "digits", "digits": "1#"}` and `{"command": "end"}`; from the bridge
//! `{"event": "digit", "digit": "1"}`, `{"event": "error", "message": M}`, and at the end of the call
//! `{"event": "ended", "droppedFrames": N}`, with how many frames the bot was too slow for.
//!
//! Whoever can connect has all calls: the bridge belongs on loopback, or behind something that asks for a password.

use std::{collections::VecDeque, env, error::Error, future::pending};

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use offhook::{AnswerPolicy, Client, Endpoints, Event, Reason, SessionId};
use offhook_audio::{
    FRAME_SAMPLES, Frame, SILENT_FRAME, Silence,
    channel::{self, FrameSender},
    sink::Discard,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        self, Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

/// Frames of the far end that wait for a slow bot: 1 s.
const HEARD: usize = 50;
/// Frames of the bot that the call has at hand: 100 ms.
const SPOKEN: usize = 5;
/// Bytes of a frame.
const FRAME_BYTES: usize = 2 * FRAME_SAMPLES;
/// Bytes of the bot that wait: 30 s.
const MOST_WAITING: usize = 30 * 50 * FRAME_BYTES;

type Socket = WebSocketStream<TcpStream>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (listen, cloud) = match &arguments[..] {
        [listen, region] => (listen, Endpoints::region(region)?),
        [listen, api, streaming] => (listen, Endpoints::new(api, streaming, None, false)?),
        _ => return Err("give the address to listen on, and a region, or the API's URL and that of streaming".into()),
    };
    let client = Client::builder(cloud, env::var("OFFHOOK_TOKEN")?)
        .answer(AnswerPolicy {
            always: true,
            ..AnswerPolicy::default()
        })
        .build()?;
    let listener = TcpListener::bind(listen).await?;
    client.connect().await?;
    println!("bots connect to ws://{}", listener.local_addr()?);
    serve(client, listener).await?;
    Ok(())
}

/// Serves bots until the listener fails.
pub async fn serve(client: Client, listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // Audio in time counts for more than few packets.
        stream.set_nodelay(true)?;
        let client = client.clone();
        tokio::spawn(async move {
            if let Err(error) = bot(&client, stream).await {
                eprintln!("a bot is gone: {error}");
            }
        });
    }
}

/// One connection of a bot; its path says what for.
async fn bot(client: &Client, stream: TcpStream) -> Result<(), tungstenite::Error> {
    let mut path = String::new();
    #[allow(clippy::result_large_err, reason = "the library has it so")]
    let note_path = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        path = request.uri().path().trim_start_matches('/').to_owned();
        Ok(response)
    };
    let socket = accept_hdr_async(stream, note_path).await?;
    match path.as_str() {
        "" => tell_of_calls(client, socket).await,
        session => carry(client, &SessionId::new(session), socket).await,
    }
}

/// Tells of calls until the bot goes.
async fn tell_of_calls(client: &Client, socket: Socket) -> Result<(), tungstenite::Error> {
    let (mut tell, mut hear) = socket.split();
    // Before the sessions are asked for, to miss none; one that begins between the two is told once.
    let mut events = client.events();
    let mut told = Vec::new();
    for (session, _) in client.sessions().await {
        tell.send(text(&json!({"event": "started", "session": session})))
            .await?;
        told.push(session);
    }
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            message = hear.next() => match message {
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return Ok(()),
            },
        };
        let news = match event {
            Some(Event::SessionStarted { session, .. } | Event::SessionReplaced { session, .. })
                if !told.contains(&session) =>
            {
                json!({"event": "started", "session": session})
            }
            Some(Event::SessionEnded { session, reason, .. }) => {
                told.retain(|told| *told != session);
                json!({"event": "ended", "session": session, "reason": reason.as_str()})
            }
            Some(_) => continue,
            None => return tell.close().await,
        };
        tell.send(text(&news)).await?;
    }
}

/// Carries both directions of a call until it is over or the bot goes; then the call goes on in silence, for another bot.
async fn carry(client: &Client, session: &SessionId, socket: Socket) -> Result<(), tungstenite::Error> {
    let (mut tell, hear) = socket.split();
    let (sink, mut heard) = channel::sink(HEARD);
    let mut events = client.events();
    let mut speech = match Speech::new(client, session).await {
        Ok(speech) => speech,
        Err(error) => {
            tell.send(complaint(&error)).await?;
            return tell.close().await;
        }
    };
    if let Err(error) = client.set_sink(session, sink).await {
        tell.send(complaint(&error)).await?;
        return tell.close().await;
    }
    let mut bot = Bot { tell, hear };
    loop {
        tokio::select! {
            frame = heard.next() => match frame {
                Some(frame) => bot.tell.send(Message::binary(bytes(&frame))).await?,
                // The call has let go of the sink: it is over, or another bot has it.
                None => break,
            },
            message = bot.hear.next(), if speech.waiting.len() < MOST_WAITING => match message {
                Some(Ok(Message::Binary(audio))) => speech.waiting.extend(audio),
                Some(Ok(Message::Text(command))) => bot.command(&command, client, session, &mut speech).await?,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    // Of a call that has ended meanwhile nothing is left to silence.
                    drop(client.set_source(session, Silence).await);
                    drop(client.set_sink(session, Discard).await);
                    return Ok(());
                }
            },
            () = speech.speak() => {}
            event = events.next() => if let Some(Event::Digit { session: of, digit, .. }) = event && of == *session {
                bot.tell.send(text(&json!({"event": "digit", "digit": digit.as_char()}))).await?;
            },
        }
    }
    let ended = json!({"event": "ended", "droppedFrames": heard.dropped()});
    bot.tell.send(text(&ended)).await?;
    bot.tell.close().await
}

/// The two directions of a bot's connection.
struct Bot {
    tell: SplitSink<Socket, Message>,
    hear: SplitStream<Socket>,
}

impl Bot {
    async fn command(
        &mut self,
        command: &str,
        client: &Client,
        session: &SessionId,
        speech: &mut Speech,
    ) -> Result<(), tungstenite::Error> {
        let command: Value = serde_json::from_str(command).unwrap_or_default();
        let done: Result<(), Box<dyn Error + Send + Sync>> = match command["command"].as_str() {
            Some("clear") => match Speech::new(client, session).await {
                Ok(silent) => {
                    *speech = silent;
                    Ok(())
                }
                Err(error) => Err(error.into()),
            },
            Some("digits") => {
                let digits = command["digits"].as_str().unwrap_or_default();
                client.send_digits(session, digits).await.map_err(Into::into)
            }
            Some("end") => client.end(session, Reason::Success).await.map_err(Into::into),
            _ => Err("a command is `clear`, `digits` or `end`".into()),
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) => self.tell.send(complaint(&*error)).await,
        }
    }
}

/// What the bot says, on its way into the call.
struct Speech {
    call: FrameSender,
    /// Bytes that the call has not asked for yet.
    waiting: VecDeque<u8>,
}

impl Speech {
    /// Nothing, in place of what the call plays now.
    async fn new(client: &Client, session: &SessionId) -> Result<Self, offhook::SoundFailure> {
        let (call, source) = channel::source(SPOKEN);
        client.set_source(session, source).await?;
        Ok(Self {
            call,
            waiting: VecDeque::new(),
        })
    }

    /// Sends the next frame as soon as the call has room for it; never comes back while there is none.
    async fn speak(&mut self) {
        let Some(frame) = self.next() else {
            return pending().await;
        };
        match self.call.send(&frame).await {
            Ok(()) => drop(self.waiting.drain(..FRAME_BYTES)),
            // The call is over, as the sink will say.
            Err(_) => pending().await,
        }
    }

    fn next(&self) -> Option<Frame> {
        if self.waiting.len() < FRAME_BYTES {
            return None;
        }
        let mut bytes = self.waiting.iter().copied();
        let mut frame = SILENT_FRAME;
        for sample in &mut frame {
            *sample = i16::from_le_bytes([bytes.next()?, bytes.next()?]);
        }
        Some(frame)
    }
}

fn bytes(frame: &Frame) -> Vec<u8> {
    frame.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn text(value: &Value) -> Message {
    Message::text(value.to_string())
}

fn complaint(error: &(impl std::fmt::Display + ?Sized)) -> Message {
    text(&json!({"event": "error", "message": error.to_string()}))
}
