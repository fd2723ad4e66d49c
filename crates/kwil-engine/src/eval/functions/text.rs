//! Functions on text: lengths, padding, trimming, parts.

use std::collections::BTreeSet;

use super::super::check_bytes;
use super::{Call, Evaluated, count_value, out_of_range, text_value};
use crate::{Failure, Limits};

pub(super) fn call(call: &Call<'_>) -> Evaluated {
    let text = call.text(0).ok_or_else(|| call.unexpected())?;
    match call.name {
        "bit_length" => count_value(text.len().saturating_mul(8)),
        "octet_length" => count_value(text.len()),
        "char_length" | "character_length" | "length" => count_value(text.chars().count()),
        "lower" => text_value(text.to_ascii_lowercase()),
        "upper" => text_value(text.to_ascii_uppercase()),
        "lpad" | "rpad" => pad(call, text),
        "ltrim" | "rtrim" | "trim" => trim(call, text),
        "overlay" => overlay(call, text),
        "position" => position(call, text),
        "substring" => substring(call, text),
        _ => Err(call.unexpected()),
    }
}

fn pad(call: &Call<'_>, text: &str) -> Evaluated {
    let wanted = call.int4(1)?.ok_or_else(|| call.unexpected())?;
    let wanted = usize::try_from(wanted).unwrap_or(0);
    let fill = if call.args.len() > 2 { call.text(2) } else { Some(" ") };
    let fill = fill.ok_or_else(|| call.unexpected())?;
    let length = text.chars().count();
    let Some(missing) = wanted.checked_sub(length).filter(|_| !fill.is_empty()) else {
        return text_value(first_characters(text, wanted));
    };
    let fill = repeated(fill, missing, text.len(), call.limits)?;
    text_value(if call.name == "lpad" { fill + text } else { text.to_owned() + &fill })
}

/// As many characters of `fill`, over and over, as are missing; with `beside` more bytes the limit must hold.
fn repeated(fill: &str, missing: usize, beside: usize, limits: &Limits) -> Evaluated<String> {
    let length = fill.chars().count();
    let times = missing.checked_div(length).unwrap_or_default();
    let rest = first_characters(fill, missing.checked_rem(length).unwrap_or_default());
    let whole = fill.len().checked_mul(times).and_then(|bytes| bytes.checked_add(rest.len()));
    check_bytes(whole.and_then(|bytes| bytes.checked_add(beside)), limits)?;
    Ok(fill.repeat(times) + rest)
}

/// The beginning of the text, at most this many characters.
fn first_characters(text: &str, count: usize) -> &str {
    text.split_at(offset(text, count)).0
}

/// The bytes of so many characters at the beginning, at most of all.
fn offset(text: &str, characters: usize) -> usize {
    text.char_indices().nth(characters).map_or(text.len(), |(offset, _)| offset)
}

fn trim(call: &Call<'_>, text: &str) -> Evaluated {
    let set: BTreeSet<char> = match call.args.get(1) {
        Some(_) => call.text(1).ok_or_else(|| call.unexpected())?.chars().collect(),
        None => BTreeSet::from([' ']),
    };
    let is_unwanted = |character: char| set.contains(&character);
    text_value(match call.name {
        "ltrim" => text.trim_start_matches(is_unwanted),
        "rtrim" => text.trim_end_matches(is_unwanted),
        _ => text.trim_matches(is_unwanted),
    })
}

fn position(call: &Call<'_>, needle: &str) -> Evaluated {
    let haystack = call.text(1).ok_or_else(|| call.unexpected())?;
    count_value(match haystack.find(needle) {
        Some(offset) => haystack.split_at(offset).0.chars().count().saturating_add(1),
        None => 0,
    })
}

fn substring(call: &Call<'_>, text: &str) -> Evaluated {
    let from = call.int4(1)?.ok_or_else(|| call.unexpected())?;
    let count = call.int4(2)?;
    text_value(part(text, from, count)?)
}

fn negative_length() -> Failure {
    Failure::sql("22011", "negative substring length not allowed")
}

/// Characters from a position counted from 1; positions before the text consume the count.
fn part(text: &str, from: i32, count: Option<i32>) -> Evaluated<&str> {
    let Ok(count) = count.map(u32::try_from).transpose() else { return Err(negative_length()) };
    let start = usize::try_from(from.saturating_sub(1)).unwrap_or(0);
    let rest = text.split_at(offset(text, start)).1;
    let Some(count) = count else { return Ok(rest) };
    let before = usize::try_from(1_i64.saturating_sub(i64::from(from))).unwrap_or(0);
    let count = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(before);
    Ok(first_characters(rest, count))
}

fn overlay(call: &Call<'_>, text: &str) -> Evaluated {
    let new = call.text(1).ok_or_else(|| call.unexpected())?;
    let from = call.int4(2)?.ok_or_else(|| call.unexpected())?;
    let count = match call.int4(3)? {
        Some(count) => count,
        None => i32::try_from(new.chars().count()).map_err(|_| out_of_range())?,
    };
    if from <= 0 {
        return Err(negative_length());
    }
    let behind = from.checked_add(count).ok_or_else(out_of_range)?;
    let head = part(text, 1, Some(from.saturating_sub(1)))?;
    let tail = part(text, behind, None)?;
    let size = head.len().checked_add(new.len()).and_then(|size| size.checked_add(tail.len()));
    check_bytes(size, call.limits)?;
    text_value([head, new, tail].concat())
}
