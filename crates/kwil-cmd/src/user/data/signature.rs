//! Which parameters an action has, as its node tells.

use kwil_client::{ClientError, Parameters, UserClient};
use kwil_crypto::auth::Signer;
use kwil_types::{Array, DataType, Scalar, Value};

use super::value::parse_type;
use crate::error::{CliError, ErrorCode};

/// What existing clients ask too; nodes that refuse other queries answer this one.
const LOOK_UP: &str = "{info}SELECT parameter_names, parameter_types FROM actions WHERE namespace = $namespace AND name = $action";

/// The parameters of an action in order.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    /// Names in lower case without `$`.
    pub(super) names: Vec<String>,
    /// Types, as many.
    pub(super) types: Vec<DataType>,
}

/// Why there is no signature.
pub(super) enum LookUp {
    /// The node did not answer.
    Client(ClientError),
    /// The action does not exist, or the answer makes no sense.
    Cli(CliError),
}

impl Signature {
    /// Asks a node, with a signature where there is a key: private nodes want one.
    pub(super) async fn of(
        node: &UserClient,
        signer: Option<&Signer>,
        namespace: &str,
        action: &str,
    ) -> Result<Self, LookUp> {
        let parameters = Parameters::from([
            ("action".to_owned(), action.to_lowercase().as_str().into()),
            ("namespace".to_owned(), namespace.to_lowercase().as_str().into()),
        ]);
        let result = match signer {
            Some(signer) => node.query_as(signer, LOOK_UP, &parameters).await,
            None => node.query(LOOK_UP, &parameters).await,
        }
        .map_err(LookUp::Client)?;
        let missing = || {
            let text = format!("action {action:?} not found in namespace {namespace:?}");
            LookUp::Cli(CliError::new(ErrorCode::NotFound, text))
        };
        let row = result.rows.into_iter().next().ok_or_else(missing)?;
        let mut lists = row.into_iter().map(texts);
        let (Some(Some(names)), Some(Some(types))) = (lists.next(), lists.next()) else {
            return Err(LookUp::Cli(CliError::failed(
                "the node does not tell parameters as texts",
            )));
        };
        let bare = |name: String| name.strip_prefix('$').unwrap_or(&name).to_lowercase();
        let types = types.iter().map(|of| parse_type(of)).collect::<Result<Vec<_>, _>>();
        let types = types.map_err(|error| LookUp::Cli(CliError::failed(error)))?;
        Ok(Self { names: names.into_iter().map(bare).collect(), types })
    }

    /// Place of a parameter by its name.
    pub(super) fn place(&self, name: &str) -> Result<usize, CliError> {
        let bare = name.strip_prefix('$').unwrap_or(name).to_lowercase();
        self.names.iter().position(|known| *known == bare).ok_or_else(|| {
            let error = CliError::usage(format!("action does not have a parameter named {name:?}"));
            match self.names.as_slice() {
                [] => error.hint("it has no parameters"),
                names => error.hint(format!("its parameters are {}", names.join(", "))),
            }
        })
    }

    /// Arguments in order up to the last that is given; those between are NULL.
    pub(super) fn arrange(&self, given: &Parameters) -> Result<Vec<Value>, CliError> {
        let mut arguments = Vec::new();
        for (name, value) in given {
            let place = self.place(name)?;
            if arguments.len() <= place {
                arguments.resize(place.saturating_add(1), Value::NULL);
            }
            if let Some(argument) = arguments.get_mut(place) {
                *argument = value.clone();
            }
        }
        Ok(arguments)
    }
}

fn texts(value: Value) -> Option<Vec<String>> {
    let items = match value {
        Value::Array(array) => Array::into_items(array),
        Value::Null(_) => Vec::new(),
        Value::Scalar(_) => return None,
    };
    let text = |item| match item {
        Some(Scalar::Text(text)) => Some(text),
        _ => None,
    };
    items.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_put_in_order_with_null_between() {
        let of = |name: &str| parse_type(name).unwrap();
        let signature = Signature {
            names: ["a", "b", "c"].map(str::to_owned).to_vec(),
            types: vec![of("int8"), of("text"), of("bool")],
        };
        let given = Parameters::from([("b".to_owned(), "x".into())]);
        assert_eq!(signature.arrange(&given).unwrap(), [Value::NULL, "x".into()]);
        let wrong = Parameters::from([("d".to_owned(), 1.into())]);
        let error = signature.arrange(&wrong).unwrap_err();
        assert_eq!(error.to_string(), "action does not have a parameter named \"d\"");
        assert_eq!(error.hints(), ["its parameters are a, b, c"]);
    }
}
