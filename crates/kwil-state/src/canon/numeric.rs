//! PostgreSQL's binary numeric as decimal text.

use super::Encoded;

const MALFORMED: &str = "a malformed numeric";
const NEGATIVE: u16 = 0x4000;
/// Base-10000 digits that a numeric of 1000 decimal digits can have, with room.
const MAX_DIGITS: usize = 600;

/// Writes the value with exactly `scale` digits behind the point: `-12.340`. Zero has no sign.
///
/// The binary form is: count of base-10000 digits, weight of the first one (power of 10000), sign, display scale, digits.
pub(super) fn encode(value: &[u8], scale: u16, out: &mut Vec<u8>) -> Encoded {
    let mut words = Words(value);
    let (count, weight) = (usize::from(words.next()?), words.next()?.cast_signed());
    let (sign, display_scale) = (words.next()?, words.next()?);
    if count > MAX_DIGITS || value.len() != 8_usize.saturating_add(count.saturating_mul(2)) {
        return Err(MALFORMED);
    }
    match sign {
        0 => {}
        NEGATIVE => out.push(b'-'),
        _ => return Err("not a number"),
    }
    if display_scale != scale {
        return Err("a numeric with another scale");
    }
    let mut digits = Vec::with_capacity(count);
    for _ in 0..count {
        let digit = words.next()?;
        if digit > 9999 {
            return Err(MALFORMED);
        }
        digits.push(digit);
    }
    if digits.is_empty() && sign == NEGATIVE {
        return Err(MALFORMED);
    }
    write_integer(&digits, weight, out);
    write_fraction(&digits, weight, scale, out)
}

fn write_integer(digits: &[u16], weight: i16, out: &mut Vec<u8>) {
    let start = out.len();
    let groups = usize::try_from(i32::from(weight).saturating_add(1)).unwrap_or(0);
    for index in 0..groups {
        let group = digits.get(index).copied().unwrap_or(0);
        let text = four(group);
        if out.len() == start {
            let text = text.iter().skip_while(|digit| **digit == b'0');
            out.extend(text);
        } else {
            out.extend_from_slice(&text);
        }
    }
    if out.len() == start {
        out.push(b'0');
    }
}

fn write_fraction(digits: &[u16], weight: i16, scale: u16, out: &mut Vec<u8>) -> Encoded {
    if scale > 0 {
        out.push(b'.');
    }
    // Index of the first group behind the point; negative when groups of zeros precede the digits.
    let mut index = i32::from(weight).saturating_add(1);
    let mut left = usize::from(scale);
    while left > 0 {
        let group =
            usize::try_from(index).ok().and_then(|index| digits.get(index)).copied().unwrap_or(0);
        let text = four(group);
        let (kept, cut) = text.split_at(left.min(4));
        if cut.iter().any(|digit| *digit != b'0') {
            return Err("a numeric with more digits than its scale");
        }
        out.extend_from_slice(kept);
        left = left.saturating_sub(4);
        index = index.saturating_add(1);
    }
    let rest = usize::try_from(index).unwrap_or(0);
    if digits.iter().skip(rest).any(|digit| *digit != 0) {
        return Err("a numeric with more digits than its scale");
    }
    Ok(())
}

fn four(group: u16) -> [u8; 4] {
    let digit = |divisor: u16| b'0'.saturating_add(u8::try_from(group / divisor % 10).unwrap_or(0));
    [digit(1000), digit(100), digit(10), digit(1)]
}

struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn next(&mut self) -> Result<u16, &'static str> {
        let (head, rest) = self.0.split_first_chunk::<2>().ok_or(MALFORMED)?;
        self.0 = rest;
        Ok(u16::from_be_bytes(*head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(weight: i16, sign: u16, scale: u16, digits: &[u16]) -> Vec<u8> {
        let head = [u16::try_from(digits.len()).unwrap(), weight.cast_unsigned(), sign, scale];
        head.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
    }

    fn text(value: &[u8], scale: u16) -> Result<String, &'static str> {
        let mut out = Vec::new();
        encode(value, scale, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn values_have_exactly_their_scale() {
        for (value, scale, expected) in [
            (binary(0, 0, 0, &[]), 0, "0"),
            (binary(0, 0, 3, &[]), 3, "0.000"),
            (binary(0, 0, 2, &[1, 5000]), 2, "1.50"),
            (binary(0, NEGATIVE, 3, &[12, 3400]), 3, "-12.340"),
            (binary(-1, 0, 4, &[1]), 4, "0.0001"),
            (binary(-2, 0, 8, &[1]), 8, "0.00000001"),
            (binary(2, 0, 0, &[1]), 0, "100000000"),
            (binary(1, 0, 0, &[1, 2]), 0, "10002"),
            (binary(-1, 0, 5, &[1234, 5000]), 5, "0.12345"),
        ] {
            assert_eq!(text(&value, scale).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_number_or_has_another_scale_is_refused() {
        for value in [
            binary(0, 0xC000, 0, &[]),
            binary(0, 0xD000, 0, &[]),
            binary(0, 0xF000, 0, &[]),
            binary(0, NEGATIVE, 0, &[]),
            binary(0, 0, 1, &[1]),
            binary(0, 0, 0, &[10000]),
            binary(0, 0, 0, &[1, 5000]),
        ] {
            assert!(text(&value, 0).is_err(), "{value:?}");
        }
        assert!(text(&binary(-1, 0, 2, &[1234]), 2).is_err());
        assert!(text(&[0, 1, 0, 0], 0).is_err());
    }
}
