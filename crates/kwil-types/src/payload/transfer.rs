//! `transfer`: tokens to another account, in the two forms that clients write.

use bytes::Bytes;

use super::{PayloadError, begin, start};
use crate::amount::{WireAmount, write_amount};
use crate::wire::{LengthOverflow, Reader};
use crate::{AccountId, Amount};

/// Tokens to another account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Who receives.
    pub to: AccountId,
    /// How much.
    pub amount: Amount,
}

impl Transfer {
    /// Reads both forms. They differ in the first two bytes of the account: a version 0, or the low half of an
    /// identifier length as kwil-js writes it, which is never 0.
    ///
    /// # Errors
    /// [`PayloadError::Amount`] when the amount is absent, negative or not canonical; otherwise what is wrong with the
    /// layout.
    pub fn decode(bytes: &Bytes) -> Result<Self, PayloadError> {
        let mut reader = start(bytes)?;
        let account = reader.bytes32()?.ok_or(PayloadError::Missing("account"))?;
        let (to, amount) = if account.starts_with(&[0, 0]) {
            (AccountId::decode(account)?, WireAmount::read(&mut reader)?)
        } else {
            (js_account(account)?, js_amount(&mut reader)?)
        };
        reader.finish()?;
        let amount = match amount {
            WireAmount::Nil => return Err(PayloadError::Amount("none".to_owned())),
            WireAmount::Text(text) => text.parse().map_err(|error| PayloadError::amount(&error))?,
        };
        Ok(Self { to, amount })
    }

    /// The payload bytes in the form of nodes and command lines: account with `u32` length, amount as `bigint`.
    ///
    /// # Errors
    /// None in practice: both parts are short.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = begin();
        writer.bytes32(Some(&self.to.encode()));
        write_amount(&mut writer, &self.amount);
        writer.finish()
    }

    /// The payload bytes in the form of kwil-js: the account names its key type, the amount has a `u32` length.
    ///
    /// # Errors
    /// None in practice: both parts are short.
    pub fn encode_js(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut account = crate::wire::Writer::new();
        account.bytes32(Some(self.to.identifier())).str32(self.to.key_type().name());
        let mut writer = begin();
        writer.bytes32(Some(&account.finish()?)).u8(1).str32(&self.amount.to_string());
        writer.finish()
    }
}

fn js_account(bytes: &[u8]) -> Result<AccountId, PayloadError> {
    let mut reader = Reader::new(bytes);
    let identifier = reader.bytes32()?.ok_or(PayloadError::Missing("identifier"))?;
    let key_type = reader.str32()?.parse()?;
    reader.finish()?;
    Ok(AccountId::new(key_type, identifier)?)
}

fn js_amount(reader: &mut Reader<'_>) -> Result<WireAmount, PayloadError> {
    if !reader.flag()? {
        return Ok(WireAmount::Nil);
    }
    Ok(WireAmount::Text(reader.str32()?.to_owned()))
}
