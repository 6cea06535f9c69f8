//! `cargo xtask`: the commands of this workspace. Continuous integration runs these, and so does everybody else.

mod bench;
mod command;
mod demo;
mod fuzz;
mod house;
mod npm;
mod pip;
mod soak;
mod stage;
mod stages;
mod step;
mod tally;
mod tools;
mod workspace;

use std::process::ExitCode;

use command::Command;
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo [--install] [ARGS...]        build everything and run `agent demo ARGS...`
  test [--quick] [--install]        every check and every test; ends with `N passed, N failed`
                                    --quick installs nothing
  fuzz [--install] TARGET [SECONDS] run one fuzz target (600 seconds unless told)
  fuzz replay                       run the committed corpora of all fuzz targets, on stable
  soak [--install] [NAME [AMOUNT]]  what the tests do, for hours; ends with `N passed, N failed`. NAME is
                                    `jingle-model` (AMOUNT sequences, 100000 unless told), `lives` (AMOUNT lives,
                                    250000 unless told), `network-sim` (AMOUNT calls on each simulated network, 1000
                                    unless told), `network` (AMOUNT calls on each network between two namespaces, 50
                                    unless told; as root), or `fuzz` (AMOUNT seconds for each target, 1800 unless told);
                                    without a name everything
  bench [--install] [NAME]          benchmarks, in release, and their figures as a table: `jingle`, `media`,
                                    `quality`, `scale`, `setup`, `sockets`

Missing system packages are installed when this runs as root or with --install; otherwise the command that
installs them is printed, and the exit status is 1.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = match command::parse(&arguments) {
        Ok(command) => command,
        Err(fault) => {
            eprint!("cargo xtask: {fault}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cargo xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, step::Error> {
    match command {
        Command::Help => print!("{USAGE}"),
        Command::Demo { install, arguments } => return demo::run(&Workspace::load()?, install, &arguments),
        Command::Test { install, quick } => return stages::run(&Workspace::load()?, install, quick),
        Command::Bench { install, benches } => return bench::run(&Workspace::load()?, install, &benches),
        Command::Soak { install, shares } => return soak::run(&Workspace::load()?, install, &shares),
        Command::Fuzz {
            install,
            target,
            seconds,
        } => fuzz::run(&Workspace::load()?, install, &target, seconds)?,
        Command::FuzzReplay => fuzz::replay(&Workspace::load()?)?,
    }
    Ok(ExitCode::SUCCESS)
}
