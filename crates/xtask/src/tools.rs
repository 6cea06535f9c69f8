//! What has to be installed before anything can be built or checked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::npm;
use crate::pip;
use crate::step::{Error, Step};
use crate::workspace::Workspace;

/// Longest that a package manager may take.
const PACKAGES_LIMIT: Duration = Duration::from_secs(600);
/// Longest that building a cargo tool may take.
const TOOL_LIMIT: Duration = Duration::from_secs(1200);
/// Longest that a program may take to tell its version.
const VERSION_LIMIT: Duration = Duration::from_secs(60);

/// Who allowed things to be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Install {
    /// `--install`: always.
    Always,
    /// Only when running as root, as in a container.
    AsRoot,
    /// `--quick`: never.
    Never,
}

impl Install {
    fn allowed(self) -> bool {
        match self {
            Self::Always => true,
            Self::AsRoot => is_root(),
            Self::Never => false,
        }
    }
}

/// A program that a build calls, and the Debian package it comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SystemTool {
    /// Any of these will do.
    programs: &'static [&'static str],
    package: &'static str,
}

/// libopus is built from its source by these.
const FOR_BUILDING: [SystemTool; 3] = [
    SystemTool {
        programs: &["cmake"],
        package: "cmake",
    },
    SystemTool {
        programs: &["make", "ninja"],
        package: "make",
    },
    SystemTool {
        programs: &["cc", "gcc", "clang"],
        package: "gcc libc6-dev",
    },
];

/// libFuzzer is C++.
const FOR_FUZZING: [SystemTool; 1] = [SystemTool {
    programs: &["c++", "g++", "clang++"],
    package: "g++",
}];

/// What the client is tested against: a server, with what its modules load, and a browser.
const FOR_INTEROP: [SystemTool; 2] = [
    SystemTool {
        programs: &["prosody"],
        package: "prosody lua-sec lua-event lua-expat",
    },
    SystemTool {
        programs: &["chromium"],
        package: "chromium",
    },
];

/// What opens recordings.
const FOR_RECORDINGS: [SystemTool; 3] = [
    SystemTool {
        programs: &["soxi"],
        package: "sox",
    },
    SystemTool {
        programs: &["ffprobe"],
        package: "ffmpeg",
    },
    SystemTool {
        programs: &["opusinfo"],
        package: "opus-tools",
    },
];

/// Calls between network namespaces: what makes these, what blocks UDP in them, and a server that helps out.
const FOR_NETWORKS: [SystemTool; 3] = [
    SystemTool {
        programs: &["ip"],
        package: "iproute2",
    },
    SystemTool {
        programs: &["nft"],
        package: "nftables",
    },
    SystemTool {
        programs: &["turnserver"],
        package: "coturn",
    },
];

/// The agent's view is looked at in a terminal that a test can read.
const FOR_SCREENS: [SystemTool; 1] = [SystemTool {
    programs: &["tmux"],
    package: "tmux",
}];

/// Calls from one sound device to another: a sound server, and what is built against ALSA.
const FOR_DEVICES: [SystemTool; 2] = [
    SystemTool {
        programs: &["pkg-config", "pkgconf"],
        package: "pkg-config",
    },
    SystemTool {
        programs: &["pulseaudio"],
        package: "pulseaudio pulseaudio-utils",
    },
];

/// The library `stanza` and libwebrtc run in Node.
const FOR_NODE: [SystemTool; 2] = [
    SystemTool {
        programs: &["node"],
        package: "nodejs",
    },
    SystemTool {
        programs: &["npm"],
        package: "npm",
    },
];

/// aiortc runs in Python. That the packages are missing is known by other means than by a program.
const FOR_PYTHON: [SystemTool; 1] = [SystemTool {
    programs: &[],
    package: "python3 python3-venv",
}];

/// Real speech, known by a file of each package.
const FOR_SPEECH: [(&str, &str); 3] = [
    ("/usr/share/sounds/alsa/Front_Center.wav", "alsa-utils"),
    (
        "/usr/share/pocketsphinx/test/data/goforward.raw",
        "pocketsphinx-testdata",
    ),
    (
        "/usr/share/asterisk/sounds/en_US_f_Allison/vm-intro.g722",
        "asterisk-core-sounds-en-g722",
    ),
];

/// Succeeds where packages of Python that are written in C can be built.
const HAS_HEADERS: &str = "import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path('include'), 'Python.h')))";

/// Installs the packages that are its arguments. Debian starts a service as soon as it is installed, unless this policy
/// says no; the tests start what they need by themselves. A policy that is there already stays as it is, and one that a
/// killed run of this left behind counts as ours.
const INSTALL_PACKAGES: &str = r#"set -e
policy=/usr/sbin/policy-rc.d
ours='# By cargo xtask, while it installs packages.'
if [ ! -e $policy ] || grep -qxF "$ours" $policy; then
    trap 'rm -f $policy' EXIT
    # A shell that a signal ends leaves out its trap of the end, dash above all.
    trap 'exit 1' HUP INT TERM
    printf '%s\n' '#!/bin/sh' "$ours" 'exit 101' > $policy
    chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends "$@"
"#;

/// Makes sure that the workspace can be built.
pub(crate) fn for_building(install: Install) -> Result<(), Error> {
    system(&FOR_BUILDING, install)
}

/// Makes sure that fuzz targets can be built.
pub(crate) fn for_fuzzing(install: Install) -> Result<(), Error> {
    system(&FOR_BUILDING, install)?;
    system(&FOR_FUZZING, install)
}

/// Makes sure that the programs are there that the client is tested against.
pub(crate) fn for_interop(workspace: &Workspace, install: Install) -> Result<(), Error> {
    system(&FOR_INTEROP, install)?;
    system(&FOR_NETWORKS, install)?;
    system(&FOR_SCREENS, install)?;
    system(&FOR_RECORDINGS, install)?;
    npm::modules(workspace, "tests/stanza", install)?;
    npm::modules(workspace, "tests/peers", install)?;
    npm::modules(workspace, "tests/official", install)?;
    pip::environment(workspace, "tests/peers", install)?;
    pip::environment(workspace, "tests/bridge", install).map(drop)
}

/// Makes sure that there is a browser that other engines' calls can be made with.
pub(crate) fn for_peers(workspace: &Workspace, install: Install) -> Result<(), Error> {
    system(&FOR_INTEROP, install)?;
    npm::modules(workspace, "tests/peers", install).map(drop)
}

/// Makes sure that the programs are there by which calls between network namespaces are made.
pub(crate) fn for_networks(install: Install) -> Result<(), Error> {
    system(&FOR_NETWORKS, install)
}

/// Makes sure that sound devices can be built, that there is a sound server that has some, and that voices can be rated.
pub(crate) fn for_devices(workspace: &Workspace, install: Install) -> Result<(), Error> {
    pip::environment(workspace, "tests/quality", install)?;
    let mut packages = missing(&FOR_DEVICES, on_path);
    let headers = Step::new("pkg-config", &["--exists", "alsa"], VERSION_LIMIT).succeeds();
    // ALSA's way to the sound server is a library that no program tells of.
    let plugged = Step::new("sh", &["-c", "ls /usr/lib/*/alsa-lib/*pcm_pulse.so"], VERSION_LIMIT).succeeds();
    for (_, package) in [(headers, "libasound2-dev"), (plugged, "libasound2-plugins")]
        .into_iter()
        .filter(|(there, _)| !there)
    {
        packages = format!("{packages} {package}");
    }
    packages_installed(packages.trim(), install)
}

/// Makes sure that JavaScript can be run, and its packages installed.
pub(crate) fn for_node(install: Install) -> Result<(), Error> {
    system(&FOR_NODE, install)
}

/// Makes sure that Python can be run, and its packages installed.
pub(crate) fn for_python(install: Install) -> Result<(), Error> {
    // Debian's Python comes without what makes an environment.
    if Step::new("python3", &["-c", "import ensurepip, venv"], VERSION_LIMIT).succeeds() {
        return Ok(());
    }
    system(&FOR_PYTHON, install)
}

/// Makes sure that the formatter and clippy are there.
pub(crate) fn for_checking(install: Install) -> Result<(), Error> {
    let present = |tool| Step::new("cargo", &[tool, "--version"], VERSION_LIMIT).succeeds();
    if present("fmt") && present("clippy") {
        return Ok(());
    }
    let add = Step::new("rustup", &["component", "add", "rustfmt", "clippy"], PACKAGES_LIMIT);
    install_or_say("rustfmt or clippy", &add, install)
}

/// Makes sure that the nightly toolchain is there.
pub(crate) fn nightly(install: Install) -> Result<(), Error> {
    if Step::new("cargo", &["+nightly", "--version"], VERSION_LIMIT).succeeds() {
        return Ok(());
    }
    let add = Step::new(
        "rustup",
        &["toolchain", "install", "nightly", "--profile", "minimal"],
        PACKAGES_LIMIT,
    );
    install_or_say("a nightly toolchain, on which fuzzing depends,", &add, install)
}

/// Makes sure that a cargo tool is there, on the path or in the workspace's own tools, and gives the folder to put first
/// on the path, if one has to be.
pub(crate) fn cargo_tool(workspace: &Workspace, name: &str, install: Install) -> Result<Option<PathBuf>, Error> {
    if on_path(name) {
        return Ok(None);
    }
    let tools = workspace.tools();
    let folder = tools.join("bin");
    if !holds(&folder, name) {
        let build = Step::new("cargo", &["install", "--locked", name, "--root"], TOOL_LIMIT).argument(&tools);
        install_or_say(name, &build, install)?;
    }
    Ok(Some(folder))
}

/// The search path with `folder` before everything else.
pub(crate) fn path_with(folder: &Path) -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or(path)
}

/// Whether a program of this name is on the path.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| holds(&folder, program))
}

fn holds(folder: &Path, program: &str) -> bool {
    folder
        .join(program)
        .with_extension(std::env::consts::EXE_EXTENSION)
        .is_file()
}

/// Makes sure that there is speech to play, and that what scores it can be built.
pub(crate) fn for_speech(install: Install) -> Result<(), Error> {
    system(&FOR_BUILDING, install)?;
    for_python(install)?;
    let absent = FOR_SPEECH.iter().filter(|(file, _)| !Path::new(file).exists());
    let mut packages: Vec<&str> = absent.map(|(_, package)| *package).collect();
    if !Step::new("python3", &["-c", HAS_HEADERS], VERSION_LIMIT).succeeds() {
        packages.push("python3-dev");
    }
    packages_installed(&packages.join(" "), install)
}

fn system(tools: &[SystemTool], install: Install) -> Result<(), Error> {
    packages_installed(&missing(tools, on_path), install)
}

/// Makes sure that these packages of Debian are installed, a space between each two.
fn packages_installed(packages: &str, install: Install) -> Result<(), Error> {
    if packages.is_empty() {
        return Ok(());
    }
    if !on_path("apt-get") {
        let install = format!("your package manager (the Debian packages are called {packages})");
        return Err(Error::Missing {
            what: packages.to_owned(),
            install,
        });
    }
    let root = is_root();
    let sudo = if root { "" } else { "sudo " };
    let line = format!(
        "{sudo}apt-get update && {sudo}env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {packages}"
    );
    let (program, shell): (_, &[&str]) = if root { ("sh", &[]) } else { ("sudo", &["sh"]) };
    let script = ["-c", INSTALL_PACKAGES, "install-packages"];
    let arguments: Vec<&str> = shell.iter().copied().chain(script).chain(packages.split(' ')).collect();
    install_or_say(
        packages,
        &Step::new(program, &arguments, PACKAGES_LIMIT).shown_as(&line),
        install,
    )
}

/// The packages of the tools of which no program is present, space between them.
fn missing(tools: &[SystemTool], present: impl Fn(&str) -> bool) -> String {
    let absent = |tool: &&SystemTool| !tool.programs.iter().any(|program| present(program));
    tools
        .iter()
        .filter(absent)
        .map(|tool| tool.package)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Installs, or says by what command that is done.
pub(crate) fn install_or_say(what: &str, step: &Step, install: Install) -> Result<(), Error> {
    if !install.allowed() {
        return Err(Error::Missing {
            what: what.to_owned(),
            install: step.to_string(),
        });
    }
    println!("installing what is missing: {step}");
    step.run()
}

/// Whether this process may install system packages: the owner of its own entry under `/proc` is root.
fn is_root() -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
    }
    #[cfg(not(unix))]
    {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed() {
        assert_eq!(missing(&FOR_BUILDING, |_| true), "");
        assert_eq!(missing(&FOR_BUILDING, |_| false), "cmake make gcc libc6-dev");
        assert_eq!(
            missing(&FOR_BUILDING, |program| program == "clang" || program == "ninja"),
            "cmake"
        );
        assert_eq!(missing(&FOR_FUZZING, |_| false), "g++");
    }

    #[test]
    fn what_may_not_be_installed_is_told_with_its_command() {
        let step = Step::new("sh", &["-c", "exit 1"], VERSION_LIMIT);
        let error = install_or_say("cmake", &step, Install::Never).expect_err("not allowed");
        assert_eq!(
            error.to_string(),
            "cmake is missing; install it with:\n\n    sh -c exit 1\n"
        );
    }

    #[cfg(unix)]
    #[test]
    fn an_interrupted_installation_leaves_no_policy_behind() {
        use std::{fs, os::unix::fs::PermissionsExt as _};
        let folder = std::env::temp_dir().join(format!("xtask-policy-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (packager, policy) = (folder.join("apt-get"), folder.join("policy-rc.d"));
        let interrupted = format!("#!/bin/sh\n[ -e {} ] || exit 7\nkill -TERM $PPID\n", policy.display());
        fs::write(&packager, interrupted).unwrap();
        fs::set_permissions(&packager, fs::Permissions::from_mode(0o755)).unwrap();
        let script = INSTALL_PACKAGES.replace("/usr/sbin/policy-rc.d", &policy.to_string_lossy());
        let install = Step::new("sh", &["-c", &script, "install-packages", "prosody"], VERSION_LIMIT);
        let ended = install.variable("PATH", path_with(&folder)).attached().unwrap();
        let left = policy.exists();
        fs::remove_dir_all(&folder).unwrap();
        assert!(!ended.success() && ended.code() != Some(7), "{ended}");
        assert!(!left, "no service starts on this machine any more");
    }

    #[test]
    fn a_folder_comes_first_on_the_path() {
        let path = path_with(Path::new("tools"));
        assert_eq!(std::env::split_paths(&path).next(), Some(PathBuf::from("tools")));
    }
}
