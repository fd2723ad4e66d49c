use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_lang::analyze::VariableType;
use kwil_lang::ast::{Query, StatementKind};
use kwil_lang::parse_script;
use kwil_types::{DataType, TypeKind, Value};

use super::{Planned, Preparer, Request, StatementId};
use crate::catalog::Catalog;
use crate::session::Access;

const INT8: DataType = DataType::scalar(TypeKind::Int8);

fn query(text: &str) -> Query {
    match parse_script(text).unwrap().remove(0).kind {
        StatementKind::Query(query) => *query,
        other => panic!("{other:?}"),
    }
}

fn ad_hoc(preparer: &Preparer, catalog: &Catalog, text: &str) -> Arc<Planned> {
    with_variables(preparer, catalog, text, &BTreeMap::new())
}

fn with_variables(
    preparer: &Preparer,
    catalog: &Catalog,
    text: &str,
    variables: &BTreeMap<Box<str>, VariableType>,
) -> Arc<Planned> {
    let query = query(text);
    let request = Request {
        catalog,
        access: Access::Write,
        namespace: "main",
        query: &query,
        id: StatementId::Text(text),
    };
    preparer.prepare(request, variables).unwrap()
}

#[test]
fn an_ad_hoc_text_is_remembered_from_its_second_use() {
    let (preparer, catalog) = (Preparer::default(), Catalog::default());
    let text = "SELECT name FROM info.tables";
    let first = ad_hoc(&preparer, &catalog, text);
    let second = ad_hoc(&preparer, &catalog, text);
    let third = ad_hoc(&preparer, &catalog, text);
    assert!(!first.prepared.is_reused && second.prepared.is_reused);
    assert_ne!(first.prepared.id, second.prepared.id);
    assert_eq!(second.prepared.id, third.prepared.id);
}

#[test]
fn an_untyped_null_is_another_plan_although_it_is_no_parameter() {
    let (preparer, catalog) = (Preparer::default(), Catalog::default());
    let of = |of| BTreeMap::from([("$x".into(), VariableType::Value(of))]);
    let (open, number) = (of(DataType::scalar(TypeKind::Null)), of(INT8));
    let prepare = |variables| with_variables(&preparer, &catalog, "SELECT $x IS NULL", variables);
    let _ = prepare(&open);
    let untyped = prepare(&open);
    let typed = prepare(&number);
    assert_eq!((untyped.parameters.len(), typed.parameters.len()), (0, 1));
    assert_eq!(prepare(&open).prepared.id, untyped.prepared.id);
    assert_eq!(prepare(&number).prepared.id, typed.prepared.id);
}

#[test]
fn equal_texts_in_different_catalogs_have_plans_of_their_own() {
    let preparer = Preparer::default();
    let (one, other) = (Catalog::default(), Catalog::default());
    let text = "SELECT name FROM info.tables";
    let _ = ad_hoc(&preparer, &one, text);
    let in_one = ad_hoc(&preparer, &one, text).prepared.id;
    let in_other = ad_hoc(&preparer, &other, text).prepared.id;
    assert_ne!(in_one, in_other);
    assert_eq!(ad_hoc(&preparer, &one.clone(), text).prepared.id, in_one);
    assert_eq!(ad_hoc(&preparer, &other, text).prepared.id, in_other);
}

#[test]
fn what_is_remembered_is_bounded_and_what_is_used_stays() {
    let (preparer, catalog) = (Preparer::with_capacity(20_000), Catalog::default());
    let hot = "SELECT 'hot'";
    let _ = ad_hoc(&preparer, &catalog, hot);
    let id = ad_hoc(&preparer, &catalog, hot).prepared.id;
    let cold = ad_hoc(&preparer, &catalog, "SELECT 0").prepared.id;
    for number in 0..200 {
        let text = format!("SELECT {number}");
        let _ = ad_hoc(&preparer, &catalog, &text);
        let _ = ad_hoc(&preparer, &catalog, &text);
        assert_eq!(ad_hoc(&preparer, &catalog, hot).prepared.id, id);
    }
    assert_ne!(ad_hoc(&preparer, &catalog, "SELECT 0").prepared.id, cold);
    assert!(preparer.with_cache(|cache| cache.used() <= 20_000));
}

#[test]
fn functions_are_planned_once_for_each_type_of_their_arguments() {
    let preparer = Preparer::default();
    let plan = |arguments: &[Value]| {
        let (planned, sent) = preparer.prepare_function("abs", arguments, Access::Read).unwrap();
        (planned.prepared.id, sent.len())
    };
    let number = plan(&[Value::from(1)]);
    assert_eq!(plan(&[Value::from(2)]), number);
    assert_eq!(number.1, 1);
    let untyped = plan(&[Value::NULL]);
    assert_ne!(untyped.0, number.0);
    assert_eq!(untyped.1, 0);
    assert!(preparer.prepare_function("abs", &[Value::from("a")], Access::Read).is_err());
}
