//! Every client codec: round trips, cut inputs, trailing bytes, flipped bits, and how much memory decoding takes.

use std::fmt::Debug;

use bytes::Bytes;
use kwil_crypto::{EthAddress, KeyType, PrivateKey, PublicKey};
use kwil_types::{
    AccountId, Amount, ApproveResolution, CreateResolution, DeleteResolution, EncodedValue,
    Execute, MaaExec, Parameter, Payload, PayloadType, RawStatement, RawTx, Scalar, Serialization,
    Signature, Transaction, Transfer, TxBody, ValidatorApprove, ValidatorJoin, ValidatorLeave,
    ValidatorRemove, ValidatorVoteBodies, ValidatorVoteIds, Value, VotableEvent,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn key(seed: u8, key_type: KeyType) -> PublicKey {
    let fill = |bytes: &mut [u8]| -> Result<(), std::convert::Infallible> {
        bytes.fill(seed);
        Ok(())
    };
    PrivateKey::generate(key_type, fill).unwrap().public_key()
}

fn any_key() -> impl Strategy<Value = PublicKey> {
    (1_u8..9, any::<bool>())
        .prop_map(|(seed, ed)| key(seed, if ed { KeyType::Ed25519 } else { KeyType::Secp256k1 }))
}

fn any_scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        "[^\u{0}]{0,12}".prop_map(Scalar::Text),
        any::<i64>().prop_map(Scalar::Int8),
        any::<bool>().prop_map(Scalar::Bool),
        vec(any::<u8>(), 0..12).prop_map(|bytes| Scalar::Bytea(bytes.into())),
        any::<u128>().prop_map(|number| Scalar::Uuid(uuid::Uuid::from_u128(number))),
        (any::<i64>(), 19_u16..40, 0_u16..19).prop_map(|(number, precision, scale)| {
            Scalar::Numeric(
                kwil_types::Decimal::from_unscaled(&number.into(), precision, scale).unwrap(),
            )
        }),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => any_scalar().prop_map(Value::Scalar),
        1 => any_scalar().prop_map(|scalar| Value::Null(kwil_types::DataType::scalar(scalar.kind()))),
        1 => Just(Value::NULL),
        2 => (any_scalar(), vec(any::<bool>(), 0..4)).prop_map(|(scalar, present)| {
            let items = present.into_iter().map(|present| present.then(|| scalar.clone())).collect();
            Value::Array(kwil_types::Array::new(scalar.kind(), items).unwrap())
        }),
    ]
}

fn any_encoded() -> impl Strategy<Value = EncodedValue> {
    any_value().prop_map(|value| EncodedValue::from_value(&value).unwrap())
}

fn any_account() -> impl Strategy<Value = AccountId> {
    prop_oneof![
        any::<[u8; 20]>().prop_map(|bytes| AccountId::from(EthAddress(bytes))),
        any_key().prop_map(|key| AccountId::from(&key)),
    ]
}

fn any_amount() -> impl Strategy<Value = Amount> {
    vec(any::<u8>(), 0..33).prop_map(|mut bytes| {
        bytes.truncate(32);
        while bytes.first() == Some(&0) {
            bytes.remove(0);
        }
        Amount::from_be_bytes(&bytes).unwrap()
    })
}

fn any_event() -> impl Strategy<Value = VotableEvent> {
    ("[a-z_]{1,20}", vec(any::<u8>(), 0..40))
        .prop_map(|(name, body)| VotableEvent::new(name, body).unwrap())
}

fn any_uuid() -> impl Strategy<Value = uuid::Uuid> {
    any::<u128>().prop_map(uuid::Uuid::from_u128)
}

fn any_payload() -> impl Strategy<Value = Payload> {
    let name = "[a-zA-Z_é]{0,12}";
    prop_oneof![
        ("[^\u{0}]{0,40}", vec((name, any_encoded()), 0..4)).prop_map(|(statement, parameters)| {
            let parameters =
                parameters.into_iter().map(|(name, value)| Parameter { name, value }).collect();
            Payload::RawStatement(RawStatement { statement, parameters })
        }),
        (name, name, vec(vec(any_encoded(), 0..3), 0..4)).prop_map(|(namespace, action, rows)| {
            Payload::Execute(Execute::new(namespace, action, rows).unwrap())
        }),
        (any_account(), any_amount())
            .prop_map(|(to, amount)| Payload::Transfer(Transfer { to, amount })),
        any::<u64>().prop_map(|power| Payload::ValidatorJoin(ValidatorJoin { power })),
        Just(Payload::ValidatorLeave(ValidatorLeave)),
        any_key().prop_map(|candidate| Payload::ValidatorApprove(ValidatorApprove { candidate })),
        any_key().prop_map(|validator| Payload::ValidatorRemove(ValidatorRemove { validator })),
        vec(any_uuid(), 0..5).prop_map(|ids| Payload::ValidatorVoteIds(ValidatorVoteIds { ids })),
        vec(any_event(), 0..4)
            .prop_map(|events| Payload::ValidatorVoteBodies(ValidatorVoteBodies { events })),
        any_event().prop_map(|event| Payload::CreateResolution(CreateResolution { event })),
        any_uuid().prop_map(|id| Payload::ApproveResolution(ApproveResolution { id })),
        any_uuid().prop_map(|id| Payload::DeleteResolution(DeleteResolution { id })),
        (any::<[u8; 20]>(), name, name, vec(any_encoded(), 0..3)).prop_map(
            |(account, namespace, action, arguments)| {
                Payload::MaaExec(MaaExec {
                    account: EthAddress(account),
                    namespace,
                    action,
                    arguments,
                })
            }
        ),
    ]
}

fn any_transaction() -> impl Strategy<Value = Transaction> {
    let body = ("[a-z \n]{0,30}", any_payload(), any_amount(), any::<u64>(), "[a-z-]{0,20}")
        .prop_map(|(description, payload, fee, nonce, chain_id)| TxBody {
            description,
            payload: payload.encode().unwrap().into(),
            payload_type: payload.payload_type().name().to_owned(),
            fee,
            nonce,
            chain_id,
        });
    (body, vec(any::<u8>(), 1..70), "[a-z0-9_]{1,12}", vec(any::<u8>(), 0..34), any::<bool>())
        .prop_map(|(body, signature, auth_type, sender, direct)| Transaction {
            signature: Signature { bytes: signature.into(), auth_type },
            body,
            serialization: if direct { Serialization::Direct } else { Serialization::Concat },
            sender: sender.into(),
        })
}

/// Cut inputs and trailing bytes fail; a flipped bit never decodes to the same value.
fn strict<T: PartialEq + Debug, E>(
    bytes: &[u8],
    decode: impl Fn(Bytes) -> Result<T, E>,
) -> Result<(), TestCaseError> {
    let Ok(value) = decode(Bytes::copy_from_slice(bytes)) else {
        return Err(TestCaseError::fail("the encoding does not decode"));
    };
    for end in 0..bytes.len() {
        prop_assert!(decode(Bytes::copy_from_slice(&bytes[..end])).is_err(), "cut at {end}");
    }
    for byte in [0, 1, 0xff] {
        prop_assert!(decode([bytes, &[byte]].concat().into()).is_err(), "trailing {byte}");
    }
    for at in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[at / 8] ^= 1 << (at % 8);
        if let Ok(other) = decode(flipped.into()) {
            prop_assert_ne!(&other, &value, "bit {} has no meaning", at);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn transactions_are_canonical(transaction in any_transaction()) {
        let raw = RawTx::new(&transaction).unwrap();
        prop_assert_eq!(raw.transaction(), &transaction);
        strict(raw.bytes(), RawTx::decode)?;
    }

    #[test]
    fn payloads_are_canonical(payload in any_payload()) {
        let bytes = payload.encode().unwrap();
        let name = payload.payload_type().name();
        prop_assert_eq!(&Payload::decode(name, &bytes.clone().into()).unwrap(), &payload);
        strict(&bytes, |bytes| Payload::decode(name, &bytes))?;
    }

    #[test]
    fn values_are_canonical(value in any_value()) {
        let encoded = EncodedValue::from_value(&value).unwrap();
        prop_assert_eq!(encoded.to_value().unwrap(), value);
        strict(encoded.as_bytes(), EncodedValue::decode)?;
    }

    #[test]
    fn transfers_of_kwil_js_decode_to_the_same_transfer(to in any_account(), amount in any_amount()) {
        let transfer = Transfer { to, amount };
        let js = transfer.encode_js().unwrap();
        prop_assert_eq!(&Transfer::decode(&js.clone().into()).unwrap(), &transfer);
        for end in 0..js.len() {
            prop_assert!(Transfer::decode(&Bytes::copy_from_slice(&js[..end])).is_err());
        }
        prop_assert!(Transfer::decode(&[&js[..], &[0]].concat().into()).is_err());
    }

    #[test]
    fn decimals_print_what_they_read(number in any::<i128>(), scale in 0_u16..39) {
        let decimal = kwil_types::Decimal::from_unscaled(&number.into(), 60, scale).unwrap();
        let text = decimal.to_string();
        prop_assert_eq!(&kwil_types::Decimal::parse(&text, 60, scale).unwrap(), &decimal);
        let narrow = decimal.rescale(60, 0).unwrap();
        let exact = number.unsigned_abs() % 10_u128.pow(u32::from(scale)) == 0;
        prop_assert_eq!(decimal.rescale_exact(60, 0).is_ok(), exact);
        let unit = kwil_types::Decimal::parse("0.5", 60, 1).unwrap();
        let distance = (decimal.unscaled() - narrow.unscaled() * num_bigint::BigInt::from(10).pow(u32::from(scale))).magnitude().clone();
        let half = unit.unscaled().magnitude() * num_bigint::BigUint::from(10_u8).pow(u32::from(scale)) / 10_u8;
        prop_assert!(distance <= half, "rounding moves by at most a half");
    }
}

/// Bytes that decoding may take beside four times the input.
const CONSTANT: u64 = 4096;

fn assert_bounded<T>(what: &str, bytes: &Bytes, decode: impl Fn(&Bytes) -> T) {
    let info = allocation_counter::measure(|| drop(decode(bytes)));
    let limit = 4 * u64::try_from(bytes.len()).unwrap() + CONSTANT;
    assert!(info.bytes_max > 0, "nothing was measured");
    assert!(
        info.bytes_max <= limit,
        "{what}: {} bytes of input take {} bytes",
        bytes.len(),
        info.bytes_max
    );
}

#[test]
fn decoding_takes_at_most_four_times_its_input() {
    let null = EncodedValue::decode(
        hex::decode("00000f0000000000000000046e756c6c00000000000000").unwrap().into(),
    )
    .unwrap();
    let nulls = vec![null; 60_000];
    let execute = |rows| Execute::new("n", "a", rows).unwrap().encode().unwrap();
    let empty = VotableEvent::new("e", Vec::new()).unwrap();
    let parameters =
        nulls.iter().map(|value| Parameter { name: String::new(), value: value.clone() }).collect();
    let cases: [(PayloadType, Vec<u8>); 6] = [
        (PayloadType::Execute, execute(vec![nulls.clone()])),
        (PayloadType::Execute, execute(vec![Vec::new(); 60_000])),
        (PayloadType::Execute, execute(nulls.chunks(1).map(<[_]>::to_vec).collect())),
        (
            PayloadType::ValidatorVoteBodies,
            ValidatorVoteBodies { events: vec![empty; 50_000] }.encode().unwrap(),
        ),
        (
            PayloadType::ValidatorVoteIds,
            ValidatorVoteIds { ids: vec![uuid::Uuid::nil(); 50_000] }.encode().unwrap(),
        ),
        (
            PayloadType::RawStatement,
            RawStatement { statement: "s".repeat(1000), parameters }.encode().unwrap(),
        ),
    ];
    for (payload_type, bytes) in cases {
        let bytes = Bytes::from(bytes);
        assert!(Payload::decode(payload_type.name(), &bytes).is_ok());
        assert_bounded(payload_type.name(), &bytes, |bytes| {
            Payload::decode(payload_type.name(), bytes)
        });

        let transaction = Transaction {
            signature: Signature {
                bytes: vec![1; 65].into(),
                auth_type: "secp256k1_ep".to_owned(),
            },
            body: TxBody {
                payload: bytes,
                payload_type: payload_type.name().to_owned(),
                ..TxBody::default()
            },
            serialization: Serialization::Concat,
            sender: vec![1; 20].into(),
        };
        let raw = RawTx::new(&transaction).unwrap().bytes().clone();
        assert_bounded("transaction", &raw, |raw| RawTx::decode(raw.clone()));
    }
}

#[test]
fn announced_lengths_allocate_nothing() {
    for (payload_type, bytes) in [
        ("validator_vote_ids", "0000ffffffff"),
        ("validator_vote_bodies", "0000ffffffff"),
        ("execute", "0000040000006d61696e0100000061ffff"),
        ("raw_statement", "0000ffffff7f"),
    ] {
        let bytes = Bytes::from(hex::decode(bytes).unwrap());
        assert!(Payload::decode(payload_type, &bytes).is_err());
        let info = allocation_counter::measure(|| drop(Payload::decode(payload_type, &bytes)));
        assert!(info.bytes_max < 512, "{payload_type}: {}", info.bytes_max);
    }
}

/// A change of any byte of these is a change that existing clients would see.
#[test]
fn formats_are_stable() {
    let leader = key(1, KeyType::Secp256k1);
    let transfer = Transfer { to: AccountId::from(&leader), amount: Amount::from(1_000) };
    let transaction = Transaction {
        signature: Signature { bytes: vec![7; 65].into(), auth_type: "secp256k1".to_owned() },
        body: TxBody {
            description: "pin".to_owned(),
            payload: transfer.encode().unwrap().into(),
            payload_type: "transfer".to_owned(),
            fee: Amount::from(210_000),
            nonce: 3,
            chain_id: "c".to_owned(),
        },
        serialization: Serialization::Direct,
        sender: leader.as_bytes().to_vec().into(),
    };
    assert_eq!(
        RawTx::new(&transaction).unwrap().id().to_string(),
        "3a1809a0cbae538b313983b781a4899fae0a810595430dda56d985a375de9347"
    );
}
