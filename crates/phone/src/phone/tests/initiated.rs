//! Sessions that we propose.

use offhook_jingle::{Dialect, stanza::Role};

use super::*;
use crate::{Initiation, InitiationFailure};

const BOB: &str = "bob@org.example";
const DESK: &str = "bob@org.example/desk";

/// A proposal to Bob, which has gone out.
fn proposed() -> (Story, SessionId) {
    let mut story = Story::online(AnswerPolicy::default());
    let session = propose(&mut story);
    assert_eq!(story.messages(), [format!("propose {session} -> {BOB}")]);
    story.said.clear();
    (story, session)
}

fn propose(story: &mut Story) -> SessionId {
    let mut initiation = Initiation::to(BOB.parse().unwrap());
    initiation.conversation = Some(ConversationId::new("conversation-1"));
    story.phone.initiate(story.now, initiation).unwrap()
}

impl Story {
    fn says(&mut self, from: &str, word: &str, session: &SessionId) {
        let payload = format!("<{word} xmlns='urn:xmpp:jingle-message:0' id='{session}'/>");
        self.message(from, payload.parse().unwrap());
    }

    /// How the session began: whose offer, with whom.
    fn begun(&mut self) -> Option<(Role, String)> {
        self.drain();
        let start = self.said.iter().find_map(|output| match output {
            Output::StartSession(start) => Some(start),
            _ => None,
        })?;
        assert_eq!(start.config.dialect, Dialect::Jingle);
        assert_eq!(start.config.conversation, Some(ConversationId::new("conversation-1")));
        Some((start.role, start.config.peer.to_string()))
    }
}

#[test]
fn the_first_client_that_wants_the_session_is_offered_it() {
    let (mut story, session) = proposed();
    story.says(DESK, "ringing", &session);
    assert_eq!(story.begun(), None);
    story.says(DESK, "proceed", &session);
    assert_eq!(story.begun(), Some((Role::Initiator, DESK.to_owned())));
    assert!(matches!(&story.events()[..], [Event::SessionStarted { session: id, .. }] if *id == session));
    story.says("bob@org.example/other", "proceed", &session);
    assert_eq!(story.begun(), None, "one of them has it");
}

#[test]
fn a_stranger_neither_takes_nor_declines_it() {
    let (mut story, session) = proposed();
    for word in ["proceed", "reject"] {
        story.says("mallory@org.example/desk", word, &session);
    }
    assert_eq!(story.begun(), None);
    assert_eq!(story.events(), []);
}

#[test]
fn whoever_is_called_may_begin_instead() {
    let initiate = |session: &SessionId| -> minidom::Element {
        let content = "<content creator='initiator' name='audio'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></content>";
        let jingle =
            format!("<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='{session}'>{content}</jingle>");
        jingle.parse().unwrap()
    };
    let (mut story, session) = proposed();
    story.incoming(Some("mallory@org.example/desk"), initiate(&session));
    assert_eq!(story.begun(), None);
    story.incoming(Some(DESK), initiate(&session));
    assert_eq!(story.begun(), Some((Role::Responder, DESK.to_owned())));
}

#[test]
fn it_is_told_once_when_nothing_comes_of_it() {
    let (mut story, session) = proposed();
    story.says(DESK, "reject", &session);
    let declined = InitiationFailure::Declined {
        by: DESK.parse().unwrap(),
        reason: None,
    };
    let failed = |session: &SessionId, failure| Event::InitiationFailed {
        session: session.clone(),
        failure,
    };
    assert_eq!(story.events(), [failed(&session, declined)]);
    assert!(story.phone.cancel(story.now, &session).is_err());

    let session = propose(&mut story);
    story.pass(Duration::from_secs(59));
    assert_eq!(story.events(), []);
    story.pass(Duration::from_secs(2));
    assert_eq!(story.messages(), [format!("retract {session} -> {BOB}")]);
    assert_eq!(story.events(), [failed(&session, InitiationFailure::Unanswered)]);
}

#[test]
fn it_is_taken_back_by_its_id_with_all_and_at_the_end() {
    let (mut story, session) = proposed();
    story.phone.cancel(story.now, &session).unwrap();
    assert_eq!(story.messages(), [format!("retract {session} -> {BOB}")]);
    assert_eq!(story.events(), []);
    story.says(DESK, "proceed", &session);
    assert_eq!(story.begun(), None);

    let session = propose(&mut story);
    story.phone.end(story.now, &session, Reason::Cancel).unwrap();
    let session = propose(&mut story);
    let bob = BOB.parse().unwrap();
    let ended = story.phone.end_all(story.now, Some(&bob), Reason::Success).unwrap();
    assert_eq!(ended.proposals, [session]);

    let session = propose(&mut story);
    assert_eq!(story.events(), []);
    story.phone.shutdown(story.now);
    assert_eq!(story.messages(), [format!("retract {session} -> {BOB}")]);
}

#[test]
fn no_more_than_a_thousand_sessions_begin() {
    let mut story = Story::online(AnswerPolicy::default());
    for _ in 0..1000 {
        let session = propose(&mut story);
        story.says(DESK, "proceed", &session);
        assert!(story.begun().is_some());
        story.said.clear();
    }
    let session = propose(&mut story);
    story.says(DESK, "proceed", &session);
    assert_eq!(story.begun(), None);
    assert_eq!(story.messages().last(), Some(&format!("retract {session} -> {BOB}")));
    let failure = InitiationFailure::TooMany { limit: 1000 };
    assert_eq!(story.events(), [Event::InitiationFailed { session, failure }]);
}
