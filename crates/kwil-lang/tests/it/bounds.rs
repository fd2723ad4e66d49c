//! Depth, length and memory.

use kwil_lang::{MAX_DEPTH, MAX_NESTING, parse_script, print_script};

fn depth(limit: u32) -> usize {
    usize::try_from(limit).unwrap()
}

/// Constructs that stand inside themselves, as the text before and behind the next one.
const NESTS: &[(&str, &str, &str)] = &[
    ("SELECT ", "(", ")"),
    ("SELECT ", "abs(", ")"),
    ("SELECT ", "ARRAY[", "]"),
    ("SELECT ", "a[", "]"),
    ("SELECT ", "(SELECT ", ")"),
    ("SELECT ", "EXISTS (SELECT ", ")"),
    ("SELECT ", "1 IN (", ")"),
    ("SELECT ", "CASE WHEN ", " THEN 1 END"),
    ("SELECT ", "1 OR 2 AND NOT 3 = 4 || - (", ")"),
    ("SELECT ", "(SELECT 1 FROM t JOIN u ON ", ")"),
    ("SELECT ", "sum(a) FILTER (WHERE ", ") OVER w"),
    ("SELECT ", "sum(a) OVER (PARTITION BY ", ")"),
    ("CREATE ACTION a() PUBLIC { $x := ", "f(", ")"),
];

fn nested((head, open, close): (&str, &str, &str), times: usize) -> String {
    let tail = if head.starts_with("CREATE") { "; }" } else { "" };
    format!("{head}{}1{}{tail}", open.repeat(times), close.repeat(times))
}

/// Runs where a thread of a pool would: on two megabytes of stack.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn everything_that_nests_may_nest_deep_and_no_deeper() {
    on_small_stack(|| {
        for nest in NESTS {
            let fits = nested(*nest, depth(MAX_NESTING) / 2);
            let statements =
                parse_script(&fits).unwrap_or_else(|errors| panic!("{nest:?}: {errors}"));
            assert_eq!(parse_script(&print_script(&statements)).as_ref(), Ok(&statements));
            for times in [depth(MAX_NESTING) + 1, 100_000] {
                let errors = parse_script(&nested(*nest, times)).unwrap_err();
                assert!(errors.to_string().contains("nested too deeply"), "{nest:?}: {errors}");
            }
        }
    });
}

#[test]
fn blocks_and_subqueries_may_nest_deep_and_no_deeper() {
    on_small_stack(|| {
        for (open, close) in
            [("IF true { ", " }"), ("FOR $i IN 1..2 { ", " }"), ("IF true { } ELSE { ", " }")]
        {
            let action = |times: usize| {
                let (open, close) = (open.repeat(times), close.repeat(times));
                format!("CREATE ACTION a() PUBLIC {{ {open}RETURN;{close} }}")
            };
            let statements = parse_script(&action(200)).unwrap();
            assert_eq!(parse_script(&print_script(&statements)).as_ref(), Ok(&statements));
            let errors = parse_script(&action(100_000)).unwrap_err();
            assert!(errors.to_string().contains("nested too deeply"), "{errors}");
        }
        let from = |times: usize| {
            format!("SELECT * FROM {}t{}", "(SELECT * FROM ".repeat(times), ") a".repeat(times))
        };
        assert!(parse_script(&from(200)).is_ok());
        assert!(parse_script(&from(100_000)).is_err());
    });
}

#[test]
fn chains_count_as_depth_and_cost_no_stack() {
    on_small_stack(|| {
        for (operator, fits) in [(" + 1", 1_000), (" = 1", 1_000), (" IS NULL", 1_000)] {
            let chain = |times: usize| format!("SELECT 1{}", operator.repeat(times));
            let statements = parse_script(&chain(fits)).unwrap();
            assert_eq!(parse_script(&print_script(&statements)).as_ref(), Ok(&statements));
            let errors = parse_script(&chain(100_000)).unwrap_err();
            assert!(errors.to_string().contains("nested too deeply"), "{errors}");
        }
        for prefix in ["NOT ", "- ", "+ "] {
            let chain = |times: usize| format!("SELECT {}a", prefix.repeat(times));
            assert!(parse_script(&chain(200)).is_ok());
            assert!(parse_script(&chain(100_000)).is_err());
        }
        let fields = |times: usize| format!("SELECT $a{}", ".b".repeat(times));
        assert!(parse_script(&fields(depth(MAX_DEPTH) - 1)).is_ok());
        assert!(parse_script(&fields(100_000)).is_err());
    });
}

#[test]
fn long_chains_of_and_or_and_concat_are_no_depth() {
    on_small_stack(|| {
        for operator in ["AND", "OR", "||"] {
            let chain =
                |times: usize| format!("SELECT 1{}", format!(" {operator} 1").repeat(times));
            for times in [1, 31, 32, 33, 34, 1_000, 50_000] {
                let statements = parse_script(&chain(times)).unwrap();
                assert_eq!(parse_script(&print_script(&statements)).as_ref(), Ok(&statements));
            }
            // What stands in brackets keeps its place.
            let grouped = "SELECT a || (b || c) || d, (a AND b) AND c, a OR (b OR c)";
            assert_eq!(print_script(&parse_script(grouped).unwrap()).matches('(').count(), 2);
        }
        let mixed = "SELECT NOT a AND b OR NOT c AND d OR e";
        assert_eq!(
            parse_script(mixed),
            parse_script("SELECT (((NOT a) AND b) OR ((NOT c) AND d)) OR e")
        );
    });
}

/// A subquery adds to the height of the expression around it: trees can be walked by recursion.
#[test]
fn subqueries_do_not_start_depth_anew() {
    on_small_stack(|| {
        let nest = |times: usize| {
            let close = format!("{})", " + 1".repeat(200));
            format!("SELECT {}1{}", "(SELECT ".repeat(times), close.repeat(times))
        };
        assert!(parse_script(&nest(4)).is_ok());
        let errors = parse_script(&nest(8)).map(|_| "accepted").unwrap_err();
        assert!(errors.to_string().contains("nested too deeply"), "{errors}");
    });
}

#[test]
fn long_lists_are_no_depth() {
    let list = vec!["1"; 100_000].join(", ");
    assert!(parse_script(&format!("SELECT {list}")).is_ok());
    assert!(parse_script(&format!("SELECT 1 IN ({list})")).is_ok());
    let unions = vec!["SELECT 1"; 20_000].join(" UNION ALL ");
    assert!(parse_script(&unions).is_ok());
    let statements = vec!["SELECT 1"; 50_000].join(";");
    assert_eq!(parse_script(&statements).unwrap().len(), 50_000);
}

#[test]
fn nothing_outlives_a_call() {
    let measured = allocation_counter::measure(|| {
        for number in 0..20_000 {
            let source =
                format!("SELECT c{number} FROM t{number} WHERE x = '{number}' AND y > {number}");
            assert!(parse_script(&source).is_ok());
            assert!(parse_script(&source[..6]).is_err());
        }
    });
    assert!(measured.count_total > 100_000);
    assert_eq!(measured.bytes_current, 0);
    assert!(measured.bytes_max < 64 << 10, "{} bytes at once", measured.bytes_max);
}
