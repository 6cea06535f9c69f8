//! The command line: what `cargo xtask` understands.

use crate::bench::{self, Bench};
use crate::fuzz;
use crate::soak::{self, Share};
use crate::tools::Install;

/// A command line that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
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
    Soak {
        install: Install,
        shares: Vec<(Share, u64)>,
    },
    Bench {
        install: Install,
        benches: Vec<Bench>,
    },
    Help,
}

/// Understands the arguments of `cargo xtask`.
///
/// # Errors
/// What is wrong with them, and what there is instead.
pub(crate) fn parse(arguments: &[String]) -> Result<Command, String> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err("no command".to_owned());
    };
    match command.as_str() {
        "demo" => {
            let (install, arguments) = parse_install(rest);
            Ok(Command::Demo {
                install,
                arguments: arguments.to_vec(),
            })
        }
        "test" => parse_test(rest),
        "fuzz" => parse_fuzz(rest),
        "soak" => parse_soak(rest),
        "bench" => parse_bench(rest),
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
    let (install, arguments) = parse_install(arguments);
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

fn parse_soak(arguments: &[String]) -> Result<Command, String> {
    let (install, arguments) = parse_install(arguments);
    let known = soak::SHARES.map(|share| share.name).join(", ");
    let named = |name: &str| soak::share(name).ok_or(format!("there is no soak `{name}`; there are {known}"));
    let shares = match arguments {
        [] => soak::SHARES.map(|share| (share, share.usual)).to_vec(),
        [name] => named(name).map(|share| vec![(share, share.usual)])?,
        [name, amount] => {
            let share = named(name)?;
            let amount = amount.parse().ok().filter(|amount| *amount > 0);
            vec![(
                share,
                amount.ok_or(format!("`{}` is no number of {}", arguments[1], share.unit))?,
            )]
        }
        _ => return Err(format!("soak needs one name ({known}), or none")),
    };
    Ok(Command::Soak { install, shares })
}

fn parse_bench(arguments: &[String]) -> Result<Command, String> {
    let (install, arguments) = parse_install(arguments);
    let known = bench::BENCHES.map(|bench| bench.name).join(", ");
    let benches = match arguments {
        [] => bench::BENCHES.to_vec(),
        [name] => vec![bench::bench(name).ok_or(format!("there is no benchmark `{name}`; there are {known}"))?],
        _ => return Err(format!("bench needs one name ({known}), or none")),
    };
    Ok(Command::Bench { install, benches })
}

/// Whether to install what is missing, and the arguments behind that.
fn parse_install(arguments: &[String]) -> (Install, &[String]) {
    match arguments.split_first() {
        Some((first, rest)) if first == "--install" => (Install::Always, rest),
        _ => (Install::AsRoot, arguments),
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
    fn soaking_has_its_usual_amount_or_another() {
        let soak = |shares| Command::Soak {
            install: Install::AsRoot,
            shares,
        };
        let lives = soak::share("lives").expect("a share");
        for (line, command) in [
            ("soak", soak(soak::SHARES.map(|share| (share, share.usual)).to_vec())),
            ("soak lives", soak(vec![(lives, lives.usual)])),
            ("soak lives 7", soak(vec![(lives, 7)])),
        ] {
            assert_eq!(parsed(line), Ok(command), "{line}");
        }
        for (line, fault) in [
            ("soak lives many", "`many` is no number of lives"),
            ("soak fuzz 0", "`0` is no number of seconds a target"),
            (
                "soak days",
                "there is no soak `days`; there are jingle-model, lives, calls, network-sim, network, fuzz",
            ),
            (
                "soak lives 7 8",
                "soak needs one name (jingle-model, lives, calls, network-sim, network, fuzz), or none",
            ),
        ] {
            assert_eq!(parsed(line), Err(fault.to_owned()), "{line}");
        }
    }

    #[test]
    fn one_benchmark_is_named_or_all_run() {
        let all = bench::BENCHES.to_vec();
        let one = |name| vec![bench::bench(name).expect("a benchmark")];
        for (line, install, benches) in [
            ("bench", Install::AsRoot, all),
            ("bench setup", Install::AsRoot, one("setup")),
            ("bench --install jingle", Install::Always, one("jingle")),
        ] {
            assert_eq!(parsed(line), Ok(Command::Bench { install, benches }), "{line}");
        }
        for (line, fault) in [
            (
                "bench sip",
                "there is no benchmark `sip`; there are jingle, media, setup, sockets, scale, quality, live",
            ),
            (
                "bench jingle fast",
                "bench needs one name (jingle, media, setup, sockets, scale, quality, live), or none",
            ),
        ] {
            assert_eq!(parsed(line), Err(fault.to_owned()), "{line}");
        }
    }
}
