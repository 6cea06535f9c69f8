//! Tokens on the disk: a file for each API, that only its owner can read.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use url::Url;

/// Puts a token where [`kept`] finds it; where that is.
pub fn keep(api: &Url, token: &str) -> io::Result<PathBuf> {
    let path = path_of(api).ok_or_else(|| io::Error::other("there is no folder for settings; set HOME"))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // It is never readable by others, and never half there.
    let mut file = tempfile::Builder::new().prefix(".token").tempfile_in(folder)?;
    writeln!(file, "{token}")?;
    file.persist(&path)?;
    Ok(path)
}

/// The token that was kept for this API.
pub fn kept(api: &Url) -> Option<SecretString> {
    let text = fs::read_to_string(path_of(api)?).ok()?;
    Some(text.trim().to_owned().into())
}

/// A token is for the host that gave it, and for no other.
fn path_of(api: &Url) -> Option<PathBuf> {
    let host = api
        .host_str()?
        .replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let port = api.port_or_known_default()?;
    Some(
        dirs::config_dir()?
            .join("offhook")
            .join("tokens")
            .join(format!("{host}-{port}")),
    )
}
