//! Why a statement makes no sense on this catalog.

use std::fmt;

use crate::{ErrorClass, Place, Span};

/// The part of a statement a fault is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Conditions of `WHERE`.
    Where,
    /// Terms of `GROUP BY`.
    GroupBy,
    /// Conditions of joins.
    Join,
    /// Windows.
    Window,
    /// Conditions of `HAVING`.
    Having,
    /// Terms of `ORDER BY`.
    OrderBy,
    /// `LIMIT`.
    Limit,
    /// `OFFSET`.
    Offset,
    /// The result list.
    Results,
    /// `UNION` and its kin.
    Compound,
    /// Anything else.
    Unknown,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Where => "WHERE",
            Self::GroupBy => "GROUP BY",
            Self::Join => "JOIN",
            Self::Window => "WINDOW",
            Self::Having => "HAVING",
            Self::OrderBy => "ORDER BY",
            Self::Limit => "LIMIT",
            Self::Offset => "OFFSET",
            Self::Results => "RESULTS",
            Self::Compound => "COMPOUND",
            Self::Unknown => "UNKNOWN",
        })
    }
}

/// A fault found by the analysis.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnalysisError {
    /// Its class.
    pub class: ErrorClass,
    /// What is wrong; the text of the class stands in front of it in the message.
    pub detail: String,
    /// The offending bytes of the source the tree was read from.
    pub span: Span,
    /// The part of the statement; `None` for what is no statement on rows.
    pub section: Option<Section>,
}

impl AnalysisError {
    /// Where the fault is in the source the tree was read from.
    #[must_use]
    pub fn place(&self, source: &str) -> Place {
        Place::of(source, self.span)
    }
}

impl fmt::Display for AnalysisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(section) = self.section {
            write!(f, "query planner error: error in {section} section of sql statement: ")?;
        }
        match self.class.text() {
            "" => f.write_str(&self.detail),
            text => write!(f, "{text}: {}", self.detail),
        }
    }
}

impl std::error::Error for AnalysisError {}
