//! `cargo xtask`: the commands of this workspace. Continuous integration runs these, and so does everybody else.

mod demo;
mod fuzz;
mod house;
mod stage;
mod stages;
mod step;
mod tally;
mod tools;
mod workspace;

use std::process::ExitCode;

use tools::Install;
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo [--install] [ARGS...]        build everything and run `agent demo ARGS...`
  test [--quick] [--install]        every check and every test; ends with `N passed, N failed`
                                    --quick installs nothing
  fuzz [--install] TARGET [SECONDS] run one fuzz target (600 seconds unless told)
  fuzz replay                       run the committed corpora of all fuzz targets, on stable

Missing system packages are installed when this runs as root or with --install; otherwise the command that
installs them is printed, and the exit status is 1.
";

/// A command line that was understood.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Demo {
        install: Install,
        arguments: Vec<String>,
    },
    Test {
        install: Install,
        quick: bool,
    },
    Fuzz {
        install: Install,
        target: String,
        seconds: u64,
    },
    FuzzReplay,
    NotYet {
        what: &'static str,
        instead: &'static str,
    },
    Help,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = match parse(&arguments) {
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
        Command::NotYet { what, instead } => {
            eprintln!("cargo xtask {what}: not there yet. {instead}");
            return Ok(ExitCode::FAILURE);
        }
        Command::Demo { install, arguments } => return demo::run(&Workspace::load()?, install, &arguments),
        Command::Test { install, quick } => return stages::run(&Workspace::load()?, install, quick),
        Command::Fuzz {
            install,
            target,
            seconds,
        } => fuzz::run(&Workspace::load()?, install, &target, seconds)?,
        Command::FuzzReplay => fuzz::replay(&Workspace::load()?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(arguments: &[String]) -> Result<Command, String> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err("no command".to_owned());
    };
    match command.as_str() {
        "demo" => {
            let (install, arguments) = match rest.split_first() {
                Some((first, rest)) if first == "--install" => (Install::Always, rest),
                _ => (Install::AsRoot, rest),
            };
            Ok(Command::Demo {
                install,
                arguments: arguments.to_vec(),
            })
        }
        "test" => parse_test(rest),
        "fuzz" => parse_fuzz(rest),
        "soak" => Ok(Command::NotYet {
            what: "soak",
            instead: "It will run more seeds, tables of networks and hour-long calls, none of which exist so far. \
                      `cargo xtask fuzz TARGET SECONDS` fuzzes for long, and `cargo xtask test` runs every test there is.",
        }),
        "bench" => Ok(Command::NotYet {
            what: "bench",
            instead: "There are no benchmarks so far. `cargo xtask test` prints the time of each of its stages.",
        }),
        "help" | "--help" | "-h" => Ok(Command::Help),
        other => Err(format!("there is no command `{other}`")),
    }
}

fn parse_test(arguments: &[String]) -> Result<Command, String> {
    let (mut quick, mut install) = (false, Install::AsRoot);
    for argument in arguments {
        match argument.as_str() {
            "--quick" => quick = true,
            "--install" => install = Install::Always,
            other => return Err(format!("test does not know `{other}`")),
        }
    }
    match (quick, install) {
        (true, Install::Always) => Err("--quick installs nothing: leave out one of --quick and --install".to_owned()),
        (true, _) => Ok(Command::Test {
            install: Install::Never,
            quick,
        }),
        (false, install) => Ok(Command::Test { install, quick }),
    }
}

fn parse_fuzz(arguments: &[String]) -> Result<Command, String> {
    let (install, arguments) = match arguments.split_first() {
        Some((first, rest)) if first == "--install" => (Install::Always, rest),
        _ => (Install::AsRoot, arguments),
    };
    let known = fuzz::TARGETS.map(|target| target.name).join(", ");
    match arguments {
        [replay] if replay == "replay" => Ok(Command::FuzzReplay),
        [target] if fuzz::target(target).is_some() => Ok(Command::Fuzz {
            install,
            target: target.clone(),
            seconds: fuzz::DEFAULT_SECONDS,
        }),
        [target, seconds] if fuzz::target(target).is_some() => match seconds.parse() {
            Ok(seconds @ 1..) => Ok(Command::Fuzz {
                install,
                target: target.clone(),
                seconds,
            }),
            _ => Err(format!("`{seconds}` is no number of seconds")),
        },
        [target, ..] if fuzz::target(target).is_none() => Err(format!(
            "there is no fuzz target `{target}`; there are {known}, and `replay`"
        )),
        _ => Err(format!("fuzz needs a target ({known}), or `replay`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_commands_are_understood() {
        let (root, always) = (Install::AsRoot, Install::Always);
        let arguments = vec!["--out".to_owned(), "x".to_owned()];
        let fuzz = |seconds| Command::Fuzz {
            install: root,
            target: "xmpp_frame".to_owned(),
            seconds,
        };
        for (line, command) in [
            (
                "demo",
                Command::Demo {
                    install: root,
                    arguments: Vec::new(),
                },
            ),
            (
                "demo --out x",
                Command::Demo {
                    install: root,
                    arguments: arguments.clone(),
                },
            ),
            (
                "demo --install --out x",
                Command::Demo {
                    install: always,
                    arguments,
                },
            ),
            (
                "test",
                Command::Test {
                    install: root,
                    quick: false,
                },
            ),
            (
                "test --install",
                Command::Test {
                    install: always,
                    quick: false,
                },
            ),
            (
                "test --quick",
                Command::Test {
                    install: Install::Never,
                    quick: true,
                },
            ),
            ("fuzz xmpp_frame", fuzz(600)),
            ("fuzz xmpp_frame 5", fuzz(5)),
            ("fuzz replay", Command::FuzzReplay),
            ("--help", Command::Help),
        ] {
            assert_eq!(parsed(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_says_what_there_is() {
        for (line, fault) in [
            ("", "no command"),
            ("build", "there is no command `build`"),
            ("test --fast", "test does not know `--fast`"),
            (
                "test --quick --install",
                "--quick installs nothing: leave out one of --quick and --install",
            ),
            ("fuzz xmpp_frame 0", "`0` is no number of seconds"),
        ] {
            assert_eq!(parsed(line), Err(fault.to_owned()), "{line}");
        }
        for line in ["fuzz", "fuzz xml", "fuzz xml 5"] {
            let fault = parsed(line).expect_err(line);
            assert!(
                fuzz::TARGETS.iter().all(|target| fault.contains(target.name)),
                "{fault}"
            );
            assert!(fault.contains("`replay`"), "{fault}");
        }
    }

    #[test]
    fn what_is_to_come_is_refused_by_name() {
        for what in ["soak", "bench"] {
            assert!(matches!(parsed(what), Ok(Command::NotYet { what: told, .. }) if told == what));
        }
    }
}
