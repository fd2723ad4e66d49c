//! Mirror types of the JSON that clients send and read.
//!
//! Only these derive `Serialize` and `Deserialize`; conversions to and from the core types check what JSON cannot say.
//! `null`, an absent key and the empty value are the same everywhere; unknown keys are ignored, repeated keys refused.

mod account;
mod message;
mod result;
mod text;
mod transaction;
mod value;

pub use account::{Account, AccountId};
pub use message::{
    AuthenticatedQuery, AuthenticatedQueryBody, CallBody, CallMessage, JsonError, Parameter,
};
pub use result::TxResult;
pub use transaction::{Signature, Transaction, TxBody};
pub use value::{DataType, EncodedValue, scalar_to_json, value_to_json};
