//! What happens in each scenario.

use std::time::Duration;

use offhook::Destination;
use offhook_jingle::{ConversationId, Dialect, Reason};
use offhook_media::{CandidateType, Change, Direction};
use offhook_sim::{
    CallEvent, CallFaults, CallHandle, CallRequest, CallState, CloudConfig, Cut, GatewayConfig, OtherDialect,
};
use offhook_sim::{Reinvite, SystemEvent, User, What};
use offhook_tests::softphone::{poll, within};

use crate::{
    place::Place,
    scenario::Scenario,
    softphone::{Softphone, Who},
    users,
    world::World,
};

/// Plays it to its end.
pub async fn told(scenario: Scenario, who: Who) -> World {
    match scenario {
        Scenario::Connect => usual(who, async |_| {}).await,
        Scenario::Inbound(dialect) => usual(who, async |world| drop(world.is_called(dialect).await)).await,
        Scenario::Outbound(dialect) => outbound(dialect, who).await,
        Scenario::Reject(dialect) => usual(who, async |world| reject(world, dialect).await).await,
        Scenario::Retract(dialect) => usual(who, async |world| retract(world, dialect).await).await,
        Scenario::Elsewhere(dialect) => usual(who, async |world| elsewhere(world, dialect).await).await,
        Scenario::Mute(dialect) => usual(who, async |world| mute(world, dialect).await).await,
        Scenario::Keys(dialect) => usual(who, async |world| keys(world, dialect).await).await,
        Scenario::Silence(dialect) => usual(who, async |world| silence(world, dialect).await).await,
        Scenario::Hold => usual(who, hold).await,
        Scenario::ClientHangsUp(dialect) => usual(who, async |world| client_hangs_up(world, dialect).await).await,
        Scenario::GatewayHangsUp(dialect) => usual(who, async |world| gateway_hangs_up(world, dialect).await).await,
        Scenario::Cut(dialect) => usual(who, async |world| cut(world, dialect).await).await,
        Scenario::HardReconnect(dialect) => usual(who, async |world| hard_reconnect(world, dialect).await).await,
        Scenario::Transfer(dialect) => usual(who, async |world| transfer(world, dialect).await).await,
        Scenario::Reinvite => usual(who, reinvite).await,
        Scenario::Unproposed(dialect) => {
            let faults = CallFaults {
                other_dialect: Some(OtherDialect::Last),
                ..CallFaults::default()
            };
            usual(who, async |world| faulty(world, dialect, faults).await).await
        }
        Scenario::LostProceed(dialect) => {
            let faults = CallFaults {
                repeat_propose: 3,
                ..CallFaults::default()
            };
            usual(who, async |world| faulty(world, dialect, faults).await).await
        }
        Scenario::PlatformHolds(dialect) => usual(who, async |world| platform_holds(world, dialect).await).await,
        Scenario::TwoCalls(dialect) => two_calls(dialect, who).await,
        Scenario::Persistent(dialect) => persistent(dialect, who).await,
        Scenario::Turn => usual(who, turn).await,
        Scenario::Relayed(dialect) => relayed(dialect, who).await,
        Scenario::CallsAnother(dialect) => users::calls_another(dialect, who).await,
        Scenario::CalledByAnother(dialect) => users::called_by_another(dialect, who).await,
        Scenario::RefusedToken => refused_token(who).await,
        Scenario::ExpiredToken => usual(who, expired_token).await,
        Scenario::EarlyCandidates => usual(who, early_candidates).await,
    }
}

/// What happens in a cloud as it is by default to a phone that has connected.
async fn usual(who: Who, story: impl AsyncFnOnce(&mut World)) -> World {
    let mut world = World::new(who).await;
    story(&mut world).await;
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

async fn client_hangs_up(world: &mut World, dialect: Dialect) {
    let call = world.is_called(dialect).await;
    world.phone_ends(&call).await;
    world.is_over(&call).await;
    world.has_ended(&call).await;
}

async fn gateway_hangs_up(world: &mut World, dialect: Dialect) {
    let call = world.is_called(dialect).await;
    hang_up(world, &call).await;
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
    let mut world = World::of(Place::new(config).await, who).await;
    let conversation = world.phone.dials(Destination::PhoneNumber("+4930123".to_owned())).await;
    world.sees("dialled");
    let call = within(world.place.cloud.call_of(&ConversationId::new(conversation))).await;
    world.phone.accepts_automatic(call.session().as_str()).await;
    world.is_up(&call).await;
    hang_up(&mut world, &call).await;
    world
}

/// The session of the first call stays, and rings for the second. The third is the user's own.
async fn persistent(dialect: Dialect, who: Who) -> World {
    let mut user = User::default();
    if let Some(station) = &mut user.station {
        station.persistent = true;
    }
    let config = CloudConfig {
        users: vec![user],
        ..CloudConfig::default()
    };
    let mut world = World::of(Place::new(config).await, who).await;
    let first = world.is_called(dialect).await;
    first.hang_up(Reason::Success);
    world.has_ended_alone(&first).await;

    let second = world.is_called(dialect).await;
    assert_eq!(second.session(), first.session());
    world.phone_ends(&second).await;
    world.has_ended_alone(&second).await;

    let conversation = world.phone.dials(Destination::PhoneNumber("+4930123".to_owned())).await;
    world.sees("dialled");
    let third = within(world.place.cloud.call_of(&ConversationId::new(conversation))).await;
    assert_eq!(third.session(), first.session());
    world.phone.accepts_automatic(third.session().as_str()).await;
    world.is_up(&third).await;
    third.hang_up(Reason::Success);
    world.has_ended_alone(&third).await;
    world
}

/// A token that is nobody's: no channel is made, no WebSocket opened, and nobody tries again.
async fn refused_token(who: Who) -> World {
    let mut world = World::unconnected(Place::new(CloudConfig::default()).await, who);
    world.phone.is_refused(&world.place, "nobody's").await;
    world.sees("gave up: the token is refused");
    assert_eq!((world.channels(), world.sockets()), (0, 0));
    world.cloud_sees("no channel, no WebSocket");
    world
}

/// The media go on without signalling, which does not come back.
async fn expired_token(world: &mut World) {
    let call = world.is_called(Dialect::SdpOverXmpp).await;
    let user = world.place.user().to_owned();
    world.place.cloud.set_token(&user, "another").expect("it is free");
    world.place.cloud.cut(&Cut::Reset, None);
    world.phone.gives_up().await;
    world.sees("gave up: the token is refused");
    world.hear_each_other(&call).await;
}

/// The gateway's candidates come before its offer. Only the SDK loses them, and is found by the gateway nevertheless.
async fn early_candidates(world: &mut World) {
    let faults = CallFaults {
        early_candidates: true,
        ..CallFaults::default()
    };
    let request = CallRequest {
        faults: Some(faults),
        ..in_dialect(Dialect::SdpOverXmpp)
    };
    let call = world.rings(request).await;
    world.phone.accepts(call.session().as_str()).await;
    if world.who == Who::Sdk {
        world.phone.loses_candidate().await;
        world.sees("lost the candidate (`Failed to find session by id`)");
    }
    world.is_up(&call).await;
    hang_up(world, &call).await;
}

/// Without a STUN server all use what is relayed alone.
async fn relayed(dialect: Dialect, who: Who) -> World {
    let config = CloudConfig {
        turn: true,
        ..CloudConfig::default()
    };
    let place = Place::new(config).await;
    let services = place.cloud.services().into_iter();
    let turn: Vec<_> = services.filter(|service| service.kind == "turn").collect();
    assert!(!turn.is_empty());
    place.cloud.set_services(Some(turn));
    let mut world = World::of(place, who).await;
    let call = world.rings(in_dialect(dialect)).await;
    world.phone.accepts(call.session().as_str()).await;
    world.phone.is_offered(call.session().as_str()).await;
    if who == Who::Sdk {
        // It may have lost the gateway's candidate, without which it has nobody to permit at its relay.
        call.repeat_candidate();
    }
    world.is_up(&call).await;
    assert_eq!(call.statistics().remote_candidate, Some(CandidateType::Relayed));
    world.cloud_sees("client's address is a relayed one");
    hang_up(&mut world, &call).await;
    world
}

async fn reject(world: &mut World, dialect: Dialect) {
    let call = world.rings(in_dialect(dialect)).await;
    world.phone.rejects(call.session().as_str()).await;
    world.sees("rejected");
    if world.who == Who::Sdk {
        // It asks the platform to hang up.
        world.phone.is_cancelled(call.session().as_str()).await;
    }
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
    let mut other = Softphone::new(&world.place, world.who);
    other.connect(&world.place).await;
    poll(|| world.place.cloud.connected(world.place.user()).len() == 2).await;
    let call = world.rings(in_dialect(dialect)).await;
    let (session, conversation) = (call.session().as_str(), call.conversation().as_str());
    other.is_proposed(session).await;
    other.accepts(session).await;
    other.is_up(session, conversation).await;
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

/// The client asks by REST; nothing is heard either way.
async fn platform_holds(world: &mut World, dialect: Dialect) {
    let call = world.is_called(dialect).await;
    world.phone_holds(&call, true).await;
    world.sees("asked to hold");
    world.phone_hears_nothing(&call).await;
    world.gateway_hears_nothing(&call).await;
    world.phone_holds(&call, false).await;
    world.sees("asked to take it back");
    world.hear_each_other(&call).await;
    hang_up(world, &call).await;
}

/// A second call comes while there is one. Who follows calls has the platform hold the first; the streaming client hears both.
async fn two_calls(dialect: Dialect, who: Who) -> World {
    let mut world = World::of(Place::new(with_two_lines()).await, who).await;
    let first = world.is_called(dialect).await;
    let second = world.is_called(dialect).await;
    match world.who {
        Who::Sdk | Who::Ours => {
            world.phone_hears_nothing(&first).await;
            world.gateway_hears_nothing(&first).await;
        }
        Who::Client => world.hear_each_other(&first).await,
    }
    hang_up(&mut world, &second).await;
    if world.who != Who::Client {
        world.phone_holds(&first, false).await;
    }
    world.hear_each_other(&first).await;
    hang_up(&mut world, &first).await;
    world
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

/// The same by `content-modify`, which the page's client refuses: its media stay as they are.
async fn turn(world: &mut World) {
    let call = world.is_called(Dialect::Jingle).await;
    call.change(Change::Direction(Direction::SendOnly));
    if world.who == Who::Ours {
        world.gateway_hears_nothing(&call).await;
        world.phone_hears(&call).await;
        call.change(Change::Direction(Direction::SendRecv));
    } else {
        let refused = |what: &What, _| {
            matches!(
                what,
                What::Call {
                    event: CallEvent::ChangeRefused { .. },
                    ..
                }
            )
        };
        world.recorded(refused).await;
    }
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
    let (session, conversation) = (call.session().as_str(), call.conversation().as_str());
    world.phone.is_reinvited(session, conversation).await;
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
