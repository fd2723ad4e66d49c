//! Values travel to the server as literals and come back the same.

use std::collections::BTreeMap;

use kwil_engine::{Engine, Extensions, Invocation, Limits, ReadLimits, Results, Terms};
use kwil_lang::testing::Random;
use kwil_state::Writer;
use kwil_state::testing::{TestDatabase, genesis_with_language, write_session};
use kwil_types::{Array, Decimal, Scalar, TypeKind, Value};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fixture::identity;

const ALPHABET: [&str; 16] =
    ["'", "\"", "\\", ",", "{", "}", "NULL", " ", "\n", "é", "😀", "$1", "--", "E'", ";", "a"];

fn text(random: &mut Random) -> String {
    (0..random.below(12)).map(|_| ALPHABET[random.below(16)]).collect()
}

fn scalar(random: &mut Random, kind: TypeKind) -> Scalar {
    match kind {
        TypeKind::Text | TypeKind::Null => Scalar::Text(text(random)),
        TypeKind::Int8 => Scalar::Int8(match random.below(4) {
            0 => i64::MIN,
            1 => i64::MAX,
            _ => i64::try_from(random.below(1000)).unwrap() - 500,
        }),
        TypeKind::Bool => Scalar::Bool(random.below(2) == 0),
        TypeKind::Bytea => {
            let bytes: Vec<u8> = (0..random.below(9)).map(|_| random.below(256) as u8).collect();
            Scalar::Bytea(bytes.into())
        }
        TypeKind::Uuid => Scalar::Uuid(Uuid::from_u128(random.below(usize::MAX) as u128)),
        TypeKind::Numeric { precision, scale } => {
            let digits = random.below(1_000_000) as i128 - 500_000;
            let number = Decimal::from_unscaled(&digits.into(), precision, scale).unwrap();
            Scalar::Numeric(number)
        }
    }
}

fn value(random: &mut Random) -> Value {
    let kinds = [
        TypeKind::Text,
        TypeKind::Int8,
        TypeKind::Bool,
        TypeKind::Bytea,
        TypeKind::Uuid,
        TypeKind::numeric(20, 5).unwrap(),
        TypeKind::numeric(7, 0).unwrap(),
    ];
    let kind = kinds[random.below(7)];
    match random.below(5) {
        0 => Value::Null(kwil_types::DataType::scalar(kind)),
        1 | 2 => {
            let items = (0..random.below(5))
                .map(|_| (random.below(4) != 0).then(|| scalar(random, kind)))
                .collect();
            Value::Array(Array::new(kind, items).unwrap())
        }
        _ => Value::Scalar(scalar(random, kind)),
    }
}

#[tokio::test]
async fn random_values_come_back_from_the_server() {
    let database = TestDatabase::create().await;
    let mut writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
    let mut block = writer.begin(0, CancellationToken::new()).await.unwrap();
    genesis_with_language(&mut block, &identity(), "owner").await.unwrap();
    let engine = Engine::new(Extensions::new());
    let invocation = Invocation { caller: "owner".into(), ..Invocation::default() };
    let terms = Terms { invocation: &invocation, limits: &Limits::NETWORK };
    let results = Results::Collect(ReadLimits { rows: 10, bytes: 1 << 20 });
    let mut random = Random::new(7);
    for _ in 0..60 {
        let values: Vec<Value> = (0..8).map(|_| value(&mut random)).collect();
        let names: Vec<String> = (0..8).map(|n| format!("$v{n}")).collect();
        let parameters: BTreeMap<_, _> =
            names.iter().cloned().zip(values.iter().cloned()).collect();
        let source = format!("SELECT {}", names.join(", "));
        let mut session = write_session(&mut block).unwrap();
        let outcome = engine.run_script(&mut session, terms, &source, parameters, results).await;
        let result = outcome.result.unwrap_or_else(|error| panic!("{values:?}\n{error:?}"));
        assert_eq!(result.rows, [values]);
    }
    writer.abort().await;
}
