//! Facts of the chain that the database keeps: which network, which block.

use kwil_crypto::Hash;
use sqlx::{PgConnection, Row as _};

use crate::fault::{FaultKind, NodeFault, OtherChain};

/// Which network a database belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainIdentity {
    /// Chain id of the genesis document.
    pub chain_id: String,
    /// Hash of the genesis document.
    pub genesis_hash: Hash,
}

/// The last committed block of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainState {
    /// Height of the block.
    pub height: u64,
    /// Hash of its header.
    pub block_hash: Hash,
    /// App hash after it.
    pub app_hash: Hash,
    /// Root over catalog and tables after it.
    pub state_root: Hash,
    /// Time of the block, unix milliseconds.
    pub time: i64,
}

/// Reads the last committed block and the catalog's version. `None` before genesis.
pub(crate) async fn read(
    connection: &mut PgConnection,
) -> Result<Option<(ChainState, i64)>, NodeFault> {
    const WHAT: &str = "read the chain row";
    let query = "SELECT height, block_hash, app_hash, state_root, time, catalog_version FROM kwild_meta.chain";
    let row = sqlx::query(query)
        .fetch_optional(connection)
        .await
        .map_err(|e| NodeFault::from_sqlx(WHAT, e))?;
    let Some(row) = row else { return Ok(None) };
    let hash = |index: usize| -> Result<Hash, NodeFault> {
        let bytes: [u8; 32] = row
            .get::<&[u8], _>(index)
            .try_into()
            .map_err(|_| NodeFault::invariant(WHAT, "a hash that has not 32 bytes"))?;
        Ok(Hash(bytes))
    };
    let height = u64::try_from(row.get::<i64, _>(0))
        .map_err(|_| NodeFault::invariant(WHAT, "a negative height"))?;
    let state = ChainState {
        height,
        block_hash: hash(1)?,
        app_hash: hash(2)?,
        state_root: hash(3)?,
        time: row.get(4),
    };
    Ok(Some((state, row.get(5))))
}

/// Writes the row of the block that is being executed.
pub(crate) async fn write(
    connection: &mut PgConnection,
    state: &ChainState,
    version: i64,
) -> Result<(), NodeFault> {
    const WHAT: &str = "write the chain row";
    let height = i64::try_from(state.height)
        .map_err(|_| NodeFault::invariant(WHAT, "a height above 2^63"))?;
    let statement = "INSERT INTO kwild_meta.chain (height, block_hash, app_hash, state_root, time, catalog_version) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (one) DO UPDATE SET height = excluded.height, \
                     block_hash = excluded.block_hash, app_hash = excluded.app_hash, state_root = excluded.state_root, \
                     time = excluded.time, catalog_version = excluded.catalog_version";
    let done = sqlx::query(statement)
        .bind(height)
        .bind(state.block_hash.as_ref())
        .bind(state.app_hash.as_ref())
        .bind(state.state_root.as_ref())
        .bind(state.time)
        .bind(version)
        .execute(connection)
        .await;
    done.map(drop).map_err(|error| NodeFault::from_sqlx(WHAT, error))
}

/// Reads which network the database belongs to. `None` before genesis.
pub(crate) async fn identity(
    connection: &mut PgConnection,
) -> Result<Option<ChainIdentity>, NodeFault> {
    const WHAT: &str = "read the network row";
    let query = "SELECT chain_id, genesis_hash FROM kwild_meta.network";
    let row = sqlx::query(query)
        .fetch_optional(connection)
        .await
        .map_err(|e| NodeFault::from_sqlx(WHAT, e))?;
    let Some(row) = row else { return Ok(None) };
    let hash: [u8; 32] = row
        .get::<&[u8], _>(1)
        .try_into()
        .map_err(|_| NodeFault::invariant(WHAT, "a hash that has not 32 bytes"))?;
    Ok(Some(ChainIdentity { chain_id: row.get(0), genesis_hash: Hash(hash) }))
}

/// Writes which network the database belongs to: part of genesis.
pub(crate) async fn write_identity(
    connection: &mut PgConnection,
    chain: &ChainIdentity,
) -> Result<(), NodeFault> {
    let major = i64::from(connection.server_version_num().unwrap_or_default() / 10_000);
    let statement =
        "INSERT INTO kwild_meta.network (chain_id, genesis_hash, pg_major) VALUES ($1, $2, $3)";
    let query =
        sqlx::query(statement).bind(&chain.chain_id).bind(chain.genesis_hash.as_ref()).bind(major);
    query
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| NodeFault::from_sqlx("write the network row", error))
}

/// Refuses a database of another network.
pub(crate) fn check_identity(
    found: &ChainIdentity,
    wanted: &ChainIdentity,
) -> Result<(), NodeFault> {
    if found == wanted {
        return Ok(());
    }
    let kind = OtherChain {
        found: found.chain_id.clone(),
        found_genesis: found.genesis_hash,
        wanted: wanted.chain_id.clone(),
        wanted_genesis: wanted.genesis_hash,
    };
    Err(NodeFault::new("open the database", FaultKind::OtherChain(Box::new(kind))))
}
