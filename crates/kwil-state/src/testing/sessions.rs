//! Sessions of the engine without signed transactions.

use std::sync::Arc;

use kwil_engine::catalog::Catalog;
use kwil_engine::{Engine, Session};

use crate::block::Block;
use crate::chain::ChainIdentity;
use crate::database::Database;
use crate::fault::NodeFault;
use crate::readers::{Lent, NotLent, lend};
use crate::reads::Reads;
use crate::write_session::WriteSession;
use crate::writer::Writer;

/// What scripts and calls run on in a block. The caller opens a savepoint before and closes it afterwards.
///
/// # Errors
/// [`NodeFault`] when the genesis wrote no catalog.
pub fn write_session<'b, 'w>(
    block: &'b mut Block<'w>,
) -> Result<impl Session<Fault = NodeFault> + use<'b, 'w>, NodeFault> {
    WriteSession::within(block)
}

/// Reads of what a writer has committed.
#[must_use]
pub fn reads_of(writer: &Writer, engine: Engine, database: &Database) -> Reads {
    Reads::new(Some(Arc::new(engine)), database.clone(), writer.catalogs().clone())
}

/// A connection as readers have it, taken out of their pool.
///
/// # Errors
/// [`NodeFault`] when there is none.
pub async fn reader(database: &Database) -> Result<sqlx::PgConnection, NodeFault> {
    match lend(database.readers()).await {
        Ok(lent) => Ok(Lent::take(lent).connection),
        Err(NotLent::Fault(fault)) => Err(fault),
        Err(NotLent::Busy) => Err(NodeFault::invariant("take a reader", "all are in use")),
    }
}

/// The genesis of a network without validators, whose database belongs to `owner`.
///
/// # Errors
/// [`NodeFault`].
pub async fn genesis_with_language(
    block: &mut Block<'_>,
    chain: &ChainIdentity,
    owner: &str,
) -> Result<(), NodeFault> {
    block.set_network(chain).await?;
    block.write_language(Catalog::genesis(Some(owner))).await
}
