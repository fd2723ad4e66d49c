//! Decimal numbers of the `numeric(precision, scale)` type.
//!
//! A [`Decimal`] always fits its declared type: the magnitude has at most `precision` digits, of which `scale` stand
//! behind the point. Its text is plain, never with an exponent, and has exactly `scale` fractional digits.

mod arithmetic;
mod parse;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use num_bigint::{BigInt, BigUint, Sign};

/// Largest precision a `numeric` type may declare.
pub const MAX_PRECISION: u16 = 1000;

/// A decimal number with its declared type.
///
/// Equality compares the declared type as well: `1.5` as numeric(2,1) differs from `1.50` as numeric(3,2). Use
/// [`Decimal::cmp_value`] to compare numbers.
///
/// ```
/// use kwil_types::Decimal;
///
/// let price = Decimal::parse("1.5", 20, 6).unwrap();
/// assert_eq!(price.to_string(), "1.500000");
/// assert_eq!(Decimal::parse("2.45", 2, 1).unwrap().to_string(), "2.5");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    magnitude: BigUint,
    precision: u16,
    scale: u16,
}

/// Why a number is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// The declared type does not exist.
    #[error(
        "numeric({precision},{scale}) is not a type: 1 <= precision <= 1000 and scale <= precision"
    )]
    Type {
        /// Declared precision.
        precision: u16,
        /// Declared scale.
        scale: u16,
    },
    /// The text is not a number; long texts are shortened.
    #[error("invalid numeric text {0:?}")]
    Syntax(String),
    /// More digits before the point than the type has room for.
    #[error("number does not fit numeric({precision},{scale})")]
    Overflow {
        /// Declared precision.
        precision: u16,
        /// Declared scale.
        scale: u16,
    },
    /// Digits that are not zero would be lost.
    #[error("number has more than {scale} digits after the point")]
    Inexact {
        /// Declared scale.
        scale: u16,
    },
    /// A literal needs a larger precision than any type has.
    #[error("number needs more than 1000 digits")]
    TooLong,
    /// A divisor, or the base of a negative power, is zero.
    #[error("division by zero")]
    DivisionByZero,
    /// An exponent has a fraction.
    #[error("exponent {0} is not an integer")]
    Exponent(Box<Decimal>),
    /// The exact power has more digits than are ever computed.
    #[error("power has more than {digits} digits")]
    PowerTooLong {
        /// Digits that are computed at most.
        digits: u64,
    },
}

impl Decimal {
    /// Reads a number and rounds it half away from zero to `scale` digits behind the point.
    ///
    /// Grammar: `[+-]?(D+(.D*)?|.D+)([eE][+-]?D{1,4})?`. Whether it fits is decided from the digit count and the
    /// exponent before any digit is materialised, so `1e9999` costs nothing.
    ///
    /// # Errors
    /// The type is invalid, the text is not a number, or it does not fit.
    pub fn parse(text: &str, precision: u16, scale: u16) -> Result<Self, DecimalError> {
        check_type(precision, scale)?;
        parse::Text::read(text)?.fit(precision, scale)
    }

    /// Reads a literal and infers its type: precision = integer digits without leading zeros plus fractional digits,
    /// at least 1; scale = fractional digits.
    ///
    /// # Errors
    /// The text is not a number or needs more than 1000 digits.
    pub fn parse_literal(text: &str) -> Result<Self, DecimalError> {
        let text = parse::Text::read(text)?;
        let (precision, scale) = text.natural_type()?;
        text.fit(precision, scale)
    }

    /// From an unscaled integer: the number is `unscaled / 10^scale`.
    ///
    /// # Errors
    /// The type is invalid or the integer has more than `precision` digits.
    pub fn from_unscaled(
        unscaled: &BigInt,
        precision: u16,
        scale: u16,
    ) -> Result<Self, DecimalError> {
        check_type(precision, scale)?;
        Self::build(unscaled.sign() == Sign::Minus, unscaled.magnitude().clone(), precision, scale)
    }

    fn build(
        negative: bool,
        magnitude: BigUint,
        precision: u16,
        scale: u16,
    ) -> Result<Self, DecimalError> {
        if magnitude >= power_of_ten(precision) {
            return Err(DecimalError::Overflow { precision, scale });
        }
        let negative = negative && magnitude != BigUint::ZERO;
        Ok(Self { negative, magnitude, precision, scale })
    }

    /// Digits in all.
    #[must_use]
    pub fn precision(&self) -> u16 {
        self.precision
    }

    /// Digits behind the point.
    #[must_use]
    pub fn scale(&self) -> u16 {
        self.scale
    }

    /// True below zero; zero itself is never negative.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// True for zero of any scale.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.magnitude == BigUint::ZERO
    }

    /// The number times `10^scale`.
    #[must_use]
    pub fn unscaled(&self) -> BigInt {
        BigInt::from_biguint(
            if self.negative { Sign::Minus } else { Sign::Plus },
            self.magnitude.clone(),
        )
    }

    /// The same number in another type, rounded half away from zero.
    ///
    /// # Errors
    /// The type is invalid or the number does not fit.
    pub fn rescale(&self, precision: u16, scale: u16) -> Result<Self, DecimalError> {
        check_type(precision, scale)?;
        let magnitude = match scale.checked_sub(self.scale) {
            Some(more) => product(&self.magnitude, &power_of_ten(more)),
            None => self.rounded(self.scale.saturating_sub(scale)),
        };
        Self::build(self.negative, magnitude, precision, scale)
    }

    /// The same number in another type; nothing may be lost.
    ///
    /// # Errors
    /// The type is invalid, the number does not fit, or a dropped digit is not zero.
    pub fn rescale_exact(&self, precision: u16, scale: u16) -> Result<Self, DecimalError> {
        let scaled = self.rescale(precision, scale)?;
        match self.cmp_value(&scaled) {
            Ordering::Equal => Ok(scaled),
            Ordering::Less | Ordering::Greater => Err(DecimalError::Inexact { scale }),
        }
    }

    /// The magnitude without its last `drop` digits, rounded half up.
    fn rounded(&self, drop: u16) -> BigUint {
        let divisor = power_of_ten(drop);
        let half = quotient(&divisor, &BigUint::from(2_u8));
        quotient(&sum(&self.magnitude, &half), &divisor)
    }

    /// The number as a 64-bit integer, when it is one.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        let whole = self.rescale_exact(MAX_PRECISION, 0).ok()?;
        i64::try_from(&whole.unscaled()).ok()
    }

    /// Compares the numbers, whatever their declared types.
    #[must_use]
    pub fn cmp_value(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        let lift = |number: &Self| {
            let factor = power_of_ten(scale.saturating_sub(number.scale));
            let sign = if number.negative { Sign::Minus } else { Sign::Plus };
            BigInt::from_biguint(sign, product(&number.magnitude, &factor))
        };
        lift(self).cmp(&lift(other))
    }
}

/// The literal form, with the inferred type.
impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::parse_literal(text)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let scale = usize::from(self.scale);
        let digits =
            format!("{:0>width$}", self.magnitude.to_string(), width = scale.saturating_add(1));
        let (whole, fraction) =
            digits.split_at_checked(digits.len().saturating_sub(scale)).unwrap_or((&digits, ""));
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

/// Refuses types that no column and no value may have.
pub(crate) fn check_type(precision: u16, scale: u16) -> Result<(), DecimalError> {
    if precision == 0 || precision > MAX_PRECISION || scale > precision {
        return Err(DecimalError::Type { precision, scale });
    }
    Ok(())
}

fn power_of_ten(exponent: u16) -> BigUint {
    BigUint::from(10_u8).pow(u32::from(exponent))
}

// Operands of these have at most 2001 digits: magnitudes and powers are bounded by MAX_PRECISION, and big integers
// neither overflow nor are the divisors ever zero.
#[expect(clippy::arithmetic_side_effects, reason = "big integers do not overflow")]
fn product(a: &BigUint, b: &BigUint) -> BigUint {
    a * b
}

#[expect(clippy::arithmetic_side_effects, reason = "big integers do not overflow")]
fn sum(a: &BigUint, b: &BigUint) -> BigUint {
    a + b
}

#[expect(clippy::arithmetic_side_effects, reason = "divisors are powers of ten or two")]
fn quotient(a: &BigUint, b: &BigUint) -> BigUint {
    a / b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(text: &str, precision: u16, scale: u16) -> String {
        match Decimal::parse(text, precision, scale) {
            Ok(number) => number.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn numbers_are_rounded_half_away_from_zero() {
        for (text, precision, scale, want) in [
            ("1.5", 20, 6, "1.500000"),
            ("2.45", 2, 1, "2.5"),
            ("-2.45", 2, 1, "-2.5"),
            ("2.449999", 2, 1, "2.4"),
            ("0.05", 1, 1, "0.1"),
            ("0.04", 1, 1, "0.0"),
            ("0.5", 5, 0, "1"),
            ("-0.4", 5, 0, "0"),
            ("0.005", 5, 1, "0.0"),
            ("1.5e-7", 5, 4, "0.0000"),
            ("1E-7", 20, 8, "0.00000010"),
            ("0E-8", 20, 8, "0.00000000"),
            ("1.25e2", 5, 1, "125.0"),
            (".5", 2, 1, "0.5"),
            ("5.", 2, 1, "5.0"),
            ("+7", 5, 0, "7"),
            ("-0", 5, 0, "0"),
            ("000123", 3, 0, "123"),
            ("0e9999", 1, 0, "0"),
            ("1e-9999", 1, 1, "0.0"),
        ] {
            assert_eq!(fit(text, precision, scale), want, "{text}");
        }
    }

    #[test]
    fn too_wide_numbers_are_refused() {
        for (text, precision, scale) in [
            ("1e9999", 1000, 0),
            ("100", 2, 0),
            ("99.95", 3, 1),
            ("9.5", 1, 0),
            ("1", 2, 2),
            ("0.995", 2, 2),
        ] {
            assert_eq!(
                Decimal::parse(text, precision, scale),
                Err(DecimalError::Overflow { precision, scale }),
                "{text}"
            );
        }
    }

    #[test]
    fn texts_outside_the_grammar_are_refused() {
        for text in [
            "", "+", "-", ".", "e5", "1e", "1e+", "1e12345", "NaN", "Infinity", "0x1F", "1_000",
            " 1", "1 ", "1.2.3", "--1", "1,5", "١",
        ] {
            assert!(matches!(Decimal::parse(text, 20, 6), Err(DecimalError::Syntax(_))), "{text}");
        }
    }

    #[test]
    fn invalid_types_are_refused() {
        for (precision, scale) in [(0, 0), (5, 6), (1001, 0)] {
            assert_eq!(
                Decimal::parse("1", precision, scale),
                Err(DecimalError::Type { precision, scale })
            );
        }
    }

    #[test]
    fn literals_infer_their_type() {
        for (text, precision, scale) in [
            ("0.5", 1, 1),
            ("123.456", 6, 3),
            ("0", 1, 0),
            ("000.100", 3, 3),
            ("7.", 1, 0),
            ("1e3", 4, 0),
            ("1.5e-3", 4, 4),
        ] {
            let number: Decimal = text.parse().unwrap();
            assert_eq!((number.precision(), number.scale()), (precision, scale), "{text}");
        }
        assert_eq!("1e1000".parse::<Decimal>(), Err(DecimalError::TooLong));
        assert_eq!("1e-9999".parse::<Decimal>(), Err(DecimalError::TooLong));
    }

    #[test]
    fn exact_rescaling_drops_only_zeros() {
        let number = Decimal::parse("1.500", 10, 3).unwrap();
        assert_eq!(number.rescale_exact(2, 1).unwrap().to_string(), "1.5");
        assert_eq!(number.rescale_exact(10, 0), Err(DecimalError::Inexact { scale: 0 }));
        assert_eq!(number.rescale(10, 0).unwrap().to_string(), "2");
        assert_eq!(number.to_i64(), None);
        assert_eq!(Decimal::parse("-42.00", 10, 2).unwrap().to_i64(), Some(-42));
        assert_eq!(Decimal::parse("9223372036854775808", 19, 0).unwrap().to_i64(), None);
    }

    #[test]
    fn numbers_compare_across_scales() {
        let number = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(number("1.5").cmp_value(&number("1.50")), Ordering::Equal);
        assert_eq!(number("-1.5").cmp_value(&number("-1.4")), Ordering::Less);
        assert_ne!(number("1.5"), number("1.50"));
    }

    #[test]
    fn an_enormous_text_costs_no_more_than_its_length() {
        let zeros = format!("0.{}1", "0".repeat(1 << 20));
        assert_eq!(fit(&zeros, 10, 2), "0.00");
        let nines = "9".repeat(1 << 20);
        assert!(Decimal::parse(&nines, 1000, 0).is_err());
        assert!(
            matches!(Decimal::parse(&"x".repeat(1 << 20), 10, 0), Err(DecimalError::Syntax(text)) if text.len() < 100)
        );
    }
}
