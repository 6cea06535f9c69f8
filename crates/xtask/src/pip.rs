//! What the tests need of Python: packages at exact versions, in an environment of the workspace's own.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::step::{Error, Step};
use crate::tools::{self, Install};
use crate::workspace::Workspace;

/// Longest that pip may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Says by its presence that the environment is whole, and by its text what is in it.
const SEAL: &str = "installed";

/// Installs what the `requirements.txt` of `project` lists, a folder of the workspace, into an environment that is named after it, and returns its folder.
/// Nothing is done, and no network needed, where that was done before.
pub(crate) fn environment(workspace: &Workspace, project: &str, install: Install) -> Result<PathBuf, Error> {
    tools::for_python(install)?;
    let name = project.rsplit('/').next().unwrap_or(project);
    let folder = workspace.tools().join(format!("{name}-python"));
    let list = workspace.root.join(project).join("requirements.txt");
    let failed = |path: PathBuf| move |source| Error::File { path, source };
    let wanted = fs::read_to_string(&list).map_err(failed(list.clone()))?;
    let seal = folder.join(SEAL);
    if fs::read_to_string(&seal).is_ok_and(|sealed| sealed == wanted) {
        return Ok(folder);
    }
    let (place, list) = (folder.to_string_lossy(), list.to_string_lossy());
    let make = "python3 -m venv --clear \"$1\" && \"$1/bin/pip\" install --quiet --disable-pip-version-check -r \"$2\"";
    let shown = make.replace("$1", &place).replace("$2", &list);
    let step = Step::new("sh", &["-c", make, "make-environment", &place, &list], LIMIT).shown_as(&shown);
    tools::install_or_say(&format!("what {project} tests with"), &step, install)?;
    fs::write(&seal, wanted).map_err(failed(seal.clone()))?;
    Ok(folder)
}
