//! Programs as deep as the language allows run on a small stack.

use super::call;
use crate::testing::Recorder;

/// What the threads of a runtime have.
const STACK: usize = 2 << 20;

fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}

#[test]
fn the_deepest_calls_with_the_deepest_bodies_fit() {
    on_small_stack(|| {
        let blocks = 120;
        let sum = vec!["1"; 1000].join(" + ");
        let nested = format!("{}{}{}", "(".repeat(120), "$n - 1", ")".repeat(120));
        let text = format!(
            "CREATE ACTION t($n INT) PUBLIC VIEW RETURNS (n INT) {{
                IF $n <= 1 {{ RETURN 1; }}
                {} $x := {sum}; RETURN $x - 1000 + 1 + t({nested}); {}
            }};",
            "IF true { ".repeat(blocks),
            " }".repeat(blocks),
        );
        let mut session = Recorder::new().with_actions(&text);
        assert_eq!(call(&mut session, "t", vec![255.into()]).numbers(), [255]);
        call(&mut session, "t", vec![257.into()]).fails("Other", "maximum call depth exceeded");
    });
}

#[test]
fn deep_loops_over_actions_fit() {
    on_small_stack(|| {
        let text = "CREATE ACTION t($n INT) PUBLIC VIEW RETURNS TABLE (n INT) {
            IF $n <= 1 { RETURN NEXT 1; RETURN NEXT 2; RETURN; }
            FOR $r IN t($n - 1) { RETURN NEXT $r.n; } };";
        let mut session = Recorder::new().with_actions(text);
        assert_eq!(call(&mut session, "t", vec![256.into()]).numbers(), [1, 2]);
    });
}

#[test]
fn deep_statements_of_sql_fit() {
    on_small_stack(|| {
        let int8 = kwil_types::DataType::scalar(kwil_types::TypeKind::Int8);
        let sum = vec!["$n"; 1000].join(" + ");
        let nested = format!("{}$n{}", "(SELECT ".repeat(100), ")".repeat(100));
        let text = format!(
            "CREATE ACTION t($n INT) PUBLIC {{
                INSERT INTO t VALUES ({sum}); UPDATE t SET id = {nested} WHERE id = $n; }};"
        );
        let mut session = Recorder::new().with_table("t", &[("id", int8)]).with_actions(&text);
        let ran = call(&mut session, "t", vec![1.into()]);
        assert_eq!(ran.failure, None);
        assert_eq!(session.statements.len(), 2);
    });
}
