//! Digits and mute from one end of the whole to the other.

use offhook::{DigitsError, Event, SessionId, SoundFailure};
use offhook_sim::{CallEvent, Cloud, CloudConfig, Reinvite, What};
use offhook_tests::softphone::{self, Diary, goes_on, poll, within};

async fn cloud() -> Cloud {
    Cloud::start(CloudConfig::default()).await.expect("loopback")
}

/// The digits that the client was told of, when there are so many.
async fn digits(diary: &mut Diary, session: &SessionId, count: usize) -> String {
    let mut digits = String::new();
    while digits.len() < count {
        let (_, digit) = diary
            .until(|event| match event {
                Event::Digit { session: of, digit, .. } => Some((of.clone(), digit.as_char())),
                _ => None,
            })
            .await;
        assert_eq!(digit.0, *session);
        digits.push(digit.1);
    }
    digits
}

#[tokio::test]
async fn digits_go_both_ways_in_a_call() {
    let cloud = cloud().await;
    let (client, mut diary) = softphone::connected(softphone::builder(&cloud)).await;
    let call = softphone::call(&cloud, &mut diary).await;
    let mut records = cloud.subscribe();

    client.send_digits(call.session(), "12#").await.expect("digits");
    let mut heard = String::new();
    while heard.len() < 3 {
        let record = within(records.recv()).await.expect("the cloud lives");
        if let What::Call {
            event: CallEvent::DigitHeard { digit },
            ..
        } = record.what
        {
            heard.push(digit);
        }
    }
    assert_eq!(heard, "12#");

    call.send_digits("*0D");
    assert_eq!(digits(&mut diary, call.session(), 3).await, "*0D");

    let refused = client.send_digits(call.session(), "1x").await;
    let unknown = DigitsError::Unknown { character: 'x' };
    assert_eq!(refused, Err(SoundFailure::Digits(unknown)));
    let nobody = client.send_digits(&SessionId::new("nobody"), "1").await;
    assert!(matches!(nobody, Err(SoundFailure::Command(_))), "{nobody:?}");
    client.shutdown().await;
}

#[tokio::test]
async fn digits_that_wait_go_on_in_new_media_and_mute_stays() {
    let cloud = cloud().await;
    let tone = "tone:700".parse().expect("a source");
    let (client, mut diary) = softphone::connected(softphone::builder(&cloud).play(tone)).await;
    let call = softphone::call(&cloud, &mut diary).await;
    let mut records = cloud.subscribe();
    client
        .set_muted(call.session(), true)
        .await
        .expect("there is a session");
    let digits = "12345678901234567890";
    client.send_digits(call.session(), digits).await.expect("digits");

    call.reinvite(Reinvite::default());
    within(call.replaced(1)).await.expect("the call lives");

    let mut heard = String::new();
    while !heard.ends_with("67890") || heard.len() < 11 {
        let record = within(records.recv()).await.expect("the cloud lives");
        if let What::Call {
            event: CallEvent::DigitHeard { digit },
            ..
        } = record.what
        {
            heard.push(digit);
        }
    }
    // One may sound on both sides of the change, and be heard on neither.
    let all_but_one = (0..digits.len()).map(|index| format!("{}{}", &digits[..index], &digits[index + 1..]));
    assert!(
        heard == digits || all_but_one.into_iter().any(|most| most == heard),
        "{heard}"
    );
    goes_on(&call).await;
    assert_eq!(call.heard().tone, None);
    client.shutdown().await;
}

#[tokio::test]
async fn a_muted_client_is_not_heard_and_says_so() {
    let cloud = cloud().await;
    let tone = "tone:700".parse().expect("a source");
    let builder = softphone::builder(&cloud).play(tone);
    let (client, mut diary) = softphone::connected(builder).await;
    let call = softphone::call(&cloud, &mut diary).await;
    poll(|| call.heard().tone.is_some()).await;
    let mut records = cloud.subscribe();

    client
        .set_muted(call.session(), true)
        .await
        .expect("there is a session");
    within(async {
        loop {
            let record = records.recv().await.expect("the cloud lives");
            if let What::Call {
                event: CallEvent::ClientMuted { muted: true },
                ..
            } = record.what
            {
                return;
            }
        }
    })
    .await;
    poll(|| call.heard().tone.is_none()).await;
    goes_on(&call).await;

    client
        .set_muted(call.session(), false)
        .await
        .expect("there is a session");
    poll(|| call.heard().tone.is_some()).await;
    client.shutdown().await;
}
