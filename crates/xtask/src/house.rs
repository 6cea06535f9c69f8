//! The house rules: what no compiler checks.

mod cores;
mod directions;
mod source;
mod texts;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::step::{Error, Step};
use crate::workspace::Workspace;

/// One rule, and where it is broken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) rule: &'static str,
    pub(crate) faults: Vec<String>,
}

/// A file of the repository: its path from the root, and its text.
pub(crate) struct Text {
    path: String,
    text: String,
}

/// The most lines of a Rust file.
const MOST_LINES: usize = 600;

/// Longest that git may take to list its files.
const GIT_LIMIT: Duration = Duration::from_secs(60);

/// Checks the whole workspace.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<Check>, Error> {
    let texts = texts_of(&workspace.root)?;
    Ok(check_texts(&texts, workspace))
}

fn check_texts(texts: &[Text], workspace: &Workspace) -> Vec<Check> {
    let each = |rule, faults: fn(&Text) -> Vec<String>| Check {
        rule,
        faults: texts.iter().flat_map(faults).collect(),
    };
    vec![
        each("no Rust file is longer than 600 lines", too_long),
        each(
            "cores do no I/O and know no clock, thread, runtime or global randomness",
            cores::faults,
        ),
        each("nothing unfinished is committed", texts::unfinished),
        each("no registry's host is named", texts::registry_hosts),
        each("no path of a developer's machine is named", texts::machine_paths),
        Check {
            rule: "dependencies point one way",
            faults: directions::faults(&workspace.packages),
        },
    ]
}

fn too_long(text: &Text) -> Vec<String> {
    let lines = text.text.lines().count();
    let fault = (text.is_rust() && lines > MOST_LINES).then(|| format!("{} has {lines} lines", text.path));
    fault.into_iter().collect()
}

impl Text {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Where something was found.
    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

/// Every text that is committed, or would be: files that git ignores are left out, and so are those that are no text.
fn texts_of(root: &Path) -> Result<Vec<Text>, Error> {
    let paths = match listed_by_git(root) {
        Some(paths) => paths,
        None => walked(root, root)?,
    };
    let read = |path: PathBuf| {
        let bytes = match std::fs::read(root.join(&path)) {
            Ok(bytes) => bytes,
            // Listed by git, and deleted since.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(source) => return Some(Err(Error::File { path, source })),
        };
        let path = path.to_string_lossy().replace('\\', "/");
        String::from_utf8(bytes).ok().map(|text| Ok(Text { path, text }))
    };
    paths.into_iter().filter_map(read).collect()
}

fn listed_by_git(root: &Path) -> Option<Vec<PathBuf>> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let names = String::from_utf8(Step::new("git", &list, GIT_LIMIT).folder(root).captured().ok()?).ok()?;
    let mut paths: Vec<PathBuf> = names.split_terminator('\0').map(PathBuf::from).collect();
    paths.dedup();
    (!paths.is_empty()).then_some(paths)
}

/// Every file under `folder`, from `root` on, build folders and hidden ones left out: for a tree that is no git checkout.
fn walked(root: &Path, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::File {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_symlink() || name == "target" || name == ".git" {
            continue;
        }
        if path.is_dir() {
            paths.extend(walked(root, &path)?);
        } else {
            paths.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests;
