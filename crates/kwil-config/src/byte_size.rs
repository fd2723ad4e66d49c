//! Sizes in bytes: plain numbers, or `64MiB`, `10 kB`.

use std::fmt;
use std::str::FromStr;

/// A number of bytes. Written as a plain number, read also with a unit: `B kB MB GB` count in thousands, `KiB MiB GiB`
/// in 1024s, any case.
///
/// ```
/// use kwil_config::ByteSize;
/// assert_eq!("64MiB".parse::<ByteSize>()?.bytes(), 67_108_864);
/// assert_eq!("6000000".parse::<ByteSize>()?, ByteSize::new(6_000_000));
/// # Ok::<(), kwil_config::ByteSizeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

/// The text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a size in bytes like 6000000 or '64MiB', found '{0}'")]
pub struct ByteSizeError(String);

impl ByteSize {
    /// A size of so many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory, saturating on 32-bit machines.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        let wrong = || ByteSizeError(text.to_owned());
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (digits, unit) = trimmed.split_at_checked(end).ok_or_else(wrong)?;
        let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            _ => return Err(wrong()),
        };
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        let bytes = number.checked_mul(scale).ok_or_else(wrong)?;
        // A TOML integer ends at 2^63 - 1, and the writer must be able to write what was read.
        if i64::try_from(bytes).is_err() {
            return Err(wrong());
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_scale_and_nonsense_is_refused() {
        for (text, want) in
            [("0", 0), ("5B", 5), ("10kB", 10_000), ("10 KB", 10_000), ("2GiB", 2 << 30)]
        {
            assert_eq!(text.parse(), Ok(ByteSize::new(want)), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5MB", "1 TB", "9223372036854775808", "9999999999GiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
