//! Durations as operators and genesis files write them: `24h0m0s`, `1h30m`, `500ms`, `-2m0s`.
//!
//! The text is that of Go's `time.Duration`: an optional sign and one or more `<decimal><unit>` pairs with the units
//! `ns us µs μs ms s m h`, or the single text `0`. There are no days, and a number without a unit is an error.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const NANOS_PER_MICRO: u64 = 1_000;
const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
const NANOS_PER_MINUTE: u64 = 60 * NANOS_PER_SECOND;
const NANOS_PER_HOUR: u64 = 60 * NANOS_PER_MINUTE;

/// A signed length of time in whole nanoseconds, at most about 292 years, with the text form of Go.
///
/// ```
/// use kwil_types::GoDuration;
///
/// let expiry: GoDuration = "1h30m".parse().unwrap();
/// assert_eq!(expiry.as_nanos(), 5_400_000_000_000);
/// assert_eq!(expiry.to_string(), "1h30m0s");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(i64);

/// Why a text is not a duration. The messages are the ones operators know from Go tools.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// The text has no number where one must stand, is empty, or leaves the range of 64-bit nanoseconds.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit, like `15`.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A unit that does not exist, like `d`.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// What stands in the place of the unit.
        unit: String,
        /// The whole text.
        text: String,
    },
    /// The value does not fit: negative where only a length is meant, or longer than about 292 years.
    #[error("duration {0} is out of range")]
    OutOfRange(String),
}

impl GoDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From whole nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds, saturating at the ends of the range.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Whole nanoseconds, negative when the duration is.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded towards zero.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.saturating_div(1_000_000_000)
    }

    /// True below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// As a length of the standard library.
    ///
    /// # Errors
    /// [`DurationError::OutOfRange`] when the duration is negative.
    pub fn to_std(self) -> Result<Duration, DurationError> {
        match u64::try_from(self.0) {
            Ok(nanos) => Ok(Duration::from_nanos(nanos)),
            Err(_) => Err(DurationError::OutOfRange(self.to_string())),
        }
    }

    /// From a length of the standard library.
    ///
    /// # Errors
    /// [`DurationError::OutOfRange`] above about 292 years.
    pub fn from_std(length: Duration) -> Result<Self, DurationError> {
        match i64::try_from(length.as_nanos()) {
            Ok(nanos) => Ok(Self(nanos)),
            Err(_) => Err(DurationError::OutOfRange(format!("{}s", length.as_secs()))),
        }
    }
}

impl FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let invalid = || DurationError::Invalid(text.to_owned());
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Ok(Self::ZERO);
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (nanos, tail) = pair(rest, text)?;
            total = total.checked_add(nanos).filter(|sum| *sum <= 1 << 63).ok_or_else(invalid)?;
            rest = tail;
        }
        // The negative side reaches one nanosecond further than the positive one.
        let signed =
            if negative { 0_i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() };
        signed.map(Self).ok_or_else(invalid)
    }
}

/// Reads one `<decimal><unit>` from the start of `rest`; `text` is the whole input, for the error.
fn pair<'t>(rest: &'t str, text: &str) -> Result<(u64, &'t str), DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (whole, after_whole) = digits(rest);
    let (fraction, after) = match after_whole.strip_prefix('.') {
        Some(tail) => digits(tail),
        None => ("", after_whole),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
    let (unit, tail) = after.split_at_checked(end).ok_or_else(invalid)?;
    let scale = match unit {
        "" => return Err(DurationError::MissingUnit(text.to_owned())),
        "ns" => 1,
        "us" | "µs" | "μs" => NANOS_PER_MICRO,
        "ms" => NANOS_PER_MILLI,
        "s" => NANOS_PER_SECOND,
        "m" => NANOS_PER_MINUTE,
        "h" => NANOS_PER_HOUR,
        _ => {
            return Err(DurationError::UnknownUnit {
                unit: unit.to_owned(),
                text: text.to_owned(),
            });
        }
    };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
    let nanos = whole
        .checked_mul(scale)
        .and_then(|nanos| nanos.checked_add(fraction_nanos(fraction, scale)))
        .filter(|nanos| *nanos <= 1 << 63)
        .ok_or_else(invalid)?;
    Ok((nanos, tail))
}

/// Splits the leading ASCII digits off.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The nanoseconds of `0.<fraction>` units, rounded down. Digits beyond the eighteenth are below one nanosecond of an hour.
fn fraction_nanos(fraction: &str, scale: u64) -> u64 {
    let mut value: u128 = 0;
    let mut divisor: u128 = 1;
    for digit in fraction.bytes().take(18) {
        value = value.saturating_mul(10).saturating_add(u128::from(digit.saturating_sub(b'0')));
        divisor = divisor.saturating_mul(10);
    }
    let nanos = value.saturating_mul(u128::from(scale)).checked_div(divisor).unwrap_or(0);
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        if nanos == 0 {
            return f.write_str("0s");
        }
        if nanos < NANOS_PER_SECOND {
            return match nanos {
                ..NANOS_PER_MICRO => write!(f, "{nanos}ns"),
                NANOS_PER_MICRO..NANOS_PER_MILLI => decimal(f, nanos, NANOS_PER_MICRO, "µs"),
                _ => decimal(f, nanos, NANOS_PER_MILLI, "ms"),
            };
        }
        let hours = nanos.checked_div(NANOS_PER_HOUR).unwrap_or(0);
        let below_hour = nanos.checked_rem(NANOS_PER_HOUR).unwrap_or(0);
        let minutes = below_hour.checked_div(NANOS_PER_MINUTE).unwrap_or(0);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        let below_minute = below_hour.checked_rem(NANOS_PER_MINUTE).unwrap_or(0);
        decimal(f, below_minute, NANOS_PER_SECOND, "s")
    }
}

/// Writes `nanos / scale` without trailing zeros; `scale` is a power of ten.
fn decimal(f: &mut fmt::Formatter<'_>, nanos: u64, scale: u64, unit: &str) -> fmt::Result {
    let whole = nanos.checked_div(scale).unwrap_or(0);
    let rest = nanos.checked_rem(scale).unwrap_or(0);
    if rest == 0 {
        return write!(f, "{whole}{unit}");
    }
    let width = usize::try_from(scale.checked_ilog10().unwrap_or(0)).unwrap_or(0);
    let fraction = format!("{rest:0width$}");
    write!(f, "{whole}.{}{unit}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<i64, String> {
        text.parse::<GoDuration>().map(GoDuration::as_nanos).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_of_operators_are_read() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("24h0m0s", 86_400_000_000_000),
            ("168h", 604_800_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("-2m", -120_000_000_000),
            ("+3us", 3_000),
            ("3µs", 3_000),
            ("3μs", 3_000),
            ("1.0000000001s", 1_000_000_000),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
        ] {
            assert_eq!(parse(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn bad_texts_say_what_is_wrong() {
        for (text, error) in [
            ("", "time: invalid duration \"\""),
            ("-", "time: invalid duration \"-\""),
            ("15", "time: missing unit in duration \"15\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("1h 2m", "time: unknown unit \"h \" in duration \"1h 2m\""),
            ("h", "time: invalid duration \"h\""),
            ("1h.m", "time: invalid duration \"1h.m\""),
            ("9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""),
            ("99999999999999999999h", "time: invalid duration \"99999999999999999999h\""),
            ("9223372036s9223372036s", "time: invalid duration \"9223372036s9223372036s\""),
        ] {
            assert_eq!(parse(text), Err(error.to_owned()), "{text}");
        }
    }

    #[test]
    fn printing_is_that_of_go() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (1_500_000, "1.5ms"),
            (500_000_000, "500ms"),
            (1_500_000_000, "1.5s"),
            (60_000_000_000, "1m0s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (86_400_000_000_000, "24h0m0s"),
            (-120_000_000_000, "-2m0s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(GoDuration::from_nanos(nanos).to_string(), text);
        }
    }

    #[test]
    fn printed_text_reads_back() {
        let mut nanos: i64 = 1;
        while let Some(next) = nanos.checked_mul(7) {
            for value in [nanos, -nanos] {
                assert_eq!(parse(&GoDuration::from_nanos(value).to_string()), Ok(value));
            }
            nanos = next;
        }
    }

    #[test]
    fn only_lengths_become_standard_durations() {
        assert_eq!(GoDuration::from_secs(2).to_std(), Ok(Duration::from_secs(2)));
        assert!(GoDuration::from_nanos(-1).to_std().is_err());
        assert!(GoDuration::from_std(Duration::MAX).is_err());
    }
}
