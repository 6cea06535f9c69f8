//! What the tests need of npm: packages at exact versions, in a folder of the workspace's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::step::{Error, Step};
use crate::tools::{self, Install};
use crate::workspace::Workspace;

/// Longest that npm may take.
const LIMIT: Duration = Duration::from_secs(600);

/// What npm reads: the packages by name, and by version and checksum all that they depend on.
const LISTS: [&str; 2] = ["package.json", "package-lock.json"];

/// Says by its presence that what stands beside it is whole, and by its text what that is.
const SEAL: &str = "installed";

/// Installs what `project`, a folder of the workspace, lists, and gives the `node_modules` that hold it. Nothing is done,
/// and no network needed, where that was done before.
pub(crate) fn modules(workspace: &Workspace, project: &str, install: Install) -> Result<PathBuf, Error> {
    tools::for_node(install)?;
    let name = Path::new(project).file_name().unwrap_or_default();
    let folder = workspace.tools().join(name);
    let lists = Lists::read(&workspace.root.join(project))?;
    let modules = folder.join("node_modules");
    if lists.are_sealed(&folder) {
        return Ok(modules);
    }
    lists.write(&folder)?;
    // A lock file names no host: packages come from whatever registry the user has configured, or from npm's cache.
    let arguments = ["ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"];
    let shown = format!("(cd {} && npm {})", folder.display(), arguments.join(" "));
    let step = Step::new("npm", &arguments, LIMIT).folder(&folder).shown_as(&shown);
    tools::install_or_say(&format!("what {project} tests with"), &step, install)?;
    lists.seal(&folder)?;
    Ok(modules)
}

/// The texts of [`LISTS`].
struct Lists([String; 2]);

impl Lists {
    fn read(folder: &Path) -> Result<Self, Error> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|source| Error::File { path, source })
        };
        Ok(Self([read(LISTS[0])?, read(LISTS[1])?]))
    }

    /// Puts them where npm will look for them.
    fn write(&self, folder: &Path) -> Result<(), Error> {
        let failed = |path: PathBuf| move |source| Error::File { path, source };
        fs::create_dir_all(folder).map_err(failed(folder.to_owned()))?;
        for (name, text) in LISTS.iter().zip(&self.0) {
            let path = folder.join(name);
            fs::write(&path, text).map_err(failed(path.clone()))?;
        }
        Ok(())
    }

    fn are_sealed(&self, folder: &Path) -> bool {
        fs::read_to_string(folder.join(SEAL)).is_ok_and(|seal| seal == self.0.concat())
    }

    fn seal(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(SEAL);
        fs::write(&path, self.0.concat()).map_err(|source| Error::File { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_installed_counts_until_the_lists_change() {
        let folder = std::env::temp_dir().join(format!("xtask-npm-{}", std::process::id()));
        let lists = |version: &str| Lists([format!("{{\"stanza\": \"{version}\"}}"), "{}".to_owned()]);
        let (first, second) = (lists("1"), lists("2"));
        first.write(&folder).expect("written");
        let unfinished = first.are_sealed(&folder);
        first.seal(&folder).expect("sealed");
        let seen = (unfinished, first.are_sealed(&folder), second.are_sealed(&folder));
        fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(seen, (false, true, false));
    }
}
