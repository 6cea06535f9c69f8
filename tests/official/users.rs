//! Two users of the cloud call each other: one with the softphone in question, the other one, Bob, with ours.

use offhook::Destination;
use offhook_jingle::{ConversationId, Dialect};
use offhook_sim::{CallHandle, CloudConfig, GatewayConfig, User};
use offhook_tests::softphone::{poll, within};

use crate::{
    ours::{Ours, is_tone},
    place::{MICROPHONE, Place},
    softphone::Who,
    world::World,
};

/// What Bob plays, in hertz.
const BOB: u32 = 520;
const TOKEN: &str = "bob-token";

/// The phone calls Bob.
pub async fn calls_another(dialect: Dialect, who: Who) -> World {
    let (mut world, mut bob, user) = two(dialect, who).await;
    let conversation = world.phone.dials(Destination::User(user.id.clone())).await;
    world.sees("dialled the other user");
    let (own, others) = calls(&world, &conversation, &user).await;
    world.phone.accepts_automatic(own.session().as_str()).await;
    bob.is_proposed(others.session().as_str()).await;
    bob.accept(others.session().as_str()).await;
    hear_each_other(&mut world, &own, &mut bob, &others).await;

    // Who hangs up, hangs up for both.
    world.phone_ends(&own).await;
    bob.has_ended(others.session().as_str()).await;
    world.has_ended(&own).await;
    world.is_over(&own).await;
    world
}

/// Bob calls the phone.
pub async fn called_by_another(dialect: Dialect, who: Who) -> World {
    let (mut world, mut bob, user) = two(dialect, who).await;
    let conversation = bob.dial(Destination::User(world.place.user().to_owned())).await;
    let (own, others) = calls(&world, &conversation, &user).await;
    bob.is_proposed(others.session().as_str()).await;
    world.phone.is_proposed(own.session().as_str()).await;
    world.sees("rang: another user");
    world.phone.accepts(own.session().as_str()).await;
    hear_each_other(&mut world, &own, &mut bob, &others).await;

    bob.end(others.conversation().as_str()).await;
    world.has_ended(&own).await;
    bob.has_ended(others.session().as_str()).await;
    world.is_over(&own).await;
    world
}

/// A cloud with two users, who have connected.
async fn two(dialect: Dialect, who: Who) -> (World, Ours, User) {
    let user = User::new("Bob", TOKEN);
    let config = CloudConfig {
        users: vec![User::default(), user.clone()],
        gateway: GatewayConfig {
            dialect,
            ..GatewayConfig::default()
        },
        ..CloudConfig::default()
    };
    let world = World::of(Place::new(config).await, who).await;
    let mut bob = Ours::new(BOB);
    bob.connect(&world.place.cloud, TOKEN).await;
    within(world.place.cloud.wait_connected(&user.id)).await;
    (world, bob, user)
}

/// The calls of a conversation as soon as they are there: that of the phone, and Bob's.
async fn calls(world: &World, conversation: &str, bob: &User) -> (CallHandle, CallHandle) {
    let cloud = &world.place.cloud;
    let conversation = ConversationId::new(conversation);
    let find = |user: &str| {
        let mut calls = cloud.calls().into_iter();
        calls.find(|call| call.user() == user && *call.conversation() == conversation)
    };
    poll(|| find(&bob.id).is_some() && find(world.place.user()).is_some()).await;
    let found = |user| find(user).expect("it is there");
    (found(world.place.user()), found(&bob.id))
}

async fn hear_each_other(world: &mut World, own: &CallHandle, bob: &mut Ours, others: &CallHandle) {
    world
        .phone
        .is_up(own.session().as_str(), own.conversation().as_str())
        .await;
    world.sees("media connected");
    let (session, conversation) = (own.session().as_str(), own.conversation().as_str());
    world.phone.hears(session, conversation, BOB).await;
    world.sees(format!("heard {BOB} Hz of the other user"));
    bob.hears(others.conversation().as_str(), is_tone(MICROPHONE)).await;
    world.cloud_sees(format!("the other user heard {MICROPHONE} Hz"));
}
