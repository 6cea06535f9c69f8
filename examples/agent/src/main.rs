//! The agent: a softphone for the command line.
//!
//! `agent demo` shows calls in both directions against a cloud of its own; `agent run` stays connected and handles calls, for
//! people in words, for programs as JSON lines; `agent call` places one.

#![forbid(unsafe_code)]

mod cli;
mod config;
mod demo;
mod exit;
mod login;
mod run;

use std::{
    io::{IsTerminal as _, Write as _, stderr},
    process::ExitCode,
    sync::mpsc::Receiver,
};

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};
use tracing_subscriber::EnvFilter;

use crate::{
    cli::{Cli, Command},
    exit::Exit,
    run::view::{self, LogLines},
};

fn main() -> ExitCode {
    let cli = match config::command_line() {
        Ok(cli) => cli,
        Err(error) => return Exit::usage(error.to_string()).report(),
    };
    let logs = logs(&cli.command);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let exit = match runtime {
        Ok(runtime) => runtime.block_on(async {
            match cli.command {
                Command::Demo(options) => demo::demo(&options).await,
                Command::Run(options) => run::run(&options, None, logs).await,
                Command::Completions { shell } => {
                    completions(shell);
                    Exit::clean()
                }
                Command::Login(options) => login::login(&options).await,
                Command::Call(options) => run::run(&options.run, Some(&options.outbound), logs).await,
            }
        }),
        Err(error) => Exit::other(format!("no runtime: {error}")),
    };
    exit.report()
}

/// To be evaluated by the shell, or put where it looks for completions.
fn completions(shell: Shell) {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "agent", &mut script);
    // A reader that has gone wants no more of it.
    drop(std::io::stdout().write_all(&script));
}

/// Logs go to standard error, or, where that is the screen of a view, to the view: what comes out here.
fn logs(command: &Command) -> Receiver<String> {
    let viewed = match command {
        Command::Run(options) => view::is_wanted(options),
        Command::Call(options) => view::is_wanted(&options.run),
        Command::Demo(_) | Command::Login(_) | Command::Completions { .. } => false,
    };
    let (lines, receiver) = LogLines::new();
    let filter = EnvFilter::try_from_env("OFFHOOK_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    if viewed && stderr().is_terminal() {
        log.with_ansi(false).with_writer(move || lines.clone()).init();
    } else {
        log.with_writer(stderr).init();
    }
    receiver
}
