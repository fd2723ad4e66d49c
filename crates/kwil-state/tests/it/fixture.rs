//! A small network of one database for the tests of writer, capture and verification.

use kwil_crypto::Hash;
use kwil_state::testing::TestDatabase;
use kwil_state::{
    ACCOUNTS, Block, Cell, ChainIdentity, ColumnType, EngineRow, EngineTable, NewColumn, NewTable,
    RowChange, Writer, verify_state,
};
use tokio_util::sync::CancellationToken;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: Vec<u8>,
    pub(crate) balance: u64,
    pub(crate) nonce: i64,
}

impl EngineRow for Account {
    const TABLE: &'static EngineTable = &ACCOUNTS;

    fn to_cells(&self) -> Vec<Cell> {
        vec![
            Cell::Bytea(self.name.clone()),
            Cell::Int8(0),
            Cell::Text(self.balance.to_string()),
            Cell::Int8(self.nonce),
        ]
    }

    fn from_cells(cells: &[Cell]) -> Option<Self> {
        let [Cell::Bytea(name), Cell::Int8(0), Cell::Text(balance), Cell::Int8(nonce)] = cells
        else {
            return None;
        };
        Some(Self { name: name.clone(), balance: balance.parse().ok()?, nonce: *nonce })
    }
}

pub(crate) fn account(name: &str, balance: u64) -> Account {
    Account { name: name.into(), balance, nonce: 1 }
}

pub(crate) fn added<R>(row: R) -> RowChange<R> {
    RowChange { old: None, new: Some(row) }
}

pub(crate) fn identity() -> ChainIdentity {
    ChainIdentity { chain_id: "test-chain".into(), genesis_hash: Hash([7; 32]) }
}

pub(crate) fn columns(columns: &[(&str, &str)]) -> Vec<NewColumn> {
    let column = |(name, ty): &(&str, &str)| NewColumn {
        name: (*name).into(),
        ty: ColumnType::parse(ty).unwrap(),
        not_null: *name == "id",
    };
    columns.iter().map(column).collect()
}

pub(crate) fn table(name: &str, shape: &[(&str, &str)]) -> NewTable {
    NewTable {
        schema: "main".into(),
        name: name.into(),
        columns: columns(shape),
        primary_key: vec!["id".into()],
    }
}

/// A database after genesis, with namespace `main`.
pub(crate) async fn genesis() -> (TestDatabase, Writer) {
    let database = TestDatabase::create().await;
    let mut writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
    assert_eq!(writer.last(), None);
    let mut block = writer.begin(0, CancellationToken::new()).await.unwrap();
    block.set_network(&identity()).await.unwrap();
    block.create_namespace("main", "USER").await.unwrap();
    commit(&mut writer).await;
    (database, writer)
}

pub(crate) async fn next(writer: &mut Writer) -> Block<'_> {
    let height = writer.last().map_or(0, |last| last.height + 1);
    writer.begin(height, CancellationToken::new()).await.unwrap()
}

/// Finishes and seals the open block.
pub(crate) async fn seal(writer: &mut Writer) -> Hash {
    let mut block = writer.block().unwrap();
    let (root, height) = (block.finish().await.unwrap(), block.height());
    writer.seal(Hash([1; 32]), Hash([2; 32]), i64::try_from(height).unwrap()).await.unwrap();
    root
}

/// Finishes and commits the open block; returns the state root.
pub(crate) async fn commit(writer: &mut Writer) -> Hash {
    let root = seal(writer).await;
    writer.commit().await.unwrap();
    root
}

/// Executes statements in a block of their own.
pub(crate) async fn block_of(writer: &mut Writer, statements: &[&str]) -> Hash {
    let mut block = next(writer).await;
    for statement in statements {
        block.execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    commit(writer).await
}

/// The stored state equals the one recomputed from the tables.
pub(crate) async fn assert_verified(database: &TestDatabase) {
    let report = verify_state(database.endpoint(), None).await.unwrap();
    assert!(report.holds(), "{report:#?}");
}
