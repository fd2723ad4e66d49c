//! What became of a transaction.

use std::fmt;

use crate::wire::{Reader, WireError, Writer};

const VERSION: u8 = 1;
/// Longest log of a stored result in bytes.
pub const MAX_LOG: usize = 64 * 1024;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// The outcome of a transaction as a number that clients know.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum TxCode {
            $($(#[$doc])* $name,)*
        }

        impl TxCode {
            /// Every code, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The number.
            #[must_use]
            pub const fn code(self) -> u32 {
                match self { $(Self::$name => $number,)* }
            }

            /// The code with this number; `None` for numbers without a meaning.
            #[must_use]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code { $($number => Some(Self::$name),)* _ => None }
            }

            /// The text that clients see beside the number.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// Executed.
    Ok = 0, "success";
    /// The payload or the transaction does not decode, or is too large.
    EncodingError = 1, "encoding error";
    /// The payload type is not known or not enabled.
    InvalidTxType = 2, "unknown payload type";
    /// The signature is not the sender's.
    InvalidSignature = 3, "invalid signature";
    /// The nonce is not the account's next.
    InvalidNonce = 4, "invalid nonce";
    /// The transaction is for another network.
    WrongChain = 5, "wrong chain ID";
    /// The balance covers neither fee nor transfer.
    InsufficientBalance = 6, "insufficient balance for fee or transfer";
    /// The fee is below the price.
    InsufficientFee = 7, "insufficient fee set";
    /// An amount is negative or absent.
    InvalidAmount = 8, "invalid amount";
    /// The sender may not do this, or no account can belong to it.
    InvalidSender = 9, "invalid sender";
    /// The client stopped waiting; the transaction may still be included.
    CommitTimeout = 10, "timed out waiting for tx to be included in a block";
    /// The mempool has no room.
    MempoolFull = 11, "mempool is full";
    /// The transaction is larger than one may be. At broadcast only.
    TooLarge = 12, "transaction size limit exceeded";
    /// The node starts or catches up. At broadcast only.
    NotReady = 13, "node is catching up, cannot process transactions right now";
    /// This node's policy refuses it, other nodes may not. At broadcast only.
    RejectedByPolicy = 14, "transaction rejected by policy";
    /// A schema is invalid (no longer used).
    InvalidSchema = 100, "invalid schema";
    /// The namespace does not exist.
    DatasetMissing = 110, "dataset missing";
    /// The namespace exists already.
    DatasetExists = 120, "dataset exists";
    /// No resolution of this type or id.
    InvalidResolutionType = 130, "invalid resolution type";
    /// Not allowed while the network migrates.
    NetworkInMigration = 200, "transaction type not allowed during migration";
    /// The network ended with a migration.
    NetworkHalted = 201, "network is halted following migration";
    /// Everything else, every error of SQL and actions included.
    Unknown = 65535, "unknown error";
}

impl TxCode {
    /// True for [`TxCode::Ok`].
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.code() == 0
    }
}

impl fmt::Display for TxCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The result of an executed transaction. Code and gas are part of the app hash, the log is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxResult {
    /// Outcome.
    pub code: TxCode,
    /// Tokens that were taken, saturating.
    pub gas: i64,
    /// Notices and the error text; empty when there is nothing to say.
    pub log: String,
}

impl TxResult {
    /// Success without a log.
    #[must_use]
    pub fn ok(gas: i64) -> Self {
        Self { code: TxCode::Ok, gas, log: String::new() }
    }

    /// Failure with its reason. A reason longer than [`MAX_LOG`] is cut.
    #[must_use]
    pub fn failed(code: TxCode, gas: i64, reason: impl fmt::Display) -> Self {
        Self { code, gas, log: cut(reason.to_string()) }
    }

    /// Any outcome with what it has to say. A log longer than [`MAX_LOG`] is cut.
    #[must_use]
    pub fn with_log(code: TxCode, gas: i64, log: String) -> Self {
        Self { code, gas, log: cut(log) }
    }

    /// The stored form: `u8` version 1, `u32` code, `i64` gas, log as `u32` length and UTF-8, all big-endian.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.log.len().saturating_add(17));
        writer.u8(VERSION).u32_be(self.code.code()).i64_be(self.gas).text(&self.log);
        writer.into_bytes()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// Another version, cut or trailing bytes, a code without a meaning, or a log that is too long.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        reader.version_u8(VERSION)?;
        let code = reader.u32_be()?;
        let code =
            TxCode::from_code(code).ok_or(WireError::Invalid { what: "unknown result code" })?;
        let gas = reader.i64_be()?;
        let log = reader.text()?;
        reader.finish()?;
        if log.len() > MAX_LOG {
            return Err(WireError::Invalid { what: "log of a result is too long" });
        }
        Ok(Self { code, gas, log: log.to_owned() })
    }
}

/// Cuts a log to [`MAX_LOG`] bytes at a character boundary and marks the cut.
fn cut(log: String) -> String {
    const MARK: &str = "… (cut)";
    if log.len() <= MAX_LOG {
        return log;
    }
    let mut end = MAX_LOG.saturating_sub(MARK.len());
    while !log.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    format!("{}{MARK}", log.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_numbers_and_texts_that_clients_know() {
        for (code, number, text) in [
            (TxCode::Ok, 0, "success"),
            (TxCode::InvalidTxType, 2, "unknown payload type"),
            (TxCode::InvalidNonce, 4, "invalid nonce"),
            (TxCode::WrongChain, 5, "wrong chain ID"),
            (TxCode::InsufficientBalance, 6, "insufficient balance for fee or transfer"),
            (TxCode::InsufficientFee, 7, "insufficient fee set"),
            (TxCode::CommitTimeout, 10, "timed out waiting for tx to be included in a block"),
            (TxCode::NetworkInMigration, 200, "transaction type not allowed during migration"),
            (TxCode::NetworkHalted, 201, "network is halted following migration"),
            (TxCode::Unknown, 65535, "unknown error"),
        ] {
            assert_eq!((code.code(), code.text()), (number, text));
        }
        for code in TxCode::ALL {
            assert_eq!(TxCode::from_code(code.code()), Some(*code));
        }
        assert_eq!(TxCode::from_code(15), None);
    }

    #[test]
    fn stored_results_read_back_and_are_exact() {
        let result =
            TxResult::failed(TxCode::InvalidNonce, -1, "invalid nonce: expected nonce 2, got 9");
        let bytes = result.encode();
        assert_eq!(TxResult::decode(&bytes).unwrap(), result);
        for end in 0..bytes.len() {
            assert!(TxResult::decode(&bytes[..end]).is_err());
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(TxResult::decode(&longer).is_err());
    }

    #[test]
    fn a_long_log_is_cut_at_a_character() {
        let result = TxResult::failed(TxCode::Unknown, 0, "é".repeat(MAX_LOG));
        assert!(result.log.len() <= MAX_LOG && result.log.ends_with("… (cut)"));
        assert_eq!(TxResult::decode(&result.encode()).unwrap(), result);
    }
}
