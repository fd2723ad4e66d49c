//! The SQL and action language: from text to a tree, and back, and from a tree to a typed plan.
//!
//! ```text
//! text ──parse──▶ tree of statements ──print──▶ text that reads as the same tree
//!   │               │
//!   │               └──analyze, with a catalog──▶ typed plan, or the first fault with its place
//!   │                                                └──write──▶ one statement of PostgreSQL, and its parameters
//!   └──────────▶ every fault with its place, what was found and what was expected
//! ```
//!
//! The lexer and the parser are written by hand, so that a stored action reads the same for ever. Both are bounded:
//! what nests is counted ([`MAX_NESTING`], [`MAX_DEPTH`]), what repeats is a loop, and nothing outlives a call, so
//! memory stays flat over any number of different statements.
//!
//! This crate does no I/O, reads no clock and knows no database. Whether a name exists and a type fits is decided by
//! [`analyze`] with a catalog that the caller hands in, not by the parser.
//!
//! # Example
//!
//! What can be called on a schema, and how?
//!
//! ```
//! use kwil_lang::ast::StatementKind;
//! use kwil_lang::parse_script;
//!
//! let schema = "
//!     CREATE TABLE notes (id INT PRIMARY KEY, body TEXT NOT NULL);
//!     CREATE ACTION add_note($id INT, $body TEXT) PUBLIC { INSERT INTO notes VALUES ($id, $body); };
//!     CREATE ACTION count_notes() PUBLIC VIEW RETURNS (n INT) {
//!         FOR $row IN SELECT count(*) AS n FROM notes { RETURN $row.n; }
//!     };
//! ";
//! let mut actions = Vec::new();
//! for statement in parse_script(schema)? {
//!     if let StatementKind::CreateAction(action) = statement.kind {
//!         let parameters: Vec<_> =
//!             action.parameters.iter().map(|parameter| parameter.to_string()).collect();
//!         actions.push(format!("{}({})", action.name, parameters.join(", ")));
//!     }
//! }
//! assert_eq!(actions, ["add_note($id int8, $body text)", "count_notes()"]);
//!
//! let errors = parse_script("SELECT name FROM WHERE id = 1").unwrap_err();
//! assert!(errors.report().contains("unexpected WHERE, expected a table, a subquery or a table function"));
//! # Ok::<(), kwil_lang::ParseErrors>(())
//! ```
//!
//! # Features
//!
//! `testing`: fuzz entry points, and random programs.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod analyze;
pub mod ast;

mod error;
mod lex;
mod parse;
mod print;
mod span;
mod sql;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use error::{ErrorClass, ParseError, ParseErrors};
pub use lex::is_reserved_word;
pub use parse::{
    MAX_DEPTH, MAX_ERRORS, MAX_IDENTIFIER, MAX_NESTING, MAX_OBJECT_NAME, parse_action,
    parse_script, parse_script_bytes, parse_type,
};
pub use print::print_script;
pub use span::{LineColumn, Place, Span};
pub use sql::{
    INTERNAL_FUNCTIONS, INTERNAL_SCHEMA, InternalFunction, MAX_BUILT_BYTES, MAX_COLLECTED,
    quote_ident, sql_type, write_expr, write_insert_of_rows, write_sql,
};
