//! Paths as operators write them: `~` is the home folder, anything relative belongs to a base folder.

use std::path::{Path, PathBuf};

/// Replaces a leading `~` or `~/` by `home`. Without a home folder the text stays as it is.
#[must_use]
pub fn expand(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_path_buf(),
        (Some(rest), Some(home)) => match rest.strip_prefix('/') {
            Some(rest) => home.join(rest.trim_start_matches('/')),
            None => PathBuf::from(path),
        },
        (Some(_), None) | (None, _) => PathBuf::from(path),
    }
}

/// Expands `~`, then makes the path absolute against `base`.
#[must_use]
pub fn absolute(path: &str, home: Option<&Path>, base: &Path) -> PathBuf {
    let joined = base.join(expand(path, home));
    let mut clean = PathBuf::new();
    for part in joined.components() {
        match part {
            std::path::Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}

/// The root folder when nobody names one: `~/.kwild`.
#[must_use]
pub fn default_root(home: Option<&Path>) -> PathBuf {
    home.map_or_else(|| PathBuf::from(".kwild"), |home| home.join(".kwild"))
}

/// The one root folder of a run: the flag, else the variable `KWILD_ROOT`, else `~/.kwild`; absolute.
#[must_use]
pub fn resolve_root(
    flag: Option<&str>,
    variable: Option<&str>,
    home: Option<&Path>,
    cwd: &Path,
) -> PathBuf {
    match flag.filter(|text| !text.is_empty()).or(variable.filter(|text| !text.is_empty())) {
        Some(text) => absolute(text, home, cwd),
        None => cwd.join(default_root(home)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tilde_is_home_and_nothing_else() {
        let home = Some(Path::new("/users/op"));
        for (text, want) in [
            ("~", "/users/op"),
            ("~/x", "/users/op/x"),
            ("~//x", "/users/op/x"),
            ("~other/x", "~other/x"),
            ("a/~", "a/~"),
            ("", ""),
        ] {
            assert_eq!(expand(text, home), PathBuf::from(want), "{text}");
        }
        assert_eq!(expand("~", None), PathBuf::from("~"));
    }

    #[test]
    fn flag_beats_variable_beats_default() {
        let (home, cwd) = (Some(Path::new("/users/op")), Path::new("/cwd"));
        assert_eq!(resolve_root(Some("./a"), Some("/b"), home, cwd), PathBuf::from("/cwd/a"));
        assert_eq!(resolve_root(None, Some("~/b"), home, cwd), PathBuf::from("/users/op/b"));
        assert_eq!(resolve_root(Some(""), None, home, cwd), PathBuf::from("/users/op/.kwild"));
    }
}
