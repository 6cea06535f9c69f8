//! The platform's own client and its SDK, unmodified, in a browser, in calls with the simulated cloud; and our agent in their place.
//!
//! What was seen on both sides is written to `docs/interop.md`. `cargo xtask test` installs the client and runs this.

mod difference;
mod direct;
mod ours;
mod page;
mod place;
mod scenario;
mod softphone;
mod story;
mod table;
mod users;
mod web_page;
mod world;

use scenario::Scenario;
use softphone::Who;

/// Plays a scenario, and keeps what was seen.
async fn show(name: &'static str, scenario: Scenario, who: Who) {
    let place = table::Place::new(name, who);
    let mut world = story::told(scenario, who).await;
    place.is(world.row().await);
}
