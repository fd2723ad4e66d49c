//! Frames on a stream: a varint length, then that many bytes.

use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};

/// Bytes taken from the stream at once.
const CHUNK: usize = 64 * 1024;
/// A length above 2^35 has no use; five groups of seven bits hold all that have one.
const MAX_VARINT: usize = 5;

/// A stream that does not carry frames as agreed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The length is not a varint, or not written in the shortest way.
    #[error("malformed frame length")]
    Length,
    /// The frame is longer than this stream allows.
    #[error("frame of {got} bytes, at most {limit} are allowed")]
    TooLong {
        /// Length announced, bytes.
        got: u64,
        /// Longest allowed, bytes.
        limit: usize,
    },
    /// The frame's content is not a message of this stream.
    #[error("malformed message: {0}")]
    Message(#[from] prost::DecodeError),
    /// The stream ended inside a frame.
    #[error("stream ended inside a frame")]
    Truncated,
    /// The rest of a frame did not come in time.
    #[error("frame stalled")]
    Stalled,
    /// The stream broke.
    #[error("stream broke")]
    Read(#[from] quinn::ReadError),
}

impl FrameError {
    /// Whether the other side broke the rules, as opposed to the network failing.
    #[must_use]
    pub const fn punishes_peer(&self) -> bool {
        match self {
            Self::Length | Self::TooLong { .. } | Self::Message(_) => true,
            Self::Truncated | Self::Stalled | Self::Read(_) => false,
        }
    }
}

/// Finds frames in bytes as they come. Holds at most one frame and one chunk.
#[derive(Debug)]
pub(crate) struct FrameDecoder {
    buffer: BytesMut,
    limit: usize,
}

impl FrameDecoder {
    pub(crate) fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if it is there. Fails as soon as the length is known to be wrong.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some((length, prefix)) = decode_varint(&self.buffer)? else { return Ok(None) };
        let fits = usize::try_from(length).ok().filter(|length| *length <= self.limit);
        let Some(length) = fits else {
            return Err(FrameError::TooLong { got: length, limit: self.limit });
        };
        if self.buffer.len() < prefix.saturating_add(length) {
            return Ok(None);
        }
        self.buffer.advance(prefix);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Whether part of a frame is waiting for its rest.
    pub(crate) fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }
}

/// Value and length of the varint at the front; `None` when it is not complete.
fn decode_varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, FrameError> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(MAX_VARINT).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let shortest = *byte != 0 || index == 0;
            return if shortest {
                Ok(Some((value, index.saturating_add(1))))
            } else {
                Err(FrameError::Length)
            };
        }
    }
    if bytes.len() >= MAX_VARINT { Err(FrameError::Length) } else { Ok(None) }
}

/// A message as a frame, ready to be written.
pub(crate) fn frame(message: &impl prost::Message) -> Bytes {
    Bytes::from(message.encode_length_delimited_to_vec())
}

/// How long the rest of a started frame may take.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// This long for each 64 KiB.
    Rate(Duration),
    /// This long between two pieces.
    Gap(Duration),
}

/// Reads frames from a QUIC stream. Dropping a pending [`FrameReader::next`] loses nothing.
pub(crate) struct FrameReader {
    stream: quinn::RecvStream,
    decoder: FrameDecoder,
    patience: Patience,
    deadline: Option<Instant>,
    /// Bytes since the deadline was set.
    arrived: usize,
}

impl FrameReader {
    pub(crate) fn new(stream: quinn::RecvStream, limit: usize, patience: Patience) -> Self {
        Self { stream, decoder: FrameDecoder::new(limit), patience, deadline: None, arrived: 0 }
    }

    /// The next frame; `None` when the stream ended between frames.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                self.deadline = None;
                return Ok(Some(frame));
            }
            let partial = self.decoder.is_partial();
            let chunk = if partial {
                let (Patience::Rate(time) | Patience::Gap(time)) = self.patience;
                let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + time);
                timeout_at(deadline, self.stream.read_chunk(CHUNK, true))
                    .await
                    .map_err(|_| FrameError::Stalled)??
            } else {
                self.stream.read_chunk(CHUNK, true).await?
            };
            let Some(chunk) = chunk else {
                return if partial { Err(FrameError::Truncated) } else { Ok(None) };
            };
            self.account(chunk.bytes.len());
            self.decoder.push(&chunk.bytes);
        }
    }

    /// What arrived buys time for the rest.
    fn account(&mut self, bytes: usize) {
        self.arrived = self.arrived.saturating_add(bytes);
        let paid = match self.patience {
            Patience::Rate(_) => self.arrived >= CHUNK,
            Patience::Gap(_) => true,
        };
        if paid || self.deadline.is_none() {
            self.deadline = None;
            self.arrived = 0;
        }
    }

    /// Whether part of a frame has arrived.
    pub(crate) fn is_partial(&self) -> bool {
        self.decoder.is_partial()
    }

    /// Tells the sender that the rest is not wanted.
    pub(crate) fn stop(&mut self) {
        // An error means that the stream is over already.
        let _over = self.stream.stop(quinn::VarInt::from_u32(0)).is_err();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        prost::encoding::encode_varint(content.len() as u64, &mut bytes);
        bytes.extend_from_slice(content);
        bytes
    }

    #[test]
    fn length_is_refused_before_the_content_comes() {
        let mut decoder = FrameDecoder::new(100);
        decoder.push(&[101]);
        assert!(matches!(decoder.next_frame(), Err(FrameError::TooLong { got: 101, limit: 100 })));
        let mut decoder = FrameDecoder::new(usize::MAX);
        decoder.push(&[0xff; 5]);
        assert!(matches!(decoder.next_frame(), Err(FrameError::Length)));
    }

    #[test]
    fn longer_spelling_of_a_length_is_refused() {
        let mut decoder = FrameDecoder::new(100);
        decoder.push(&[0x81, 0x00, b'x']);
        assert!(matches!(decoder.next_frame(), Err(FrameError::Length)));
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in(
            contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            cut in 1_usize..50,
        ) {
            let bytes: Vec<u8> = contents.iter().flat_map(|content| framed(content)).collect();
            let mut decoder = FrameDecoder::new(300);
            let mut out = Vec::new();
            for piece in bytes.chunks(cut) {
                decoder.push(piece);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    out.push(frame.to_vec());
                }
            }
            prop_assert_eq!(out, contents);
            prop_assert!(!decoder.is_partial());
        }

        #[test]
        fn a_strict_prefix_gives_no_frame(content in prop::collection::vec(any::<u8>(), 1..300)) {
            let bytes = framed(&content);
            for end in 0..bytes.len() {
                let mut decoder = FrameDecoder::new(300);
                decoder.push(&bytes[..end]);
                prop_assert!(decoder.next_frame().unwrap().is_none());
            }
        }
    }
}
