//! Running other programs, each within a bounded time.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a running program is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// A program to run.
#[derive(Debug)]
pub(crate) struct Step {
    program: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    limit: Duration,
    shown: Option<String>,
}

/// Why a program did not do its work.
#[derive(Debug)]
pub(crate) enum Error {
    /// It could not be started.
    Start { command: String, source: io::Error },
    /// It ran longer than it may, and was killed.
    TimedOut { command: String, limit: Duration },
    /// It ended with a failure.
    Failed { command: String, status: ExitStatus },
    /// A file that goes with it could not be read or written.
    File { path: PathBuf, source: io::Error },
    /// What it printed was not understood.
    Output { command: String, fault: String },
    /// Something has to be installed first, by this command.
    Missing { what: String, install: String },
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { command, source } => write!(f, "`{command}` cannot be started: {source}"),
            Self::TimedOut { command, limit } => write!(f, "`{command}` was killed after {} s", limit.as_secs()),
            Self::Failed { command, status } => write!(f, "`{command}` failed: {status}"),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Output { command, fault } => write!(f, "`{command}` printed what is not understood: {fault}"),
            Self::Missing { what, install } => write!(f, "{what} is missing; install it with:\n\n    {install}\n"),
        }
    }
}

impl Step {
    /// A program with its arguments; it may run for `limit`.
    pub(crate) fn new(program: impl AsRef<OsStr>, arguments: &[&str], limit: Duration) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: arguments.iter().map(OsString::from).collect(),
            variables: Vec::new(),
            folder: None,
            limit,
            shown: None,
        }
    }

    /// Is shown as this command, which does the same to whoever types it.
    pub(crate) fn shown_as(mut self, command: &str) -> Self {
        self.shown = Some(command.to_owned());
        self
    }

    /// Adds an argument that may be a path.
    pub(crate) fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds an environment variable.
    pub(crate) fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Runs in this folder.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Runs with this process's standard input and output, and gives the exit status whatever it is.
    pub(crate) fn attached(&self) -> Result<ExitStatus, Error> {
        self.wait(self.start(&mut self.command())?)
    }

    /// Runs with this process's standard input and output; success is demanded.
    pub(crate) fn run(&self) -> Result<(), Error> {
        self.successful(self.attached()?)
    }

    /// Runs with everything that it prints going to `log`; success is demanded.
    pub(crate) fn logged(&self, log: &Path) -> Result<(), Error> {
        let unusable = |source| Error::File {
            path: log.to_owned(),
            source,
        };
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).map_err(unusable)?;
        }
        let file = File::create(log).map_err(unusable)?;
        let mut command = self.command();
        // A file and no pipe: a program left behind that holds it open holds nobody up.
        command.env("TERM", "dumb").env("CARGO_TERM_COLOR", "never");
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(unusable)?)
            .stderr(file);
        let child = self.start(&mut command)?;
        self.successful(self.wait(child)?)
    }

    /// Runs and gives what it prints on its standard output; success is demanded.
    pub(crate) fn captured(&self) -> Result<Vec<u8>, Error> {
        let unreadable = |source| Error::Start {
            command: self.to_string(),
            source,
        };
        let mut child = self.start(self.command().stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let pipe = child.stdout.take();
        // Read aside: a program whose pipe is full would never end.
        let reader = std::thread::spawn(move || {
            let mut output = Vec::new();
            pipe.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut output))
                .map(|_| output)
        });
        self.successful(self.wait(child)?)?;
        let read = reader
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("reading it failed")));
        read.map_err(unreadable)
    }

    /// Whether it runs and succeeds; what it prints is not shown.
    pub(crate) fn succeeds(&self) -> bool {
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.start(&mut command)
            .and_then(|child| self.wait(child))
            .is_ok_and(|status| status.success())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    fn start(&self, command: &mut Command) -> Result<Child, Error> {
        command.spawn().map_err(|source| Error::Start {
            command: self.to_string(),
            source,
        })
    }

    fn wait(&self, mut child: Child) -> Result<ExitStatus, Error> {
        let lost = |source| Error::Start {
            command: self.to_string(),
            source,
        };
        let end = Instant::now() + self.limit;
        loop {
            if let Some(status) = child.try_wait().map_err(lost)? {
                return Ok(status);
            }
            if Instant::now() >= end {
                kill_tree(&mut child).map_err(lost)?;
                return Err(Error::TimedOut {
                    command: self.to_string(),
                    limit: self.limit,
                });
            }
            std::thread::sleep(GLANCE);
        }
    }

    fn successful(&self, status: ExitStatus) -> Result<(), Error> {
        if status.success() {
            Ok(())
        } else {
            Err(Error::Failed {
                command: self.to_string(),
                status,
            })
        }
    }
}

/// The command line, as one would type it.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(shown) = &self.shown {
            return f.write_str(shown);
        }
        write!(f, "{}", self.program.to_string_lossy())?;
        self.arguments
            .iter()
            .try_for_each(|argument| write!(f, " {}", argument.to_string_lossy()))
    }
}

/// Kills a program and everything it has started. They share our process group, so that an interrupt from the keyboard
/// reaches them all; hence they are found by their parents, where the system tells (Linux).
fn kill_tree(child: &mut Child) -> io::Result<()> {
    let parents = parents();
    let mut doomed = vec![child.id()];
    let mut next = 0;
    while let Some(&parent) = doomed.get(next) {
        doomed.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| id));
        next += 1;
    }
    child.kill()?;
    for id in doomed.iter().skip(1) {
        // One that has ended on its own by now is no fault.
        let _ = Command::new("kill")
            .args(["-9", &id.to_string()])
            .stderr(Stdio::null())
            .status();
    }
    child.wait().map(|_| ())
}

/// Every process with its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let parent = |entry: fs::DirEntry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // `id (name) state parent ...`, where the name may hold anything, brackets too.
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((id, parent))
    };
    entries.flatten().filter_map(parent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("offhook-xtask-{}-{name}", std::process::id()))
    }

    #[test]
    fn what_a_program_prints_goes_to_its_log() {
        let log = scratch("log");
        let step = Step::new("sh", &["-c", "echo out; echo \"$WORD\" >&2"], PATIENCE).variable("WORD", "err");
        step.logged(&log).expect("succeeds");
        assert_eq!(fs::read_to_string(&log).expect("a log"), "out\nerr\n");
        fs::remove_file(log).expect("removed");
    }

    #[test]
    fn much_output_is_captured_whole() {
        let step = Step::new("sh", &["-c", "seq 1 100000"], PATIENCE);
        let output = String::from_utf8(step.captured().expect("succeeds")).expect("text");
        assert_eq!(output.lines().last(), Some("100000"));
        assert!(
            Step::new("sh", &["-c", "echo no; exit 1"], PATIENCE)
                .captured()
                .is_err()
        );
    }

    #[test]
    fn a_failure_names_the_command() {
        let step = Step::new("sh", &["-c", "exit 3"], PATIENCE);
        assert!(!step.succeeds());
        assert_eq!(
            step.run().expect_err("fails").to_string(),
            "`sh -c exit 3` failed: exit status: 3"
        );
        let absent = Step::new("offhook-no-such-program", &[], PATIENCE)
            .run()
            .expect_err("is not there");
        assert!(matches!(absent, Error::Start { .. }));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_program_that_takes_too_long_is_killed_with_what_it_started() {
        let log = scratch("killed");
        let step = Step::new("sh", &["-c", "sleep 600 & echo $!; wait"], Duration::from_millis(300));
        assert!(matches!(step.logged(&log), Err(Error::TimedOut { .. })));
        let id = fs::read_to_string(&log).expect("a log").trim().to_owned();
        fs::remove_file(log).expect("removed");
        // It may remain as an entry without a program until its new parent collects it.
        let end = Instant::now() + PATIENCE;
        while fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty()) {
            assert!(Instant::now() < end, "process {id} still runs");
            std::thread::yield_now();
        }
    }
}
