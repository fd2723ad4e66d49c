//! What is checked when an action is created; everything else is checked when it runs.

use bytes::Bytes;
use kwil_types::{DataType, Decimal, Scalar, TypeKind, Value};

use super::AnalysisError;
use crate::ast::{CreateAction, Literal, Parameter, Step, StepKind};
use crate::{ErrorClass, Span};

/// Who may call an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    Public,
    /// Actions of the same namespace.
    Private,
    /// Actions only.
    System,
}

/// What callers need to know of an action.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionSignature {
    /// Who may call it.
    pub access: Access,
    /// `VIEW`: may be called without a transaction.
    pub view: bool,
    /// `OWNER`: only the owner of the database may call it.
    pub owner: bool,
    /// Parameters in order.
    pub parameters: Vec<ActionParameter>,
}

/// A parameter of an action.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionParameter {
    /// Its name with `$`.
    pub name: Box<str>,
    /// Its type.
    pub data_type: DataType,
    /// Its default, converted to the type.
    pub default: Option<Value>,
}

/// Checks modifiers, defaults of parameters, and that loops are left from inside only.
///
/// # Errors
/// The first fault: class `Other` for modifiers, `Type` for defaults, `Loop` for `BREAK` and `CONTINUE`.
pub fn check_action(action: &CreateAction) -> Result<ActionSignature, AnalysisError> {
    let (mut access, mut view, mut owner) = (None, false, false);
    let shown = || {
        let words = action.modifiers.iter().map(|word| word.name.to_ascii_uppercase());
        words.collect::<Vec<_>>().join(" ")
    };
    for modifier in &action.modifiers {
        let wanted = match modifier.as_str() {
            "public" => Access::Public,
            "private" => Access::Private,
            "system" => Access::System,
            "view" => {
                view = true;
                continue;
            }
            "owner" => {
                owner = true;
                continue;
            }
            _ => {
                return Err(fault(
                    ErrorClass::Other,
                    modifier.span,
                    format!("unknown modifier {modifier}"),
                ));
            }
        };
        if access.replace(wanted).is_some() {
            let detail = "only one of PUBLIC, PRIVATE, or SYSTEM is allowed".to_owned();
            return Err(fault(ErrorClass::Other, modifier.span, detail));
        }
    }
    let Some(access) = access else {
        let detail = format!(
            "one of PUBLIC, PRIVATE, or SYSTEM access modifier is required. received: \"{}\"",
            shown()
        );
        return Err(fault(ErrorClass::Other, action.name.span, detail));
    };
    let parameters = action.parameters.iter().map(parameter).collect::<Result<_, _>>()?;
    check_loops(&action.body, false)?;
    Ok(ActionSignature { access, view, owner, parameters })
}

fn fault(class: ErrorClass, span: Span, detail: String) -> AnalysisError {
    AnalysisError { class, detail, span, section: None }
}

fn parameter(parameter: &Parameter) -> Result<ActionParameter, AnalysisError> {
    let data_type = parameter.data_type.data_type;
    let default = match &parameter.default {
        None => None,
        Some(literal) => match convert(literal, data_type) {
            Some(value) => Some(value),
            None => {
                let name = &parameter.name.name;
                let detail = format!("default {literal} of {name} does not fit {data_type}");
                return Err(fault(ErrorClass::Type, parameter.name.span, detail));
            }
        },
    };
    Ok(ActionParameter { name: parameter.name.name.clone(), data_type, default })
}

/// The literal as a value of the type: numbers become numeric, everything else keeps its own type.
fn convert(literal: &Literal, data_type: DataType) -> Option<Value> {
    if *literal == Literal::Null {
        return Some(Value::Null(data_type));
    }
    if data_type.is_array() {
        return None;
    }
    let scalar = match (literal, data_type.kind()) {
        (Literal::Int(value), TypeKind::Int8) => Scalar::Int8(*value),
        (Literal::Int(value), TypeKind::Numeric { precision, scale }) => {
            Scalar::Numeric(Decimal::parse(&value.to_string(), precision, scale).ok()?)
        }
        (Literal::Decimal(value), TypeKind::Numeric { precision, scale }) => {
            Scalar::Numeric(value.rescale(precision, scale).ok()?)
        }
        (Literal::Text(value), TypeKind::Text) => Scalar::Text(value.to_string()),
        (Literal::Bool(value), TypeKind::Bool) => Scalar::Bool(*value),
        (Literal::Bytes(value), TypeKind::Bytea) => Scalar::Bytea(Bytes::copy_from_slice(value)),
        _ => return None,
    };
    Some(Value::Scalar(scalar))
}

fn check_loops(steps: &[Step], in_loop: bool) -> Result<(), AnalysisError> {
    for step in steps {
        match &step.kind {
            StepKind::Break | StepKind::Continue if !in_loop => {
                let word = if step.kind == StepKind::Break { "BREAK" } else { "CONTINUE" };
                let detail = format!("{word} outside a loop");
                return Err(fault(ErrorClass::Loop, step.span, detail));
            }
            StepKind::For { body, .. } => check_loops(body, true)?,
            StepKind::If { branches, otherwise } => {
                for branch in branches {
                    check_loops(&branch.body, in_loop)?;
                }
                check_loops(otherwise.as_deref().unwrap_or_default(), in_loop)?;
            }
            StepKind::Break
            | StepKind::Continue
            | StepKind::Declare { .. }
            | StepKind::Assign(_)
            | StepKind::Call(_)
            | StepKind::Query(_)
            | StepKind::Return(_)
            | StepKind::ReturnQuery(_)
            | StepKind::ReturnNext(_) => {}
        }
    }
    Ok(())
}
