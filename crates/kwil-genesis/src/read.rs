//! From the text of a genesis document to its content, with every problem found on the way.

mod fields;

use std::collections::{BTreeMap, BTreeSet};

use kwil_crypto::{KeyType, PublicKey};
use kwil_types::{AccountId, MigrationStatus, Validator};

use crate::document::{Alloc, Document, Draft, Migration};
use crate::error::{DOCUMENT, GenesisError, Problem};
use crate::json::{self, Node, Value};
use fields::{Found, Object};

/// Largest document that is read, in bytes.
const MAX_LEN: usize = 64 * 1024 * 1024;

/// Problems and the lines of the fields seen so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    problems: Vec<Problem>,
    lines: BTreeMap<String, u32>,
}

impl Findings {
    pub(crate) fn report(&mut self, field: &str, line: u32, message: impl Into<String>) {
        self.problems.push(Problem::new(field, Some(line), message));
    }

    fn saw(&mut self, field: &str, line: u32) {
        self.lines.insert(field.to_owned(), line);
    }

    /// Adds problems that know their field only: the line is that of the field, or of what contains it.
    fn add_rules(&mut self, problems: Vec<Problem>) {
        for problem in problems {
            let mut path = problem.field();
            let line = loop {
                match (self.lines.get(path), path.rfind(['.', '['])) {
                    (Some(line), _) => break Some(*line),
                    (None, Some(end)) => path = path.get(..end).unwrap_or_default(),
                    (None, None) => break None,
                }
            };
            self.problems.push(Problem::new(problem.field(), line, problem.message()));
        }
    }
}

/// Reads a document and checks it.
pub(crate) fn document(text: &str) -> Result<Document, GenesisError> {
    if text.len() > MAX_LEN {
        return Err(GenesisError::single(Problem::new(DOCUMENT, None, "longer than 64 MiB")));
    }
    let root = json::parse(text).map_err(|error| {
        GenesisError::single(Problem::new(DOCUMENT, Some(error.line), error.message))
    })?;
    let mut findings = Findings::default();
    let Some(draft) = draft(&root, &mut findings) else {
        let problem = Problem::new(DOCUMENT, Some(root.line), "must be an object");
        return Err(GenesisError::single(problem));
    };
    // A field that could not be read has its default in the draft, which breaks no rule of its own, except for the
    // chain id, where one problem is enough.
    let known: BTreeSet<String> =
        findings.problems.iter().map(|problem| problem.field().to_owned()).collect();
    let rules = draft.check().into_iter().filter(|problem| !known.contains(problem.field()));
    findings.add_rules(rules.collect());
    match GenesisError::from_problems(findings.problems) {
        Some(error) => Err(error),
        None => Ok(Document {
            validators: draft.validators.into_iter().flatten().collect(),
            alloc: draft.alloc.into_iter().flatten().collect(),
            ..draft.document
        }),
    }
}

fn draft(root: &Node, findings: &mut Findings) -> Option<Draft> {
    let Value::Object(members) = &root.value else { return None };
    let mut object = Object::new("", members, findings);
    let mut document = Document::default();
    if let Some(text) = object.take("chain_id").text(findings) {
        document.chain_id = text;
    }
    let height = object.take("initial_height");
    if let Some(number) = height.signed(findings) {
        document.initial_height = u64::try_from(number).unwrap_or_else(|_| {
            height.report(findings, "initial height must be greater than or equal to 0");
            0
        });
    }
    let validators = object.take("validators").list(findings, validator);
    let (leader, leader_unreadable) = leader(&object.take("leader"), findings);
    document.leader = leader;
    if let Some(owner) = object.take("db_owner").text(findings) {
        document.db_owner = owner;
    }
    document.state_hash =
        state_hash(&object.take_alias("state_hash", "app_hash", findings), findings);
    let alloc = object.take("alloc").list(findings, allocation);
    document.migration = migration(&object.take("migration"), findings);
    parameters(&mut object, &mut document, findings);
    object.finish(findings);
    Some(Draft { document, validators, alloc, leader_unreadable })
}

fn parameters(object: &mut Object<'_>, document: &mut Document, findings: &mut Findings) {
    // Below zero is as wrong as zero, and the rule for zero names the parameter.
    let natural = |number: i64| u64::try_from(number).unwrap_or(0);
    if let Some(number) = object.take("max_block_size").signed(findings) {
        document.max_block_size = natural(number);
    }
    let expiry = object.take("join_expiry");
    match expiry.value() {
        None => {}
        Some(Value::Text(text)) => match text.parse() {
            Ok(duration) => document.join_expiry = duration,
            Err(error) => expiry.report(findings, format!("invalid duration: {error}")),
        },
        Some(_) => expiry.report(findings, "must be a duration string"),
    }
    if let Some(flag) = object.take("disabled_gas_costs").boolean(findings) {
        document.disabled_gas_costs = flag;
    }
    if let Some(number) = object.take("max_votes_per_tx").signed(findings) {
        document.max_votes_per_tx = natural(number);
    }
    let activation = object.take("maa_activation_height");
    if let Some(number) = activation.signed(findings) {
        document.maa_activation_height = u64::try_from(number).unwrap_or_else(|_| {
            activation.report(findings, "must not be negative");
            0
        });
    }
    // Derived from the migration heights; the word in the file only has to exist.
    let status = object.take("migration_status");
    if let Some(word) = status.text(findings)
        && word.parse::<MigrationStatus>().is_err()
    {
        status.report(findings, format!("unknown migration status {word:?}"));
    }
}

fn validator(found: &Found<'_>, findings: &mut Findings) -> Option<Validator> {
    let mut object = found.object(findings)?;
    let key_type = key_type(&object.take_alias("type", "key_type", findings), findings);
    let pubkey = object.take("pubkey");
    let key = key_type.and_then(|key_type| public_key(&pubkey, key_type, findings));
    let power = object.take("power");
    let power = match power.value() {
        None => Some(0),
        Some(_) => power.signed(findings).map(|number| u64::try_from(number).unwrap_or(0)),
    };
    object.finish(findings);
    Some(Validator { key: key?, power: power? })
}

fn leader(found: &Found<'_>, findings: &mut Findings) -> (Option<PublicKey>, bool) {
    let leader = match found.value() {
        None => return (None, false),
        Some(Value::Text(text)) => match text.parse() {
            Ok(key) => Some(key),
            Err(error) => {
                found.report(findings, format!("invalid public key: {error}"));
                None
            }
        },
        Some(_) => found.object(findings).and_then(|mut object| {
            let key_type = key_type(&object.take("type"), findings);
            let key = object.take("key");
            let key = key_type.and_then(|key_type| public_key(&key, key_type, findings));
            object.finish(findings);
            key
        }),
    };
    (leader, leader.is_none())
}

fn key_type(found: &Found<'_>, findings: &mut Findings) -> Option<KeyType> {
    if found.value().is_none() {
        found.report(findings, "key type is missing");
        return None;
    }
    let name = found.text(findings)?;
    match name.parse() {
        Ok(key_type) => Some(key_type),
        Err(_) => {
            found.report(findings, format!("invalid key type: {name}"));
            None
        }
    }
}

fn public_key(found: &Found<'_>, key_type: KeyType, findings: &mut Findings) -> Option<PublicKey> {
    if found.value().is_none() {
        found.report(findings, "public key is missing");
        return None;
    }
    let text = found.text(findings)?;
    match PublicKey::from_hex(key_type, &text) {
        Ok(key) => Some(key),
        Err(error) => {
            found.report(findings, format!("invalid public key: {text} error: {error}"));
            None
        }
    }
}

fn state_hash(found: &Found<'_>, findings: &mut Findings) -> Option<kwil_crypto::Hash> {
    let text = found.text(findings).filter(|text| !text.is_empty())?;
    match text.strip_prefix("0x").unwrap_or(&text).parse() {
        Ok(hash) => Some(hash),
        Err(_) => {
            found.report(findings, "invalid state hash, must be empty or 32 bytes");
            None
        }
    }
}

fn allocation(found: &Found<'_>, findings: &mut Findings) -> Option<Alloc> {
    let mut object = found.object(findings)?;
    let key_type = key_type(&object.take("key_type"), findings);
    let id = object.take("id");
    let account = key_type.and_then(|key_type| {
        let text = id.text(findings).unwrap_or_default();
        match AccountId::from_hex(key_type, &text) {
            Ok(account) => Some(account),
            Err(error) => {
                id.report(findings, error.to_string());
                None
            }
        }
    });
    let amount = object.take("amount").amount(findings);
    object.finish(findings);
    Some(Alloc { account: account?, amount: amount? })
}

fn migration(found: &Found<'_>, findings: &mut Findings) -> Migration {
    let mut migration = Migration::default();
    if found.value().is_none() {
        return migration;
    }
    let Some(mut object) = found.object(findings) else { return migration };
    for (key, height) in
        [("start_height", &mut migration.start_height), ("end_height", &mut migration.end_height)]
    {
        let field = object.take(key);
        if let Some(number) = field.signed(findings) {
            *height = u64::try_from(number).unwrap_or_else(|_| {
                field.report(findings, "must not be negative");
                0
            });
        }
    }
    object.finish(findings);
    migration
}
