//! Size, shape and wording of files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const FILE_LINES: usize = 700;
const FUNCTION_LINES: usize = 70;
const FRONT_PAGE_LINES: usize = 150;

/// Functions that may be longer, each with its reason.
const LONG: &[(&str, &str, &str)] = &[
    (
        "crates/kwil-node/src/startup.rs",
        "compose",
        "one table of who is connected to whom, a field a line",
    ),
    ("bins/kwild/tests/it/genesis.rs", "the_file_of_the_guide", "one document, line by line"),
    ("crates/kwil-config/src/load/tests.rs", "each_check_names_its_key", "table of cases"),
    (
        "crates/kwil-node/src/mempool/tests/pool.rs",
        "proposals_are_always_executable_and_the_books_always_agree",
        "one model and its steps",
    ),
    ("crates/kwil-state/src/accounts/spend.rs", "every_way_to_pay_and_to_fail", "table of cases"),
];

/// Pieces of paths of one particular machine; joined here so that this file does not contain them.
fn machine_paths() -> Vec<String> {
    [["/wo", "rk/"], ["/ro", "ot/"], ["/home", "/"], ["/tmp/", "kt"]]
        .iter()
        .map(|parts| parts.concat())
        .collect()
}

pub(super) fn faults(root: &Path, tracked: &[PathBuf]) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for path in tracked.iter().filter(|path| !is_data(path)) {
        let name = path.display().to_string();
        let Ok(text) = fs::read_to_string(root.join(path)) else {
            continue; // not text: pictures, descriptor sets
        };
        wording(&name, &text, &mut faults);
        if name.ends_with(".rs") {
            rust(&name, &text, &mut faults);
        }
        if name.ends_with(".md") {
            links(root, path, &text, &mut faults)?;
        }
    }
    Ok(faults)
}

fn is_data(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.contains("tests/data/") || name.contains("/src/gen/") || name == "Cargo.lock"
}

fn wording(name: &str, text: &str, faults: &mut Vec<String>) {
    for (index, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", index.saturating_add(1));
        if line.trim_end() != line {
            faults.push(format!("{place}: blanks at the end of the line"));
        }
        for path in machine_paths().iter().filter(|path| line.contains(path.as_str())) {
            faults.push(format!("{place}: path of one machine: {path}"));
        }
    }
}

fn rust(name: &str, text: &str, faults: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > FILE_LINES {
        faults.push(format!("{name}: {lines} lines, at most {FILE_LINES}: split it by story"));
    }
    if name.ends_with("/mod.rs") {
        faults.push(format!("{name}: write foo.rs beside foo/ instead of mod.rs"));
    }
    if name.starts_with("crates/") && name.ends_with("/src/lib.rs") {
        front_page(name, text, faults);
    }
    for (line, function, length) in long_functions(text) {
        let excused = LONG.iter().any(|(file, long, _)| *file == name && *long == function);
        if !excused {
            faults.push(format!(
                "{name}:{line}: function {function} has {length} lines, at most {FUNCTION_LINES}"
            ));
        }
    }
}

fn front_page(name: &str, text: &str, faults: &mut Vec<String>) {
    if !text.starts_with("//! ") {
        faults.push(format!("{name}: the front page starts with what the crate is for"));
    }
    if !text.contains("//! ```") {
        faults.push(format!("{name}: the front page has no runnable example"));
    }
    // The list of modules is as long as the crate; what a reader has to read is the rest.
    let listed = |line: &&str| {
        line.starts_with("mod ") || line.starts_with("pub mod ") || line.starts_with("#[cfg(")
    };
    if text.lines().filter(|line| !listed(line)).count() > FRONT_PAGE_LINES {
        faults.push(format!(
            "{name}: a front page has at most {FRONT_PAGE_LINES} lines and no logic"
        ));
    }
}

/// Functions over the limit as (first line, name, length). Relies on rustfmt: the closing brace stands alone at the
/// indentation of the signature.
fn long_functions(text: &str) -> Vec<(usize, String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len().saturating_sub(line.trim_start().len());
        let closing = format!("{}}}", " ".repeat(indent));
        let rest = lines.get(start..).unwrap_or_default();
        let ends_at_once =
            rest.iter().take_while(|line| !line.ends_with('{')).any(|line| line.ends_with(';'));
        if ends_at_once {
            continue; // a declaration in a trait
        }
        let length = rest
            .iter()
            .position(|line| **line == closing)
            .map_or(1, |offset| offset.saturating_add(1));
        if length > FUNCTION_LINES {
            found.push((start.saturating_add(1), name, length));
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let mut words = line.trim_start().split(' ');
    loop {
        match words.next()? {
            "fn" => return Some(words.next()?.split(['(', '<']).next()?.to_owned()),
            "pub" | "async" | "const" | "pub(crate)" | "pub(super)" => {}
            _ => return None,
        }
    }
}

fn links(root: &Path, path: &Path, text: &str, faults: &mut Vec<String>) -> Result<()> {
    let folder = root.join(path).parent().context("a file has a folder")?.to_owned();
    for piece in text.split("](").skip(1) {
        let target = piece.split([')', '#']).next().unwrap_or_default();
        let outside = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
        if !outside && !folder.join(target).exists() {
            faults.push(format!("{}: dead link {target}", path.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_over_the_limit_is_named_with_its_length() {
        let body = "    let x = 1;\n".repeat(70);
        let text = format!(
            "impl A {{\n    pub(crate) async fn long(&self) {{\n{body}    }}\n}}\n\nfn short() {{\n}}\n"
        );
        assert_eq!(long_functions(&text), vec![(2, "long".to_owned(), 72)]);
    }

    #[test]
    fn trailing_blanks_and_machine_paths_are_faults() {
        let mut faults = Vec::new();
        wording("a.md", &format!("fine\nblank \nsee {}x\n", machine_paths().concat()), &mut faults);
        assert_eq!(faults.len(), 1 + machine_paths().len(), "{faults:?}");
    }

    #[test]
    fn a_front_page_without_example_is_a_fault() {
        let mut faults = Vec::new();
        front_page("crates/x/src/lib.rs", "//! For nothing.\n", &mut faults);
        assert_eq!(faults, ["crates/x/src/lib.rs: the front page has no runnable example"]);
    }
}
