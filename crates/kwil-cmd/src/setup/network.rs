//! The flags that describe a network, and the genesis document they make.

use kwil_config::WhitelistEntry;
use kwil_crypto::{EthAddress, KeyType, NodeId, PublicKey};
use kwil_genesis::{Alloc, Document};
use kwil_types::{AccountId, Amount, GoDuration, Validator};

use crate::error::CliError;

/// Name of a network when nobody chooses one.
pub const DEFAULT_CHAIN_ID: &str = "kwil-testnet";

/// What each validator owns at the start of a network with fees.
const GAS_AMOUNT: &str = "10000000000000000000000";

/// Network parameters.
#[derive(Clone, Debug, clap::Args)]
pub struct ParameterFlags {
    /// Balances from the start, 0xADDRESS:AMOUNT or HEX#TYPE:AMOUNT; repeat or separate with commas
    #[arg(
        long,
        alias = "allocs",
        value_delimiter = ',',
        value_name = "LIST",
        help_heading = "Genesis"
    )]
    pub alloc: Vec<String>,
    /// Owner of the database: an address or a public key in hex
    #[arg(long, short = 'd', value_name = "ID", help_heading = "Genesis")]
    pub db_owner: Option<String>,
    /// Transactions cost fees
    #[arg(long, help_heading = "Genesis")]
    pub with_gas: bool,
    /// Most bytes of transactions in a block
    #[arg(long, default_value_t = 6_291_456, value_name = "BYTES", help_heading = "Genesis")]
    pub max_block_size: i64,
    /// How long a join request may be approved
    #[arg(long, default_value = "24h0m0s", value_name = "DURATION", help_heading = "Genesis")]
    pub join_expiry: GoDuration,
    /// Most votes in one transaction of a validator
    #[arg(long, default_value_t = 200, value_name = "N", help_heading = "Genesis")]
    pub max_votes_per_tx: i64,
    /// Height from which multi-agent accounts exist; 0 is never
    #[arg(long, default_value_t = 0, value_name = "HEIGHT", help_heading = "Genesis")]
    pub maa_activation_height: i64,
}

/// Everything that makes a genesis document.
#[derive(Clone, Debug, clap::Args)]
pub struct GenesisFlags {
    /// Name of the network
    #[arg(long, default_value = DEFAULT_CHAIN_ID, value_name = "ID", help_heading = "Genesis")]
    pub chain_id: String,
    /// First validators, PUBKEY#TYPE:POWER; repeat or separate with commas
    #[arg(long, value_delimiter = ',', value_name = "LIST", help_heading = "Genesis")]
    pub validator: Vec<String>,
    /// First leader, PUBKEY#TYPE; one of the validators
    #[arg(long, value_name = "NODE ID", help_heading = "Genesis")]
    pub leader: Option<String>,
    /// Network parameters.
    #[command(flatten)]
    pub parameters: ParameterFlags,
}

/// The people of a new network.
#[derive(Clone, Debug)]
pub(crate) struct Founders {
    pub(crate) validators: Vec<Validator>,
    pub(crate) leader: PublicKey,
    /// Owner when no flag names one.
    pub(crate) default_owner: String,
}

impl GenesisFlags {
    /// The validators that the flags name.
    pub(crate) fn validators(&self) -> Result<Vec<Validator>, CliError> {
        let named = self.validator.iter().filter(|text| !text.trim().is_empty());
        named.map(|text| parse_validator(text)).collect::<Result<_, _>>().map_err(CliError::usage)
    }

    /// The leader that the flags name.
    pub(crate) fn leader(&self) -> Result<Option<PublicKey>, CliError> {
        let parse = |text: &String| {
            let id: NodeId = text.parse::<WhitelistEntry>().map(|entry| entry.0)?;
            Ok(*id.public_key())
        };
        self.leader.as_ref().map(parse).transpose().map_err(|error: kwil_config::PeerError| {
            CliError::usage(format!("invalid leader: {error}"))
        })
    }
}

impl ParameterFlags {
    /// The document of a network with these parameters.
    pub(crate) fn document(
        &self,
        chain_id: &str,
        founders: &Founders,
    ) -> Result<Document, CliError> {
        let known =
            |key: &PublicKey| founders.validators.iter().any(|validator| validator.key == *key);
        if !known(&founders.leader) {
            return Err(
                CliError::usage("leader must be in validators").hint("add it with --validator")
            );
        }
        let mut alloc: Vec<Alloc> = self
            .alloc
            .iter()
            .filter(|text| !text.trim().is_empty())
            .map(|text| parse_alloc(text))
            .collect::<Result<_, _>>()
            .map_err(CliError::usage)?;
        if self.with_gas {
            alloc.extend(
                founders
                    .validators
                    .iter()
                    .filter_map(|validator| gas_for(validator, &alloc))
                    .collect::<Vec<_>>(),
            );
        }
        Ok(Document {
            chain_id: chain_id.to_owned(),
            validators: founders.validators.clone(),
            leader: Some(founders.leader),
            db_owner: self.db_owner.clone().unwrap_or_else(|| founders.default_owner.clone()),
            alloc,
            max_block_size: positive("max-block-size", self.max_block_size)?,
            join_expiry: self.join_expiry,
            disabled_gas_costs: !self.with_gas,
            max_votes_per_tx: positive("max-votes-per-tx", self.max_votes_per_tx)?,
            maa_activation_height: u64::try_from(self.maa_activation_height)
                .map_err(|_| CliError::usage("--maa-activation-height must not be negative"))?,
            ..Document::default()
        })
    }
}

fn positive(flag: &str, value: i64) -> Result<u64, CliError> {
    u64::try_from(value)
        .ok()
        .filter(|value| *value > 0)
        .ok_or_else(|| CliError::usage(format!("--{flag} must be greater than 0, got {value}")))
}

/// What a validator gets to pay fees with, unless it is in the list already.
fn gas_for(validator: &Validator, alloc: &[Alloc]) -> Option<Alloc> {
    let account = AccountId::new(validator.key.key_type(), validator.key.as_bytes()).ok()?;
    let listed = alloc.iter().any(|entry| entry.account == account);
    (!listed).then_some(Alloc { account, amount: GAS_AMOUNT.parse().ok()? })
}

/// `PUBKEY#TYPE:POWER`, `PUBKEY:POWER`, or either with a name and a colon before it.
fn parse_validator(text: &str) -> Result<Validator, String> {
    let parts: Vec<&str> = text.trim().split(':').collect();
    let (id, power) = match parts.as_slice() {
        [id, power] | [_, id, power] => (*id, *power),
        _ => {
            return Err(format!(
                "invalid format for validator, expected key#keyType:power, received: {text}"
            ));
        }
    };
    let power = power.parse().ok().filter(|power| *power > 0 && i64::try_from(*power).is_ok());
    let power = power.ok_or_else(|| format!("invalid power for validator: {text}"))?;
    let (hex, name) = id.split_once('#').unwrap_or((id, "secp256k1"));
    let key_type =
        named_type(name).ok_or_else(|| format!("invalid key type for validator: {text}"))?;
    let key = PublicKey::from_hex(key_type, hex)
        .map_err(|_| format!("invalid public key for validator: {text}"))?;
    Ok(Validator { key, power })
}

/// A type by name, or by the number of old releases.
fn named_type(name: &str) -> Option<KeyType> {
    match name {
        "0" => Some(KeyType::Secp256k1),
        "1" => Some(KeyType::Ed25519),
        name => name.parse().ok(),
    }
}

/// `0xADDRESS:AMOUNT` or `HEX#TYPE:AMOUNT`.
fn parse_alloc(text: &str) -> Result<Alloc, String> {
    let wrong =
        || format!("invalid format for alloc, expected id#keyType:balance, received: {text}");
    let (id, amount) = text.trim().rsplit_once(':').ok_or_else(wrong)?;
    let amount: Amount =
        amount.parse().map_err(|_| format!("invalid balance for alloc: {text}"))?;
    let account = if id.starts_with("0x") || id.starts_with("0X") {
        let address: Option<EthAddress> = id.parse().ok();
        let account =
            address.and_then(|address| AccountId::new(KeyType::Secp256k1, address.as_bytes()).ok());
        account.ok_or_else(|| format!("invalid hex address for alloc: {text}"))?
    } else {
        let (hex, name) = id.split_once('#').ok_or_else(wrong)?;
        let key_type = named_type(name).ok_or_else(wrong)?;
        AccountId::from_hex(key_type, hex)
            .map_err(|_| format!("invalid hex address for alloc: {text}"))?
    };
    Ok(Alloc { account, amount })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82";

    #[test]
    fn validators_are_read_in_every_documented_form() {
        for text in [
            format!("{KEY}#secp256k1:3"),
            format!("{KEY}:3"),
            format!("node0:{KEY}#secp256k1:3"),
            format!("node0:{KEY}:3"),
            format!("{KEY}#0:3"),
        ] {
            let validator = parse_validator(&text).unwrap();
            assert_eq!((validator.key.to_hex().as_str(), validator.power), (KEY, 3), "{text}");
        }
    }

    #[test]
    fn wrong_validators_and_allocs_say_which_part_is_wrong() {
        for (text, want) in [
            (
                KEY.to_owned(),
                "invalid format for validator, expected key#keyType:power, received: ",
            ),
            (format!("{KEY}#secp256k1:0"), "invalid power for validator: "),
            (format!("{KEY}#secp256k1:x"), "invalid power for validator: "),
            (format!("{KEY}#rsa:1"), "invalid key type for validator: "),
            ("02ab#secp256k1:1".to_owned(), "invalid public key for validator: "),
        ] {
            assert_eq!(parse_validator(&text).unwrap_err(), format!("{want}{text}"));
        }
        let address = "0xc89D42189f0450C2b2c3c61f58Ec5d628176A1E7";
        for (text, want) in [
            (
                address.to_owned(),
                "invalid format for alloc, expected id#keyType:balance, received: ",
            ),
            (format!("{address}:-1"), "invalid balance for alloc: "),
            ("0x12:1".to_owned(), "invalid hex address for alloc: "),
            (
                format!("{KEY}:1"),
                "invalid format for alloc, expected id#keyType:balance, received: ",
            ),
        ] {
            assert_eq!(parse_alloc(&text).unwrap_err(), format!("{want}{text}"));
        }
        assert_eq!(
            parse_alloc(&format!("{address}:10000000000000000000000"))
                .unwrap()
                .amount
                .to_string()
                .len(),
            23
        );
        assert!(parse_alloc(&format!("{KEY}#secp256k1:5")).is_ok());
    }
}
