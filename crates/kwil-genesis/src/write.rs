//! The text of a genesis file.

use kwil_crypto::{EthAddress, PublicKey};
use kwil_types::{AccountId, MigrationStatus};

use crate::document::{Alloc, Document};
use crate::json::write_string;

/// Writes a document whose leader is set.
pub(crate) fn document(document: &Document, status: MigrationStatus) -> String {
    let mut object = Members::new(1);
    object.text("chain_id", &document.chain_id);
    object.raw("initial_height", &document.initial_height.to_string());
    let validators = document.validators.iter().map(|validator| {
        let mut member = Members::new(3);
        member.text("pubkey", &validator.key.to_hex());
        member.text("type", validator.key.key_type().name());
        member.raw("power", &validator.power.to_string());
        member.finish()
    });
    object.raw("validators", &list(validators));
    if let Some(hash) = document.state_hash {
        object.text("state_hash", &hash.to_string());
    }
    if !document.alloc.is_empty() {
        object.raw("alloc", &list(document.alloc.iter().map(alloc)));
    }
    let mut migration = Members::new(2);
    migration.raw("start_height", &document.migration.start_height.to_string());
    migration.raw("end_height", &document.migration.end_height.to_string());
    object.raw("migration", &migration.finish());
    if let Some(leader) = &document.leader {
        object.raw("leader", &key(leader));
    }
    object.text("db_owner", &document.db_owner);
    object.raw("max_block_size", &document.max_block_size.to_string());
    object.text("join_expiry", &document.join_expiry.to_string());
    object.raw("disabled_gas_costs", &document.disabled_gas_costs.to_string());
    object.raw("max_votes_per_tx", &document.max_votes_per_tx.to_string());
    if document.maa_activation_height != 0 {
        object.raw("maa_activation_height", &document.maa_activation_height.to_string());
    }
    object.text("migration_status", status.as_str());
    let mut text = object.finish();
    text.push('\n');
    text
}

fn alloc(alloc: &Alloc) -> String {
    let mut member = Members::new(3);
    member.text("id", &account(&alloc.account));
    member.text("key_type", alloc.account.key_type().name());
    member.raw("amount", &alloc.amount.to_string());
    member.finish()
}

/// Addresses with their checksum, keys as plain hex.
fn account(account: &AccountId) -> String {
    match EthAddress::try_from(account.identifier()) {
        Ok(address) => address.to_string(),
        Err(_) => hex::encode(account.identifier()),
    }
}

fn key(key: &PublicKey) -> String {
    let mut member = Members::new(2);
    member.text("type", key.key_type().name());
    member.text("key", &key.to_hex());
    member.finish()
}

/// An object of the root document or below it, one key a line.
struct Members {
    out: String,
    /// Indent of the keys in steps of two spaces.
    depth: usize,
}

impl Members {
    fn new(depth: usize) -> Self {
        Self { out: String::from("{"), depth }
    }

    fn raw(&mut self, key: &str, value: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        newline(&mut self.out, self.depth);
        write_string(&mut self.out, key);
        self.out.push_str(": ");
        self.out.push_str(value);
    }

    fn text(&mut self, key: &str, value: &str) {
        let mut quoted = String::new();
        write_string(&mut quoted, value);
        self.raw(key, &quoted);
    }

    fn finish(mut self) -> String {
        newline(&mut self.out, self.depth.saturating_sub(1));
        self.out.push('}');
        self.out
    }
}

/// A list below a key of the root document, one element after the other.
fn list(elements: impl Iterator<Item = String>) -> String {
    let mut out = String::from("[");
    for element in elements {
        if out.len() > 1 {
            out.push(',');
        }
        newline(&mut out, 2);
        out.push_str(&element);
    }
    newline(&mut out, 1);
    out.push(']');
    out
}

fn newline(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}
