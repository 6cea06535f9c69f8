//! The cloud's HTTP side of a recording: what is asked for in which order, and what comes back.

use std::collections::VecDeque;

use offhook_phone::HttpRequest;
use offhook_tests::{desk::Desk, recording::Exchange};

const ME: &str = "/api/v2/users/me";
const CHANNELS: &str = "/api/v2/notifications/channels?connectionType=streaming";

/// Holds our requests against those of the recorded client, and answers them as it was answered.
pub struct Cloud {
    script: VecDeque<Exchange>,
    /// How many of our WebSockets have been taken in.
    dialled: usize,
}

impl Cloud {
    /// A cloud whose HTTP requests were recorded. Those of a browser (`OPTIONS`) and of telemetry, which is off, are left out.
    pub fn recorded(exchanges: &[Exchange]) -> Self {
        let ours = |exchange: &&Exchange| exchange.method != "OPTIONS" && !exchange.path.contains("/diagnostics/");
        Self {
            script: exchanges.iter().filter(ours).cloned().collect(),
            dialled: 0,
        }
    }

    /// A cloud of which only the WebSockets were recorded: the user logs in once, and each socket is on the channel with its
    /// number, which is opened when it comes first.
    pub fn unrecorded(account: &str, channels: &[usize]) -> Self {
        let me = format!(r#"{{"id":"user-1","chat":{{"jabberId":"{account}"}}}}"#);
        let mut cloud = Self {
            script: VecDeque::from([exchange("GET", ME, &me)]),
            dialled: 0,
        };
        let mut opened = 0;
        for channel in channels {
            if *channel > opened {
                opened = *channel;
                cloud.expect_channel(opened);
            }
            cloud.expect_socket(*channel);
        }
        cloud
    }

    /// A channel is going to be opened, and gets this number.
    pub fn expect_channel(&mut self, channel: usize) {
        let opened = format!(r#"{{"id":"channel-{channel}"}}"#);
        self.script.push_back(exchange("POST", CHANNELS, &opened));
    }

    /// The channel with this number is going to be dialled.
    pub fn expect_socket(&mut self, channel: usize) {
        let path = format!("/stream/channels/channel-{channel}");
        self.script.push_back(exchange("WebSocket", &path, ""));
    }

    /// Answers what we have asked.
    pub fn serve(&mut self, desk: &mut Desk) {
        loop {
            if let Some(address) = desk.addresses.get(self.dialled) {
                self.dialled += 1;
                let path = address.strip_prefix("wss://streaming.mock.local").unwrap_or(address);
                let _ = self.next("WebSocket", path, "");
            } else if let Some((id, attempt, request)) = desk.requests.pop_front() {
                let method = request.method.to_string();
                let response = self.next(&method, &path(&request), &body(&request));
                desk.reply(id, attempt, 200, &response);
            } else {
                return;
            }
        }
    }

    /// How many WebSockets we have dialled.
    pub fn dialled(&self) -> usize {
        self.dialled
    }

    /// All that the recorded client asked, we have asked.
    pub fn finish(&self) {
        let left: Vec<_> = self.script.iter().map(said).collect();
        assert!(left.is_empty(), "the recorded client also asks {left:?}");
    }

    fn next(&mut self, method: &str, path: &str, body: &str) -> String {
        let ours = format!("{method} {path} {body}");
        match self.script.pop_front() {
            Some(recorded) => {
                assert_eq!(ours, said(&recorded), "ours and the recorded request");
                recorded.response
            }
            None => panic!("the recorded client does not ask {ours}"),
        }
    }
}

fn exchange(method: &str, path: &str, response: &str) -> Exchange {
    Exchange {
        at: std::time::Duration::ZERO,
        method: method.to_owned(),
        path: path.to_owned(),
        body: String::new(),
        response: response.to_owned(),
    }
}

fn said(exchange: &Exchange) -> String {
    format!("{} {} {}", exchange.method, exchange.path, exchange.body)
}

/// Difference on purpose: a topic that is refused leaves the others alone (`?ignoreErrors=true`).
fn path(request: &HttpRequest) -> String {
    let path = request.url.path();
    match request.url.query() {
        Some("ignoreErrors=true") if path.ends_with("/subscriptions") => path.to_owned(),
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

fn body(request: &HttpRequest) -> String {
    request.body.as_ref().map(ToString::to_string).unwrap_or_default()
}
