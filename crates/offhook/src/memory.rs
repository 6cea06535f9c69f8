//! What a restarted process must know of its predecessor's failures, in a file of the state directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use offhook_xmpp::reconnect::Memory;

/// How long the end of a client waits for the disk.
const PATIENCE: Duration = Duration::from_millis(200);

/// Which failures concern whom: they are remembered for each application, region and user.
#[derive(Debug, Clone)]
pub(crate) struct StateFile {
    path: PathBuf,
}

/// Writes what is to be remembered, on a thread of its own: the latest only, never half of it.
#[derive(Debug)]
pub(crate) struct MemoryWriter {
    /// Present until the writer is dropped.
    memories: Option<mpsc::Sender<Memory>>,
    /// Ends when all is written.
    written: mpsc::Receiver<()>,
}

impl StateFile {
    pub(crate) fn new(directory: &Path, application: &str, region: &str, user: &str) -> Self {
        let name = [application, region, user].map(plain).join("-");
        Self {
            path: directory.join(format!("reconnect-{name}.json")),
        }
    }

    /// What was remembered. Without a file, or with one that cannot be read, that is nothing.
    pub(crate) fn read(&self) -> Option<Memory> {
        let unusable = |reason: &dyn std::fmt::Display| {
            tracing::warn!(path = %self.path.display(), %reason, "earlier failures to connect cannot be remembered");
        };
        match fs::read(&self.path) {
            Ok(text) => serde_json::from_slice(&text).inspect_err(|error| unusable(error)).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                unusable(&error);
                None
            }
        }
    }

    /// Begins to write into the file, in a directory that is made.
    pub(crate) fn writer(self) -> io::Result<MemoryWriter> {
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let (memories, queue) = mpsc::channel::<Memory>();
        let (writing, written) = mpsc::channel::<()>();
        thread::Builder::new().name("offhook-state".to_owned()).spawn(move || {
            let _until_the_end = writing;
            while let Ok(memory) = queue.recv() {
                let latest = queue.try_iter().last().unwrap_or(memory);
                if let Err(error) = self.write(&latest) {
                    tracing::warn!(path = %self.path.display(), %error, "a failure to connect cannot be remembered");
                }
            }
        })?;
        Ok(MemoryWriter {
            memories: Some(memories),
            written,
        })
    }

    /// Replaces the file as a whole.
    fn write(&self, memory: &Memory) -> io::Result<()> {
        let text = serde_json::to_vec(memory)?;
        // Others may write for the same user at the same time.
        let unfinished = self.path.with_extension(format!("{}.new", std::process::id()));
        fs::write(&unfinished, text)?;
        fs::rename(&unfinished, &self.path)
    }
}

impl MemoryWriter {
    pub(crate) fn remember(&self, memory: Memory) {
        if let Some(memories) = &self.memories {
            // It fails only when the thread is gone, which has told why.
            let _ = memories.send(memory);
        }
    }
}

impl Drop for MemoryWriter {
    /// What was remembered last is in the file when the client is gone, unless the disk is slow: other clients do not wait for it.
    fn drop(&mut self) {
        self.memories = None;
        let _ = self.written.recv_timeout(PATIENCE);
    }
}

/// As much of a text as can be in a file's name everywhere; what cannot is written as its number.
fn plain(text: &str) -> String {
    let mut name = String::new();
    for character in text.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' => name.push(character),
            other => name.push_str(&format!("_{:x}_", u32::from(other))),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_file_of_its_own_in_the_directory_itself() {
        let names = [
            ("bot", "api.example", "a"),
            ("bot-api.example", "a", ""),
            ("bot", "api.example-a", ""),
            ("bot", "api.example", "../a"),
            ("bot", "api.example", "ä/b"),
        ];
        let files =
            names.map(|(application, region, user)| StateFile::new(Path::new("state"), application, region, user).path);
        for (index, file) in files.iter().enumerate() {
            assert_eq!(file.parent(), Some(Path::new("state")));
            assert!(!files[..index].contains(file), "{}", file.display());
        }
    }

    #[test]
    fn what_was_remembered_last_is_read_by_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = || StateFile::new(&folder.path().join("made"), "bot", "api.example", "a");
        assert_eq!(file().read(), None, "there is no file yet");
        let writer = file().writer().unwrap();
        writer.remember(Memory::default());
        drop(writer);
        assert_eq!(file().read(), Some(Memory::default()));
        fs::write(file().path, "not JSON").unwrap();
        assert_eq!(
            file().read(),
            None,
            "what cannot be read does not keep a client from starting"
        );
    }
}
