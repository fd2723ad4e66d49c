//! Arithmetic: the exact result, rounded once to the type of the left operand.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "big integers do not overflow, divisors are checked, small numbers are checked or saturate"
)]

use num_bigint::{BigInt, BigUint, Sign};

use super::{Decimal, DecimalError, MAX_PRECISION, check_type};

/// Significant digits of a quotient before it takes its type.
const QUOTIENT_DIGITS: i64 = 1000;
/// Digits of the largest power that is computed.
const POWER_DIGITS: u64 = 20_000;

/// A number of any size: `unscaled / 10^scale`.
struct Exact {
    unscaled: BigInt,
    scale: i64,
}

impl Decimal {
    /// The sum, rounded half away from zero to the type of `self`.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`]: it does not fit.
    pub fn checked_add(&self, other: &Self) -> Result<Self, DecimalError> {
        let (left, right, scale) = self.aligned(other);
        Exact { unscaled: left + right, scale }.fit(self.precision, self.scale)
    }

    /// The difference, rounded half away from zero to the type of `self`.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`]: it does not fit.
    pub fn checked_sub(&self, other: &Self) -> Result<Self, DecimalError> {
        let (left, right, scale) = self.aligned(other);
        Exact { unscaled: left - right, scale }.fit(self.precision, self.scale)
    }

    /// The product, rounded half away from zero to the type of `self`.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`]: it does not fit.
    pub fn checked_mul(&self, other: &Self) -> Result<Self, DecimalError> {
        let scale = i64::from(self.scale) + i64::from(other.scale);
        Exact { unscaled: self.unscaled() * other.unscaled(), scale }
            .fit(self.precision, self.scale)
    }

    /// The quotient, to 1000 significant digits and then to the type of `self`, each time rounded half away from zero.
    ///
    /// # Errors
    /// [`DecimalError::DivisionByZero`], or [`DecimalError::Overflow`]: it does not fit.
    pub fn checked_div(&self, other: &Self) -> Result<Self, DecimalError> {
        self.exact().divided_by(&other.exact())?.fit(self.precision, self.scale)
    }

    /// What the division to an integer leaves, with the sign of `self`, rounded half away from zero to its type.
    ///
    /// # Errors
    /// [`DecimalError::DivisionByZero`], or [`DecimalError::Overflow`]: it does not fit.
    pub fn checked_rem(&self, other: &Self) -> Result<Self, DecimalError> {
        if other.is_zero() {
            return Err(DecimalError::DivisionByZero);
        }
        let (left, right, scale) = self.aligned(other);
        Exact { unscaled: left % right, scale }.fit(self.precision, self.scale)
    }

    /// The power with an integer exponent, rounded half away from zero to the type of `self`; anything to the power 0
    /// is 1. Whether it is too long is decided from the number of digits, before anything is computed.
    ///
    /// # Errors
    /// [`DecimalError::Exponent`], [`DecimalError::DivisionByZero`] for a negative power of zero,
    /// [`DecimalError::PowerTooLong`], or [`DecimalError::Overflow`]: it does not fit.
    pub fn checked_pow(&self, exponent: &Self) -> Result<Self, DecimalError> {
        let fraction = || DecimalError::Exponent(Box::new(exponent.clone()));
        let whole = exponent.rescale_exact(MAX_PRECISION, 0).map_err(|_| fraction())?;
        let power = whole.unscaled();
        if self.is_zero() && power.sign() == Sign::Minus {
            return Err(DecimalError::DivisionByZero);
        }
        let is_odd = power.magnitude().bit(0);
        let base = self.exact().shortest();
        let exact = match small_power(&base, &power, is_odd) {
            Some(result) => result,
            None if self.rounds_to_zero(&base, &power) => Exact::from(0),
            None => base.to_power(&power)?,
        };
        exact.fit(self.precision, self.scale)
    }

    /// The number with the other sign.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self { negative: !self.negative && !self.is_zero(), ..self.clone() }
    }

    /// The number without its sign.
    #[must_use]
    pub fn abs(&self) -> Self {
        Self { negative: false, ..self.clone() }
    }

    fn exact(&self) -> Exact {
        Exact { unscaled: self.unscaled(), scale: i64::from(self.scale) }
    }

    /// Both numbers as integers over one power of ten.
    fn aligned(&self, other: &Self) -> (BigInt, BigInt, i64) {
        let scale = i64::from(self.scale.max(other.scale));
        (self.exact().lifted(scale), other.exact().lifted(scale), scale)
    }

    /// True when the digits alone show that the power is less than half of the last digit of this type.
    fn rounds_to_zero(&self, base: &Exact, power: &BigInt) -> bool {
        // 10^low <= |base| < 10^(low + 1)
        let low = digits(base.unscaled.magnitude()) - 1 - base.scale;
        let shrinks_by = match power.sign() {
            Sign::Plus => -(low + 1),
            Sign::NoSign | Sign::Minus => low,
        };
        let enough = i64::from(self.scale) + 1;
        shrinks_by > 0
            && BigInt::from(shrinks_by) * BigInt::from(power.magnitude().clone())
                > BigInt::from(enough)
    }
}

impl From<i64> for Exact {
    fn from(number: i64) -> Self {
        Self { unscaled: BigInt::from(number), scale: 0 }
    }
}

impl Exact {
    /// The integer over a power of ten that is not smaller than the own one.
    fn lifted(&self, scale: i64) -> BigInt {
        &self.unscaled * BigInt::from(power_of_ten(scale - self.scale))
    }

    /// The same number without zeros at its end.
    fn shortest(mut self) -> Self {
        let ten = BigInt::from(10);
        while self.unscaled.sign() != Sign::NoSign && (&self.unscaled % &ten).sign() == Sign::NoSign
        {
            self.unscaled /= &ten;
            self.scale -= 1;
        }
        self
    }

    /// Rounds half away from zero into a type.
    fn fit(self, precision: u16, scale: u16) -> Result<Decimal, DecimalError> {
        check_type(precision, scale)?;
        let magnitude = self.unscaled.magnitude();
        let drop = self.scale - i64::from(scale);
        // A number that is far too wide is not even multiplied out.
        if digits(magnitude) - drop > i64::from(precision) + 1 {
            return Err(DecimalError::Overflow { precision, scale });
        }
        let magnitude = if drop <= 0 {
            magnitude * power_of_ten(-drop)
        } else {
            rounded_quotient(magnitude, &power_of_ten(drop))
        };
        Decimal::build(self.unscaled.sign() == Sign::Minus, magnitude, precision, scale)
    }

    fn divided_by(&self, divisor: &Self) -> Result<Self, DecimalError> {
        if divisor.unscaled.sign() == Sign::NoSign {
            return Err(DecimalError::DivisionByZero);
        }
        let (above, below) = (self.unscaled.magnitude(), divisor.unscaled.magnitude());
        let is_negative = self.unscaled.sign() != divisor.unscaled.sign();
        let quotient = |shift: i64| {
            let (more_above, more_below) = (power_of_ten(shift), power_of_ten(-shift));
            rounded_quotient(&(above * more_above), &(below * more_below))
        };
        // One digit more or less, depending on the leading digits.
        let mut shift = QUOTIENT_DIGITS - digits(above) + digits(below);
        let mut magnitude = quotient(shift);
        if digits(&magnitude) > QUOTIENT_DIGITS {
            shift -= 1;
            magnitude = quotient(shift);
        }
        let sign = if is_negative { Sign::Minus } else { Sign::Plus };
        let scale = self.scale - divisor.scale + shift;
        Ok(Self { unscaled: BigInt::from_biguint(sign, magnitude), scale })
    }

    /// The base is neither 0 nor ±1, the exponent not 0.
    fn to_power(&self, power: &BigInt) -> Result<Self, DecimalError> {
        let too_long = DecimalError::PowerTooLong { digits: POWER_DIGITS };
        let Ok(times) = u32::try_from(power.magnitude()) else { return Err(too_long) };
        let length = u64::try_from(digits(self.unscaled.magnitude())).unwrap_or(u64::MAX);
        if length.saturating_mul(u64::from(times)) > POWER_DIGITS {
            return Err(too_long);
        }
        let scale = self.scale * i64::from(times);
        let result = Self { unscaled: self.unscaled.pow(times), scale };
        match power.sign() {
            Sign::Minus => Self::from(1).divided_by(&result),
            Sign::Plus | Sign::NoSign => Ok(result),
        }
    }
}

/// Powers that need no multiplication: exponent 0, base 0, base ±1.
fn small_power(base: &Exact, power: &BigInt, is_odd: bool) -> Option<Exact> {
    let is_unit = base.scale == 0 && *base.unscaled.magnitude() == BigUint::from(1_u8);
    if power.sign() == Sign::NoSign {
        Some(Exact::from(1))
    } else if base.unscaled.sign() == Sign::NoSign {
        Some(Exact::from(0))
    } else if is_unit {
        Some(Exact::from(if base.unscaled.sign() == Sign::Minus && is_odd { -1 } else { 1 }))
    } else {
        None
    }
}

/// Number of decimal digits; 0 for zero.
fn digits(number: &BigUint) -> i64 {
    // log10(2) = 0.30102999…: a guess that is right or one too small.
    let bits = number.bits();
    if bits == 0 {
        return 0;
    }
    let guess = (bits - 1).saturating_mul(30_102_999) / 100_000_000;
    let guess = i64::try_from(guess).unwrap_or(i64::MAX - 2) + 1;
    if *number >= power_of_ten(guess) { guess + 1 } else { guess }
}

/// 1 for negative exponents.
fn power_of_ten(exponent: i64) -> BigUint {
    BigUint::from(10_u8).pow(u32::try_from(exponent.max(0)).unwrap_or(u32::MAX))
}

/// Rounded half up; the divisor is not zero.
fn rounded_quotient(above: &BigUint, below: &BigUint) -> BigUint {
    let quotient = above / below;
    let rest = above - &quotient * below;
    if rest * 2_u8 >= *below { quotient + 1_u8 } else { quotient }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    type Operation = fn(&Decimal, &Decimal) -> Result<Decimal, DecimalError>;

    fn number(text: &str, precision: u16, scale: u16) -> Decimal {
        Decimal::parse(text, precision, scale).unwrap()
    }

    fn check(operation: Operation, cases: &[(&str, &str, &str)]) {
        for (left, right, want) in cases {
            let right = right.parse::<Decimal>().unwrap();
            let got = match operation(&number(left, 10, 3), &right) {
                Ok(result) => result.to_string(),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, *want, "{left} and {right}");
        }
    }

    const WIDE: &str = "number does not fit numeric(10,3)";

    #[test]
    fn sums_and_differences_are_rounded_once_to_the_left_type() {
        check(
            Decimal::checked_add,
            &[
                ("1", "2", "3.000"),
                ("1", "0.0005", "1.001"),
                ("1", "0.0004", "1.000"),
                ("-1", "-0.0005", "-1.001"),
                ("1", "-1.0000", "0.000"),
                ("9999999.999", "0.0004", "9999999.999"),
                ("9999999.999", "0.0005", WIDE),
            ],
        );
        check(
            Decimal::checked_sub,
            &[("1", "2", "-1.000"), ("0", "0.0005", "-0.001"), ("-9999999", "1", WIDE)],
        );
    }

    #[test]
    fn products_are_exact_before_they_are_rounded() {
        check(
            Decimal::checked_mul,
            &[
                ("1.5", "1.5", "2.250"),
                ("0.001", "0.5", "0.001"),
                ("0.001", "0.49", "0.000"),
                ("-0.001", "0.5", "-0.001"),
                ("-1", "0", "0.000"),
                ("9999999", "10", WIDE),
            ],
        );
    }

    #[test]
    fn quotients_are_rounded_half_away_from_zero() {
        check(
            Decimal::checked_div,
            &[
                ("10", "3.0000", "3.333"),
                ("20", "3", "6.667"),
                ("-20", "3", "-6.667"),
                ("1", "2000", "0.001"),
                ("-1", "2000", "-0.001"),
                ("1", "2000.1", "0.000"),
                ("0", "7", "0.000"),
                ("1", "0", "division by zero"),
                ("9999999", "0.001", WIDE),
            ],
        );
        // The exact quotient is 1.7e-500 below a half: 1000 significant digits end before that shows.
        let whole = BigInt::from(10).pow(500);
        let divisor = BigInt::from(10).pow(499) * 3 + 1;
        let dividend = &whole * &divisor + (&divisor - 1) / 2;
        let number = |unscaled: &BigInt| Decimal::from_unscaled(unscaled, 1000, 0).unwrap();
        let quotient = number(&dividend).checked_div(&number(&divisor)).unwrap();
        assert_eq!(quotient.unscaled(), whole + 1);
    }

    #[test]
    fn remainders_have_the_sign_of_the_dividend() {
        check(
            Decimal::checked_rem,
            &[
                ("7", "3", "1.000"),
                ("-7", "3", "-1.000"),
                ("7", "-3", "1.000"),
                ("7.5", "0.7", "0.500"),
                ("1", "0.0003", "0.000"),
                ("1", "0.00", "division by zero"),
            ],
        );
    }

    #[test]
    fn powers_have_integer_exponents_of_any_size() {
        let huge = "9".repeat(900);
        check(
            Decimal::checked_pow,
            &[
                ("2", "10", "1024.000"),
                ("-2", "3", "-8.000"),
                ("1.5", "2.0", "2.250"),
                ("0", "0", "1.000"),
                ("0", "5", "0.000"),
                ("0", "-1", "division by zero"),
                ("2", "-1", "0.500"),
                ("-2", "-3", "-0.125"),
                ("3", "-2", "0.111"),
                ("1", &huge, "1.000"),
                ("-1", &huge, "-1.000"),
                ("100", &huge, "power has more than 20000 digits"),
                ("0.01", &huge, "0.000"),
                ("100", &format!("-{huge}"), "0.000"),
                ("10", "7", WIDE),
                ("10", "20000", WIDE),
                ("0.01", "-20000", WIDE),
                ("2", "0.5", "exponent 0.5 is not an integer"),
                ("1.001", "4999", "147.895"),
                ("1.001", "5001", "power has more than 20000 digits"),
            ],
        );
    }

    #[test]
    fn signs_are_changed_without_a_negative_zero() {
        assert_eq!(number("0", 3, 1).negated(), number("0", 3, 1));
        assert_eq!(number("1.5", 3, 1).negated(), number("-1.5", 3, 1));
        assert_eq!(number("-1.5", 3, 1).abs(), number("1.5", 3, 1));
    }

    #[test]
    fn digits_are_counted_at_every_power_of_ten() {
        assert_eq!(digits(&BigUint::ZERO), 0);
        for exponent in [0, 1, 2, 3, 9, 10, 19, 20, 100, 999, 1000, 2001, 20_000] {
            let power = power_of_ten(exponent);
            assert_eq!(digits(&power), exponent + 1);
            assert_eq!(digits(&(&power - 1_u8)), exponent);
        }
    }

    prop_compose! {
        fn any_number()(digits in proptest::collection::vec(0_u8..10, 1..60), scale in 0_usize..40, negative: bool) -> Decimal {
            let text: String = digits.iter().map(u8::to_string).collect();
            let sign = if negative { "-" } else { "" };
            let (precision, scale) = (u16::try_from(text.len().max(scale)).unwrap(), u16::try_from(scale).unwrap());
            let unscaled = format!("{sign}{text}").parse().unwrap();
            Decimal::from_unscaled(&unscaled, precision, scale).unwrap()
        }
    }

    proptest! {
        #[test]
        fn quotient_times_divisor_and_remainder_give_the_dividend(left in any_number(), right in any_number()) {
            prop_assume!(!right.is_zero());
            let wide = left.rescale(1000, 500).unwrap();
            let rest = wide.checked_rem(&right).unwrap();
            prop_assert!(rest.is_zero() || rest.is_negative() == left.is_negative());
            prop_assert_eq!(rest.abs().cmp_value(&right.abs()), Ordering::Less);
            let whole = wide.checked_sub(&rest).unwrap().checked_div(&right).unwrap();
            prop_assert_eq!(whole.rescale_exact(1000, 0).map(|_| ()), Ok(()));
            let back = whole.checked_mul(&right).unwrap().checked_add(&rest).unwrap();
            prop_assert_eq!(back.cmp_value(&left), Ordering::Equal);
        }

        #[test]
        fn a_power_is_repeated_multiplication(base in any_number(), times in 0_i64..6) {
            let wide = base.rescale(1000, 300).unwrap();
            let exponent = Decimal::from_unscaled(&BigInt::from(times), 1, 0).unwrap();
            let mut product = Ok(number("1", 1000, 300));
            for _ in 0..times {
                product = product.and_then(|so_far| so_far.checked_mul(&wide));
            }
            // Multiplying step by step may leave the type and come back; the power is then the exact one.
            if let (Ok(product), Ok(power)) = (product, wide.checked_pow(&exponent)) {
                prop_assert_eq!(product, power);
            }
        }
    }
}
