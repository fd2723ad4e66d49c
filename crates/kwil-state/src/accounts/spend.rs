//! Paying for a transaction: price, fee and nonce.

use kwil_types::{AccountId, Amount, TxCode};

use super::{Accounts, BalanceError};

/// The price was taken and the nonce counted: the transaction may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spent(pub(crate) Amount);

/// The transaction ends here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unspent {
    /// What was taken nevertheless.
    pub(crate) taken: Amount,
    pub(crate) code: TxCode,
    pub(crate) reason: String,
}

impl Accounts {
    /// Takes the price of a transaction and counts its nonce.
    ///
    /// The fee is what the sender agrees to pay at most. A sender that agreed to too little or cannot pay loses the fee or
    /// what is left of the balance; a wrong nonce and an account without tokens cost nothing.
    pub(crate) fn spend(
        &mut self,
        sender: &AccountId,
        nonce: u64,
        fee: &Amount,
        price: &Amount,
    ) -> Result<Result<Spent, Unspent>, BalanceError> {
        let found = self.get(sender)?.cloned();
        let missing = found.is_none();
        let mut account = found.unwrap_or_default();
        let expected = account.nonce.saturating_add(1);
        let unspent = |taken, code, reason| Ok(Err(Unspent { taken, code, reason }));
        if nonce != expected {
            let reason = format!("invalid nonce: expected nonce {expected}, got {nonce}");
            return unspent(Amount::ZERO, TxCode::InvalidNonce, reason);
        }
        if missing && !price.is_zero() {
            return unspent(
                Amount::ZERO,
                TxCode::InsufficientBalance,
                "account has zero balance".to_owned(),
            );
        }
        let balance = account.balance.clone();
        let (taken, outcome) = if fee < price && balance >= *fee {
            let reason = format!(
                "transaction does not consent to spending enough tokens. transaction fee: {fee}, required fee: {price}"
            );
            (fee.clone(), Err((TxCode::InsufficientFee, reason)))
        } else if fee < price {
            let reason = format!(
                "transaction tries to spend {price} tokens, but account only has {balance} tokens"
            );
            (balance.clone(), Err((TxCode::InsufficientBalance, reason)))
        } else if balance < *price {
            let reason = format!(
                "transaction tries to spend {price} tokens, but account has {balance} tokens"
            );
            (balance.clone(), Err((TxCode::InsufficientBalance, reason)))
        } else {
            (price.clone(), Ok(()))
        };
        account.balance = balance.saturating_sub(&taken);
        account.nonce = expected;
        self.overlay.put(sender.clone(), Some(account));
        Ok(match outcome {
            Ok(()) => Ok(Spent(taken)),
            Err((code, reason)) => Err(Unspent { taken, code, reason }),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kwil_crypto::EthAddress;

    use super::*;
    use crate::accounts::Account;

    /// Balance (`None`: no account, nonce 4 otherwise), nonce, fee, price; what is taken, balance and nonce after, code, text.
    type Case = (Option<u64>, u64, u64, u64, u64, Option<(u64, u64)>, TxCode, &'static str);

    #[test]
    fn every_way_to_pay_and_to_fail() {
        let cases: [Case; 12] = [
            (None, 1, 0, 0, 0, Some((0, 1)), TxCode::Ok, ""),
            (Some(9), 5, 0, 0, 0, Some((9, 5)), TxCode::Ok, ""),
            (Some(9), 5, 7, 7, 7, Some((2, 5)), TxCode::Ok, ""),
            (Some(9), 5, 100, 7, 7, Some((2, 5)), TxCode::Ok, ""),
            (
                Some(9),
                5,
                6,
                7,
                6,
                Some((3, 5)),
                TxCode::InsufficientFee,
                "transaction does not consent to spending enough tokens. transaction fee: 6, required fee: 7",
            ),
            (
                Some(5),
                5,
                6,
                7,
                5,
                Some((0, 5)),
                TxCode::InsufficientBalance,
                "transaction tries to spend 7 tokens, but account only has 5 tokens",
            ),
            (
                Some(5),
                5,
                7,
                7,
                5,
                Some((0, 5)),
                TxCode::InsufficientBalance,
                "transaction tries to spend 7 tokens, but account has 5 tokens",
            ),
            (None, 1, 7, 7, 0, None, TxCode::InsufficientBalance, "account has zero balance"),
            (None, 1, 6, 7, 0, None, TxCode::InsufficientBalance, "account has zero balance"),
            (
                Some(9),
                4,
                7,
                7,
                0,
                Some((9, 4)),
                TxCode::InvalidNonce,
                "invalid nonce: expected nonce 5, got 4",
            ),
            (
                Some(9),
                6,
                7,
                7,
                0,
                Some((9, 4)),
                TxCode::InvalidNonce,
                "invalid nonce: expected nonce 5, got 6",
            ),
            (
                None,
                2,
                0,
                0,
                0,
                None,
                TxCode::InvalidNonce,
                "invalid nonce: expected nonce 1, got 2",
            ),
        ];
        let id: AccountId = EthAddress([1; 20]).into();
        for (balance, nonce, fee, price, taken, after, code, text) in cases {
            let account =
                balance.map(|balance| (id.clone(), Account { balance: balance.into(), nonce: 4 }));
            let mut accounts =
                Accounts::new([id.clone()].into(), account.into_iter().collect::<BTreeMap<_, _>>());
            let got = match accounts.spend(&id, nonce, &fee.into(), &price.into()).unwrap() {
                Ok(Spent(taken)) => (taken, TxCode::Ok, String::new()),
                Err(Unspent { taken, code, reason }) => (taken, code, reason),
            };
            assert_eq!(got, (taken.into(), code, text.to_owned()));
            let after = after.map(|(balance, nonce)| Account { balance: balance.into(), nonce });
            assert_eq!(accounts.get(&id).unwrap(), after.as_ref(), "{text}");
        }
    }
}
