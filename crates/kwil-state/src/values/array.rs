//! PostgreSQL's text of arrays.

/// The text is no array of one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAnArray;

/// Writes an element in quotes.
pub(crate) fn push_quoted_element(item: &str, out: &mut String) {
    out.push('"');
    for c in item.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// The elements of an array of one dimension; `None` is NULL.
pub(crate) fn split_array(text: &str) -> Result<Vec<Option<String>>, NotAnArray> {
    let inner = text.strip_prefix('{').ok_or(NotAnArray)?.strip_suffix('}').ok_or(NotAnArray)?;
    let mut items = Vec::new();
    if inner.is_empty() {
        return Ok(items);
    }
    let mut chars = inner.chars();
    loop {
        let (item, ended) = read_item(&mut chars)?;
        items.push(item);
        if ended {
            return Ok(items);
        }
    }
}

/// Reads up to the next comma, or to the end.
fn read_item(chars: &mut std::str::Chars<'_>) -> Result<(Option<String>, bool), NotAnArray> {
    let rest = chars.as_str();
    if let Some(quoted) = rest.strip_prefix('"') {
        *chars = quoted.chars();
        let item = read_quoted(chars)?;
        return match chars.next() {
            None => Ok((Some(item), true)),
            Some(',') => Ok((Some(item), false)),
            Some(_) => Err(NotAnArray),
        };
    }
    let (item, after) = match rest.split_once(',') {
        Some((item, after)) => (item, Some(after)),
        None => (rest, None),
    };
    if item.is_empty() || item.contains(['"', '\\', '{', '}']) {
        return Err(NotAnArray);
    }
    *chars = after.unwrap_or_default().chars();
    let item = (item != "NULL").then(|| item.to_owned());
    Ok((item, after.is_none()))
}

/// Behind the opening quote, up to the closing one.
fn read_quoted(chars: &mut std::str::Chars<'_>) -> Result<String, NotAnArray> {
    let mut text = String::new();
    loop {
        match chars.next().ok_or(NotAnArray)? {
            '"' => return Ok(text),
            '\\' => text.push(chars.next().ok_or(NotAnArray)?),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_split_as_the_server_writes_them() {
        let some = |text: &str| Some(text.to_owned());
        for (text, items) in [
            ("{}", vec![]),
            ("{1,-2,NULL}", vec![some("1"), some("-2"), None]),
            (r#"{"",a b,"NULL","x\"y\\z","{,}"}"#, {
                vec![some(""), some("a b"), some("NULL"), some("x\"y\\z"), some("{,}")]
            }),
        ] {
            assert_eq!(split_array(text), Ok(items), "{text}");
        }
        for text in ["", "1", "{1", "1}", "{1,}", "{,1}", "{\"a}", "{\"a\"b}", "{{1}}", "{a\"b}"] {
            assert_eq!(split_array(text), Err(NotAnArray), "{text}");
        }
    }
}
