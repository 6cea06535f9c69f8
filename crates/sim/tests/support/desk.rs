//! Three users at their telephones, each of whom says a tone of its own.

use std::cell::Cell;

use offhook_audio::SourceSpec;
use offhook_sim::{CallHandle, CallRequest, Cloud, CloudConfig, Conversation, Destination, GatewayConfig, User};

use super::phone::Phone;
use super::{Client, cloud};

/// What is measured: half a second.
const WINDOW: usize = 24_000;
/// How much is heard between a change and a measurement: enough that nothing from before the change is measured.
const ENOUGH: usize = 72_000;

const PITCHES: [u32; 3] = [600, 1_000, 1_700];
/// What the gateway says for those beyond it.
pub const GATEWAY: u32 = 440;
/// What is heard of who is on hold.
pub const MUSIC: u32 = 2_500;

/// A user at a telephone.
pub struct Desk {
    pub client: Client,
    pub phone: Option<Phone>,
    pitch: u32,
}

impl Desk {
    pub async fn answer(&mut self) {
        let mut phone = Phone::answer(&mut self.client, self.pitch).await;
        phone.take_skipped(&mut self.client);
        phone.run(&mut self.client, |phone| phone.connected).await;
        self.phone = Some(phone);
    }

    /// Which of the tones of this test it hears.
    fn tones(&self) -> Vec<u32> {
        let heard = &self.phone.as_ref().expect("it has answered").heard;
        let heard = &heard[heard.len() - WINDOW..];
        let tones = PITCHES.into_iter().chain([GATEWAY, MUSIC]);
        tones.filter(|pitch| amplitude(heard, *pitch) > 1_000.0).collect()
    }
}

/// How much of a sine of this pitch there is in the samples: its amplitude.
fn amplitude(samples: &[i16], pitch: u32) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (at, sample) in samples.iter().enumerate() {
        let angle = std::f64::consts::TAU * f64::from(pitch) * at as f64 / 48_000.0;
        real += f64::from(*sample) * angle.cos();
        imaginary += f64::from(*sample) * angle.sin();
    }
    2.0 * f64::hypot(real, imaginary) / samples.len() as f64
}

/// Lets all that have answered speak until each has heard enough, and says what each hears then.
pub async fn speak<const N: usize>(desks: [&mut Desk; N]) -> [Vec<u32>; N] {
    let waiting = Cell::new(N);
    let speaking = desks.map(|desk| {
        let waiting = &waiting;
        async move {
            let phone = desk.phone.as_mut().expect("it has answered");
            let (until, done) = (phone.heard.len() + ENOUGH, Cell::new(false));
            phone
                .run(&mut desk.client, |phone| {
                    if phone.heard.len() >= until && !done.replace(true) {
                        waiting.set(waiting.get() - 1);
                    }
                    waiting.get() == 0
                })
                .await;
            desk.tones()
        }
    });
    let heard = futures_util::future::join_all(speaking).await;
    heard.try_into().expect("as many as speak")
}

/// A cloud of three users, all of them at their desks.
pub async fn three() -> (Cloud, [Desk; 3]) {
    three_in(CloudConfig::default()).await
}

/// The same in a cloud that is otherwise as it is said.
pub async fn three_in(config: CloudConfig) -> (Cloud, [Desk; 3]) {
    let users = ["Anna", "Ben", "Cleo"].map(|name| User::new(name, format!("token-{name}")));
    let gateway = GatewayConfig {
        play: SourceSpec::Tone { hertz: GATEWAY },
        hold: SourceSpec::Tone { hertz: MUSIC },
        ..config.gateway.clone()
    };
    let config = CloudConfig {
        users: users.to_vec(),
        gateway,
        ..config
    };
    let cloud = cloud(config).await;
    let mut desks = Vec::new();
    for (user, pitch) in users.iter().zip(PITCHES) {
        let client = Client::connect_as(&cloud, user, "desk").await;
        desks.push(Desk {
            client,
            phone: None,
            pitch,
        });
    }
    let Ok(desks) = desks.try_into() else {
        panic!("three desks")
    };
    (cloud, desks)
}

/// A call to this user.
pub fn to(cloud: &Cloud, number: usize) -> CallRequest {
    CallRequest {
        user: Some(cloud.users()[number].id.clone()),
        ..CallRequest::default()
    }
}

/// This user.
pub fn user(cloud: &Cloud, number: usize) -> Destination {
    Destination::User(cloud.users()[number].id.clone())
}

/// The newest part of this user.
pub fn part(cloud: &Cloud, conversation: &Conversation, number: usize) -> String {
    let part = conversation.of_user(&cloud.users()[number].id);
    part.expect("the user takes part").id
}

/// The newest call of this user.
pub fn call_of(cloud: &Cloud, number: usize) -> CallHandle {
    let mut calls = cloud.calls().into_iter().rev();
    let user = &cloud.users()[number].id;
    calls.find(|call| call.user() == user).expect("the user has a call")
}
