//! Reading `COPY … TO STDOUT (FORMAT binary)` tuple by tuple.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use sqlx::PgConnection;

use crate::canon::{take_field, take_u32};
use crate::fault::NodeFault;
use crate::table::{Table, quote};

const WHAT: &str = "copy rows out";
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Largest tuple: PostgreSQL's own limit for a message is a gigabyte, rows of ours are far below.
const MAX_TUPLE_BYTES: usize = 64 * 1024 * 1024;

type Chunks<'c> = Pin<Box<dyn Stream<Item = Result<Bytes, sqlx::Error>> + Send + 'c>>;

/// The tuples of one copy. Read it to the end, or close the connection.
pub(crate) struct CopyReader<'c> {
    chunks: Chunks<'c>,
    pending: Bytes,
    header: bool,
    done: bool,
}

/// What is at the front of the buffer.
enum Front {
    /// Not yet complete.
    Partial,
    /// So many bytes of column count and columns.
    Tuple(usize),
    /// The trailer.
    End,
}

impl<'c> CopyReader<'c> {
    /// The statement that copies every row of a table, columns in the order of their ids.
    pub(crate) fn table_statement(table: &Table) -> String {
        let columns: Vec<_> = table.columns.iter().map(|column| quote(&column.name)).collect();
        format!("COPY {} ({}) TO STDOUT (FORMAT binary)", table.qualified(), columns.join(", "))
    }

    /// Starts a copy.
    pub(crate) async fn start(
        connection: &'c mut PgConnection,
        statement: &str,
    ) -> Result<Self, NodeFault> {
        let chunks =
            connection.copy_out_raw(statement).await.map_err(|e| NodeFault::from_sqlx(WHAT, e))?;
        Ok(Self { chunks, pending: Bytes::new(), header: false, done: false })
    }

    /// A reader of a stream that is in memory.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn from_chunks(chunks: Vec<Bytes>) -> Self {
        let chunks = Box::pin(futures_util::stream::iter(chunks.into_iter().map(Ok)));
        Self { chunks, pending: Bytes::new(), header: false, done: false }
    }

    /// The columns of the next tuple, without their count; `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, NodeFault> {
        loop {
            if self.done {
                return Ok(None);
            }
            if self.header || self.take_header()? {
                match front(&self.pending).ok_or_else(malformed)? {
                    Front::Tuple(length) => {
                        let tuple = self.pending.split_to(length);
                        return Ok(Some(tuple.slice(2..)));
                    }
                    Front::End => {
                        self.finish().await?;
                        continue;
                    }
                    Front::Partial if self.pending.len() > MAX_TUPLE_BYTES => {
                        return Err(malformed());
                    }
                    Front::Partial => {}
                }
            }
            let chunk = self.chunks.next().await.ok_or_else(malformed)?;
            self.push(chunk.map_err(|e| NodeFault::from_sqlx(WHAT, e))?);
        }
    }

    fn push(&mut self, chunk: Bytes) {
        if self.pending.is_empty() {
            self.pending = chunk;
            return;
        }
        let mut joined = BytesMut::with_capacity(self.pending.len().saturating_add(chunk.len()));
        joined.extend_from_slice(&self.pending);
        joined.extend_from_slice(&chunk);
        self.pending = joined.freeze();
    }

    /// Whether the header was complete.
    fn take_header(&mut self) -> Result<bool, NodeFault> {
        let Some((signature, rest)) = self.pending.split_at_checked(SIGNATURE.len()) else {
            return Ok(false);
        };
        if signature != SIGNATURE {
            return Err(malformed());
        }
        let Some((flags, rest)) = take_u32(rest) else { return Ok(false) };
        let Some((extension, _)) = take_u32(rest) else { return Ok(false) };
        if (flags, extension) != (0, 0) {
            return Err(malformed());
        }
        self.pending = self.pending.split_off(SIGNATURE.len().saturating_add(8));
        self.header = true;
        Ok(true)
    }

    /// Reads the protocol to its end, so that the connection can be used again.
    async fn finish(&mut self) -> Result<(), NodeFault> {
        if self.pending.len() != 2 {
            return Err(malformed());
        }
        self.done = true;
        match self.chunks.next().await {
            None => Ok(()),
            Some(Ok(_)) => Err(malformed()),
            Some(Err(error)) => Err(NodeFault::from_sqlx(WHAT, error)),
        }
    }
}

fn malformed() -> NodeFault {
    NodeFault::invariant(WHAT, "malformed COPY data")
}

fn front(bytes: &[u8]) -> Option<Front> {
    let Some((count, mut rest)) = bytes.split_first_chunk::<2>() else {
        return Some(Front::Partial);
    };
    let count = i16::from_be_bytes(*count);
    if count == -1 {
        return Some(Front::End);
    }
    for _ in 0..u16::try_from(count).ok()? {
        match take_field(rest) {
            Some((_, after)) => rest = after,
            None => return Some(Front::Partial),
        }
    }
    Some(Front::Tuple(bytes.len().saturating_sub(rest.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(stream: &[u8], chunk: usize) -> Result<Vec<Bytes>, NodeFault> {
        let chunks = stream.chunks(chunk).map(Bytes::copy_from_slice).collect();
        let mut reader = CopyReader::from_chunks(chunks);
        let mut tuples = Vec::new();
        while let Some(tuple) = reader.next().await? {
            tuples.push(tuple);
        }
        Ok(tuples)
    }

    fn stream() -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(b"\0\x02\0\0\0\x01a\xff\xff\xff\xff");
        bytes.extend_from_slice(b"\0\x02\0\0\0\x02bc\0\0\0\0");
        bytes.extend_from_slice(b"\xff\xff");
        bytes
    }

    #[tokio::test]
    async fn tuples_are_the_same_however_the_stream_is_cut() {
        for chunk in 1..=stream().len() {
            let tuples = read(&stream(), chunk).await.unwrap();
            assert_eq!(
                tuples,
                [&b"\0\0\0\x01a\xff\xff\xff\xff"[..], b"\0\0\0\x02bc\0\0\0\0"],
                "{chunk}"
            );
        }
    }

    #[tokio::test]
    async fn a_cut_or_foreign_stream_is_an_error() {
        let whole = stream();
        for length in 0..whole.len() {
            assert!(read(&whole[..length], 7).await.is_err(), "{length}");
        }
        assert!(read(&[&whole[..], b"x"].concat(), 1000).await.is_err());
        assert!(read(b"PGCOPX\n\xff\r\n\0\0\0\0\0\0\0\0\0\xff\xff", 1000).await.is_err());
    }
}
