//! Transactions between peers: ids are announced, bytes are fetched once.

mod announcements;
mod pull;
mod pulls;

pub(crate) use announcements::Announcements;
pub(crate) use pull::{announced, pull, pushed};
pub(crate) use pulls::Pulls;

/// Most ids in one announcement.
pub(crate) const MAX_IDS: usize = 256;
