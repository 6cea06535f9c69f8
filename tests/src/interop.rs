//! `docs/interop.md`: what was seen with programs of others, a section for each test that writes there.

use std::{fs, io, path::Path};

/// Replaces the section of this title, or adds it at the end.
///
/// # Errors
/// When the file cannot be read or written.
pub fn write(title: &str, text: &str) -> io::Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/interop.md");
    let old = match fs::read_to_string(&page) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    fs::write(page, with_section(&old, title, text))
}

fn with_section(page: &str, title: &str, text: &str) -> String {
    let new = format!("# {title}\n\n{}\n", text.trim());
    let mut sections: Vec<String> = Vec::new();
    for line in page.lines() {
        match sections.last_mut() {
            Some(section) if !line.starts_with("# ") => {
                section.push_str(line);
                section.push('\n');
            }
            _ => sections.push(format!("{line}\n")),
        }
    }
    let heading = format!("# {title}\n");
    match sections.iter_mut().find(|section| section.starts_with(&heading)) {
        Some(section) => *section = new,
        None => sections.push(new),
    }
    let trimmed: Vec<&str> = sections.iter().map(|section| section.trim()).collect();
    format!("{}\n", trimmed.join("\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_the_one_before() {
        let page = with_section("", "One", "first");
        let page = with_section(&page, "Two", "second\n\n## below\n");
        assert_eq!(page, "# One\n\nfirst\n\n# Two\n\nsecond\n\n## below\n");
        let page = with_section(&page, "One", "again");
        assert_eq!(page, "# One\n\nagain\n\n# Two\n\nsecond\n\n## below\n");
    }
}
