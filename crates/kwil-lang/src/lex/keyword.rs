//! The words that have a meaning of their own.

/// Longest keyword in bytes.
const LONGEST: usize = 10;

macro_rules! keywords {
    ($($variant:ident $text:literal $reserved:literal,)*) => {
        /// A keyword; reserved ones can never name anything.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kw { $($variant,)* }

        impl Kw {
            fn of_lower(word: &[u8]) -> Option<Self> {
                match word {
                    $(word if word == $text.as_bytes() => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The keyword in lower case.
            pub(crate) fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// True for a word that is never an identifier.
            pub(crate) fn is_reserved(self) -> bool {
                match self { $(Self::$variant => $reserved,)* }
            }

            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }
    };
}

keywords! {
    Action "action" false, Add "add" false, Alter "alter" false, Break "break" false, Call "call" false,
    Check "check" false, Continue "continue" false, Create "create" false, Current "current" false,
    Default "default" false, Drop "drop" false, Else "else" false, Elseif "elseif" false, For "for" false,
    Foreign "foreign" false, Grant "grant" false, Granted "granted" false, If "if" false, Index "index" false,
    Key "key" false, Namespace "namespace" false, Ordinality "ordinality" false, Ownership "ownership" false,
    Primary "primary" false, Rename "rename" false, Replace "replace" false, Restrict "restrict" false,
    Return "return" false, Returns "returns" false, Revoke "revoke" false, Role "role" false, Roles "roles" false,
    Transfer "transfer" false, Unique "unique" false, Unuse "unuse" false, Use "use" false,
    All "all" true, And "and" true, Any "any" true, Array "array" true, As "as" true, Asc "asc" true,
    Between "between" true, By "by" true, Cascade "cascade" true, Case "case" true, Collate "collate" true,
    Column "column" true, Conflict "conflict" true, Constraint "constraint" true, Delete "delete" true,
    Desc "desc" true, Distinct "distinct" true, Do "do" true, End "end" true, Except "except" true,
    Exists "exists" true, False "false" true, Filter "filter" true, First "first" true, From "from" true,
    Full "full" true, Group "group" true, Having "having" true, Ilike "ilike" true, In "in" true,
    Inner "inner" true, Insert "insert" true, Intersect "intersect" true, Into "into" true, Is "is" true,
    Join "join" true, Last "last" true, Left "left" true, Like "like" true, Limit "limit" true,
    Next "next" true, No "no" true, Not "not" true, Nothing "nothing" true, Null "null" true, Nulls "nulls" true,
    Offset "offset" true, On "on" true, Or "or" true, Order "order" true, Over "over" true,
    Partition "partition" true, Recursive "recursive" true, Ref "ref" true, References "references" true,
    Returning "returning" true, Right "right" true, Select "select" true, Set "set" true, Table "table" true,
    Then "then" true, To "to" true, True "true" true, Union "union" true, Update "update" true,
    Values "values" true, When "when" true, Where "where" true, Window "window" true, With "with" true,
}

impl Kw {
    /// The keyword `word` is, in any case.
    pub(crate) fn lookup(word: &[u8]) -> Option<Self> {
        let mut lower = [0_u8; LONGEST];
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word);
        lower.make_ascii_lowercase();
        Self::of_lower(lower)
    }
}

/// True for words that can never name anything: reserved keywords of the language, in any case.
///
/// Printers and code generators use it to tell which names a program may declare.
#[must_use]
pub fn is_reserved_word(word: &str) -> bool {
    Kw::lookup(word.as_bytes()).is_some_and(Kw::is_reserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_found_in_any_case_and_nothing_else_is() {
        for keyword in Kw::ALL {
            assert_eq!(Kw::lookup(keyword.text().as_bytes()), Some(*keyword));
            assert_eq!(Kw::lookup(keyword.text().to_ascii_uppercase().as_bytes()), Some(*keyword));
            assert!(keyword.text().len() <= LONGEST);
        }
        for word in ["", "unnest", "fk", "on_update", "set_null", "view", "selected", "ordinalityx"]
        {
            assert_eq!(Kw::lookup(word.as_bytes()), None, "{word}");
        }
    }

    #[test]
    fn only_reserved_words_cannot_be_names() {
        assert!(is_reserved_word("Select"));
        assert!(!is_reserved_word("action"));
        assert!(!is_reserved_word("public"));
    }
}
