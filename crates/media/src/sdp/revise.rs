//! Makes our next description from our last one.
//!
//! A later description repeats what was agreed: the same sections in the same order, the same
//! numbers (RFC 3264 section 8). So it is the former text, in which only what may change does:
//! the version, the ICE credentials, the DTLS role and the direction of the section in use.

use super::audio::Setup;
use super::write::LocalAudio;

/// Our last description, as `local` is now.
pub(crate) fn revise(text: &str, local: &LocalAudio) -> String {
    let mut revised = String::with_capacity(text.len());
    let mut in_use = false;
    for line in text.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            // Port zero: a section that was declined.
            in_use = media.split(' ').nth(1) != Some("0");
        }
        revised.push_str(&revised_line(line, in_use, local));
        revised.push_str("\r\n");
    }
    revised
}

fn revised_line(line: &str, in_use: bool, local: &LocalAudio) -> String {
    if line.starts_with("o=") {
        return format!("o=- {} {} IN IP4 127.0.0.1", local.session, local.version);
    }
    let attribute = line.strip_prefix("a=").filter(|_| in_use).unwrap_or_default();
    match attribute.split(':').next().unwrap_or_default() {
        "ice-ufrag" => format!("a=ice-ufrag:{}", local.credentials.ufrag),
        "ice-pwd" => format!("a=ice-pwd:{}", local.credentials.password),
        "setup" => {
            let setup = match local.setup {
                Setup::ActPass => "actpass",
                Setup::Active => "active",
                Setup::Passive => "passive",
            };
            format!("a=setup:{setup}")
        }
        "sendrecv" | "sendonly" | "recvonly" | "inactive" => format!("a={}", local.direction.as_str()),
        _ => line.to_owned(),
    }
}
