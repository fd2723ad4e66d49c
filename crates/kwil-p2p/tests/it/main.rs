//! Networks of real nodes over QUIC on loopback.

mod exchange;
mod flood;
mod gossip;
mod harness;
mod hostile;
mod meeting;
mod membership;
mod stranger;
