//! What happens in each scenario.

use std::time::Duration;

use offhook_jingle::{ConversationId, Dialect, Reason};
use offhook_media::{Change, Direction};
use offhook_sim::{
    CallEvent, CallFaults, CallHandle, CallRequest, CallState, CloudConfig, Cut, GatewayConfig, OtherDialect,
};
use offhook_sim::{Reinvite, SystemEvent, User, What};
use offhook_tests::softphone::{poll, within};

use crate::{
    place::Place,
    scenario::Scenario,
    softphone::{Softphone, Who},
    world::World,
};

/// Plays it to its end.
pub async fn told(scenario: Scenario, who: Who) -> World {
    if let Scenario::Outbound(dialect) = scenario {
        return outbound(dialect, who).await;
    }
    let mut world = match scenario {
        Scenario::TwoCalls(_) => World::of(Place::new(with_two_lines()).await, who, false).await,
        _ => World::new(who).await,
    };
    match scenario {
        Scenario::Connect | Scenario::Outbound(_) => {}
        Scenario::Inbound(dialect) => drop(world.is_called(dialect).await),
        Scenario::Reject(dialect) => reject(&mut world, dialect).await,
        Scenario::Retract(dialect) => retract(&mut world, dialect).await,
        Scenario::Elsewhere(dialect) => elsewhere(&mut world, dialect).await,
        Scenario::Mute(dialect) => mute(&mut world, dialect).await,
        Scenario::Keys(dialect) => keys(&mut world, dialect).await,
        Scenario::Silence(dialect) => silence(&mut world, dialect).await,
        Scenario::Hold => hold(&mut world).await,
        Scenario::ClientHangsUp(dialect) => {
            let call = world.is_called(dialect).await;
            world.phone.ends(call.session().as_str()).await;
            world.is_over(&call).await;
            world.has_ended(&call).await;
        }
        Scenario::GatewayHangsUp(dialect) => {
            let call = world.is_called(dialect).await;
            hang_up(&mut world, &call).await;
        }
        Scenario::PlatformHolds(dialect) => platform_holds(&mut world, dialect).await,
        Scenario::TwoCalls(dialect) => two_calls(&mut world, dialect).await,
        Scenario::Cut(dialect) => cut(&mut world, dialect).await,
        Scenario::HardReconnect(dialect) => hard_reconnect(&mut world, dialect).await,
        Scenario::Transfer(dialect) => transfer(&mut world, dialect).await,
        Scenario::Reinvite => reinvite(&mut world).await,
        Scenario::Unproposed(dialect) => {
            let faults = CallFaults {
                other_dialect: Some(OtherDialect::Last),
                ..CallFaults::default()
            };
            faulty(&mut world, dialect, faults).await;
        }
        Scenario::LostProceed(dialect) => {
            let faults = CallFaults {
                repeat_propose: 3,
                ..CallFaults::default()
            };
            faulty(&mut world, dialect, faults).await;
        }
    }
    world
}

/// A cloud that calls its user twice at a time.
fn with_two_lines() -> CloudConfig {
    let mut user = User::default();
    if let Some(station) = &mut user.station {
        station.lines = 2;
    }
    CloudConfig {
        users: vec![user],
        ..CloudConfig::default()
    }
}

fn in_dialect(dialect: Dialect) -> CallRequest {
    CallRequest {
        dialect: Some(dialect),
        ..CallRequest::default()
    }
}

/// The caller hangs up, and both sides know.
async fn hang_up(world: &mut World, call: &CallHandle) {
    call.hang_up(Reason::Success);
    world.has_ended(call).await;
    world.is_over(call).await;
}

async fn outbound(dialect: Dialect, who: Who) -> World {
    let gateway = GatewayConfig {
        dialect,
        ..GatewayConfig::default()
    };
    let config = CloudConfig {
        gateway,
        ..CloudConfig::default()
    };
    let mut world = World::of(Place::new(config).await, who, false).await;
    let conversation = world.phone.dials("+4930123").await;
    world.sees("dialled");
    let call = within(world.place.cloud.call_of(&ConversationId::new(conversation))).await;
    world.phone.accepts_automatic(call.session().as_str()).await;
    world.is_up(&call).await;
    hang_up(&mut world, &call).await;
    world
}

async fn reject(world: &mut World, dialect: Dialect) {
    let call = world.rings(in_dialect(dialect)).await;
    world.phone.rejects(call.session().as_str()).await;
    world.sees("rejected");
    world.is_over(&call).await;
}

async fn retract(world: &mut World, dialect: Dialect) {
    let call = world.rings(in_dialect(dialect)).await;
    call.retract();
    world.phone.is_cancelled(call.session().as_str()).await;
    world.sees("rang no more: the caller gave up");
    world.is_over(&call).await;
}

/// The user has two clients; the other one answers.
async fn elsewhere(world: &mut World, dialect: Dialect) {
    let mut other = Softphone::new(&world.place, world.who, false);
    other.connect(&world.place, false).await;
    poll(|| world.place.cloud.connected(world.place.user()).len() == 2).await;
    let call = world.rings(in_dialect(dialect)).await;
    let (session, conversation) = (call.session().as_str(), call.conversation().as_str());
    other.is_proposed(session).await;
    other.accepts(session).await;
    other.is_up(session).await;
    other.hears(session, conversation, crate::place::GATEWAY).await;
    world.phone.is_handled(session).await;
    world.sees("rang no more: answered elsewhere");
    world.gateway_hears(&call).await;
    call.hang_up(Reason::Success);
    other.has_ended(session).await;
    world.is_over(&call).await;
}

async fn mute(world: &mut World, dialect: Dialect) {
    let call = world.is_called(dialect).await;
    world.phone.mutes(call.session().as_str(), true).await;
    world.sees("muted itself");
    world.gateway_hears_nothing(&call).await;
    world.phone_hears(&call).await;
    world.phone.mutes(call.session().as_str(), false).await;
    world.sees("unmuted itself");
    world.gateway_hears(&call).await;
}

async fn keys(world: &mut World, dialect: Dialect) {
    let call = world.is_called(dialect).await;
    world.phone.presses(call.session().as_str(), "159#").await;
    world.sees("pressed 159#");
    for key in "159#".chars() {
        let pressed =
            |what: &What, _| matches!(what, What::Call { event: CallEvent::DigitHeard { digit }, .. } if *digit == key);
        world.recorded(pressed).await;
    }
}

/// What the platform does when it holds: it plays silence.
async fn silence(world: &mut World, dialect: Dialect) {
    let call = world.is_called(dialect).await;
    call.set_muted(true);
    world.phone_hears_nothing(&call).await;
    world.gateway_hears(&call).await;
    call.set_muted(false);
    world.hear_each_other(&call).await;
}

/// The SDK asks by REST; nothing is heard either way.
async fn platform_holds(world: &mut World, dialect: Dialect) {
    let call = world.is_called(dialect).await;
    let session = call.session().as_str();
    world.phone.holds(session, true);
    world.sees("asked to hold");
    world.phone_hears_nothing(&call).await;
    world.gateway_hears_nothing(&call).await;
    world.phone.holds(session, false);
    world.sees("asked to take it back");
    world.hear_each_other(&call).await;
    hang_up(world, &call).await;
}

/// A second call comes while there is one. The SDK has the platform hold the first; the others hear both.
async fn two_calls(world: &mut World, dialect: Dialect) {
    let first = world.is_called(dialect).await;
    let second = world.is_called(dialect).await;
    match world.who {
        Who::Sdk => {
            world.phone_hears_nothing(&first).await;
            world.gateway_hears_nothing(&first).await;
        }
        Who::Client | Who::Ours => world.hear_each_other(&first).await,
    }
    hang_up(world, &second).await;
    if world.who == Who::Sdk {
        world.phone.holds(first.session().as_str(), false);
    }
    world.hear_each_other(&first).await;
    hang_up(world, &first).await;
}

/// A second offer of the same media, in which the gateway only sends; a third, in which it hears again.
async fn hold(world: &mut World) {
    let call = world.is_called(Dialect::SdpOverXmpp).await;
    call.change(Change::Direction(Direction::SendOnly));
    world.gateway_hears_nothing(&call).await;
    world.phone_hears(&call).await;
    call.change(Change::Direction(Direction::SendRecv));
    world.hear_each_other(&call).await;
    hang_up(world, &call).await;
}

async fn cut(world: &mut World, dialect: Dialect) {
    let call = world.is_called(dialect).await;
    world.place.cloud.cut(&Cut::Reset, None);
    world.phone.is_disconnected().await;
    world.sees("lost its WebSocket");
    world.goes_on(&call).await;
    world.phone.is_connected_again().await;
    world.sees("connected again");
    assert_eq!((world.channels(), world.sockets()), (1, 2), "the channel is used again");
    world.hear_each_other(&call).await;
    within(world.place.cloud.wait_connected(world.place.user())).await;
    // With the SDK the scenario ends here: in Jingle, now and then no goodbye of the gateway went out to it after this.
    if world.who != Who::Sdk {
        hang_up(world, &call).await;
    }
}

async fn hard_reconnect(world: &mut World, dialect: Dialect) {
    let call = world.is_called(dialect).await;
    world.place.cloud.system_event(SystemEvent::DuplicateId, None);
    world.place.cloud.cut(&Cut::Fin, None);
    world.phone.is_disconnected().await;
    world.sees("lost its channel");
    world.goes_on(&call).await;
    world.phone.is_connected_again().await;
    world.sees("connected again");
    assert_eq!(world.channels(), 2, "another channel is made");
    world.cloud_sees("another channel");
    world.hear_each_other(&call).await;
    within(world.place.cloud.wait_connected(world.place.user())).await;
    hang_up(world, &call).await;
}

async fn transfer(world: &mut World, dialect: Dialect) {
    let call = world.is_called(dialect).await;
    assert_eq!(world.place.cloud.transfer(None), 1);
    world.phone.is_connected_again().await;
    world.sees("connected again");
    assert_eq!(world.channels(), 2, "another channel is made");
    world.cloud_sees("another channel");
    world.hear_each_other(&call).await;
    within(world.place.cloud.wait_connected(world.place.user())).await;
    hang_up(world, &call).await;
}

async fn reinvite(world: &mut World) {
    let call = world.is_called(Dialect::SdpOverXmpp).await;
    call.reinvite(Reinvite::default());
    world.phone.is_reinvited(call.session().as_str()).await;
    world.sees("took other media");
    within(call.replaced(1)).await.expect("it lives");
    world.cloud_sees("other media");
    world.hear_each_other(&call).await;
}

async fn faulty(world: &mut World, dialect: Dialect, faults: CallFaults) {
    let repeated = faults.repeat_propose > 0;
    let request = CallRequest {
        faults: Some(faults),
        ..in_dialect(dialect)
    };
    let call = world.rings(request).await;
    if repeated {
        world.phone.is_proposed_again(call.session().as_str()).await;
        world.sees("rang again");
    }
    world.phone.accepts(call.session().as_str()).await;
    world.is_up(&call).await;
    assert!(matches!(call.state(), CallState::Connected { .. }));
    tokio::time::timeout(Duration::from_secs(1), call.ended())
        .await
        .expect_err("it goes on");
    hang_up(world, &call).await;
}
