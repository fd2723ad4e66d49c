//! Looks through the help of a program: every command shows how it is typed, and what is shown can be typed.

use clap::Command;

use crate::app::{Program, parse};
use crate::usage::NotParsed;

/// Where the part of an example ends that is this program's own.
const ENDS: [&str; 4] = [" | ", " > ", " < ", " && "];

/// Columns of a help text on a terminal of eighty.
const WIDTH: usize = 78;

/// What stands for a long value, and one that it could be.
const SHORTENED: [(&str, &str); 4] = [
    ("03dbe22b…", "03b0eedfb09ac1e19fa6f5eb1d5ade53c120ef32d988e60bb40ab08133b573ba30"),
    ("0277fb40…", "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82"),
    ("8f0c…", "8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c8f0c"),
    ("6a1f8a8e-…", "6a1f8a8e-0000-5000-8000-000000000000"),
];

/// What is wrong with the examples in the help of a program and of every command below it, hidden ones too.
#[must_use]
pub fn faults_of_examples<P: Program>() -> Vec<String> {
    let mut faults = Vec::new();
    walk::<P>(&P::command_line(), &mut Vec::new(), &mut faults);
    faults
}

fn walk<P: Program>(command: &Command, path: &mut Vec<Vec<String>>, faults: &mut Vec<String>) {
    let name = path.iter().filter_map(|names| names.first().cloned());
    let name = std::iter::once(P::NAME.to_owned()).chain(name).collect::<Vec<_>>().join(" ");
    let lines = examples(command);
    let own = |line: &&String| {
        let words = words(line);
        let at = words.iter().position(|word| word == P::NAME);
        let behind = at.and_then(|at| words.get(at.saturating_add(1)..)).unwrap_or_default();
        at.is_some()
            && behind.len() >= path.len()
            && path.iter().zip(behind).all(|(names, word)| names.contains(word))
    };
    if !lines.iter().any(|line| own(&line)) {
        faults.push(format!("the help of '{name}' has no example of it: {lines:?}"));
    }
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    for line in text.lines().filter(|line| line.chars().count() > WIDTH) {
        faults.push(format!("a line in the help of '{name}' would be wrapped: {line}"));
    }
    for line in lines.iter().filter(|line| line.starts_with(P::NAME)) {
        if let Err(NotParsed::Wrong(error)) = parse::<P>(words(line)) {
            faults.push(format!("an example of '{name}' cannot be typed: {line}: {error}"));
        }
    }
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        let names = std::iter::once(below.get_name()).chain(below.get_all_aliases());
        path.push(names.map(str::to_owned).collect());
        walk::<P>(below, path, faults);
        path.pop();
    }
}

/// The lines of the help behind the word "Examples", continued ones joined.
fn examples(command: &Command) -> Vec<String> {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let text = SHORTENED
        .iter()
        .fold(text.replace("\\\n", " "), |text, (short, long)| text.replace(short, long));
    let mut lines = text.lines().skip_while(|line| !line.starts_with("Example"));
    lines.next();
    lines.take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
}

/// The words of an example as a shell makes them, up to what another program does.
fn words(line: &str) -> Vec<String> {
    let end = ENDS.iter().filter_map(|end| line.find(end)).min();
    let own = line.get(..end.unwrap_or(line.len())).unwrap_or(line);
    let (mut words, mut quote) = (vec![String::new()], None);
    for character in own.replace("<(", " ").chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, ' ' | ')') => words.push(String::new()),
            (_, other) => words.last_mut().into_iter().for_each(|word| word.push(other)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
