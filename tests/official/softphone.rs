//! Who is called: a page with the platform's own client, or our agent in its place.

use offhook::{Destination, OutboundCall};
use offhook_audio::measure::level_dbov;
use serde_json::{Value, json};

use crate::{
    ours::{Ours, is_tone},
    page::{Kind, Page},
    place::{MICROPHONE, Place},
};

/// Nothing that is meant to be silence is louder.
const SILENT_DBOV: f32 = -55.0;

/// Whose client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// npm `genesys-cloud-streaming-client` in Chromium.
    Client,
    /// npm `genesys-cloud-webrtc-sdk` in Chromium.
    Sdk,
    /// The agent, as a program.
    Ours,
}

impl Who {
    /// What it is called in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Sdk => "SDK",
            Self::Ours => "agent",
        }
    }
}

/// Whether the page tells of something thrown about a session that it does not know.
fn is_of_unknown_session(error: &Value) -> bool {
    let what = error["what"].as_str();
    what.is_some_and(|what| what.contains("Failed to find session by id"))
}

/// One of them.
#[derive(Debug)]
pub enum Softphone {
    Page(Box<Page>),
    Ours(Box<Ours>),
}

impl Softphone {
    /// One that has not connected.
    pub fn new(place: &Place, who: Who) -> Self {
        match who {
            Who::Client => Self::Page(Box::new(Page::open(place, Kind::Client))),
            Who::Sdk => Self::Page(Box::new(Page::open(place, Kind::Sdk))),
            Who::Ours => Self::Ours(Box::new(Ours::new(MICROPHONE))),
        }
    }

    pub async fn connect(&mut self, place: &Place) {
        match self {
            Self::Page(page) => {
                page.does(&json!({ "do": "connect", "token": place.token() }));
                page.tells("connected", |_| true).await;
            }
            Self::Ours(ours) => ours.connect(&place.cloud, &place.token()).await,
        }
    }

    /// Tries to connect, and is refused for its token.
    pub async fn is_refused(&mut self, place: &Place, token: &str) {
        match self {
            Self::Page(page) => {
                page.does(&json!({ "do": "connect", "token": token }));
                page.tells("unconnected", |_| true).await;
            }
            Self::Ours(ours) => ours.is_refused(&place.cloud, token).await,
        }
    }

    /// Waits until it has lost its connection and gives up. The page's client has no event for that: it throws.
    pub async fn gives_up(&mut self) {
        match self {
            Self::Page(page) => {
                page.tells("disconnected", |_| true).await;
                page.tells("error", |told| !is_of_unknown_session(told)).await;
            }
            Self::Ours(ours) => ours.gives_up().await,
        }
    }

    /// Waits until it has lost a candidate that came before its offer: the SDK does, the others keep it.
    pub async fn loses_candidate(&mut self) {
        match self {
            Self::Page(page) => {
                page.tells("error", is_of_unknown_session).await;
            }
            Self::Ours(_) => panic!("ours keeps it"),
        }
    }

    /// Waits until it has taken an offer.
    pub async fn is_offered(&mut self, session: &str) {
        match self {
            Self::Page(page) => drop(page.tells_of("session", session).await),
            Self::Ours(_) => {}
        }
    }

    pub async fn is_connected_again(&mut self) {
        match self {
            Self::Page(page) => drop(page.tells("connected", |_| true).await),
            Self::Ours(ours) => ours.is_connected_again().await,
        }
    }

    pub async fn is_disconnected(&mut self) {
        match self {
            Self::Page(page) => drop(page.tells("disconnected", |told| told["reconnecting"] == true).await),
            Self::Ours(ours) => ours.is_disconnected().await,
        }
    }

    pub async fn is_proposed(&mut self, session: &str) {
        match self {
            Self::Page(page) => drop(page.tells_of("proposed", session).await),
            Self::Ours(ours) => drop(ours.is_proposed(session).await),
        }
    }

    /// Waits until it rings again. Ours tells of a call once.
    pub async fn is_proposed_again(&mut self, session: &str) {
        match self {
            Self::Page(page) => drop(page.tells_of("proposed", session).await),
            Self::Ours(_) => {}
        }
    }

    pub async fn is_cancelled(&mut self, session: &str) {
        match self {
            Self::Page(page) => drop(page.tells_of("cancelled", session).await),
            Self::Ours(ours) => ours.is_cancelled(session).await,
        }
    }

    pub async fn is_handled(&mut self, session: &str) {
        match self {
            Self::Page(page) => drop(page.tells_of("handled", session).await),
            Self::Ours(ours) => ours.is_handled(session).await,
        }
    }

    /// Waits until a call and its media are connected.
    pub async fn is_up(&mut self, session: &str, conversation: &str) {
        match self {
            Self::Page(page) => {
                let up = |told: &Value| told["session"] == session && told["state"] == "connected";
                page.tells("state", up).await;
            }
            Self::Ours(ours) => ours.is_up(conversation).await,
        }
    }

    /// Waits until the media of a session were replaced. In ours that changes nothing that would be told.
    pub async fn is_reinvited(&mut self, session: &str, conversation: &str) {
        match self {
            Self::Page(page) => {
                let again = |told: &Value| told["session"] == session && told["reinvite"] == true;
                page.tells("session", again).await;
                self.is_up(session, conversation).await;
            }
            Self::Ours(_) => {}
        }
    }

    /// Waits until a session has ended; the reason.
    pub async fn has_ended(&mut self, session: &str) -> String {
        match self {
            Self::Page(page) => {
                let told = page.tells_of("terminated", session).await;
                told["reason"].as_str().unwrap_or("no reason").to_owned()
            }
            Self::Ours(ours) => ours.has_ended(session).await,
        }
    }

    /// Waits until a call has ended whose session stays; the SDK tells that as it tells the end of a session.
    pub async fn is_over(&mut self, session: &str, conversation: &str) {
        match self {
            Self::Page(_) => drop(self.has_ended(session).await),
            Self::Ours(ours) => ours.is_over(conversation).await,
        }
    }

    pub async fn accepts(&mut self, session: &str) {
        match self {
            Self::Page(page) => page.does(&json!({ "do": "proceed", "session": session })),
            Self::Ours(ours) => ours.accept(session).await,
        }
    }

    /// Accepts what asks to be accepted; ours does so by itself, and tells nothing of what it placed on a session that stays.
    pub async fn accepts_automatic(&mut self, session: &str) {
        match self {
            Self::Page(page) => {
                let told = page.tells_of("proposed", session).await;
                assert_eq!(told["automatic"], true);
                page.does(&json!({ "do": "proceed", "session": session }));
            }
            Self::Ours(_) => {}
        }
    }

    pub async fn rejects(&mut self, session: &str) {
        match self {
            Self::Page(page) => page.does(&json!({ "do": "reject", "session": session })),
            Self::Ours(ours) => ours.reject(session).await,
        }
    }

    pub async fn ends(&mut self, session: &str, conversation: &str) {
        match self {
            Self::Page(page) => page.does(&json!({ "do": "end", "session": session })),
            Self::Ours(ours) => ours.end(conversation).await,
        }
    }

    pub async fn mutes(&mut self, session: &str, muted: bool) {
        match self {
            Self::Page(page) => {
                let word = if muted { "mute" } else { "unmute" };
                page.does(&json!({ "do": word, "session": session }));
            }
            Self::Ours(ours) => ours.mute(session, muted).await,
        }
    }

    /// Has the platform hold a session's call, or take it back. The streaming client has no words for that.
    pub async fn holds(&mut self, session: &str, conversation: &str, held: bool) {
        let word = if held { "hold" } else { "unhold" };
        match self {
            Self::Page(page) => page.does(&json!({ "do": word, "session": session })),
            Self::Ours(ours) => ours.hold(conversation, held).await,
        }
    }

    pub async fn presses(&mut self, session: &str, digits: &str) {
        match self {
            Self::Page(page) => page.does(&json!({ "do": "press", "session": session, "digits": digits })),
            Self::Ours(ours) => ours.press(session, digits).await,
        }
    }

    /// Has the platform call somebody; the conversation.
    pub async fn dials(&mut self, whom: Destination) -> String {
        match self {
            Self::Page(page) => {
                let body = serde_json::to_value(OutboundCall::to(whom)).expect("JSON");
                let path = "conversations/calls";
                page.does(&json!({ "do": "request", "method": "post", "path": path, "data": body }));
                let told = page.tells("replied", |told| told["path"] == path).await;
                told["data"]["id"].as_str().expect("an id").to_owned()
            }
            Self::Ours(ours) => ours.dial(whom).await,
        }
    }

    /// Waits until it hears this tone, from now on.
    pub async fn hears(&mut self, session: &str, conversation: &str, hertz: u32) {
        match self {
            Self::Page(page) => page.hears(session, hertz).await,
            Self::Ours(ours) => ours.hears(conversation, is_tone(hertz)).await,
        }
    }

    /// Waits until it hears nothing, from now on.
    pub async fn hears_nothing(&mut self, session: &str, conversation: &str) {
        match self {
            Self::Page(page) => page.hears_nothing(session).await,
            Self::Ours(ours) => ours.hears(conversation, |heard| level_dbov(heard) < SILENT_DBOV).await,
        }
    }
}
