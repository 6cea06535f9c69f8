//! `cargo xtask demo`: builds the workspace and runs `agent demo`.

use std::process::ExitCode;
use std::time::Duration;

use crate::step::{Error, Step};
use crate::tools::{self, Install};
use crate::workspace::Workspace;

/// Longest that a build from nothing may take.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);
/// Longest that the demo itself may take.
const DEMO_LIMIT: Duration = Duration::from_secs(600);

/// Builds and runs the demo; the exit status is the demo's.
pub(crate) fn run(workspace: &Workspace, install: Install, arguments: &[String]) -> Result<ExitCode, Error> {
    tools::for_building(install)?;
    // Built as part of the whole workspace, so that the tests later find its dependencies as they need them.
    let build = ["build", "--workspace", "--bin", "agent"];
    Step::new("cargo", &build, BUILD_LIMIT).folder(&workspace.root).run()?;
    let demo = Step::new(workspace.program("agent"), &["demo"], DEMO_LIMIT);
    let status = arguments.iter().fold(demo, Step::argument).attached()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
