//! The columns in the written text of a `CHECK`.
//!
//! In that text columns are the quoted names that stand alone: names of the database's own objects have a schema in
//! front of them, and no text of a column's name can be inside a string that is skipped.

use std::ops::Range;

/// Places of the names of columns, quotes excluded.
fn columns(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    while let Some(offset) = text.get(at..).and_then(|rest| rest.find(['\'', '"'])) {
        let open = at.saturating_add(offset);
        let quote =
            if text.get(open..).is_some_and(|rest| rest.starts_with('\'')) { '\'' } else { '"' };
        let inside = open.saturating_add(1);
        let Some(length) = text.get(inside..).and_then(|rest| rest.find(quote)) else { break };
        let close = inside.saturating_add(length);
        at = close.saturating_add(1);
        let is_alone = !text.get(..open).unwrap_or_default().ends_with('.')
            && !text.get(at..).unwrap_or_default().starts_with(['.', '(']);
        if quote == '"' && is_alone {
            found.push(inside..close);
        }
    }
    found
}

/// Whether the text reads the column.
pub(crate) fn reads_column(text: &str, column: &str) -> bool {
    columns(text).into_iter().any(|place| text.get(place) == Some(column))
}

/// The text after a column got another name.
pub(crate) fn rename_column(text: &str, from: &str, to: &str) -> String {
    let mut renamed = String::with_capacity(text.len());
    let mut done = 0_usize;
    for place in columns(text) {
        if text.get(place.clone()) == Some(from) {
            renamed.push_str(text.get(done..place.start).unwrap_or_default());
            renamed.push_str(to);
            done = place.end;
        }
    }
    renamed.push_str(text.get(done..).unwrap_or_default());
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"(("a" > 1::INT8) AND ("kwild_lang"."a"("b") <> 'it''s "a"') AND ("x" COLLATE "s"."a" = "a"))"#;

    #[test]
    fn columns_are_told_from_functions_collations_and_strings() {
        assert!(reads_column(TEXT, "a") && reads_column(TEXT, "b") && reads_column(TEXT, "x"));
        assert!(!reads_column(TEXT, "s") && !reads_column(TEXT, "kwild_lang"));
        assert_eq!(
            rename_column(TEXT, "a", "new"),
            r#"(("new" > 1::INT8) AND ("kwild_lang"."a"("b") <> 'it''s "a"') AND ("x" COLLATE "s"."a" = "new"))"#
        );
    }
}
