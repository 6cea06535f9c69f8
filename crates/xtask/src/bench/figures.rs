//! What benchmarks have measured: criterion's files, and lines that programs print.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::step::Error;

/// Figures by their names.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Nanoseconds for each element.
    timed: BTreeMap<String, f64>,
    printed: BTreeMap<String, String>,
}

impl Figures {
    /// The median time of an element, in nanoseconds.
    pub(crate) fn nanoseconds(&self, name: &str) -> Option<f64> {
        self.timed.get(name).copied()
    }

    /// A figure that was printed.
    pub(crate) fn count(&self, name: &str) -> Option<&str> {
        self.printed.get(name).map(String::as_str)
    }

    /// Adds a median time, in nanoseconds.
    pub(crate) fn add_timed(&mut self, name: &str, nanoseconds: f64) {
        self.timed.insert(name.to_owned(), nanoseconds);
    }

    /// Adds every line `figure NAME VALUE`.
    pub(crate) fn add_printed(&mut self, output: &str) {
        let told = output.lines().filter_map(|line| line.strip_prefix("figure "));
        let pairs = told.filter_map(|line| line.split_once(' '));
        self.printed
            .extend(pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())));
    }

    /// Adds what criterion has written under `folder`: a folder `new` for each benchmark, with `benchmark.json` (its name
    /// and how many elements an iteration has) and `estimates.json`.
    pub(crate) fn add_criterion(&mut self, folder: &Path) -> Result<(), Error> {
        let unreadable = |source| Error::File {
            path: folder.to_owned(),
            source,
        };
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if !path.is_dir() {
                continue;
            }
            if path.file_name().is_some_and(|name| name == "new") {
                self.add_benchmark(&path)?;
            } else {
                self.add_criterion(&path)?;
            }
        }
        Ok(())
    }

    fn add_benchmark(&mut self, folder: &Path) -> Result<(), Error> {
        let (benchmark, estimates) = (folder.join("benchmark.json"), folder.join("estimates.json"));
        let (told, estimated) = (json(&benchmark)?, json(&estimates)?);
        let name = told["full_id"].as_str();
        let median = estimated["median"]["point_estimate"].as_f64();
        let (Some(name), Some(median)) = (name, median) else {
            return Err(Error::Output {
                command: "criterion".to_owned(),
                fault: format!("{} has no name or no median", folder.display()),
            });
        };
        let elements = told["throughput"]["Elements"].as_f64().unwrap_or(1.0);
        self.add_timed(name, median / elements);
        Ok(())
    }
}

fn json(path: &Path) -> Result<serde_json::Value, Error> {
    let text = fs::read(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&text).map_err(|error| Error::Output {
        command: "criterion".to_owned(),
        fault: format!("{}: {error}", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_criterion_writes_is_read() {
        let folder = std::env::temp_dir().join(format!("offhook-xtask-{}-criterion", std::process::id()));
        let write = |state: &str, median: f64| {
            let new = folder.join("calls/text/1").join(state);
            fs::create_dir_all(&new).expect("a folder");
            let benchmark = r#"{"full_id": "calls/text/1", "throughput": {"Elements": 20}}"#;
            fs::write(new.join("benchmark.json"), benchmark).expect("written");
            let estimates = format!(r#"{{"median": {{"point_estimate": {median}}}}}"#);
            fs::write(new.join("estimates.json"), estimates).expect("written");
        };
        write("new", 5000.0);
        write("base", 1.0);
        let mut figures = Figures::default();
        let added = figures.add_criterion(&folder);
        fs::remove_dir_all(&folder).expect("removed");
        added.expect("read");
        assert_eq!(figures.nanoseconds("calls/text/1"), Some(250.0));
        assert_eq!(figures.nanoseconds("calls/text/2"), None);
    }

    #[test]
    fn what_programs_print_is_read() {
        let mut figures = Figures::default();
        figures.add_printed("warming up\nfigure calls/bytes 2971\nfigured out\n");
        assert_eq!(figures.count("calls/bytes"), Some("2971"));
        assert_eq!(figures.count("calls"), None);
    }
}
