//! What every state does with every input.

use offhook_xmpp::{Event, Input};

use crate::rig::{After, CLOSE, OPEN, Rig, config, element};

/// The states, each as a way to get there.
type State = (&'static str, fn() -> Rig);

const STATES: &[State] = &[
    ("Opening", || Rig::at(After::Opening)),
    ("Features", || Rig::at(After::Features)),
    ("Authenticating", || Rig::at(After::Authenticating)),
    ("Reopening", || Rig::at(After::Reopening)),
    ("AuthenticatedFeatures", || Rig::at(After::AuthenticatedFeatures)),
    ("Binding", || Rig::at(After::Binding)),
    ("StartingSession", || {
        let mut rig = Rig::new(config());
        rig.server.wants_session = true;
        rig.obey(6);
        rig.take();
        rig
    }),
    ("ExternalServices", || Rig::at(After::ExternalServices)),
    ("SubscribingPings", || Rig::at(After::SubscribingPings)),
    ("Connected", || {
        let mut rig = Rig::connected();
        rig.ask(1, None);
        rig
    }),
    ("Connected, pinging", Rig::pinging),
    ("Connected, managed", || {
        let mut rig = Rig::managed();
        rig.try_ask(1, None).unwrap();
        rig.take();
        rig
    }),
    ("Resuming", || {
        let mut rig = Rig::managed();
        rig.try_ask(1, None).unwrap();
        rig.take();
        let resumption = rig.lose_socket();
        rig.reconnect(resumption);
        rig.obey(5);
        rig.take();
        rig
    }),
    ("Closing", || {
        let mut rig = Rig::connected();
        rig.ask(1, None);
        rig.close();
        rig.take();
        rig
    }),
    ("Closed", || {
        let mut rig = Rig::connected();
        rig.ask(1, None);
        rig.socket_closes();
        rig.take();
        rig
    }),
];

/// What happens to a stream.
enum Happens {
    Frame(&'static str),
    /// The answer to the first request that waits for one.
    Answer,
    /// The same as an error.
    Refusal,
    SocketCloses,
    TimeoutComes,
    /// A command; what its `Err` says.
    Command(fn(&mut Rig) -> Option<String>),
}

use Happens::{Answer, Command, Frame, Refusal, SocketCloses, TimeoutComes};

const INPUTS: &[(&str, Happens)] = &[
    ("open", Frame(OPEN)),
    (
        "features with PLAIN",
        Frame(
            "<features xmlns='http://etherx.jabber.org/streams'><mechanisms \
             xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></features>",
        ),
    ),
    (
        "features with bind",
        Frame(
            "<features xmlns='http://etherx.jabber.org/streams'>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></features>",
        ),
    ),
    ("success", Frame("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")),
    (
        "challenge",
        Frame("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
    ),
    (
        "failure",
        Frame("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>"),
    ),
    ("awaited result", Answer),
    ("awaited answer as error", Refusal),
    ("answer to nothing", Frame("<iq type='result' id='unknown'/>")),
    (
        "ping",
        Frame("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"),
    ),
    (
        "unknown request",
        Frame("<iq type='get' id='1'><a xmlns='urn:a'/></iq>"),
    ),
    (
        "handled request",
        Frame("<iq type='set' id='1'><query xmlns='urn:example:handled'/></iq>"),
    ),
    ("message", Frame("<message><a xmlns='urn:a'/></message>")),
    ("presence", Frame("<presence/>")),
    ("not XML", Frame("nonsense")),
    ("undeclared prefix", Frame("<a:b/>")),
    ("white space", Frame(" ")),
    (
        "stream error",
        Frame("<error xmlns='http://etherx.jabber.org/streams'/>"),
    ),
    ("close", Frame(CLOSE)),
    (
        "enabled",
        Frame("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>"),
    ),
    (
        "resumed",
        Frame("<resumed xmlns='urn:xmpp:sm:3' previd='resumption-1' h='3'/>"),
    ),
    ("failed", Frame("<failed xmlns='urn:xmpp:sm:3'/>")),
    ("request for acknowledgement", Frame("<r xmlns='urn:xmpp:sm:3'/>")),
    ("acknowledgement", Frame("<a xmlns='urn:xmpp:sm:3' h='3'/>")),
    (
        "acknowledgement of too much",
        Frame("<a xmlns='urn:xmpp:sm:3' h='99'/>"),
    ),
    ("socket closed", SocketCloses),
    (
        "wake from suspend",
        Command(|rig| {
            let asleep = std::time::Duration::from_secs(60);
            rig.input(Input::Resumed { asleep });
            None
        }),
    ),
    ("timeout", TimeoutComes),
    (
        "close()",
        Command(|rig| {
            rig.close();
            None
        }),
    ),
    (
        "refresh_services()",
        Command(|rig| {
            let result = rig.stream.refresh_services(rig.now);
            rig.pump();
            result.err().map(|error| format!("{error:?}"))
        }),
    ),
    (
        "send_presence()",
        Command(|rig| {
            let result = rig.stream.send_presence(rig.now);
            rig.pump();
            result.err().map(|error| format!("{error:?}"))
        }),
    ),
    (
        "request()",
        Command(|rig| rig.try_ask(2, None).err().map(|error| format!("{error:?}"))),
    ),
];

/// Lets it happen; `None` if it cannot in this state.
fn happen(rig: &mut Rig, what: &Happens) -> Option<Vec<String>> {
    let awaited = rig.answers.iter().find(|answer| answer.starts_with("<iq")).cloned();
    let mut error = None;
    match what {
        Frame(text) => rig.receive(text),
        Answer => rig.receive(&awaited?),
        Refusal => rig.receive(&awaited?.replace("'result'", "'error'")),
        SocketCloses => rig.socket_closes(),
        TimeoutComes => {
            rig.now = rig.deadline;
            rig.input(Input::Timeout);
        }
        Command(command) => error = command(rig),
    }
    let (frames, events) = rig.take();
    Some(
        frames
            .iter()
            .map(|frame| sent(frame))
            .chain(events.iter().map(told))
            .chain(error)
            .collect(),
    )
}

fn sent(frame: &str) -> String {
    let frame = element(frame);
    let inner = frame
        .children()
        .next()
        .map(|child| format!("/{}", child.name()))
        .unwrap_or_default();
    let kind = frame.attr("type").map(|kind| format!(" {kind}")).unwrap_or_default();
    format!("send {}{inner}{kind}", frame.name())
}

fn told(event: &Event) -> String {
    match event {
        Event::Connected(connected) if connected.resumed => "Connected, resumed".to_owned(),
        Event::Connected(connected) if connected.server_pings => "Connected, server pings".to_owned(),
        Event::Connected(_) => "Connected".to_owned(),
        Event::Message(_) => "Message".to_owned(),
        Event::Request(_) => "Request".to_owned(),
        Event::Response { token, outcome } => format!("Response {} {}", token.0, name(outcome)),
        Event::Services(_) => "Services".to_owned(),
        Event::ServicesFailed(error) => format!("ServicesFailed {}", name(error)),
        Event::Closed(reason) => format!("Closed {}", name(reason)),
    }
}

/// The name of a variant.
fn name(value: &impl std::fmt::Debug) -> String {
    let shown = format!("{value:?}");
    shown.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

#[test]
fn every_state_with_every_input() {
    let mut table = String::new();
    for (name, state) in STATES {
        table += &format!("{name}\n");
        for (input, what) in INPUTS {
            let cell = match happen(&mut state(), what) {
                None => continue,
                Some(outputs) if outputs.is_empty() => "-".to_owned(),
                Some(outputs) => outputs.join(", "),
            };
            table += &format!("    {input:28} {cell}\n");
        }
    }
    insta::assert_snapshot!(table);
}
