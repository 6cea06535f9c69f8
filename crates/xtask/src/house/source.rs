//! Enough of Rust's grammar to see what code says: its comments, texts and tests taken out, its imports spelled out.

/// Replaces comments, and the contents of texts and characters, by spaces. Lines stay where they are.
pub(super) fn without_comments_and_texts(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let after_name = code.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let (length, kept) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (block_comment(rest), false)
        } else if first == '"' {
            (text(rest, 0), false)
        } else if let Some((prefix, hashes)) = raw_text(rest).filter(|_| !after_name) {
            (prefix + raw_text_end(&rest[prefix..], hashes), false)
        } else if first == '\'' {
            match character(rest) {
                Some(length) => (length, false),
                None => (1, true),
            }
        } else {
            (first.len_utf8(), true)
        };
        let (taken, remaining) = rest.split_at(length);
        if kept {
            code.push_str(taken);
        } else {
            code.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = remaining;
    }
    code
}

/// The length of a block comment, those within it included.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of a text in quotes that begins at `start`.
fn text(rest: &str, start: usize) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(start + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// If a raw text begins here: the length of what stands before its contents, and its number of hashes.
fn raw_text(rest: &str) -> Option<(usize, usize)> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let hashes = rest[prefix.len()..].bytes().take_while(|&byte| byte == b'#').count();
    let start = prefix.len() + hashes;
    rest[start..].starts_with('"').then_some((start + 1, hashes))
}

/// The length of a raw text's contents and its end.
fn raw_text_end(contents: &str, hashes: usize) -> usize {
    let end = format!("\"{}", "#".repeat(hashes));
    contents.find(&end).map_or(contents.len(), |at| at + end.len())
}

/// The length of a character literal; `None` when the quote begins a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        let escaped = chars.next()?.0;
        return rest[escaped + 1..].find('\'').map(|at| escaped + 1 + at + 1);
    }
    let (at, next) = chars.next()?;
    (next == '\'').then_some(at + 1)
}

/// Replaces every item behind `#[cfg(test)]` by spaces. `code` has no comments and no texts.
pub(super) fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        let end = start + MARK.len() + item(&rest[start + MARK.len()..]);
        kept.push_str(&rest[..start]);
        kept.extend(rest[start..end].chars().filter(|&c| c == '\n'));
        rest = &rest[end..];
    }
    kept + rest
}

/// The length of an item: up to its semicolon, or to the end of its braces.
fn item(code: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && c == '}' {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Every path that the code imports, with the line of its `use`: `use std::{fs, io::Read};` gives `std::fs` and
/// `std::io::Read`.
pub(super) fn imports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("use ") {
        let alone = code[..start]
            .chars()
            .next_back()
            .is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let Some(end) = code[start..].find(';').filter(|_| alone) else {
            continue;
        };
        let line = code[..start].lines().count().max(1) + usize::from(code[..start].ends_with('\n'));
        let tree: String = code[start + 4..start + end]
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let mut paths = Vec::new();
        flatten("", &tree, &mut paths);
        found.extend(paths.into_iter().map(|path| (line, path)));
    }
    found
}

fn flatten(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    match tree.split_once('{') {
        None if tree.is_empty() => {}
        None => {
            let path = tree.split(" as ").next().unwrap_or(tree).trim();
            paths.push(if path == "self" {
                prefix.trim_end_matches("::").to_owned()
            } else {
                format!("{prefix}{path}")
            });
        }
        Some((head, group)) => {
            let prefix = format!("{prefix}{}", head.trim());
            let group = group.rsplit_once('}').map_or(group, |(group, _)| group);
            let mut depth = 0;
            let parts = group.split(|c| {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                c == ',' && depth == 0
            });
            for part in parts {
                flatten(&prefix, part, paths);
            }
        }
    }
}

/// Where `word` stands in `text` on its own, not within a longer name: the lines, counted from 1.
pub(super) fn lines_with<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let opens = word.starts_with(part);
    let closes = word.ends_with(part);
    text.lines().enumerate().filter_map(move |(n, line)| {
        let alone = |at: usize| {
            let before = line[..at].chars().next_back().is_some_and(part);
            let after = line[at + word.len()..].chars().next().is_some_and(part);
            !(opens && before || closes && after)
        };
        line.match_indices(word).any(|(at, _)| alone(at)).then_some(n + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_blanked_and_code_stays() {
        let source = "a // tokio\nb /* x /* tokio */ y */ c \"to\\\"kio\" r#\"to\"kio\"# 'x' '\\'' &'a str br\"t\" d";
        let code = without_comments_and_texts(source);
        assert_eq!(code.chars().count(), source.chars().count());
        assert_eq!(
            code.split_whitespace().collect::<Vec<_>>(),
            ["a", "b", "c", "&'a", "str", "d"]
        );
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn a_name_that_ends_in_r_begins_no_raw_text() {
        assert_eq!(without_comments_and_texts("for\"x\" bar#"), "for    bar#");
    }

    #[test]
    fn tests_are_taken_out_and_lines_stay() {
        let code =
            "one\n#[cfg(test)]\nmod tests;\ntwo\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n fn a() { b(); }\n}\nthree";
        let kept = without_tests(code);
        assert_eq!(kept.split_whitespace().collect::<Vec<_>>(), ["one", "two", "three"]);
        assert_eq!(kept.lines().count(), code.lines().count());
    }

    #[test]
    fn imports_are_spelled_out() {
        let code =
            "use std::fs;\npub use std::{\n  io::{self, Read as _},\n  net::UdpSocket,\n};\nlet reuse = 1;\nuse a::*;";
        let expected = [
            (1, "std::fs"),
            (2, "std::io"),
            (2, "std::io::Read"),
            (2, "std::net::UdpSocket"),
            (7, "a::*"),
        ];
        assert_eq!(imports(code), expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn a_word_is_found_on_its_own_only() {
        let text = "spawn\nrespawn spawned\nx.spawn()";
        assert_eq!(lines_with(text, "spawn").collect::<Vec<_>>(), [1, 3]);
        assert_eq!(lines_with("a.elapsed()\nelapsed", ".elapsed(").collect::<Vec<_>>(), [1]);
    }
}
