//! The file of `--config`: options of `agent run` and `agent call`, written in TOML instead of on the command line.

use std::{ffi::OsString, fs, io, ops::Range, path::PathBuf};

use clap::{Args as _, Command, Parser as _, error::ErrorKind};
use thiserror::Error;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::cli::{Cli, RunOptions};

/// Why a file is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("--config {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path}:{line}: {what}")]
    Wrong { path: PathBuf, line: usize, what: String },
}

/// A mistake, and where it stands in the text, in bytes.
#[derive(Debug)]
struct Mistake {
    at: Range<usize>,
    what: String,
}

/// The command line, with what the file of `--config` says before everything that was typed: what is typed counts.
///
/// # Errors
/// When there is a file, and it cannot be read or used. What is wrong with the command line itself ends the program with clap's words.
pub fn command_line() -> Result<Cli, ConfigError> {
    let mut typed: Vec<OsString> = std::env::args_os().collect();
    if let Some(path) = named(&typed) {
        let text = fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable {
            path: path.clone(),
            source,
        })?;
        let written = arguments(&text).map_err(|mistake| ConfigError::Wrong {
            line: line_of(&text, mistake.at.start),
            what: mistake.what,
            path: path.clone(),
        })?;
        // Behind the program and the subcommand.
        typed.splice(2..2, written);
    }
    Ok(Cli::parse_from(typed))
}

/// The file that the command line of a subcommand names, however wrong the rest of it is. The last one counts.
fn named(typed: &[OsString]) -> Option<PathBuf> {
    let options = typed.get(2..)?;
    let pairs = options.iter().zip(options.iter().skip(1).map(Some).chain([None]));
    pairs
        .filter_map(|(option, next)| match option.to_str()?.strip_prefix("--config")? {
            "" => next.map(PathBuf::from),
            with_path => with_path.strip_prefix('=').map(PathBuf::from),
        })
        .last()
}

/// The file's lines as options of the command line.
fn arguments(text: &str) -> Result<Vec<OsString>, Mistake> {
    let table = DeTable::parse(text).map_err(|error| Mistake {
        at: error.span().unwrap_or_default(),
        what: error.message().to_owned(),
    })?;
    let mut options: Vec<_> = table.get_ref().iter().collect();
    options.sort_by_key(|(name, _)| name.span().start);
    let mut arguments = Vec::new();
    for (name, value) in options {
        if let Some(argument) = argument(name.get_ref(), value)? {
            check(&argument, name)?;
            arguments.push(argument.into());
        }
    }
    Ok(arguments)
}

/// `name = value` as an option; a switch that is off is none.
fn argument(name: &str, value: &Spanned<DeValue<'_>>) -> Result<Option<String>, Mistake> {
    Ok(match value.get_ref() {
        DeValue::Boolean(true) => Some(format!("--{name}")),
        DeValue::Boolean(false) => None,
        DeValue::Array(values) => {
            let values: Result<Vec<String>, Mistake> = values.iter().map(|value| scalar(name, value)).collect();
            Some(format!("--{name}={}", values?.join(",")))
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => {
            Some(format!("--{name}={}", scalar(name, value)?))
        }
    })
}

fn scalar(name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, Mistake> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Float(number) => Ok(number.to_string()),
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => Err(Mistake {
            at: value.span(),
            what: format!("`{name}` is a text, a number, a list of them, true or false"),
        }),
    }
}

/// Whether an option exists and takes this value. How options go together is seen when all of them are known.
fn check(argument: &str, name: &Spanned<impl AsRef<str>>) -> Result<(), Mistake> {
    let wrong = |what: String| Mistake { at: name.span(), what };
    if ["config", "help", "version"].contains(&name.get_ref().as_ref()) {
        return Err(wrong(format!("`{}` is for the command line", name.get_ref().as_ref())));
    }
    let command = RunOptions::augment_args(Command::new("agent").no_binary_name(true));
    match command.try_get_matches_from([argument]) {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::MissingRequiredArgument | ErrorKind::MissingSubcommand => Ok(()),
            _ => Err(wrong(sentence(&error))),
        },
    }
}

/// The first sentence of what clap would say.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.trim_start_matches("error: ").to_owned()
}

/// Which line of a text a byte is in, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let arguments = arguments(text).expect("a configuration");
        arguments
            .into_iter()
            .map(|one| one.into_string().expect("text"))
            .collect()
    }

    fn mistake(text: &str) -> (usize, String) {
        let mistake = arguments(text).expect_err("no configuration");
        (line_of(text, mistake.at.start), mistake.what)
    }

    #[test]
    fn lines_are_options_in_their_order() {
        let text = "region = \"mypurecloud.de\"\nanswer = [\"placed\", \"auto\"]\nipv6 = true\njson = false\ncalls = 3\nduration = 1.5\n";
        assert_eq!(
            read(text),
            [
                "--region=mypurecloud.de",
                "--answer=placed,auto",
                "--ipv6",
                "--calls=3",
                "--duration=1.5"
            ]
        );
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let cases = [
            (
                "calls = 1\nanswr = \"auto\"\n",
                2,
                "unexpected argument '--answr' found",
            ),
            (
                "\n\ncalls = \"many\"\n",
                3,
                "invalid value 'many' for '--calls <N>': invalid digit found in string",
            ),
            ("calls = \n", 1, ""),
            (
                "[cloud]\nregion = \"x\"\n",
                1,
                "`cloud` is a text, a number, a list of them, true or false",
            ),
            (
                "ipv6 = true\nconfig = \"other.toml\"\n",
                2,
                "`config` is for the command line",
            ),
        ];
        for (text, line, what) in cases {
            let (at, said) = mistake(text);
            assert_eq!(at, line, "{text:?}: {said}");
            assert!(said.contains(what) && !said.is_empty(), "{text:?}: {said}");
        }
    }

    #[test]
    fn the_file_is_found_however_wrong_the_rest_is() {
        let typed = ["agent", "run", "--calls", "many", "--config", "agent.toml"].map(OsString::from);
        assert_eq!(named(&typed), Some(PathBuf::from("agent.toml")));
        let typed = ["agent", "call", "--config=a.toml", "+4930", "--config=b.toml"].map(OsString::from);
        assert_eq!(named(&typed), Some(PathBuf::from("b.toml")));
        let typed = ["agent", "demo"].map(OsString::from);
        assert_eq!(named(&typed), None);
    }
}
