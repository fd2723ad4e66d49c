//! Protobuf forms: one impl per pair of types, both ways, so that a property can hold them together.

mod admin;
mod chain;
mod read;
#[cfg(test)]
mod samples;
mod shared;
mod user;

/// Why a protobuf message is not a value of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct WireError {
    field: &'static str,
    problem: String,
}

impl WireError {
    pub(crate) fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }

    pub(crate) fn missing(field: &'static str) -> Self {
        Self::new(field, "missing")
    }
}

/// A value with the protobuf form `P`.
pub trait Wire<P>: Sized {
    /// To protobuf.
    fn into_wire(self) -> P;

    /// From protobuf.
    ///
    /// # Errors
    /// When a field is missing, too long, or no value of its type.
    fn from_wire(wire: P) -> Result<Self, WireError>;
}

/// Requests and answers without fields.
macro_rules! empty {
    ($value:ty as $($proto:ident),+ $(,)?) => {
        $(impl $crate::wire::Wire<kwil_proto::rpc::v1::$proto> for $value {
            fn into_wire(self) -> kwil_proto::rpc::v1::$proto {
                kwil_proto::rpc::v1::$proto {}
            }

            fn from_wire(_wire: kwil_proto::rpc::v1::$proto) -> Result<Self, $crate::wire::WireError> {
                Ok(Self::default())
            }
        })+
    };
}

pub(crate) use empty;
