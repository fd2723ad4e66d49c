//! Parameters of statements and arguments of actions, as they are typed.

use std::collections::BTreeMap;

use kwil_client::Parameters;
use kwil_types::Value;

use super::value::{parse_type, parse_value};
use crate::error::CliError;

/// An action and what it is called with.
#[derive(Debug, clap::Args)]
pub(super) struct ActionArgs {
    /// Name of the action
    #[arg(value_name = "ACTION")]
    action: String,
    /// Arguments in order, type:value, or null
    #[arg(value_name = "TYPE:VALUE")]
    arguments: Vec<String>,
    /// Namespace of the action
    #[arg(short = 'n', long, default_value = "main", value_name = "NAME")]
    namespace: String,
    /// Argument by name, name:type=value; may be repeated
    #[arg(short = 'p', long = "param", value_name = "NAME:TYPE=VALUE")]
    params: Vec<String>,
}

impl ActionArgs {
    /// Namespace and action.
    pub(super) fn names(&self) -> (&str, &str) {
        (&self.namespace, &self.action)
    }

    /// The arguments given in order.
    pub(super) fn in_order(&self) -> Result<Vec<Value>, CliError> {
        self.arguments.iter().map(|text| positional(text)).collect()
    }

    /// The arguments given by name.
    pub(super) fn by_name(&self) -> Result<Parameters, CliError> {
        named(&self.params)
    }
}

/// Fails when some arguments are given in order and others by name.
pub(super) fn one_way(in_order: &[Value], by_name: &Parameters) -> Result<(), CliError> {
    if in_order.is_empty() || by_name.is_empty() {
        return Ok(());
    }
    Err(CliError::usage("cannot specify both named and positional parameters"))
}

/// `type:value`, or `null`.
fn positional(text: &str) -> Result<Value, CliError> {
    if text == "null" {
        return Ok(Value::NULL);
    }
    let (of, value) = text.split_once(':').ok_or_else(|| {
        CliError::usage(format!(
            "invalid parameter format: {text:?}; parameters must be of format type:value (e.g. text:\"Hello World!\")"
        ))
    })?;
    let data_type = parse_type(of).map_err(|error| {
        CliError::usage(format!("invalid parameter type: {of:?}; error: {error}"))
    })?;
    parse_value(value, data_type).map_err(|error| {
        CliError::usage(format!("invalid parameter value: {value:?}; error: {error}"))
    })
}

/// `name:type=value`, with or without `$` before the name. Names are in lower case, without `$`.
pub(super) fn named(texts: &[String]) -> Result<Parameters, CliError> {
    let mut all = BTreeMap::new();
    for text in texts {
        let split = text.split_once('=').and_then(|(left, value)| {
            let (name, of) = left.split_once(':')?;
            let name = name.strip_prefix('$').unwrap_or(name);
            (!name.is_empty()).then(|| (name.to_lowercase(), of, value))
        });
        let (name, of, value) = split.ok_or_else(|| {
            CliError::usage(format!(
                "invalid argument: {text}.  argument must be in the form of name:type=value"
            ))
        })?;
        let data_type = parse_type(of).map_err(|error| {
            CliError::usage(format!("invalid data type: {of}; parameter {name}: {error}"))
        })?;
        let value = parse_value(value, data_type).map_err(|error| {
            CliError::usage(format!("error parsing value: {error}; parameter {name}"))
        })?;
        if all.insert(name.clone(), value).is_some() {
            return Err(CliError::usage(format!("parameter {name} is given twice")));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_parameters_may_have_a_dollar_and_equal_signs() {
        let texts = ["$A:text=x=y".to_owned(), "n:numeric(4,1)=1.25".to_owned()];
        let all = named(&texts).unwrap();
        assert_eq!(all["a"], Value::from("x=y"));
        assert_eq!(kwil_types::json::value_to_json(&all["n"]), serde_json::json!("1.3"));
        assert_eq!(positional("text:a:b").unwrap(), Value::from("a:b"));
        assert_eq!(positional("null").unwrap(), Value::NULL);
    }

    #[test]
    fn a_wrong_parameter_is_named_with_its_value() {
        for (text, says) in [
            ("a", "invalid argument: a.  argument must be in the form of name:type=value"),
            ("a=1", "invalid argument: a=1.  argument must be in the form of name:type=value"),
            (":int8=1", "invalid argument: :int8=1."),
            ("a:money=1", "invalid data type: money; parameter a: unknown data type"),
            ("a:int8=x", "error parsing value: \"x\" is no integer of 64 bits; parameter a"),
        ] {
            let error = named(&[text.to_owned()]).unwrap_err();
            assert!(error.to_string().starts_with(says), "{error}");
            assert_eq!(error.code().exit_status(), 2);
        }
        let twice = named(&["a:int8=1".to_owned(), "$A:int8=2".to_owned()]).unwrap_err();
        assert_eq!(twice.to_string(), "parameter a is given twice");
        for (text, says) in [
            ("5", "invalid parameter format: \"5\"; parameters must be of format type:value"),
            ("money:5", "invalid parameter type: \"money\"; error: unknown data type"),
            ("int8:x", "invalid parameter value: \"x\"; error: \"x\" is no integer of 64 bits"),
        ] {
            let error = positional(text).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }
}
