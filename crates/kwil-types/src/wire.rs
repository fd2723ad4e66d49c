//! Byte readers and writers of both families of formats.
//!
//! Client formats are little-endian with varints, network formats big-endian with `u32` lengths. Methods say which by
//! their suffix (`_le`, `_be`) or by the names of the encodings (`cstr`, `cbytes`, `bytes32` belong to the clients;
//! `bytes`, `text`, `key`, `hash` to the network). A decoder takes a slice, reads it with [`Reader`] and ends with
//! [`Reader::finish`], so trailing bytes are always an error.

mod reader;
mod writer;

pub use reader::{Reader, WireError};
pub use writer::{LengthOverflow, Writer};
