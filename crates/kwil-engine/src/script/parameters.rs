//! Parameters of scripts.

use std::collections::BTreeMap;

use kwil_lang::ErrorClass;
use kwil_types::Value;

use crate::Failure;

/// Longest name behind the `$`, in bytes.
const MAX_NAME: usize = 64;

/// Parameters under the names that programs use: with `$`, in lower case. Checked in byte order of the names as given.
pub(super) fn variables(
    parameters: BTreeMap<String, Value>,
) -> Result<BTreeMap<Box<str>, Value>, Failure> {
    let mut variables = BTreeMap::new();
    for (given, value) in parameters {
        let name = given.strip_prefix('$').unwrap_or(&given);
        let mut bytes = name.bytes();
        let starts_well = bytes.next().is_some_and(|first| first.is_ascii_alphabetic());
        let goes_on_well = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !starts_well || !goes_on_well || name.len() > MAX_NAME {
            let shown: String = given.chars().take(MAX_NAME).collect();
            let detail = format!(
                "variable name must only contain letters, numbers, and underscores, start with a letter, and have at \
                 most {MAX_NAME} characters: \"{shown}\""
            );
            return Err(Failure::new(ErrorClass::Other, detail));
        }
        let folded = format!("${}", name.to_ascii_lowercase()).into_boxed_str();
        if variables.insert(folded.clone(), value).is_some() {
            let detail = format!("variable {folded} is given twice");
            return Err(Failure::new(ErrorClass::Other, detail));
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[&str]) -> Result<Vec<String>, String> {
        let given = names.iter().map(|name| ((*name).to_owned(), Value::NULL)).collect();
        match variables(given) {
            Ok(read) => Ok(read.into_keys().map(String::from).collect()),
            Err(failure) => Err(failure.message),
        }
    }

    #[test]
    fn names_are_folded_and_get_their_sign() {
        assert_eq!(read(&["A", "$b_1"]).unwrap(), ["$a", "$b_1"]);
    }

    #[test]
    fn odd_names_are_refused_in_byte_order() {
        for name in ["bad-name", "", "$", "1a", "_a", "$$a", "@a", "ä", &"a".repeat(65)] {
            assert!(read(&[name]).unwrap_err().contains("variable name"), "{name}");
        }
        assert!(read(&["z-", "B-"]).unwrap_err().contains("B-"));
        assert!(read(&["a", "$A"]).unwrap_err().contains("given twice"));
    }
}
