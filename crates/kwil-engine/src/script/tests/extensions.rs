//! Extensions: their methods called by users and actions, and what happens when a contract is broken.

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_lang::analyze::Access as Callers;
use kwil_types::{DataType, TypeKind, Value};

use super::Db;
use crate::{
    Access, Extension, ExtensionContext, ExtensionError, ExtensionFuture, ExtensionInstance,
    Extensions, ExtensionsError, Math, MethodSpec, Row,
};

const INT8: DataType = DataType::scalar(TypeKind::Int8);

/// Does what its contract forbids.
#[derive(Debug)]
pub(super) struct Rogue;

impl Extension for Rogue {
    fn name(&self) -> &'static str {
        "rogue"
    }

    fn instantiate(
        &self,
        _: &str,
        _: &BTreeMap<Box<str>, Value>,
    ) -> Result<Arc<dyn ExtensionInstance>, String> {
        Ok(Arc::new(Self))
    }
}

impl ExtensionInstance for Rogue {
    fn methods(&self) -> Vec<MethodSpec> {
        let one = |name| MethodSpec::new(name, Callers::Public).returns(&[("", INT8)]);
        vec![
            one("two_rows"),
            one("two_values"),
            one("no_row"),
            one("text"),
            one("digits"),
            MethodSpec::new("unasked", Callers::Public),
            MethodSpec::new("fails", Callers::Public).view(),
            MethodSpec::new("catches", Callers::Public).view(),
            MethodSpec::new("elsewhere", Callers::Public),
            MethodSpec::new("reigns", Callers::Public),
            one("calls").view().parameter(DataType::scalar(TypeKind::Text)),
        ]
    }

    fn call<'a>(
        &'a self,
        method: &'a str,
        arguments: Vec<Value>,
        context: &'a mut ExtensionContext<'_>,
    ) -> ExtensionFuture<'a, Vec<Row>> {
        Box::pin(async move {
            let row = || vec![Value::from(1)];
            let none = BTreeMap::new;
            Ok(match method {
                "two_rows" => vec![row(), row()],
                "two_values" => vec![vec![Value::from(1), Value::from(2)]],
                "no_row" => Vec::new(),
                "text" => vec![vec![Value::from("x")]],
                "digits" => vec![vec![Value::from("12")]],
                "unasked" => vec![row()],
                "fails" => return Err(ExtensionError::Failed("no luck today".to_owned())),
                "catches" => {
                    let caught = context.execute("SELECT nope", none()).await;
                    assert!(caught.is_err());
                    Vec::new()
                }
                "elsewhere" => context.execute("{main} DELETE FROM t", none()).await?.rows,
                "reigns" => context.execute("TRANSFER OWNERSHIP TO 'eve'", none()).await?.rows,
                "calls" => {
                    context.notice("calling");
                    context.call("main", "greet", arguments).await?.rows
                }
                _ => Vec::new(),
            })
        })
    }
}

fn db() -> Db {
    let mut db = Db::with_extensions(&[Arc::new(Math), Arc::new(Rogue)]);
    db.run("CREATE TABLE t (id INT PRIMARY KEY); USE math AS m; USE math { modulus: 7 } AS ring; USE rogue AS rogue");
    db
}

fn int(number: i64) -> Vec<Row> {
    vec![vec![Value::from(number)]]
}

#[test]
fn methods_are_called_like_actions() {
    let mut db = db();
    let two = |a, b| vec![Value::from(a), Value::from(b)];
    assert_eq!(db.call("bob", "m", "ADD", two(2, 3)).unwrap().rows, int(5));
    assert_eq!(db.call("bob", "ring", "power", two(3, 1_000_000_007)).unwrap().rows, int(5));
    let factors = db.call("bob", "m", "factors", vec![Value::from(12)]).unwrap();
    assert_eq!(factors.rows, [two(2, 2), two(3, 1)]);
    assert_eq!(&*factors.columns[0].name, "factor");
    db.run(
        "CREATE ACTION sum_of_factors($n INT) PUBLIC VIEW RETURNS (INT) {
            $sum := 0;
            FOR $f IN m.factors($n) { $sum := m.add($sum, m.multiply($f.factor, $f.power)); }
            RETURN $sum;
         }",
    );
    assert_eq!(
        db.call("bob", "main", "sum_of_factors", vec![Value::from(12)]).unwrap().rows,
        int(7)
    );
}

#[test]
fn a_method_that_stores_writes_its_own_table() {
    let mut db = db();
    db.run("CREATE ACTION keep($k INT, $v INT) PUBLIC { m.remember($k, $v); }");
    let arguments = || vec![Value::from(1), Value::NULL];
    db.call("bob", "main", "keep", arguments()).unwrap();
    let written = db.session.statements.last().unwrap();
    assert!(written.sql.starts_with(r#"INSERT INTO "m"."remembered""#), "{}", written.sql);
    assert_eq!(db.fails_call("bob", "m", "remember", arguments()).0, "SystemOnly");
    db.session.set_access(Access::Read);
    assert_eq!(db.fails_call("bob", "m", "remember", arguments()).0, "CannotMutateState");
    assert_eq!(
        db.call("bob", "m", "recall", vec![Value::from(1)]).unwrap().rows,
        [[Value::Null(INT8)]]
    );
}

#[test]
fn arguments_are_held_against_the_declaration() {
    let mut db = db();
    db.run("CREATE ACTION few() PUBLIC VIEW { m.add(1); }");
    db.run("CREATE ACTION many() PUBLIC VIEW { m.add(1, 2, 3); }");
    db.run("CREATE ACTION none() PUBLIC VIEW { m.add(1, null); }");
    db.run("CREATE ACTION odd() PUBLIC VIEW { m.add(1, 'x'); }");
    for action in ["few", "many", "none", "odd"] {
        let (class, message) = db.fails_call("bob", "main", action, Vec::new());
        assert_eq!(class, "ExtensionImplementation", "{action}: {message}");
    }
    let three = vec![Value::from(1); 3];
    assert_eq!(db.fails_call("bob", "m", "add", three).0, "ActionInvocation");
    assert_eq!(db.fails_call("bob", "m", "add", vec![Value::from(1)]).0, "ExtensionImplementation");
    assert_eq!(db.fails_call("bob", "m", "nope", Vec::new()).0, "UnknownAction");
}

#[test]
fn results_are_held_against_the_declaration() {
    let mut db = db();
    for (method, text) in [
        ("two_rows", "returned 2 rows, not one"),
        ("two_values", "returned 2 values, 1 are declared"),
        ("no_row", "returned 0 rows, not one"),
        ("text", "result of method \"text\""),
        ("unasked", "returned rows, none are declared"),
    ] {
        let (class, message) = db.fails_call("bob", "rogue", method, Vec::new());
        assert_eq!(class, "ExtensionImplementation", "{method}: {message}");
        assert!(message.contains(text), "{method}: {message}");
    }
    assert_eq!(db.call("bob", "rogue", "digits", Vec::new()).unwrap().rows, int(12), "cast");
}

#[test]
fn failures_end_the_call_whatever_the_method_does_with_them() {
    let mut db = db();
    assert_eq!(
        db.fails_call("bob", "rogue", "fails", Vec::new()),
        ("Other".into(), "no luck today".into())
    );
    assert_eq!(db.fails_call("bob", "rogue", "catches", Vec::new()).0, "Plan.ColumnNotFound");
    assert_eq!(db.fails_call("bob", "rogue", "elsewhere", Vec::new()).0, "CannotMutateExtension");
    let before = db.catalog().clone();
    assert_eq!(db.fails_call("ann", "rogue", "reigns", Vec::new()).0, "CannotMutateExtension");
    assert_eq!(*db.catalog(), before);
}

#[test]
fn methods_call_actions_like_actions_do() {
    let mut db = db();
    db.run("CREATE ACTION greet($n TEXT) SYSTEM VIEW RETURNS (INT) { NOTICE('hello ' || $n); RETURN 7; }");
    let called = db.outcome("bob", "rogue", "calls", vec![Value::from("bob")]);
    assert_eq!(called.log, "1. calling\n2. hello bob");
    assert_eq!(called.result.unwrap().rows, int(7));
    db.run("CREATE OR REPLACE ACTION greet($n TEXT) PRIVATE VIEW RETURNS (INT) { RETURN 7; }");
    let (class, _) = db.fails_call("bob", "rogue", "calls", vec![Value::from("bob")]);
    assert_eq!(class, "Private");
}

#[test]
fn a_registry_refuses_odd_and_repeated_names() {
    #[derive(Debug)]
    struct Named(&'static str);
    impl Extension for Named {
        fn name(&self) -> &str {
            self.0
        }

        fn instantiate(
            &self,
            _: &str,
            _: &BTreeMap<Box<str>, Value>,
        ) -> Result<Arc<dyn ExtensionInstance>, String> {
            Err("never".to_owned())
        }
    }
    let mut extensions = Extensions::new();
    extensions.register(Arc::new(Math)).unwrap();
    let again = extensions.register(Arc::new(Named("math")));
    assert_eq!(again, Err(ExtensionsError::Twice("math".into())));
    for name in ["", "Math", "1st", "a-b", "kwil.x"] {
        let odd = extensions.register(Arc::new(Named(name)));
        assert_eq!(odd, Err(ExtensionsError::Name(name.into())));
    }
    assert_eq!(extensions.names().collect::<Vec<_>>(), ["math"]);
    assert_eq!(Extensions::new().missing(db().catalog()), ["math", "rogue"]);
}
