//! A recorded call, told again with other names: what the client is sent, and what it decides.

use offhook_jingle::{
    Element, Jid, SessionId, genesys, sdp,
    stanza::{Action, Jingle, Role, Transport},
};

/// The call, by SDP over XMPP.
const SDP_OVER_XMPP: &str = include_str!("../../../../tests/recordings/B-client-terminate.jsonl");

/// The same call, by Jingle.
const JINGLE: &str = include_str!("../../../../tests/recordings/A-client-terminate.jsonl");

/// A recorded call.
pub struct Recording {
    /// What is another in each call: the session, the conversation, and whom the proposal came from.
    names: [String; 3],
    steps: Vec<Step>,
}

/// A call, or a part of one.
pub struct Call {
    pub session: SessionId,
    pub steps: Vec<Step>,
}

/// One thing that happens in a call.
#[derive(Clone)]
pub enum Step {
    /// A stanza arrives.
    Receive(Received),
    /// The oldest request of ours that waits for its result gets it.
    Acknowledge,
    /// The user takes the call.
    Accept,
    /// The media are ready to answer.
    Answer(String),
    /// There is a candidate of ours: its media description, and its line.
    Candidate(String, String),
    /// There are no more.
    EndOfCandidates,
    /// ICE is connected.
    Connect,
    /// The user hangs up.
    End,
}

/// A stanza, as it arrives.
#[derive(Clone)]
pub enum Received {
    /// As the text that is on the wire.
    Text(String),
    /// As somebody else has read it.
    Read(Stanza),
}

/// A stanza of the peer that means something to a call.
#[derive(Clone)]
pub struct Stanza {
    /// Whether it is an IQ set, else it is a message.
    pub set: bool,
    pub from: Jid,
    pub payload: Element,
}

impl Stanza {
    pub fn read(text: &str) -> Self {
        let mut stanza: Element = text.parse().expect("a recorded stanza");
        let from = stanza.attr("from").expect("a sender").parse().expect("a JID");
        Self {
            set: stanza.name() == "iq",
            from,
            payload: stanza.unshift_child().expect("a payload"),
        }
    }
}

impl Call {
    /// The call until somebody hangs up, and how it ends.
    pub fn until_end(mut self) -> (Self, Self) {
        let end = self.steps.iter().position(|step| matches!(step, Step::End));
        let steps = self.steps.split_off(end.expect("somebody hangs up"));
        let session = self.session.clone();
        (self, Self { session, steps })
    }
}

impl Recording {
    /// The call, by SDP over XMPP.
    pub fn sdp_over_xmpp() -> Self {
        Self::of(SDP_OVER_XMPP)
    }

    /// The same call, by Jingle.
    pub fn jingle() -> Self {
        Self::of(JINGLE)
    }

    fn of(recording: &str) -> Self {
        let frames = recording.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            (text("dir"), text("xml"))
        });
        let mut steps = Vec::new();
        let mut names = None;
        let mut requests = Vec::new();
        for (direction, xml) in frames {
            let Ok(stanza) = xml.parse::<Element>() else { continue };
            let Some(payload) = stanza.children().next() else {
                if let Some(id) = stanza.attr("id").filter(|_| stanza.attr("type") == Some("result")) {
                    steps.extend(
                        requests
                            .iter()
                            .any(|request| request == id)
                            .then_some(Step::Acknowledge),
                    );
                }
                continue;
            };
            if payload.name() == "propose" {
                let name = |of: &Element, attribute: &str| of.attr(attribute).expect(attribute).to_owned();
                let peer = name(&stanza, "from");
                let peer = peer.split('@').next().expect("a local part").to_owned();
                names = Some([name(payload, "id"), name(payload, "inin-cid"), peer]);
            }
            match direction.as_str() {
                "recv" if names.is_some() => steps.push(Step::Receive(Received::Text(xml))),
                "sent" if names.is_some() => {
                    requests.extend(stanza.attr("id").map(str::to_owned));
                    steps.extend(decision(payload));
                }
                _ => {}
            }
        }
        Self {
            names: names.expect("a proposal"),
            steps,
        }
    }

    /// The call of this number, as text.
    pub fn call(&self, number: usize) -> Call {
        let names = [
            format!("{number:08x}-7a19-4dae-a93f-65eb97de380a"),
            format!("{number:08x}-b0c0-40c0-8313-bdc567b6bb2b"),
            format!("peer-{number:08x}"),
        ];
        let renamed = |text: &String| {
            let renaming = self.names.iter().zip(&names);
            renaming.fold(text.clone(), |text, (old, new)| text.replace(old, new))
        };
        let step = |step: &Step| match step {
            Step::Receive(Received::Text(text)) => Step::Receive(Received::Text(renamed(text))),
            other => other.clone(),
        };
        let steps = self.steps.iter().map(step).collect();
        let [session, ..] = names;
        Call {
            session: SessionId::new(session),
            steps,
        }
    }

    /// The call of this number, its stanzas read already.
    pub fn call_read(&self, number: usize) -> Call {
        let read = |step| match step {
            Step::Receive(Received::Text(text)) => Step::Receive(Received::Read(Stanza::read(&text))),
            other => other,
        };
        let Call { session, steps } = self.call(number);
        let steps = steps.into_iter().map(read).collect();
        Call { session, steps }
    }
}

/// What was decided, by what was said of it.
fn decision(payload: &Element) -> Option<Step> {
    match payload.name() {
        "proceed" => Some(Step::Accept),
        "jingle" => decision_in_jingle(&Jingle::parse(payload).expect("a recorded request")),
        genesys::NAME => decision_in_rpc(genesys::Rpc::parse(payload).expect("a recorded request").method),
        _ => None,
    }
}

fn decision_in_rpc(method: genesys::Method) -> Option<Step> {
    match method {
        genesys::Method::Answer { sdp, .. } => Some(Step::Answer(sdp)),
        genesys::Method::Candidate { mid, candidate, .. } => Some(Step::Candidate(mid.expect("a mid"), candidate)),
        genesys::Method::EndOfCandidates { .. } => Some(Step::EndOfCandidates),
        genesys::Method::Info { .. } => Some(Step::Connect),
        genesys::Method::Terminate { .. } => Some(Step::End),
        genesys::Method::Offer { .. } | genesys::Method::Mute { .. } | genesys::Method::Unmute { .. } => None,
    }
}

fn decision_in_jingle(request: &Jingle) -> Option<Step> {
    match request.action {
        Action::SessionAccept => {
            let answer = sdp::from_contents(&request.contents, &request.groups, Role::Responder, 1);
            Some(Step::Answer(answer.to_string()))
        }
        Action::TransportInfo => {
            let content = request.contents.first()?;
            let Some(Transport::Ice(ice)) = &content.transport else {
                return None;
            };
            Some(match ice.candidates.first() {
                Some(candidate) => Step::Candidate(content.name.clone(), candidate.to_string()),
                None => Step::EndOfCandidates,
            })
        }
        Action::SessionInfo => Some(Step::Connect),
        Action::SessionTerminate => Some(Step::End),
        other => panic!("{other:?} is no part of the recorded call"),
    }
}
