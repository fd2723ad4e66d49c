//! Names that a program leaves out: of constraints and indexes, the same that PostgreSQL would choose.
//!
//! They are chosen here and written into the SQL, so that catalog and database agree whatever PostgreSQL's version does.

use std::collections::BTreeSet;

use super::Namespace;

/// Bytes of a name at most.
const MAX: usize = 63;

/// Names that are taken in a namespace.
#[derive(Clone, Debug, Default)]
pub(crate) struct TakenNames {
    /// Of tables and indexes, those of keys included.
    pub(crate) relations: BTreeSet<Box<str>>,
    /// Of constraints of all tables.
    pub(crate) constraints: BTreeSet<Box<str>>,
}

impl TakenNames {
    /// What is taken in a namespace now.
    pub(crate) fn of(namespace: &Namespace) -> Self {
        let mut taken = Self::default();
        for (name, table) in &namespace.tables {
            taken.relations.insert(name.clone());
            taken.relations.extend(table.key_names().into_iter().map(Box::from));
            taken.relations.extend(table.indexes.iter().map(|index| index.name.clone()));
            taken.constraints.extend(table.constraint_names().into_iter().map(Box::from));
        }
        taken
    }

    /// A name for a `CHECK` that reads these columns.
    pub(crate) fn check(&self, table: &str, columns: &[Box<str>]) -> Box<str> {
        let column = match columns {
            [only] => Some(&**only),
            _ => None,
        };
        choose(table, column, "check", |name| self.constraints.contains(name))
    }

    /// A name for a foreign key of these columns.
    pub(crate) fn foreign_key(&self, table: &str, columns: &[Box<str>]) -> Box<str> {
        let middle = joined(columns);
        choose(table, Some(&middle), "fkey", |name| self.constraints.contains(name))
    }

    /// A name for a primary key.
    pub(crate) fn primary_key(&self, table: &str) -> Box<str> {
        choose(table, None, "pkey", |name| self.is_key_taken(name))
    }

    /// A name for a `UNIQUE` constraint of these columns.
    pub(crate) fn unique(&self, table: &str, columns: &[Box<str>]) -> Box<str> {
        choose(table, Some(&joined(columns)), "key", |name| self.is_key_taken(name))
    }

    /// A name for an index of these columns. A column may be there twice; it counts under another name then.
    pub(crate) fn index(&self, table: &str, columns: &[Box<str>]) -> Box<str> {
        let mut named: Vec<Box<str>> = Vec::with_capacity(columns.len());
        for column in columns {
            let numbered = (1_u32..).map(|number| {
                let number = number.to_string();
                let room = MAX.saturating_sub(number.len()).min(column.len());
                format!("{}{number}", column.get(..room).unwrap_or(column)).into()
            });
            let mut candidates = std::iter::once(column.clone()).chain(numbered);
            named.extend(candidates.find(|name| !named.contains(name)));
        }
        choose(table, Some(&joined(&named)), "idx", |name| self.relations.contains(name))
    }

    fn is_key_taken(&self, name: &str) -> bool {
        self.relations.contains(name) || self.constraints.contains(name)
    }
}

/// Column names joined as far as they count: what passes the longest name is not looked at.
fn joined(columns: &[Box<str>]) -> String {
    let mut text = String::new();
    for column in columns {
        if !text.is_empty() {
            text.push('_');
        }
        text.push_str(column);
        if text.len() > MAX {
            break;
        }
    }
    text
}

/// The first of `table_middle_label`, `table_middle_label1`, … that is free.
fn choose(
    table: &str,
    middle: Option<&str>,
    label: &str,
    is_taken: impl Fn(&str) -> bool,
) -> Box<str> {
    let plain = assemble(table, middle, label);
    if !is_taken(&plain) {
        return plain;
    }
    (1_u32..)
        .map(|number| assemble(table, middle, &format!("{label}{number}")))
        .find(|name| !is_taken(name))
        .unwrap_or(plain)
}

/// Cuts the longer of both names, the second at equal length, until everything fits. Names are ASCII.
fn assemble(first: &str, second: Option<&str>, label: &str) -> Box<str> {
    let underscores = if second.is_some() { 2 } else { 1 };
    let room = MAX.saturating_sub(label.len().saturating_add(underscores));
    let (mut first_len, mut second_len) = (first.len(), second.map_or(0, str::len));
    while first_len.saturating_add(second_len) > room {
        if first_len > second_len {
            first_len = first_len.saturating_sub(1);
        } else {
            second_len = second_len.saturating_sub(1);
        }
    }
    let first = first.get(..first_len).unwrap_or(first);
    match second {
        None => format!("{first}_{label}").into(),
        Some(second) => {
            format!("{first}_{}_{label}", second.get(..second_len).unwrap_or(second)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(names: &[&str]) -> Vec<Box<str>> {
        names.iter().map(|name| Box::from(*name)).collect()
    }

    #[test]
    fn names_are_those_of_the_database() {
        let taken = TakenNames::default();
        assert_eq!(&*taken.primary_key("t"), "t_pkey");
        assert_eq!(&*taken.unique("t", &boxes(&["a", "b"])), "t_a_b_key");
        assert_eq!(&*taken.index("t", &boxes(&["a", "b"])), "t_a_b_idx");
        assert_eq!(&*taken.foreign_key("t", &boxes(&["a", "b"])), "t_a_b_fkey");
        assert_eq!(&*taken.check("t", &boxes(&["a"])), "t_a_check");
        assert_eq!(&*taken.check("t", &boxes(&["a", "b"])), "t_check");
        assert_eq!(&*taken.check("t", &[]), "t_check");
    }

    #[test]
    fn taken_names_get_numbers() {
        let mut taken = TakenNames::default();
        assert_eq!(&*taken.index("t", &boxes(&["a", "a", "a1", "a"])), "t_a_a1_a11_a2_idx");
        taken.relations = boxes(&["t_a_key", "t_a_idx", "t_a_idx1"]).into_iter().collect();
        taken.constraints = boxes(&["t_a_key1", "t_check"]).into_iter().collect();
        assert_eq!(&*taken.unique("t", &boxes(&["a"])), "t_a_key2");
        assert_eq!(&*taken.index("t", &boxes(&["a"])), "t_a_idx2");
        assert_eq!(&*taken.check("t", &[]), "t_check1");
    }

    /// Expected names were made by PostgreSQL 15.
    #[test]
    fn long_names_are_cut_where_the_database_cuts_them() {
        let taken = TakenNames::default();
        let (t50, c50) = ("t".repeat(50), "c".repeat(50));
        let columns = boxes(&[&c50]);
        let cut = format!("{}_{}_key", "t".repeat(29), "c".repeat(29));
        assert_eq!(&*taken.unique(&t50, &columns), cut);
        let cut = format!("{}_{}_fkey", "t".repeat(29), "c".repeat(28));
        assert_eq!(&*taken.foreign_key(&t50, &columns), cut);
        assert_eq!(&*taken.primary_key(&"t".repeat(63)), format!("{}_pkey", "t".repeat(58)));
        let short = format!("t_{}_key", "c".repeat(50));
        assert_eq!(&*taken.unique("t", &columns), short);
    }
}
