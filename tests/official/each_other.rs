//! The platform's own client and ours call each other through the simulated cloud.

use offhook_audio::measure::dominant_tone;
use offhook_sim::{CallHandle, CloudConfig, User};
use offhook_tests::softphone::{poll, within};
use serde_json::json;

use crate::{
    ours::Ours,
    page::{Kind, Page},
    place::{MICROPHONE, Place},
};

/// What ours plays, in hertz.
const OURS: u32 = 520;
const TOKEN: &str = "bob-token";

/// The call of a user, as soon as there is one.
async fn call_of(place: &Place, user: &str) -> CallHandle {
    let find = || place.cloud.calls().into_iter().find(|call| call.user() == user);
    poll(|| find().is_some()).await;
    find().expect("it is there")
}

#[tokio::test]
#[ignore = "needs Chromium: cargo xtask test installs it and runs this"]
async fn each_hears_the_tone_of_the_other() {
    let bob = User::new("Bob", TOKEN);
    let config = CloudConfig {
        users: vec![User::default(), bob.clone()],
        ..CloudConfig::default()
    };
    let place = Place::new(config).await;
    let mut page = Page::open(&place, Kind::Client);
    let mut ours = Ours::of(&place, TOKEN.to_owned(), OURS, false);
    page.does(&json!({ "do": "connect", "token": place.token() }));
    page.tells("connected", |_| true).await;
    ours.connect().await;
    within(place.cloud.wait_connected(&bob.id)).await;

    let body = json!({ "callUserId": bob.id });
    page.does(&json!({ "do": "request", "method": "post", "path": "conversations/calls", "data": body }));
    let caller = call_of(&place, place.user()).await;
    page.tells_of("proposed", caller.session().as_str()).await;
    page.does(&json!({ "do": "proceed", "session": caller.session().as_str() }));
    let callee = call_of(&place, &bob.id).await;
    ours.is_proposed(callee.session().as_str()).await;
    ours.accept(callee.session().as_str()).await;

    page.hears(caller.session().as_str(), OURS).await;
    #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
    let pitch = MICROPHONE as f32;
    let right = |heard: &[i16]| dominant_tone(heard).is_some_and(|tone| (tone.hertz - pitch).abs() < 3.0);
    ours.hears(callee.conversation().as_str(), right).await;

    // Who hangs up, hangs up for both.
    page.does(&json!({ "do": "end", "session": caller.session().as_str() }));
    ours.has_ended(callee.session().as_str()).await;
    within(callee.ended()).await;
}
