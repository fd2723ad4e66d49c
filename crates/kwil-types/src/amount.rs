//! Amounts of tokens: balances, fees, prices and transfers, in base units.

use std::fmt;
use std::str::FromStr;

use num_bigint::BigUint;

use crate::wire::{Reader, WireError, Writer};

/// Digits of the largest amount.
const MAX_DIGITS: usize = 78;
/// Bytes of the largest amount.
const MAX_BYTES: u64 = 32;

/// A whole, non-negative number of base units up to 2^256 − 1.
///
/// ```
/// use kwil_types::Amount;
///
/// let price: Amount = "2000000000000000".parse().unwrap();
/// assert_eq!(price.checked_sub(&Amount::from(1)).unwrap().to_string(), "1999999999999999");
/// assert!("-1".parse::<Amount>().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(BigUint);

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmountError {
    /// Not the canonical decimal text of a non-negative integer.
    #[error("invalid amount {0:?}")]
    Text(String),
    /// More than 2^256 − 1.
    #[error("amount is above 2^256 - 1")]
    TooLarge,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(BigUint::ZERO);

    /// True for zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0 == BigUint::ZERO
    }

    /// The sum, `None` above the largest amount.
    #[must_use]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "big integers do not overflow; the bound is checked behind"
    )]
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        Self::bounded(&self.0 + &other.0)
    }

    /// The difference, `None` below zero.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "the order is checked before")]
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        (self.0 >= other.0).then(|| Self(&self.0 - &other.0))
    }

    /// The difference, zero where it would be negative.
    #[must_use]
    pub fn saturating_sub(&self, other: &Self) -> Self {
        self.checked_sub(other).unwrap_or_default()
    }

    /// The product, `None` above the largest amount.
    #[must_use]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "big integers do not overflow; the bound is checked behind"
    )]
    pub fn checked_mul(&self, factor: u64) -> Option<Self> {
        Self::bounded(&self.0 * factor)
    }

    fn bounded(number: BigUint) -> Option<Self> {
        (number.bits() <= MAX_BYTES.saturating_mul(8)).then_some(Self(number))
    }

    /// As a signed 64-bit number, the largest one when the amount is above it (`gas` of a result).
    #[must_use]
    pub fn saturating_i64(&self) -> i64 {
        i64::try_from(&self.0).unwrap_or(i64::MAX)
    }

    /// Big-endian bytes without leading zeros; zero is empty.
    #[must_use]
    pub fn to_be_bytes(&self) -> Vec<u8> {
        if self.is_zero() { Vec::new() } else { self.0.to_bytes_be() }
    }

    /// From big-endian bytes without leading zeros.
    ///
    /// # Errors
    /// More than 32 bytes, or a leading zero.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, AmountError> {
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
            return Err(AmountError::TooLarge);
        }
        if bytes.first() == Some(&0) {
            return Err(AmountError::Text(hex::encode(bytes)));
        }
        Ok(Self(BigUint::from_bytes_be(bytes)))
    }

    /// As a big integer, for arithmetic that leaves the range.
    #[must_use]
    pub fn as_biguint(&self) -> &BigUint {
        &self.0
    }
}

impl From<u64> for Amount {
    fn from(number: u64) -> Self {
        Self(BigUint::from(number))
    }
}

impl TryFrom<BigUint> for Amount {
    type Error = AmountError;

    fn try_from(number: BigUint) -> Result<Self, AmountError> {
        Self::bounded(number).ok_or(AmountError::TooLarge)
    }
}

/// Canonical text only: ASCII digits without sign and without leading zeros.
impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let canonical = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && (text.len() == 1 || !text.starts_with('0'));
        if !canonical {
            return Err(AmountError::Text(text.chars().take(40).collect()));
        }
        if text.len() > MAX_DIGITS {
            return Err(AmountError::TooLarge);
        }
        let number = BigUint::parse_bytes(text.as_bytes(), 10);
        number.and_then(Self::bounded).ok_or(AmountError::TooLarge)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What stands where a `bigint` is expected.
pub(crate) enum WireAmount {
    /// The marker for "no number".
    Nil,
    /// The text, not yet checked.
    Text(String),
}

impl WireAmount {
    /// Reads the client `bigint`: marker 0, or marker 1 and a text with `uvarint` length.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        if reader.flag()? { Ok(Self::Text(reader.cstr()?.to_owned())) } else { Ok(Self::Nil) }
    }
}

/// Writes the client `bigint`.
pub(crate) fn write_amount(writer: &mut Writer, amount: &Amount) {
    writer.u8(1).cstr(&amount.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: &str =
        "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    const ABOVE: &str =
        "115792089237316195423570985008687907853269984665640564039457584007913129639936";

    #[test]
    fn only_canonical_texts_up_to_the_largest_amount_are_read() {
        for text in ["0", "1", "18446744073709551616", MAX] {
            assert_eq!(text.parse::<Amount>().unwrap().to_string(), text);
        }
        for text in ["", "00", "01", "+1", "-1", "1e3", " 1", "1.0", "0x1"] {
            assert_eq!(text.parse::<Amount>(), Err(AmountError::Text(text.to_owned())));
        }
        assert_eq!(ABOVE.parse::<Amount>(), Err(AmountError::TooLarge));
        assert_eq!("9".repeat(1_000_000).parse::<Amount>(), Err(AmountError::TooLarge));
    }

    #[test]
    fn arithmetic_stays_inside_the_range() {
        let max: Amount = MAX.parse().unwrap();
        let one = Amount::from(1);
        assert_eq!(max.checked_add(&one), None);
        assert_eq!(max.checked_mul(2), None);
        assert_eq!(Amount::ZERO.checked_sub(&one), None);
        assert_eq!(Amount::ZERO.saturating_sub(&one), Amount::ZERO);
        assert_eq!(max.checked_sub(&one).unwrap().checked_add(&one), Some(max.clone()));
        assert_eq!(max.saturating_i64(), i64::MAX);
        assert_eq!(one.saturating_i64(), 1);
    }

    #[test]
    fn bytes_are_minimal() {
        for text in ["0", "1", "256", MAX] {
            let amount: Amount = text.parse().unwrap();
            assert_eq!(Amount::from_be_bytes(&amount.to_be_bytes()), Ok(amount));
        }
        assert_eq!(Amount::ZERO.to_be_bytes(), [0_u8; 0]);
        assert!(Amount::from_be_bytes(&[0, 1]).is_err());
        assert_eq!(Amount::from_be_bytes(&[1; 33]), Err(AmountError::TooLarge));
    }

    #[test]
    fn client_numbers_read_and_write_as_in_the_vectors() {
        let text = include_str!("../../../tests/data/vectors/values.json");
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        for pair in file["primitives"]["big_int"].as_array().unwrap() {
            let bytes = hex::decode(pair[1].as_str().unwrap()).unwrap();
            let mut reader = Reader::new(&bytes);
            let read = WireAmount::read(&mut reader).unwrap();
            reader.finish().unwrap();
            match (read, pair[0].as_str()) {
                (WireAmount::Nil, None) => {}
                (WireAmount::Text(text), Some(want)) => {
                    assert_eq!(text, want);
                    if let Ok(amount) = text.parse() {
                        let mut writer = Writer::new();
                        write_amount(&mut writer, &amount);
                        assert_eq!(writer.finish().unwrap(), bytes);
                    }
                    assert_eq!(text.parse::<Amount>().is_ok(), !["-1", ABOVE].contains(&want));
                }
                (_, want) => panic!("{want:?}"),
            }
        }
    }
}
