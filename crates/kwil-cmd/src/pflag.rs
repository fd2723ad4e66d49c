//! The flag syntax that operators and their scripts know from the programs this one replaces: `--flag=true`, spellings
//! with underscores, values that start with a dash, flags before the command they belong to.

use clap::{Arg, ArgAction, Command};

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Normalised {
    /// `--version`, wherever it stands.
    Version,
    /// Words for the parser, and the names of the commands on the way to the one that is meant.
    Words {
        /// The command line with the program name first.
        words: Vec<String>,
        /// Names of the commands that were recognised.
        path: Vec<String>,
    },
}

/// Stands in examples of commands that several programs have.
const PROGRAM: &str = "{program}";

/// Gives every flag of the command and of the commands below the syntax of pflag.
pub(crate) fn prepare(command: Command, program: &str) -> Command {
    let examples = command.get_after_help().map(|text| text.to_string().replace(PROGRAM, program));
    let command = match examples {
        Some(text) => command.after_help(text),
        None => command,
    };
    command
        .args_override_self(true)
        .disable_version_flag(true)
        .mut_args(fix)
        .mut_subcommands(|below| prepare(below, program))
}

fn fix(arg: Arg) -> Arg {
    match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .hide_default_value(true)
            .hide_possible_values(true)
            .value_name("BOOL")
            .value_parser(boolean),
        ArgAction::Set | ArgAction::Append
            if !arg.is_positional() && !arg.is_require_equals_set() =>
        {
            arg.allow_hyphen_values(true)
        }
        _ => arg,
    }
}

/// A boolean as pflag reads it.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// Walks the words as the parser will, so that flags can be moved behind the command they belong to.
struct Walk<'a> {
    /// The commands from the program down to the one that is reached.
    path: Vec<&'a Command>,
    words: Vec<String>,
    /// Flags that belong to a command further down.
    deferred: Vec<String>,
}

/// Brings the command line into the form that the parser wants. `command` went through [`prepare`].
pub(crate) fn normalise(command: &Command, argv: Vec<String>) -> Normalised {
    let mut argv = argv.into_iter();
    let mut walk = Walk {
        path: vec![command],
        words: argv.next().into_iter().collect(),
        deferred: Vec::new(),
    };
    let mut tail = Vec::new();
    while let Some(word) = argv.next() {
        if word == "--" {
            tail.push(word);
            tail.extend(argv.by_ref());
        } else if is_version(&word, walk.path.len()) {
            return Normalised::Version;
        } else if word.starts_with('-') && word.len() > 1 {
            walk.flag(word, &mut argv);
        } else {
            walk.plain(word);
        }
    }
    let path = walk.path.iter().skip(1).map(|command| command.get_name().to_owned()).collect();
    let words = [walk.words, walk.deferred, tail].concat();
    Normalised::Words { words, path }
}

fn is_version(word: &str, depth: usize) -> bool {
    matches!(word, "--version" | "-V") || (word == "-v" && depth == 1)
}

impl<'a> Walk<'a> {
    fn plain(&mut self, word: String) {
        let here = self.path.last().copied();
        if let Some(below) = here.and_then(|command| command.find_subcommand(&word)) {
            self.path.push(below);
        }
        self.words.push(word);
    }

    fn flag(&mut self, word: String, rest: &mut impl Iterator<Item = String>) {
        let (word, found) = match word.strip_prefix("--") {
            Some(long) => self.long(long),
            None => {
                let found = self.short(&word);
                (word, found)
            }
        };
        let place = match found {
            Some(Found { here: false, .. }) => &mut self.deferred,
            Some(Found { here: true, .. }) | None => &mut self.words,
        };
        place.push(word);
        if found.is_some_and(|found| found.takes_next) {
            place.extend(rest.next());
        }
    }

    fn long(&self, written: &str) -> (String, Option<Found>) {
        let (name, value) = match written.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (written, None),
        };
        let dashed = name.replace('_', "-");
        let known = |name: &str| self.find(&|arg: &Arg| has_long(arg, name));
        let (name, found) = match known(name) {
            None => (dashed.clone(), known(&dashed)),
            found => (name.to_owned(), found),
        };
        let name = if found.is_some() {
            name
        } else {
            written.split('=').next().unwrap_or(written).to_owned()
        };
        let found = found
            .map(|(here, arg)| Found { here, takes_next: value.is_none() && takes_value(arg) });
        let word = value.map_or_else(|| format!("--{name}"), |value| format!("--{name}={value}"));
        (word, found)
    }

    /// A word like `-r`, `-rVALUE` or `-Rf`: the first letter that takes a value ends the group.
    fn short(&self, word: &str) -> Option<Found> {
        let mut letters = word.chars().skip(1).peekable();
        let mut here = true;
        while let Some(letter) = letters.next() {
            let (seen_here, arg) = self.find(&|arg: &Arg| has_short(arg, letter))?;
            here &= seen_here;
            if takes_value(arg) {
                return Some(Found { here, takes_next: letters.peek().is_none() });
            }
            if letters.peek() == Some(&'=') {
                break;
            }
        }
        Some(Found { here, takes_next: false })
    }

    /// A flag that is valid at the command reached so far, else one of a command below it.
    fn find(&self, wanted: &dyn Fn(&Arg) -> bool) -> Option<(bool, &'a Arg)> {
        let reached = self.path.last().copied()?;
        let global = self
            .path
            .iter()
            .flat_map(|command| command.get_arguments().filter(|arg| arg.is_global_set()));
        let visible = reached.get_arguments().chain(global).find(|arg| wanted(arg));
        match visible {
            Some(arg) => Some((true, arg)),
            None => below(reached, wanted).map(|arg| (false, arg)),
        }
    }
}

#[derive(Clone, Copy)]
struct Found {
    here: bool,
    takes_next: bool,
}

fn below<'a>(command: &'a Command, wanted: &dyn Fn(&Arg) -> bool) -> Option<&'a Arg> {
    command.get_subcommands().find_map(|command| {
        command.get_arguments().find(|arg| wanted(arg)).or_else(|| below(command, wanted))
    })
}

fn has_long(arg: &Arg, name: &str) -> bool {
    arg.get_long() == Some(name)
        || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
}

fn has_short(arg: &Arg, letter: char) -> bool {
    arg.get_short() == Some(letter)
        || arg.get_all_short_aliases().is_some_and(|aliases| aliases.contains(&letter))
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) && !arg.is_require_equals_set()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Command {
        let start = Command::new("start")
            .arg(Arg::new("boot").long("p2p.boot-nodes").action(ArgAction::Append))
            .arg(Arg::new("auto").long("autogen").short('a').action(ArgAction::SetTrue))
            .arg(Arg::new("raw").long("raw").short('R').action(ArgAction::SetTrue))
            .arg(
                Arg::new("nonce")
                    .long("nonce")
                    .short('N')
                    .action(ArgAction::Set)
                    .value_parser(clap::value_parser!(i64)),
            )
            .arg(Arg::new("rest").action(ArgAction::Append));
        let root = Arg::new("root").long("root").short('r').global(true).action(ArgAction::Set);
        prepare(
            Command::new("kwild").arg(root).subcommand(Command::new("setup").subcommand(start)),
            "kwild",
        )
    }

    fn words(line: &[&str]) -> Vec<String> {
        let argv =
            std::iter::once("kwild").chain(line.iter().copied()).map(str::to_owned).collect();
        match normalise(&sample(), argv) {
            Normalised::Words { words, .. } => words[1..].to_vec(),
            Normalised::Version => vec!["<version>".to_owned()],
        }
    }

    fn parse(line: &[&str]) -> clap::ArgMatches {
        let argv = std::iter::once("kwild".to_owned()).chain(words(line));
        let matches =
            sample().try_get_matches_from(argv).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        let (_, setup) = matches.subcommand().unwrap();
        setup.subcommand().unwrap().1.clone()
    }

    #[test]
    fn flags_may_stand_before_their_command() {
        assert_eq!(
            words(&["--p2p.boot_nodes", "x", "-r", "d", "setup", "-a", "start", "y"]),
            ["-r", "d", "setup", "start", "y", "--p2p.boot-nodes", "x", "-a"]
        );
        assert_eq!(
            words(&["setup", "start", "--", "--p2p.boot_nodes"]),
            ["setup", "start", "--", "--p2p.boot_nodes"]
        );
    }

    #[test]
    fn unknown_words_stay_as_typed() {
        assert_eq!(
            words(&["--no_such=1", "setup", "-z", "nothing"]),
            ["--no_such=1", "setup", "-z", "nothing"]
        );
    }

    #[test]
    fn version_flags_are_found_anywhere_but_not_as_values() {
        assert_eq!(words(&["setup", "start", "--version"]), ["<version>"]);
        assert_eq!(words(&["-v"]), ["<version>"]);
        assert_eq!(
            words(&["setup", "start", "--nonce", "-V"]),
            ["setup", "start", "--nonce", "-V"]
        );
    }

    #[test]
    fn booleans_take_a_value_only_after_an_equals_sign() {
        for (line, auto, rest) in [
            (vec!["--autogen"], true, vec![]),
            (vec!["--autogen=F"], false, vec![]),
            (vec!["--autogen=1"], true, vec![]),
            (vec!["--autogen", "false"], true, vec!["false"]),
            (vec!["-aR"], true, vec![]),
            (vec!["--autogen", "--autogen=0"], false, vec![]),
            (vec![], false, vec![]),
        ] {
            let line: Vec<&str> = [vec!["setup", "start"], line].concat();
            let matches = parse(&line);
            assert_eq!(matches.get_one::<bool>("auto"), Some(&auto), "{line:?}");
            let got: Vec<&String> = matches.get_many("rest").into_iter().flatten().collect();
            assert_eq!(got, rest, "{line:?}");
        }
    }

    #[test]
    fn negative_numbers_and_attached_values_are_values() {
        for line in
            [vec!["--nonce", "-1"], vec!["-N", "-1"], vec!["-N-1"], vec!["--nonce=5", "--nonce=-1"]]
        {
            let matches = parse(&[vec!["setup", "start"], line].concat());
            assert_eq!(matches.get_one::<i64>("nonce"), Some(&-1));
        }
    }

    #[test]
    fn repeated_lists_append_in_order() {
        let matches = parse(&["setup", "--p2p.boot-nodes=a", "start", "--p2p.boot_nodes", "b,c"]);
        let got: Vec<&String> = matches.get_many("boot").unwrap().collect();
        assert_eq!(got, ["b,c", "a"]);
    }
}
