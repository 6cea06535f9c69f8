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
};

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};
use tracing_subscriber::{
    EnvFilter, Layer as _, fmt, fmt::writer::BoxMakeWriter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    cli::{Cli, Command},
    exit::Exit,
    run::{
        Logs,
        trace::Trace,
        view::{self, LogLines},
    },
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

/// Logs go to standard error, or, where that is the screen of a view, to the view; and to a program that wants them.
fn logs(command: &Command) -> Logs {
    let options = match command {
        Command::Run(options) => Some(options),
        Command::Call(options) => Some(&options.run),
        Command::Demo(_) | Command::Login(_) | Command::Completions { .. } => None,
    };
    let (lines, shown) = LogLines::new();
    let (trace, traces) = Trace::new();
    let filter = |otherwise| EnvFilter::try_from_env("OFFHOOK_LOG").unwrap_or_else(|_| EnvFilter::new(otherwise));
    let writer = if options.is_some_and(view::is_wanted) && stderr().is_terminal() {
        BoxMakeWriter::new(move || lines.clone())
    } else {
        BoxMakeWriter::new(stderr)
    };
    let log = fmt::layer().with_ansi(stderr().is_terminal() && !options.is_some_and(view::is_wanted));
    let is_traced = options.is_some_and(|options| options.trace);
    tracing_subscriber::registry()
        .with(log.with_writer(writer).with_filter(filter("warn")))
        .with(is_traced.then(|| trace.with_filter(filter("info,offhook=debug"))))
        .init();
    Logs { lines: shown, traces }
}
