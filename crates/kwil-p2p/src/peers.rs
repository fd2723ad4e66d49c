//! The other nodes: where they are, what they are worth, who is connected.

pub(crate) mod admission;
pub(crate) mod backoff;
pub(crate) mod book;
pub(crate) mod book_file;
pub(crate) mod dialer;
pub(crate) mod outbox;
pub(crate) mod peer;
pub(crate) mod scope;
pub(crate) mod standing;
pub(crate) mod table;
