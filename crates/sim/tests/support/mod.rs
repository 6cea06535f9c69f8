//! A scripted client: REST by hand, an XMPP stream over a WebSocket, and a WebRTC peer on real
//! sockets. Every wait ends after [`LIMIT`].

#![allow(dead_code, reason = "every test file uses its own part of it")]

pub mod desk;
pub mod http;
pub mod phone;
pub mod pubsub;

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use minidom::Element;
use offhook_jingle::SessionId;
use offhook_jingle::genesys::{Method, Rpc};
use offhook_sim::{CallEvent, Cloud, CloudConfig, User, What};
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// No wait of a test takes longer.
pub const LIMIT: Duration = Duration::from_secs(20);

pub const JINGLE_MESSAGE: &str = "urn:xmpp:jingle-message:0";

/// Waits, but not for ever.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {LIMIT:?}"),
    }
}

pub async fn cloud(config: CloudConfig) -> Cloud {
    Cloud::start(config).await.expect("the cloud starts")
}

/// The summaries of all frames so far, in order.
pub fn frames(cloud: &Cloud) -> Vec<String> {
    cloud
        .records()
        .into_iter()
        .filter_map(|record| match record.what {
            What::Frame { summary, .. } => Some(summary),
            _ => None,
        })
        .collect()
}

/// Waits for an event of any call.
pub async fn call_event(cloud: &Cloud, wanted: impl Fn(&CallEvent) -> bool) -> CallEvent {
    let mut records = cloud.subscribe();
    let is_wanted = |what: What| match what {
        What::Call { event, .. } => Some(event).filter(|event| wanted(event)),
        _ => None,
    };
    if let Some(event) = cloud.records().into_iter().find_map(|record| is_wanted(record.what)) {
        return event;
    }
    soon("the call event", async {
        loop {
            let record = records.recv().await.expect("the cloud lives");
            if let Some(event) = is_wanted(record.what) {
                return event;
            }
        }
    })
    .await
}

/// Makes a channel; its id.
pub async fn channel(cloud: &Cloud, token: &str) -> String {
    let path = "/api/v2/notifications/channels?connectionType=streaming";
    let (status, channel) = http::request(cloud, "POST", path, Some(token), None).await;
    assert_eq!(status, 200);
    channel["id"].as_str().expect("a channel id").to_owned()
}

/// How a WebSocket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketEnd {
    /// By a TCP reset.
    Reset,
    /// By the end of the TCP connection, without a closing handshake.
    Fin,
    /// By the closing handshake, with this code.
    Closed(Option<u16>),
}

/// One stream of one user.
pub struct Client {
    web_socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub jid: String,
    pub bare: String,
    /// Stanzas that were skipped by [`until`](Self::until).
    skipped: VecDeque<Element>,
    next_id: u32,
}

impl Client {
    /// A client that is connected in every sense.
    pub async fn connect(cloud: &Cloud, resource: &str) -> Self {
        Self::connect_as(cloud, &cloud.user().clone(), resource).await
    }

    pub async fn connect_as(cloud: &Cloud, user: &User, resource: &str) -> Self {
        let mut client = Self::open(cloud, user).await;
        client.negotiate(user, resource).await;
        let connected = cloud.connected(&user.id);
        assert!(connected.iter().any(|jid| jid.as_str() == client.jid), "{connected:?}");
        client
    }

    /// A client whose socket is open and that has said nothing.
    pub async fn open(cloud: &Cloud, user: &User) -> Self {
        let token = user.token.expose_secret();
        let (status, me) = http::request(cloud, "GET", "/api/v2/users/me", Some(token), None).await;
        assert_eq!(
            (status, me["chat"]["jabberId"].as_str()),
            (200, Some(user.jid.as_str()))
        );
        let channel = channel(cloud, token).await;
        Self::open_on(cloud, user, &channel).await.expect("opens")
    }

    /// A client whose socket is open on this channel and that has said nothing, or why not.
    pub async fn open_on(cloud: &Cloud, user: &User, channel: &str) -> Result<Self, WebSocketError> {
        let url = format!("{}/stream/channels/{channel}", cloud.streaming_url());
        let mut request = url.into_client_request().expect("a URL");
        let xmpp = "xmpp".parse().expect("a header value");
        request.headers_mut().insert("sec-websocket-protocol", xmpp);
        let (web_socket, _) = soon("the WebSocket", tokio_tungstenite::connect_async(request)).await?;
        Ok(Self {
            web_socket,
            jid: String::new(),
            bare: user.jid.to_string(),
            skipped: VecDeque::new(),
            next_id: 0,
        })
    }

    /// A client that is connected in every sense, on this channel.
    pub async fn connect_on(cloud: &Cloud, channel: &str, resource: &str) -> Self {
        let user = cloud.user().clone();
        let mut client = Self::open_on(cloud, &user, channel).await.expect("opens");
        client.negotiate(&user, resource).await;
        client
    }

    async fn negotiate(&mut self, user: &User, resource: &str) {
        self.sign_in(user).await;
        self.bind(user, resource).await;
    }

    /// From the first `<open/>` to the features after authentication, which are returned.
    pub async fn sign_in(&mut self, user: &User) -> Element {
        let domain = user.jid.domain().as_str().to_owned();
        let open = format!("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{domain}' version='1.0'/>");
        self.send(&open).await;
        assert_eq!(self.next().await.name(), "open");
        assert_eq!(self.next().await.name(), "features");
        self.authenticate(user.jid.as_str(), user.token.expose_secret()).await;
        assert_eq!(self.next().await.name(), "success");
        self.send(&open).await;
        assert_eq!(self.next().await.name(), "open");
        let features = self.next().await;
        assert_eq!(features.name(), "features");
        features
    }

    /// From binding to the server's pings.
    pub async fn bind(&mut self, user: &User, resource: &str) {
        let domain = user.jid.domain().as_str().to_owned();
        let bound = self
            .ask(
                "",
                &format!("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind>"),
            )
            .await;
        let bind = bound.children().next().expect("a bind element");
        self.jid = bind.children().next().expect("an address").text();
        for kind in ["turn", "stun"] {
            let services = format!("<services xmlns='urn:xmpp:extdisco:1' type='{kind}'/>");
            let answer = self.ask(&domain, &services).await;
            assert_eq!(answer.attr("type"), Some("result"));
        }
        let subscribe = format!(
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'>\
             <subscribe node='enable.server.side.pings' jid='{}'/></pubsub>",
            self.bare
        );
        self.ask("notifications.127.0.0.1", &subscribe).await;
    }

    pub async fn authenticate(&mut self, jid: &str, token: &str) {
        use base64::Engine;
        let secret = format!("\0{jid}\0authKey:{token}");
        let secret = base64::engine::general_purpose::STANDARD.encode(secret);
        self.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>"
        ))
        .await;
    }

    pub async fn send(&mut self, text: &str) {
        self.web_socket
            .send(Message::text(text))
            .await
            .expect("the socket is open");
    }

    /// The text of the next frame; `None` when the socket has closed.
    pub async fn next_text(&mut self) -> Option<String> {
        soon("a frame", async {
            loop {
                match self.web_socket.next().await {
                    Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                    Some(Ok(_)) => {}
                }
            }
        })
        .await
    }

    /// How the socket ends; what comes before is kept.
    pub async fn end(&mut self) -> SocketEnd {
        soon("the socket's end", async {
            loop {
                match self.web_socket.next().await {
                    Some(Ok(Message::Text(text))) => self.skipped.push_back(parse(&text)),
                    Some(Ok(Message::Close(frame))) => return SocketEnd::Closed(frame.map(|it| it.code.into())),
                    Some(Err(WebSocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                        return SocketEnd::Fin;
                    }
                    Some(Err(WebSocketError::Io(error))) if error.kind() == ErrorKind::ConnectionReset => {
                        return SocketEnd::Reset;
                    }
                    Some(Ok(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
        })
        .await
    }

    /// Whether nothing comes for this long.
    pub async fn hears_nothing(&mut self, long: Duration) -> bool {
        tokio::time::timeout(long, self.web_socket.next()).await.is_err()
    }

    /// The names of what was skipped, in order.
    pub fn skipped_names(&self) -> Vec<&str> {
        self.skipped.iter().map(Element::name).collect()
    }

    /// The next frame.
    pub async fn next(&mut self) -> Element {
        let text = self.next_text().await.expect("the socket is open");
        parse(&text)
    }

    /// The next frame that is wanted; others are kept for later.
    pub async fn until(&mut self, wanted: impl Fn(&Element) -> bool) -> Element {
        if let Some(index) = self.skipped.iter().position(&wanted) {
            return self.skipped.remove(index).expect("just found");
        }
        loop {
            let element = self.next().await;
            if wanted(&element) {
                return element;
            }
            self.skipped.push_back(element);
        }
    }

    /// The next message of Jingle Message Initiation with this name: its sender and the element.
    pub async fn initiation(&mut self, name: &str) -> (String, Element) {
        let message = self.until(|stanza| stanza.has_child(name, JINGLE_MESSAGE)).await;
        let child = message.get_child(name, JINGLE_MESSAGE).expect("just found").clone();
        (message.attr("from").unwrap_or_default().to_owned(), child)
    }

    /// The next session request: the IQ, and what it says.
    pub async fn session_request(&mut self) -> (Element, Rpc) {
        let iq = self.until(|stanza| stanza.has_child("genesys-webrtc", "genesys")).await;
        let rpc = Rpc::parse(iq.get_child("genesys-webrtc", "genesys").expect("just found"));
        (iq, rpc.expect("a readable request"))
    }

    /// The offer of this session; what comes before it is kept.
    pub async fn offer(&mut self, session: &SessionId) -> String {
        let iq = self.until(|stanza| offered(stanza, session).is_some()).await;
        offered(&iq, session).expect("just found")
    }

    /// Sends an IQ, a get for queries and a set for the rest; its answer.
    pub async fn ask(&mut self, to: &str, payload: &str) -> Element {
        let id = self.request(to, payload).await;
        self.until(|stanza| stanza.attr("id") == Some(&id) && matches!(stanza.attr("type"), Some("result" | "error")))
            .await
    }

    /// Sends an IQ; its id.
    pub async fn request(&mut self, to: &str, payload: &str) -> String {
        self.next_id += 1;
        let id = format!("{}-{}", self.jid, self.next_id);
        let kind = if payload.starts_with("<services") { "get" } else { "set" };
        let to = if to.is_empty() {
            String::new()
        } else {
            format!(" to='{to}'")
        };
        self.send(&format!(
            "<iq xmlns='jabber:client' id='{id}' type='{kind}'{to}>{payload}</iq>"
        ))
        .await;
        id
    }

    /// Sends a session request; its id.
    pub async fn session(&mut self, to: &str, method: Method) -> String {
        let rpc = Rpc {
            id: "rpc".into(),
            method,
        };
        self.request(to, &String::from(&rpc.to_element())).await
    }

    /// Sends a message of Jingle Message Initiation.
    pub async fn initiate(&mut self, to: &str, name: &str, session: &str) {
        self.send(&format!(
            "<message xmlns='jabber:client' to='{to}'><{name} xmlns='{JINGLE_MESSAGE}' id='{session}'/></message>"
        ))
        .await;
    }

    /// Closes the stream; what came meanwhile can be looked at.
    pub async fn close(&mut self) {
        self.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>").await;
        while let Some(text) = self.next_text().await {
            self.skipped.push_back(parse(&text));
        }
    }

    /// The session requests that came and that nobody asked for, oldest first; they are forgotten.
    pub fn drain_requests(&mut self) -> Vec<Rpc> {
        let rpcs = self
            .skipped
            .iter()
            .filter_map(|stanza| stanza.get_child("genesys-webrtc", "genesys"))
            .map(|rpc| Rpc::parse(rpc).expect("a readable request"))
            .collect();
        self.skipped
            .retain(|stanza| !stanza.has_child("genesys-webrtc", "genesys"));
        rpcs
    }
}

fn offered(stanza: &Element, wanted: &SessionId) -> Option<String> {
    match Rpc::parse(stanza.get_child("genesys-webrtc", "genesys")?)
        .expect("a readable request")
        .method
    {
        Method::Offer { session, sdp, .. } if session == *wanted => Some(sdp),
        _ => None,
    }
}

fn parse(text: &str) -> Element {
    offhook_xmpp::frame::parse(text, &offhook_xmpp::frame::Limits::default()).expect("XML")
}
