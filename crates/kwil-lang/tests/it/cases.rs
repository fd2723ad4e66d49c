//! Every text of the conformance cases: what must parse does, survives printing, and what must not fails as expected.

use kwil_lang::{ParseErrors, parse_script, print_script};
use saphyr::{LoadableYamlNode, Yaml};

fn cases() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/language-cases.yaml");
    std::fs::read_to_string(path).unwrap()
}

fn texts(node: Option<&Yaml<'_>>) -> Vec<String> {
    let items = node.and_then(Yaml::as_sequence).into_iter().flatten();
    items.map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// The texts of a case that must parse, and the one that may be expected not to.
fn sources(case: &Yaml<'_>) -> (Vec<String>, Option<String>) {
    let field = |name: &str| case.as_mapping_get(name);
    let text = |name: &str| field(name).map(|node| node.as_str().unwrap().to_owned());
    let mut valid = texts(field("setup"));
    valid.extend(text("check"));
    let tested = match text("do").unwrap().as_str() {
        "parse" | "exec" | "query" => text("sql"),
        "body" => {
            let returns = text("ret").filter(|returns| !returns.is_empty());
            let returns = returns.map(|returns| format!("RETURNS {returns} ")).unwrap_or_default();
            let body = text("body").unwrap();
            Some(format!("CREATE ACTION t() PUBLIC VIEW {returns}{{ {body} }}"))
        }
        "call" => None,
        other => panic!("unknown kind of case: {other}"),
    };
    (valid, tested)
}

fn round_trip(source: &str) -> Result<(), ParseErrors> {
    let statements = parse_script(source)?;
    let printed = print_script(&statements);
    assert_eq!(parse_script(&printed).as_ref(), Ok(&statements), "{source}\n{printed}");
    Ok(())
}

#[test]
fn every_case_parses_or_fails_as_expected() {
    let text = cases();
    let documents = Yaml::load_from_str(&text).unwrap();
    let root = &documents[0];
    for (_, statements) in root.as_mapping_get("fixtures").and_then(Yaml::as_mapping).unwrap() {
        for statement in texts(Some(statements)) {
            round_trip(&statement).unwrap();
        }
    }
    let cases = root.as_mapping_get("cases").and_then(Yaml::as_sequence).unwrap();
    assert!(cases.len() >= 359, "{} cases", cases.len());
    let mut refused = 0;
    for case in cases {
        let id = case.as_mapping_get("id").and_then(Yaml::as_str).unwrap();
        let (valid, tested) = sources(case);
        for source in valid {
            round_trip(&source).unwrap_or_else(|errors| panic!("{id}: {source}\n{errors}"));
        }
        let Some(tested) = tested else { continue };
        let expected = case.as_mapping_get("expect").unwrap();
        let error = expected.as_mapping_get("error").and_then(Yaml::as_str);
        match (error.filter(|class| class.starts_with("Parse.")), round_trip(&tested)) {
            (None, Ok(())) => {}
            (Some(class), Err(errors)) => {
                assert_eq!(errors.class().name(), class, "{id}: {errors}");
                let text = expected.as_mapping_get("contains").and_then(Yaml::as_str).unwrap_or("");
                assert!(errors.to_string().contains(text), "{id}: {errors}");
                refused += 1;
            }
            (wanted, got) => panic!("{id}: {tested}\nwanted {wanted:?}, got {got:?}"),
        }
    }
    assert!(refused > 40, "only {refused} cases were refused");
}
