//! Expressions of actions against a real server: where SQL and actions agree, the values do too, and what one refuses
//! the other refuses; for functions with the same SQLSTATE and text.

use kwil_engine::eval::{self, functions};
use kwil_engine::{FailureClass, Limits};
use kwil_lang::ast::BinaryOp;
use kwil_state::testing::TestDatabase;
use kwil_types::{Array, DataType, Decimal, Scalar, TypeKind, Value};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use sqlx::PgConnection;
use sqlx::Row as _;

/// Evaluates an expression without ending the transaction: `v` and the text, `n` for NULL, `e` and the error.
const EVALUATE: &str = "
    CREATE FUNCTION evaluate(expression text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE result text;
    BEGIN
        EXECUTE 'SELECT ' || expression INTO result;
        RETURN coalesce('v' || result, 'n');
    EXCEPTION WHEN OTHERS THEN
        RETURN 'e' || SQLSTATE || ' ' || SQLERRM;
    END $$";

/// What is compared: our answer in the words of `evaluate`, and the expression to ask for.
struct Pair {
    sql: String,
    ours: String,
    /// Failures need not have the same code and text.
    only_whether: bool,
}

async fn compare(pairs: Vec<Pair>) {
    let database = TestDatabase::create().await;
    let mut connection: PgConnection = database.connect_superuser().await;
    for statement in ["CREATE EXTENSION pgcrypto", "CREATE EXTENSION \"uuid-ossp\"", EVALUATE] {
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }
    let ask = "SELECT evaluate(x) FROM unnest($1::text[]) WITH ORDINALITY AS u(x, n) ORDER BY n";
    let mut wrong = Vec::new();
    for batch in pairs.chunks(1000) {
        let expressions: Vec<&str> = batch.iter().map(|pair| pair.sql.as_str()).collect();
        let rows = sqlx::query(ask).bind(expressions).fetch_all(&mut connection).await.unwrap();
        assert_eq!(rows.len(), batch.len());
        for (pair, row) in batch.iter().zip(rows) {
            let theirs: String = row.get(0);
            let both_fail =
                pair.only_whether && theirs.starts_with('e') && pair.ours.starts_with('e');
            if theirs != pair.ours && !both_fail {
                wrong.push(format!("{}\n  ours:   {}\n  theirs: {theirs}", pair.sql, pair.ours));
            }
        }
    }
    let shown: Vec<&String> = wrong.iter().take(20).collect();
    let shown = shown.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {} differ:\n{shown}", wrong.len(), pairs.len());
}

/// `count` values of a strategy, the same in every run.
fn samples<S: Strategy>(count: usize, strategy: S) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn answer(result: Result<Value, kwil_engine::Failure>) -> String {
    match result {
        Ok(Value::Null(_)) => "n".into(),
        Ok(Value::Scalar(scalar)) => format!("v{}", scalar_text(&scalar)),
        Ok(Value::Array(array)) => {
            let items: Vec<String> = array.items().iter().map(item_text).collect();
            format!("v{}", items.join("|"))
        }
        Err(failure) => match failure.class {
            FailureClass::Sql(code) => {
                let message = failure.message.strip_prefix("ERROR: ").unwrap();
                format!("e{code} {}", message.strip_suffix(&format!(" (SQLSTATE {code})")).unwrap())
            }
            _ => format!("e{}", failure.message),
        },
    }
}

fn item_text(item: &Option<Scalar>) -> String {
    item.as_ref().map_or_else(|| "NULL".into(), scalar_text)
}

fn scalar_text(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Text(text) => text.clone(),
        Scalar::Int8(number) => number.to_string(),
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Bytea(bytes) => format!("\\x{}", hex::encode(bytes)),
        Scalar::Uuid(id) => id.to_string(),
        Scalar::Numeric(number) => number.to_string(),
    }
}

/// A value as a constant of PostgreSQL.
fn constant(value: &Value) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match value {
        Value::Null(data_type) if data_type.kind() == TypeKind::Null => "NULL".into(),
        Value::Null(data_type) => format!("NULL::{data_type}"),
        Value::Scalar(scalar) => format!("{}::{}", quoted(&scalar_text(scalar)), scalar.kind()),
        Value::Array(array) => {
            let items: Vec<String> = array
                .items()
                .iter()
                .map(|item| {
                    item.as_ref().map_or_else(|| "NULL".into(), |item| quoted(&scalar_text(item)))
                })
                .collect();
            format!("ARRAY[{}]::{}[]", items.join(","), array.element())
        }
    }
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn numeric(text: &str, precision: u16, scale: u16) -> Value {
    Value::Scalar(Scalar::Numeric(Decimal::parse(text, precision, scale).unwrap()))
}

/// Short texts of characters that mean something to some function.
fn any_text() -> impl Strategy<Value = Value> {
    let piece = prop::sample::select(vec![
        "a", "b", "ab", "A", "Z", " ", "é", "漢", "😀", "%", "\\", "'", "\"", "0", "7", "=", "+",
        "/", "\n", "\t", "x", "_", "{", "}", ",", "null", "YWJj", "\\001", "\\\\", "ff", "select",
    ]);
    let pieces = prop::collection::vec(piece, 0..7).prop_map(|pieces| text(&pieces.concat()));
    prop_oneof![20 => pieces, 1 => Just(Value::Null(DataType::scalar(TypeKind::Text)))]
}

fn any_int8() -> impl Strategy<Value = Value> {
    let edge = prop::sample::select(vec![
        i64::MIN,
        i64::MIN + 1,
        i64::MAX,
        i64::from(i32::MAX),
        i64::from(i32::MIN),
        1 << 31,
        3_037_000_500,
        0,
        1,
        -1,
    ]);
    prop_oneof![
        8 => (-9_i64..25).prop_map(Value::from),
        2 => edge.prop_map(Value::from),
        2 => any::<i64>().prop_map(Value::from),
        1 => Just(Value::Null(DataType::scalar(TypeKind::Int8))),
    ]
}

fn small_int8() -> impl Strategy<Value = Value> {
    prop_oneof![12 => (-5_i64..30).prop_map(Value::from), 1 => Just(Value::from(1_i64 << 31))]
}

fn any_bytes() -> impl Strategy<Value = Value> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(prop::sample::select(vec![0, b'\\', b'a', 0x7f, 0x80, 0xff]), 0..9),
        prop::sample::select(vec![56_usize, 57, 58, 113, 114, 115]).prop_map(|n| vec![7; n]),
    ];
    bytes.prop_map(|bytes| Value::Scalar(Scalar::Bytea(bytes.into())))
}

/// A number and how many digits its type has behind the point.
fn any_numeric() -> impl Strategy<Value = Decimal> {
    let zeros = (1_usize..12, 0_usize..8).prop_map(|(whole, zeros)| (whole, vec![0; zeros]));
    let digits = (0_usize..12, prop::collection::vec(0_u8..10, 0..8));
    (prop_oneof![4 => digits, 1 => zeros], any::<bool>(), any::<u32>()).prop_map(
        |((whole, fraction), negative, seed)| {
            let whole = u64::from(seed) % 10_u64.pow(u32::try_from(whole).unwrap().min(9));
            let fraction: String = fraction.iter().map(u8::to_string).collect();
            let sign = if negative { "-" } else { "" };
            let scale = u16::try_from(fraction.len()).unwrap();
            Decimal::parse(&format!("{sign}{whole}.{fraction}0"), 20, scale).unwrap()
        },
    )
}

fn any_array(element: TypeKind) -> BoxedStrategy<Value> {
    let item =
        (prop_oneof![4 => (0_i64..4).prop_map(Some), 1 => Just(None)]).prop_map(move |number| {
            let number = number?;
            Some(match element {
                TypeKind::Int8 => Scalar::Int8(number),
                TypeKind::Numeric { precision, scale } => Scalar::Numeric(
                    Decimal::parse(&format!("{number}.5"), precision, scale).unwrap(),
                ),
                _ => {
                    Scalar::Text(["", "a", "b c", "NULL"][usize::try_from(number).unwrap()].into())
                }
            })
        });
    let items = prop::collection::vec(item, 0..6);
    prop_oneof![
        8 => items.prop_map(move |items| Value::Array(Array::new(element, items).unwrap())),
        1 => Just(Value::Null(DataType::array(element))),
    ]
    .boxed()
}

fn call(name: &str, args: &[Value]) -> Option<String> {
    match functions::call(name, args, &Limits::NETWORK) {
        Ok(functions::Native::Value(value)) => Some(answer(Ok(value))),
        Ok(functions::Native::Database(_)) => None,
        Err(failure) => Some(answer(Err(failure))),
    }
}

/// A call and the form in which PostgreSQL has it: `{1}` is the first argument.
fn function_pair(name: &str, form: &str, args: &[Value]) -> Option<Pair> {
    let mut sql = form.replace("{}", &args.iter().map(constant).collect::<Vec<_>>().join(", "));
    for (position, arg) in args.iter().enumerate().rev() {
        sql = sql.replace(&format!("{{{}}}", position + 1), &constant(arg));
    }
    Some(Pair { sql, ours: call(name, args)?, only_whether: false })
}

type Args = BoxedStrategy<Vec<Value>>;

fn one(first: impl Strategy<Value = Value> + 'static) -> Args {
    first.prop_map(|first| vec![first]).boxed()
}

fn two(
    first: impl Strategy<Value = Value> + 'static,
    second: impl Strategy<Value = Value> + 'static,
) -> Args {
    (first, second).prop_map(|(first, second)| vec![first, second]).boxed()
}

fn and(args: Args, more: impl Strategy<Value = Value> + 'static) -> Args {
    (args, more)
        .prop_map(|(mut args, more)| {
            args.push(more);
            args
        })
        .boxed()
}

fn of(texts: &[&str]) -> impl Strategy<Value = Value> + use<> {
    let texts: Vec<Value> = texts.iter().map(|one| text(one)).collect();
    prop::sample::select(texts)
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_on_text_agree() {
    let texts = || two(any_text(), any_text());
    let encodings = || of(&["hex", "base64", "escape", "Hex", "nope"]);
    let algorithms = of(&["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "SHA256"]);
    let base64 =
        prop::collection::vec(prop::sample::select(vec!["A", "b", "/", "=", " ", "\n"]), 0..12);
    let table: Vec<(&str, &str, Args)> = vec![
        ("bit_length", "bit_length({1})", one(any_text())),
        ("octet_length", "octet_length({1})", one(any_text())),
        ("length", "length({1})", one(any_text())),
        ("char_length", "char_length({1})", one(any_text())),
        ("lower", "lower({1})", one(any_text())),
        ("upper", "upper({1})", one(any_text())),
        ("lpad", "lpad({1}, {2}::int4)", two(any_text(), small_int8())),
        ("rpad", "rpad({1}, {2}::int4)", two(any_text(), small_int8())),
        ("lpad", "lpad({1}, {2}::int4, {3})", and(two(any_text(), small_int8()), any_text())),
        ("rpad", "rpad({1}, {2}::int4, {3})", and(two(any_text(), small_int8()), any_text())),
        ("ltrim", "ltrim({1})", one(any_text())),
        ("rtrim", "rtrim({1}, {2})", texts()),
        ("ltrim", "ltrim({1}, {2})", texts()),
        ("trim", "btrim({1}, {2})", texts()),
        ("trim", "btrim({1})", one(any_text())),
        ("position", "position({1} in {2})", texts()),
        ("position", "position({1} in {2})", two(of(&["a", "", "é", "b c"]), any_text())),
        ("substring", "substring({1} from {2}::int4)", two(any_text(), any_int8())),
        (
            "substring",
            "substring({1} from {2}::int4 for {3}::int4)",
            and(two(any_text(), any_int8()), any_int8()),
        ),
        ("overlay", "overlay({1} placing {2} from {3}::int4)", and(texts(), any_int8())),
        (
            "overlay",
            "overlay({1} placing {2} from {3}::int4 for {4}::int4)",
            and(and(texts(), any_int8()), any_int8()),
        ),
        ("encode", "encode({1}, {2})", two(any_bytes(), encodings())),
        ("decode", "decode({1}, {2})", two(any_text(), encodings())),
        (
            "decode",
            "decode({1}, {2})",
            two(base64.prop_map(|pieces| text(&pieces.concat())), encodings()),
        ),
        ("digest", "digest({1}, {2})", two(any_bytes(), algorithms.boxed())),
        ("digest", "digest({1}, {2})", two(any_text(), of(&["sha1", "sha512", "crc"]))),
        (
            "uuid_generate_kwil",
            "uuid_generate_v5('a247cac1-d817-4949-bac7-dc4b1dc41d09', {1})",
            one(any_text()),
        ),
    ];
    let mut pairs = Vec::new();
    for (name, form, args) in table {
        let before = pairs.len();
        pairs.extend(samples(250, args).iter().filter_map(|args| function_pair(name, form, args)));
        assert!(pairs.len() > before + 100, "{name} is hardly ever computed here");
    }
    compare(pairs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn format_agrees() {
    let piece = prop::sample::select(vec![
        "%s",
        "%I",
        "%L",
        "%%",
        "%1$s",
        "%2$-5s",
        "%-3L",
        "%*s",
        "%*1$s",
        "%9s",
        "%q",
        "%",
        "%0$s",
        "%99999999999s",
        "text",
        "%3$I",
        "%2$*1$s",
        "%-*3$L",
        "é",
        "%é",
        "%1",
        "%*",
        "%*2",
        "% s",
        "%--7s",
        "%2$",
        "%1$*s",
    ]);
    let template = prop::collection::vec(piece, 0..4).prop_map(|pieces| text(&pieces.concat()));
    let names =
        of(&["select", "user_1", "Abc", "a b", "1a", "", "_x", "a\"b", "a'b\\", "text", "año"]);
    let value = || {
        prop_oneof![
            4 => small_int8(),
            2 => any_text(),
            1 => any::<bool>().prop_map(Value::from),
            1 => any_bytes(),
            1 => any_numeric().prop_map(|number| Value::Scalar(Scalar::Numeric(number))),
            1 => any_array(TypeKind::Text),
            1 => Just(Value::Null(DataType::scalar(TypeKind::Int8))),
        ]
    };
    let args = and(and(two(template, value()), names.boxed()), value());
    let pairs: Vec<Pair> = samples(2000, args)
        .iter()
        // A width in the thousands of millions is refused here and asked of nobody.
        .filter_map(|args| function_pair("format", "format({})", args))
        .filter(|pair| !pair.ours.contains("value too large"))
        .collect();
    assert!(pairs.len() > 1500);
    compare(pairs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_on_arrays_and_numbers_agree() {
    let joined = |form: &str| format!("array_to_string({form}, '|', 'NULL')");
    let (int8, plain) = (TypeKind::Int8, TypeKind::Text);
    let money = TypeKind::numeric(10, 2).unwrap();
    let item = || prop_oneof![4 => (0_i64..4).prop_map(Value::from), 1 => Just(Value::Null(DataType::scalar(TypeKind::Int8)))];
    let word = || of(&["", "a", "b c", "NULL"]);
    let number = || {
        any_numeric()
            .prop_map(|number| Value::Scalar(Scalar::Numeric(number.rescale(30, 3).unwrap())))
    };
    let table: Vec<(&str, String, Args)> = vec![
        ("array_append", joined("array_append({1}, {2})"), two(any_array(int8), item())),
        ("array_append", joined("array_append({1}, {2})"), two(any_array(plain), word())),
        ("array_prepend", joined("array_prepend({1}, {2})"), two(item(), any_array(int8))),
        ("array_cat", joined("array_cat({1}, {2})"), two(any_array(int8), any_array(int8))),
        ("array_cat", joined("array_cat({1}, {2})"), two(any_array(money), any_array(money))),
        ("array_remove", joined("array_remove({1}, {2})"), two(any_array(plain), word())),
        (
            "array_remove",
            joined("array_remove({1}, {2})"),
            two(any_array(int8), (0_i64..4).prop_map(Value::from)),
        ),
        // Empty arrays have the length 0 in actions.
        (
            "array_length",
            "coalesce(array_length({1}, 1), CASE WHEN {1} IS NOT NULL THEN 0 END)".into(),
            one(any_array(int8)),
        ),
        ("abs", "abs({1})".into(), one(any_int8())),
        ("abs", "abs({1})".into(), one(number())),
        ("greatest", "greatest({})".into(), and(two(any_int8(), any_int8()), any_int8())),
        ("least", "least({})".into(), and(two(number(), number()), number())),
        ("coalesce", "coalesce({})".into(), two(any_text(), any_text())),
        ("nullif", "nullif({})".into(), two(item(), item())),
        ("nullif", joined("nullif({})"), two(any_array(int8), any_array(int8))),
        ("nullif", "nullif({})".into(), two(number(), number())),
    ];
    let mut pairs = Vec::new();
    for (name, form, args) in table {
        pairs.extend(samples(300, args).iter().filter_map(|args| function_pair(name, &form, args)));
    }
    compare(pairs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_agree() {
    let mut pairs = Vec::new();
    let arithmetic =
        [BinaryOp::Add, BinaryOp::Subtract, BinaryOp::Multiply, BinaryOp::Divide, BinaryOp::Modulo];
    let comparisons = [
        BinaryOp::Equal,
        BinaryOp::NotEqual,
        BinaryOp::Less,
        BinaryOp::LessEqual,
        BinaryOp::Greater,
        BinaryOp::GreaterEqual,
    ];
    let ours =
        |op, left: &Value, right: &Value| answer(eval::binary(op, left, right, &Limits::NETWORK));
    for op in arithmetic.iter().chain(&comparisons).copied() {
        for (left, right) in samples(300, (any_int8(), any_int8())) {
            let sql = format!("{} {} {}", constant(&left), op.text(), constant(&right));
            pairs.push(Pair { sql, ours: ours(op, &left, &right), only_whether: true });
        }
    }
    for (left, right) in samples(700, (any_numeric(), any_numeric())) {
        let (precision, scale) = (left.precision(), left.scale());
        let [one, other] =
            [&left, &right].map(|number| Value::Scalar(Scalar::Numeric(number.clone())));
        for op in arithmetic {
            // PostgreSQL divides to as many digits as its operands show.
            let left_sql = if op == BinaryOp::Divide {
                format!("'{left}'::numeric(500,300)")
            } else {
                constant(&one)
            };
            let sql = format!(
                "({left_sql} {} {})::numeric({precision},{scale})",
                op.text(),
                constant(&other)
            );
            pairs.push(Pair { sql, ours: ours(op, &one, &other), only_whether: true });
        }
        for op in comparisons {
            let sql = format!("{} {} {}", constant(&one), op.text(), constant(&other));
            pairs.push(Pair { sql, ours: ours(op, &one, &other), only_whether: false });
        }
        let cube = numeric("3", 1, 0);
        let sql = format!("({0} * {0} * {0})::numeric({precision},{scale})", constant(&one));
        pairs.push(Pair { sql, ours: ours(BinaryOp::Power, &one, &cube), only_whether: true });
    }
    for op in comparisons.into_iter().chain([BinaryOp::Concat]) {
        for (left, right) in samples(300, (any_text(), any_text())) {
            let sql =
                format!("{} {} {} COLLATE \"C\"", constant(&left), op.text(), constant(&right));
            pairs.push(Pair { sql, ours: ours(op, &left, &right), only_whether: false });
        }
    }
    for op in [BinaryOp::Equal, BinaryOp::NotEqual] {
        for (left, right) in samples(400, (any_array(TypeKind::Int8), any_array(TypeKind::Int8))) {
            let sql = format!("{} {} {}", constant(&left), op.text(), constant(&right));
            pairs.push(Pair { sql, ours: ours(op, &left, &right), only_whether: false });
        }
    }
    compare(pairs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn elements_and_slices_agree() {
    let mut pairs = Vec::new();
    let bound = || prop_oneof![6 => (-2_i64..8).prop_map(Value::from), 1 => Just(Value::Null(DataType::scalar(TypeKind::Int8)))];
    for (array, from, to) in samples(700, (any_array(TypeKind::Int8), bound(), bound())) {
        let sql = format!("({})[{}]", constant(&array), constant(&from));
        pairs.push(Pair { sql, ours: answer(eval::index(&array, &from)), only_whether: false });
        for (first, last) in [(Some(&from), Some(&to)), (None, Some(&to)), (Some(&from), None)] {
            let part = |bound: Option<&Value>| bound.map(constant).unwrap_or_default();
            let slice = format!("({})[{} : {}]", constant(&array), part(first), part(last));
            let sql = format!("array_to_string({slice}, '|', 'NULL')");
            pairs.push(Pair {
                sql,
                ours: answer(eval::slice(&array, first, last)),
                only_whether: false,
            });
        }
    }
    compare(pairs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn casts_agree() {
    let mut pairs = Vec::new();
    let mut ask = |value: &Value, to: DataType| {
        let sql = format!("({})::{to}", constant(value));
        pairs.push(Pair { sql, ours: answer(eval::cast(value, to)), only_whether: true });
    };
    let kind = |kind| DataType::scalar(kind);
    let (int8, plain) = (kind(TypeKind::Int8), kind(TypeKind::Text));
    let digits = "[+-]?[0-9]{1,20}(\\.[0-9]{1,9})?(e[+-]?[0-9]{1,2})?";
    for (number, decimal, precision, scale, written) in
        samples(700, (any_int8(), any_numeric(), 1_u16..25, 0_u16..10, digits))
    {
        let to = kind(TypeKind::numeric(precision.max(scale), scale).unwrap());
        let decimal = Value::Scalar(Scalar::Numeric(decimal));
        for (value, to) in [(&number, plain), (&number, to), (&decimal, to), (&decimal, plain)] {
            ask(value, to);
        }
        ask(&text(&written), to);
        ask(&text(&written), int8);
    }
    for written in samples(400, "[+-]?[0-9]{18,20}") {
        ask(&text(&written), int8);
    }
    let whole = "-?[0-9]{17,20}";
    for written in samples(400, whole) {
        ask(&numeric(&written, 30, 5), int8);
    }
    for bytes in samples(200, any::<[u8; 16]>()) {
        let id = eval::cast(&text(&hex::encode(bytes)), kind(TypeKind::Uuid)).unwrap();
        ask(&id, plain);
        let Value::Scalar(Scalar::Text(written)) = eval::cast(&id, plain).unwrap() else {
            panic!("no text")
        };
        for form in [
            written.clone(),
            written.to_uppercase(),
            format!("{{{written}}}"),
            written.replace('-', ""),
            format!("{written}0"),
        ] {
            ask(&text(&form), kind(TypeKind::Uuid));
        }
    }
    for truth in [true, false] {
        ask(&Value::from(truth), plain);
    }
    for written in [
        "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False", "", "2",
        "x",
    ] {
        ask(&text(written), kind(TypeKind::Bool));
    }
    compare(pairs).await;
}
