//! `credit_account`: a deposit that validators saw on another chain.

use kwil_crypto::KeyType;

use super::{start, text};
use crate::amount::{WireAmount, write_amount};
use crate::wire::{LengthOverflow, Writer};
use crate::{AccountId, Amount};

/// Tokens for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditAccount {
    /// Who receives.
    pub account: AccountId,
    /// How much.
    pub amount: Amount,
    /// Transaction of the other chain that the deposit was seen in.
    pub deposit_tx: [u8; 32],
}

impl CreditAccount {
    /// Layout: `u16` 0, identifier with `u32` length, key type name with `u32` length, `bigint` amount, transaction hash
    /// with `u32` length.
    pub(super) fn decode(body: &[u8]) -> Result<Self, String> {
        let mut reader = start(body)?;
        let identifier = reader.bytes32().map_err(text)?.ok_or("account is missing")?;
        let key_type: KeyType =
            reader.str32().map_err(text)?.parse().map_err(|error| format!("{error}"))?;
        let amount = WireAmount::read(&mut reader).map_err(text)?;
        let deposit = reader.bytes32().map_err(text)?.unwrap_or_default();
        reader.finish().map_err(text)?;
        let account = AccountId::new(key_type, identifier).map_err(|error| error.to_string())?;
        let amount = match amount {
            WireAmount::Nil => return Err("amount is missing".to_owned()),
            WireAmount::Text(amount) => amount.parse().map_err(|error| format!("{error}"))?,
        };
        let deposit_tx = deposit
            .try_into()
            .map_err(|_| format!("transaction hash of {} bytes", deposit.len()))?;
        Ok(Self { account, amount, deposit_tx })
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = Writer::new();
        writer
            .u16_le(0)
            .bytes32(Some(self.account.identifier()))
            .str32(self.account.key_type().name());
        write_amount(&mut writer, &self.amount);
        writer.bytes32(Some(&self.deposit_tx));
        writer.finish()
    }
}
