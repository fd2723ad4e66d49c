//! A reproducible source of programs.

use kwil_types::{DataType, TypeKind};

use crate::ast::{Ident, Statement, TypeRef, Variable};
use crate::{Span, is_reserved_word};

/// Random choices from a seed: equal seeds give equal programs. The trees it makes are what the parser can produce.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

const NAMES: &[&str] = &[
    "a",
    "b2",
    "tbl",
    "users",
    "key",
    "action",
    "role",
    "index",
    "namespace",
    "if",
    "for",
    "excluded",
    "public",
    "unnest",
    "x_1",
    "fk",
    "on_update",
    "check",
    "unique",
    "owner",
    "column_1",
];

impl Random {
    /// The programs of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed ^ 0x9e37_79b9_7f4a_7c15 }
    }

    /// The next 64 bits (splitmix64).
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 when there is none.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let bits = self.bits();
        bits.checked_rem(limit).and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of several; the list must not be empty.
    ///
    /// # Panics
    /// The list is empty.
    pub fn choose<'c, T>(&mut self, from: &'c [T]) -> &'c T {
        let at = self.below(from.len());
        match from.get(at) {
            Some(chosen) => chosen,
            None => panic!("nothing to choose from"),
        }
    }

    pub(super) fn many<T>(
        &mut self,
        least: usize,
        most: usize,
        mut make: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let count = least.saturating_add(self.below(most.saturating_sub(least).saturating_add(1)));
        (0..count).map(|_| make(self)).collect()
    }

    pub(super) fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.one_in(3) { Some(make(self)) } else { None }
    }

    pub(super) fn ident(&mut self) -> Ident {
        let name = *self.choose(NAMES);
        debug_assert!(!is_reserved_word(name));
        Ident::new(name)
    }

    /// `count` different names.
    pub(super) fn distinct_idents(&mut self, least: usize, most: usize) -> Vec<Ident> {
        let mut idents = self.many(least, most, Self::ident);
        for (number, ident) in idents.iter_mut().enumerate() {
            *ident = Ident::new(&format!("{ident}_{number}"));
        }
        idents
    }

    pub(super) fn variable(&mut self) -> Variable {
        let name = if self.one_in(8) { "@caller".to_owned() } else { format!("${}", self.ident()) };
        Variable { name: name.into_boxed_str(), span: Span::default() }
    }

    pub(super) fn user_variable(&mut self) -> Variable {
        let name = format!("${}", self.ident());
        Variable { name: name.into_boxed_str(), span: Span::default() }
    }

    pub(super) fn type_ref(&mut self) -> TypeRef {
        let int4 = self.one_in(12);
        let kinds = [
            TypeKind::Int8,
            TypeKind::Text,
            TypeKind::Bool,
            TypeKind::Bytea,
            TypeKind::Uuid,
            TypeKind::Numeric { precision: 78, scale: 0 },
            TypeKind::Numeric { precision: 20, scale: 4 },
        ];
        let kind = if int4 { TypeKind::Int8 } else { *self.choose(&kinds) };
        let data_type = if self.one_in(4) { DataType::array(kind) } else { DataType::scalar(kind) };
        TypeRef { data_type, int4, span: Span::default() }
    }

    /// A script of one to five statements.
    pub fn script(&mut self) -> Vec<Statement> {
        self.many(1, 5, Self::statement)
    }
}
