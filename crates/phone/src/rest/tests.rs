//! The rules of the module's table, in virtual time.

use proptest::prelude::*;

use super::*;

const TOKEN: &str = "secret-token";

/// Where virtual time begins.
#[allow(clippy::disallowed_methods)]
fn an_instant() -> Instant {
    Instant::now()
}

/// A part, its virtual time, and what it said last.
struct Story {
    rest: Rest,
    began: Instant,
    now: Instant,
    said: Vec<Output>,
}

impl Story {
    fn new() -> Self {
        let now = an_instant();
        Self {
            rest: Rest::new(RestConfig::default(), TOKEN.into(), now),
            began: now,
            now,
            said: Vec::new(),
        }
    }

    /// One request has been sent.
    fn asked(retry: Retry) -> Self {
        let mut story = Self::new();
        story.ask(1, retry);
        assert_eq!(story.tell(), ["send 1.1 secret-token"]);
        story
    }

    fn ask(&mut self, id: u64, retry: Retry) {
        let ask = Ask {
            what: "the list",
            method: Method::Put,
            url: "https://api.example/api/v2/list".parse().unwrap(),
            body: None,
            retry,
        };
        self.rest.ask(self.now, HttpId(id), ask);
    }

    fn drain(&mut self) -> Instant {
        loop {
            match self.rest.poll_output() {
                Output::Timeout(at) => return at,
                output => self.said.push(output),
            }
        }
    }

    /// What it said since the last look.
    fn tell(&mut self) -> Vec<String> {
        use secrecy::ExposeSecret;
        self.drain();
        let said = std::mem::take(&mut self.said).into_iter().map(|output| match output {
            Output::Send { id, attempt, request } => {
                assert_eq!(request.method.to_string(), "PUT");
                format!("send {}.{attempt} {}", id.0, request.token.expose_secret())
            }
            Output::Abandon { id, attempt } => format!("abandon {}.{attempt}", id.0),
            Output::TokenRefused => "token refused".to_owned(),
            Output::Done { id, result: Ok(reply) } => format!("done {} {:?}", id.0, reply.json::<Value>()),
            Output::Done { id, result: Err(error) } => format!("done {}: {error}", id.0),
            Output::Timeout(_) => unreachable!("drain stops there"),
        });
        said.collect()
    }

    fn replied(&mut self, id: u64, attempt: u32, result: Result<HttpReply, HttpFailure>) {
        let id = HttpId(id);
        self.rest.handle_input(self.now, Input::Replied { id, attempt, result });
    }

    fn reply(&mut self, id: u64, attempt: u32, status: u16, retry_after: Option<u64>) {
        self.replied(id, attempt, reply(status, retry_after, ""));
    }

    /// Lets time pass until the next timeout; how many seconds after the beginning that is.
    fn wait(&mut self) -> u64 {
        self.now = self.drain();
        self.rest.handle_input(self.now, Input::Timeout);
        (self.now - self.began).as_secs()
    }
}

fn reply(status: u16, retry_after: Option<u64>, body: &str) -> Result<HttpReply, HttpFailure> {
    Ok(HttpReply {
        status,
        correlation: None,
        retry_after: retry_after.map(Duration::from_secs),
        body: body.into(),
    })
}

fn failures() -> Vec<Result<HttpReply, HttpFailure>> {
    let (host, reason) = ("h:1".to_owned(), "no".to_owned());
    let after = Duration::from_secs(30);
    let statuses = [408, 413, 429, 500, 502, 503, 504].map(|status| reply(status, None, ""));
    let failures = [
        HttpFailure::Unreachable {
            host: host.clone(),
            reason: reason.clone(),
        },
        HttpFailure::TimedOut {
            host: host.clone(),
            after,
        },
        HttpFailure::Broken { host, reason },
    ];
    statuses.into_iter().chain(failures.map(Err)).collect()
}

#[test]
fn a_success_is_done_with_its_json() {
    let mut story = Story::asked(Retry::Patient);
    story.replied(1, 1, reply(200, None, r#"{"a":1}"#));
    assert_eq!(story.tell(), [r#"done 1 Ok(Object {"a": Number(1)})"#]);
}

#[test]
fn what_may_pass_is_asked_for_again_after_fifteen_seconds() {
    for failure in failures() {
        let mut story = Story::asked(Retry::Patient);
        story.replied(1, 1, failure.clone());
        assert!(story.tell().is_empty(), "{failure:?}");
        assert_eq!(story.wait(), 15);
        assert_eq!(story.tell(), ["send 1.2 secret-token"]);
        story.reply(1, 2, 200, None);
        assert_eq!(story.tell().len(), 1);
    }
}

#[test]
fn after_ten_tries_the_request_has_failed() {
    let mut story = Story::asked(Retry::Patient);
    for attempt in 1..10 {
        story.reply(1, attempt, 503, None);
        story.wait();
        assert_eq!(story.tell().len(), 1);
    }
    assert_eq!((story.now - story.began).as_secs(), 9 * 15);
    story.reply(1, 10, 503, None);
    assert_eq!(story.tell(), ["done 1: the list failed with HTTP 503: no reason given"]);
}

#[test]
fn requests_of_the_connect_loop_and_calls_are_made_once() {
    for failure in failures() {
        let mut story = Story::asked(Retry::Once);
        story.replied(1, 1, failure);
        assert!(matches!(&story.tell()[..], [done] if done.starts_with("done 1: the list failed")));
    }
}

#[test]
fn other_refusals_are_final() {
    for status in [400, 404, 409, 410, 422, 501, 505, 301] {
        let mut story = Story::asked(Retry::Patient);
        story.reply(1, 1, status, Some(1));
        assert_eq!(
            story.tell(),
            [format!("done 1: the list failed with HTTP {status}: no reason given")]
        );
    }
}

#[test]
fn rule_20_retry_after_wins_whether_longer_or_shorter() {
    for (said, waited) in [(3, 3), (15, 15), (40, 40), (600, 600), (0, 1)] {
        let mut story = Story::asked(Retry::Patient);
        story.reply(1, 1, 429, Some(said));
        assert_eq!(story.wait(), waited);
        assert_eq!(story.tell(), ["send 1.2 secret-token"]);
    }
}

#[test]
fn rule_20_a_retry_after_that_is_too_long_is_left_to_the_caller() {
    for retry in [Retry::Patient, Retry::Once] {
        for status in [429, 503] {
            let mut story = Story::asked(retry);
            story.reply(1, 1, status, Some(u64::MAX));
            let Output::Done { result: Err(error), .. } = story.rest.poll_output() else {
                panic!()
            };
            assert_eq!(error.retry_after(), Some(Duration::from_secs(u64::MAX)));
        }
    }
}

#[test]
fn rule_20_a_refused_token_does_not_lose_its_retry_after() {
    let mut story = Story::asked(Retry::Patient);
    story.reply(1, 1, 403, Some(60));
    let Output::Done { result: Err(error), .. } = story.rest.poll_output() else {
        panic!()
    };
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
}

#[test]
fn rule_21_a_401_asks_for_a_fresh_token_once_and_the_second_is_final() {
    let mut story = Story::asked(Retry::Once);
    story.reply(1, 1, 401, None);
    assert_eq!(story.tell(), ["token refused"]);
    story.rest.set_token(story.now, "fresh".into());
    assert_eq!(story.tell(), ["send 1.2 fresh"]);
    story.reply(1, 2, 401, None);
    assert!(matches!(&story.tell()[..], [done] if done.starts_with("done 1: the list was refused with HTTP 401")));
}

#[test]
fn rule_21_without_a_fresh_token_all_that_waits_for_it_fails() {
    let mut story = Story::asked(Retry::Patient);
    story.ask(2, Retry::Patient);
    story.reply(1, 1, 401, None);
    story.reply(2, 1, 401, None);
    assert_eq!(
        story.tell(),
        ["send 2.1 secret-token", "token refused"],
        "one question is enough"
    );
    story.rest.no_token(story.now);
    assert_eq!(story.tell().len(), 2);
}

#[test]
fn rule_21_a_token_that_does_not_come_is_not_waited_for_for_ever() {
    let mut story = Story::asked(Retry::Patient);
    story.reply(1, 1, 401, None);
    assert_eq!(story.wait(), 30);
    let told = story.tell();
    assert!(told[1].starts_with("done 1: the list was refused"), "{told:?}");
}

#[test]
fn rule_21_a_403_stops_at_once() {
    let mut story = Story::asked(Retry::Patient);
    story.reply(1, 1, 403, None);
    assert!(matches!(&story.tell()[..], [done] if done.contains("HTTP 403")));
}

#[test]
fn a_401_to_a_token_that_was_replaced_meanwhile_needs_no_question() {
    let mut story = Story::asked(Retry::Patient);
    story.rest.set_token(story.now, "fresh".into());
    story.reply(1, 1, 401, None);
    assert_eq!(story.tell(), ["send 1.2 fresh"]);
}

#[test]
fn a_new_token_serves_the_tries_that_are_still_to_come() {
    let mut story = Story::asked(Retry::Patient);
    story.reply(1, 1, 503, None);
    story.rest.set_token(story.now, "fresh".into());
    assert!(story.tell().is_empty(), "it is not sent sooner");
    story.wait();
    assert_eq!(story.tell(), ["send 1.2 fresh"]);
}

#[test]
fn thirty_seconds_without_a_reply_are_a_failure_and_the_late_reply_changes_nothing() {
    let mut story = Story::asked(Retry::Patient);
    assert_eq!(story.wait(), 30);
    assert_eq!(story.tell(), ["abandon 1.1"]);
    assert_eq!(story.wait(), 45);
    assert_eq!(story.tell(), ["send 1.2 secret-token"]);
    story.reply(1, 1, 200, None);
    assert!(story.tell().is_empty());

    let mut story = Story::asked(Retry::Once);
    story.wait();
    assert_eq!(
        story.tell(),
        [
            "abandon 1.1",
            "done 1: the list failed: api.example:443 did not answer within 30 s"
        ]
    );
}

#[test]
fn rule_11_what_is_cancelled_is_neither_made_again_nor_told() {
    let mut story = Story::asked(Retry::Patient);
    story.ask(2, Retry::Patient);
    story.ask(3, Retry::Patient);
    story.reply(2, 1, 503, None);
    story.tell();
    story.rest.cancel(story.now, HttpId(3));
    assert_eq!(story.tell(), ["abandon 3.1"]);
    story.rest.cancel(story.now, HttpId(1));
    story.rest.cancel(story.now, HttpId(2));
    assert_eq!(story.tell(), ["abandon 1.1"], "the other one was only waiting");
    story.reply(1, 1, 200, None);
    story.wait();
    assert!(story.tell().is_empty());
    assert!((story.now - story.began).as_secs() >= 24 * 60 * 60, "no timer is left");
}

#[test]
fn no_error_and_no_debug_output_shows_the_token() {
    let long = format!("{}{TOKEN}", "x".repeat(295));
    let bodies = [
        format!("you sent {TOKEN}"),
        format!(r#"{{"message":"Bearer {TOKEN} has expired"}}"#),
        format!(r#"{{"message":"{long}"}}"#),
        format!("{}{TOKEN}", "y".repeat(95)),
    ];
    for body in &bodies {
        for status in [200, 400, 401, 403, 503] {
            let mut story = Story::new();
            story.ask(1, Retry::Once);
            let mut answer = reply(status, None, body).unwrap();
            answer.correlation = Some(TOKEN.to_owned()).filter(|_| status != 200);
            let shown = format!("{answer:?}").replace(&format!("Some({TOKEN:?})"), "");
            assert!(!shown.contains("secret"), "{shown}");
            story.replied(1, 1, Ok(answer));
            let mut told = format!("{:?}", story.rest);
            story.rest.no_token(story.now);
            story.drain();
            for output in &story.said {
                told += &format!("{output:?}");
                if let Output::Done { result: Err(error), .. } = output {
                    told += &error.to_string();
                }
            }
            assert!(!told.contains("secret"), "{status} {body}: {told}");
        }
    }
    let mut story = Story::asked(Retry::Once);
    let failure = HttpFailure::Broken {
        host: "h".into(),
        reason: format!("bad header {TOKEN}"),
    };
    story.replied(1, 1, Err(failure));
    assert_eq!(
        story.tell(),
        ["done 1: the list failed: the reply of h is not usable: bad header ***"]
    );
}

#[test]
fn json_of_another_form_is_an_error_that_shows_no_token() {
    let token = TOKEN.into();
    let answer = Reply::judge("the list", &token, reply(200, None, &format!("{TOKEN:?}"))).unwrap();
    let error = answer.json::<u32>().unwrap_err();
    assert!(error.to_string().contains("\"***\""), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is answered, and whether it is answered: each request ends exactly once, after at most ten tries and one more
    /// for the token, and nothing is sent twice within a second.
    #[test]
    fn every_request_ends_once(answers in prop::collection::vec((0usize..14, 0u64..700), 1..40), patient: bool) {
        let mut story = Story::new();
        story.ask(1, if patient { Retry::Patient } else { Retry::Once });
        let mut answers = answers.into_iter().cycle();
        let (mut sent, mut done) = (0, 0);
        let mut earliest = story.now;
        for _ in 0..100 {
            let at = story.drain();
            for output in std::mem::take(&mut story.said) {
                match output {
                    Output::Send { attempt, .. } => {
                        sent += 1;
                        prop_assert_eq!(attempt, sent);
                        let (kind, seconds) = answers.next().unwrap();
                        prop_assert!(story.now >= earliest);
                        // A fresh token is used at once.
                        earliest = story.now + Duration::from_secs(if kind == 10 { 0 } else { 1 });
                        let wait = Some(seconds).filter(|_| kind % 2 == 0);
                        match kind {
                            0..10 => story.replied(1, attempt, failures()[kind].clone().map(|mut reply| {
                                reply.retry_after = wait.map(Duration::from_secs);
                                reply
                            })),
                            10 => story.reply(1, attempt, 401, wait),
                            11 => story.reply(1, attempt, 200, None),
                            12 => story.reply(1, attempt, 404, None),
                            _ => {}
                        }
                    }
                    Output::TokenRefused => story.rest.set_token(story.now, "fresh".into()),
                    Output::Done { .. } => done += 1,
                    Output::Abandon { .. } => {}
                    Output::Timeout(_) => unreachable!(),
                }
            }
            if story.rest.outputs.is_empty() {
                story.now = at.max(story.now);
                story.rest.handle_input(story.now, Input::Timeout);
            }
        }
        prop_assert_eq!(done, 1);
        let most = if patient { 11 } else { 2 };
        prop_assert!(sent <= most);
        prop_assert!(story.rest.pending.is_empty());
    }
}
