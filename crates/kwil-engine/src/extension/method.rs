//! What a method looks like from outside, and the checks that follow from it.

use kwil_lang::analyze::Access;
use kwil_types::{DataType, TypeKind};

use crate::catalog::ExtensionMethod;

/// A method of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodSpec {
    /// Its name: an identifier in lower case.
    pub name: Box<str>,
    /// Who may call it.
    pub access: Access,
    /// `VIEW`: may be called without a transaction.
    pub view: bool,
    /// `OWNER`: only for the owner of the database.
    pub owner: bool,
    /// Parameters in order.
    pub parameters: Vec<MethodParameter>,
    /// What it returns; `None` for nothing.
    pub returns: Option<MethodReturns>,
}

/// A parameter of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodParameter {
    /// Its type.
    pub data_type: DataType,
    /// Whether NULL may be passed.
    pub nullable: bool,
}

/// What a method returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodReturns {
    /// Any number of rows; exactly one otherwise.
    pub table: bool,
    /// Names (empty for none) and types of the columns.
    pub columns: Vec<(Box<str>, DataType)>,
}

impl MethodSpec {
    /// A method without parameters that returns nothing.
    #[must_use]
    pub fn new(name: &str, access: Access) -> Self {
        Self {
            name: name.into(),
            access,
            view: false,
            owner: false,
            parameters: Vec::new(),
            returns: None,
        }
    }

    /// Changes nothing, so that it may be called without a transaction.
    #[must_use]
    pub fn view(mut self) -> Self {
        self.view = true;
        self
    }

    /// With a further parameter that is never NULL.
    #[must_use]
    pub fn parameter(mut self, data_type: DataType) -> Self {
        self.parameters.push(MethodParameter { data_type, nullable: false });
        self
    }

    /// With a further parameter that may be NULL.
    #[must_use]
    pub fn nullable_parameter(mut self, data_type: DataType) -> Self {
        self.parameters.push(MethodParameter { data_type, nullable: true });
        self
    }

    /// Returns one row.
    #[must_use]
    pub fn returns(mut self, columns: &[(&str, DataType)]) -> Self {
        let columns = columns.iter().map(|(name, of)| (Box::from(*name), *of)).collect();
        self.returns = Some(MethodReturns { table: false, columns });
        self
    }

    /// Returns any number of rows.
    #[must_use]
    pub fn returns_table(mut self, columns: &[(&str, DataType)]) -> Self {
        self = self.returns(columns);
        if let Some(returns) = &mut self.returns {
            returns.table = true;
        }
        self
    }

    pub(super) fn for_catalog(&self) -> ExtensionMethod {
        let access = match self.access {
            Access::Public => "PUBLIC",
            Access::Private => "PRIVATE",
            Access::System => "SYSTEM",
        };
        let modifiers = [(true, access), (self.view, "VIEW"), (self.owner, "OWNER")];
        let returns = self.returns.as_ref();
        ExtensionMethod {
            modifiers: modifiers
                .iter()
                .filter(|(has, _)| *has)
                .map(|(_, word)| (*word).into())
                .collect(),
            parameters: self.parameters.iter().map(|parameter| parameter.data_type).collect(),
            returns: returns.map(|returns| returns.columns.clone()).unwrap_or_default(),
            returns_table: returns.is_some_and(|returns| returns.table),
        }
    }

    /// Names and types of the returned columns; nameless ones are called like those of statements.
    pub(crate) fn columns(&self) -> Vec<kwil_lang::analyze::OutputColumn> {
        let columns = self.returns.as_ref().map(|returns| returns.columns.as_slice());
        let columns = columns.unwrap_or_default().iter().map(|(name, data_type)| {
            let name = if name.is_empty() { "?column?".into() } else { name.clone() };
            kwil_lang::analyze::OutputColumn { name, data_type: *data_type }
        });
        columns.collect()
    }
}

/// The 64-bit integer, which most methods are about.
pub(super) const INT8: DataType = DataType::scalar(TypeKind::Int8);
