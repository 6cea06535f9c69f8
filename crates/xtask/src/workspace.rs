//! The workspace as cargo sees it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::step::{Error, Step};

/// Longest that cargo may take to tell about the workspace.
const METADATA_LIMIT: Duration = Duration::from_secs(60);

/// Where everything lies, and which packages there are.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The names of the packages that it depends on directly, in whatever way.
    pub(crate) dependencies: Vec<String>,
}

impl Workspace {
    /// Asks cargo about the workspace around the current folder. Needs no network.
    pub(crate) fn load() -> Result<Self, Error> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let metadata = Step::new(
            cargo,
            &["metadata", "--no-deps", "--format-version", "1"],
            METADATA_LIMIT,
        );
        let json = metadata.captured()?;
        Self::from_metadata(&json).map_err(|fault| Error::Output {
            command: metadata.to_string(),
            fault,
        })
    }

    fn from_metadata(json: &[u8]) -> Result<Self, String> {
        let metadata: serde_json::Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let path = |key: &str| {
            metadata[key]
                .as_str()
                .map(PathBuf::from)
                .ok_or_else(|| format!("no {key}"))
        };
        let packages = metadata["packages"].as_array().ok_or("no packages")?;
        let name = |value: &serde_json::Value| value["name"].as_str().map(str::to_owned).ok_or("no name");
        let package = |value: &serde_json::Value| {
            let dependencies = value["dependencies"].as_array().ok_or("no dependencies")?;
            Ok(Package {
                name: name(value)?,
                dependencies: dependencies.iter().map(name).collect::<Result<_, _>>()?,
            })
        };
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
            packages: packages.iter().map(package).collect::<Result<_, &str>>()?,
        })
    }

    /// Where the log of the step `name` goes.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.target
            .join("xtask")
            .join(format!("{}.log", name.replace(' ', "-")))
    }

    /// Where programs are installed that only this workspace's commands need.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// A built program of this workspace.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target
            .join("debug")
            .join(name)
            .with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// `path` as seen from the root, for messages.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_and_their_dependencies_are_read() {
        let json = br#"{"workspace_root": "here", "target_directory": "there", "packages": [
            {"name": "phone", "dependencies": [{"name": "xmpp", "kind": null}, {"name": "insta", "kind": "dev"}]}]}"#;
        let workspace = Workspace::from_metadata(json).expect("metadata");
        let dependencies = vec!["xmpp".to_owned(), "insta".to_owned()];
        assert_eq!(
            workspace.packages,
            [Package {
                name: "phone".to_owned(),
                dependencies
            }]
        );
        assert_eq!(workspace.log("end to end"), Path::new("there/xtask/end-to-end.log"));
    }

    #[test]
    fn metadata_of_another_form_is_refused() {
        assert_eq!(Workspace::from_metadata(b"{}").expect_err("empty"), "no packages");
        assert!(Workspace::from_metadata(b"warning").is_err());
    }
}
