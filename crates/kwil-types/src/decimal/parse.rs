//! Reading decimal text without materialising digits that cannot matter.

use num_bigint::BigUint;

use super::{Decimal, DecimalError, MAX_PRECISION};

/// How many bytes of a bad text an error repeats.
const SHOWN: usize = 40;

/// A number in pieces: `whole.fraction × 10^exponent`, both only ASCII digits.
pub(super) struct Text<'t> {
    negative: bool,
    whole: &'t str,
    fraction: &'t str,
    exponent: i64,
}

impl<'t> Text<'t> {
    pub(super) fn read(text: &'t str) -> Result<Self, DecimalError> {
        Self::split(text).ok_or_else(|| DecimalError::Syntax(text.chars().take(SHOWN).collect()))
    }

    fn split(text: &'t str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (number, exponent) = match rest.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        Some(Self { negative, whole, fraction, exponent })
    }

    /// The type that holds every written digit.
    pub(super) fn natural_type(&self) -> Result<(u16, u16), DecimalError> {
        let scale = count(self.fraction).saturating_sub(self.exponent).max(0);
        let stripped = self.whole.trim_start_matches('0');
        let integer = if stripped.is_empty() {
            // `0.0012e4` has integer digits that stand behind the written point.
            let zeros =
                count(self.fraction).saturating_sub(count(self.fraction.trim_start_matches('0')));
            if zeros == count(self.fraction) {
                0
            } else {
                self.exponent.saturating_sub(zeros).max(0)
            }
        } else {
            count(stripped).saturating_add(self.exponent).max(0)
        };
        let precision = integer.saturating_add(scale).max(1);
        if precision > i64::from(MAX_PRECISION) {
            return Err(DecimalError::TooLong);
        }
        let narrow = |n: i64| u16::try_from(n).map_err(|_| DecimalError::TooLong);
        Ok((narrow(precision)?, narrow(scale)?))
    }

    /// Rounds half away from zero into a valid type.
    pub(super) fn fit(&self, precision: u16, scale: u16) -> Result<Decimal, DecimalError> {
        let overflow = DecimalError::Overflow { precision, scale };
        let digits = || self.whole.bytes().chain(self.fraction.bytes());
        let zeros = count_leading_zeros(digits());
        let written = count(self.whole).saturating_add(count(self.fraction));
        if zeros == written {
            return Decimal::build(false, BigUint::ZERO, precision, scale);
        }
        // Digits before the point once the exponent is applied; negative when zeros follow the point.
        let integer = count(self.whole).saturating_sub(zeros).saturating_add(self.exponent);
        if integer > i64::from(precision.saturating_sub(scale)) {
            return Err(overflow);
        }
        let keep = integer.saturating_add(i64::from(scale));
        let Ok(keep) = usize::try_from(keep) else {
            return Decimal::build(false, BigUint::ZERO, precision, scale);
        };
        let mut significant = digits().skip(usize::try_from(zeros).unwrap_or(usize::MAX));
        let mut kept: Vec<u8> = significant.by_ref().take(keep).collect();
        let round_up = significant.next().is_some_and(|digit| digit >= b'5');
        kept.resize(keep, b'0');
        let mut magnitude = BigUint::parse_bytes(&kept, 10).unwrap_or(BigUint::ZERO);
        if round_up {
            increment(&mut magnitude);
        }
        Decimal::build(self.negative, magnitude, precision, scale)
    }
}

#[expect(clippy::arithmetic_side_effects, reason = "big integers do not overflow")]
fn increment(number: &mut BigUint) {
    *number += 1_u8;
}

fn read_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: i64 = digits.parse().ok()?;
    Some(if negative { 0_i64.saturating_sub(value) } else { value })
}

fn count(digits: &str) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

fn count_leading_zeros(digits: impl Iterator<Item = u8>) -> i64 {
    i64::try_from(digits.take_while(|digit| *digit == b'0').count()).unwrap_or(i64::MAX)
}
