//! Who may call what, and what the transaction says.

use std::sync::Arc;

use kwil_types::{DataType, TypeKind, Value};

use super::{Call, body};
use crate::context::Invocation;
use crate::testing::Recorder;

const ACTIONS: &str = "
    CREATE ACTION open() PUBLIC { };
    CREATE ACTION look() PUBLIC VIEW { };
    CREATE ACTION mine() PRIVATE VIEW { };
    CREATE ACTION within() SYSTEM VIEW { };
    CREATE ACTION owned() PUBLIC OWNER VIEW { };
    CREATE ACTION nested() PUBLIC VIEW { mine(); within(); };
    CREATE ACTION nested_owned() PUBLIC VIEW { owned(); };
    {other} CREATE ACTION across() PUBLIC VIEW { main.within(); main.mine(); };";

fn session() -> Recorder {
    Recorder::new().with_actions(ACTIONS)
}

fn by(caller: &str) -> Call<'static> {
    let invocation = Invocation { caller: caller.into(), ..Invocation::default() };
    Call { invocation, ..Call::default() }
}

#[test]
fn modifiers_say_who_may_call() {
    let run = |action| by("ann").run(&mut session(), action, Vec::new());
    assert_eq!(run("open").failure, None);
    run("mine").fails("Private", "action is private");
    run("within").fails("SystemOnly", "action is system-only");
    run("owned").fails("OwnerOnly", "action is owner-only");
    run("nested_owned").fails("OwnerOnly", "");
    assert_eq!(run("nested").failure, None);
    let across = Call { namespace: "other", ..by("ann") };
    across.run(&mut session(), "across", Vec::new()).fails("Private", "");
    assert_eq!(by("owner").run(&mut session(), "owned", Vec::new()).failure, None);
}

#[test]
fn readers_may_call_views_only_and_that_comes_first() {
    let run = |action| by("ann").run(&mut session().reading(), action, Vec::new());
    run("open").fails("CannotMutateState", "action \"open\" requires a writer connection");
    assert_eq!(run("look").failure, None);
    let mut session = Recorder::new().reading().with_actions("CREATE ACTION p() PRIVATE {};");
    by("ann").run(&mut session, "p", Vec::new()).fails("CannotMutateState", "");
}

#[test]
fn users_need_the_privilege_to_call_and_actions_do_not() {
    let mut session = session();
    session.change_catalog(|catalog| {
        let roles = Arc::make_mut(&mut catalog.roles);
        if let Some(everyone) = roles.roles.get_mut("default") {
            everyone.revoke(kwil_lang::ast::Privilege::Call, None);
        }
    });
    let ran = by("ann").run(&mut session, "open", Vec::new());
    ran.fails("NoPrivilege", "user does not have privilege CALL on namespace \"main\"");
    assert_eq!(by("owner").run(&mut session, "nested", Vec::new()).failure, None);
    by("ann").run(&mut session, "mine", Vec::new()).fails("Private", "");
}

#[test]
fn system_code_calls_everything() {
    let invocation = Invocation { is_system: true, ..Invocation::default() };
    let call = Call { invocation, ..Call::default() };
    for action in ["mine", "within", "owned"] {
        assert_eq!(call.run(&mut session(), action, Vec::new()).failure, None);
    }
}

#[test]
fn contextual_variables_come_from_the_transaction() {
    let text = "CREATE ACTION t() PUBLIC VIEW RETURNS (a TEXT, b BYTEA, c TEXT, d INT, e INT, f TEXT, g TEXT, h BYTEA) \
                { RETURN @caller, @signer, @txid, @height, @block_timestamp, @authenticator, @leader, @leader_sender; };";
    let mut session = Recorder::new().with_actions(text);
    let invocation = Invocation {
        caller: "ann".into(),
        signer: None,
        txid: "ff".into(),
        height: 7,
        block_timestamp: 8,
        authenticator: "ed25519".into(),
        leader: "aa".into(),
        ..Invocation::default()
    };
    let call = Call { invocation: invocation.clone(), ..Call::default() };
    let null = Value::Null(DataType::scalar(TypeKind::Bytea));
    let wanted: [Value; 8] = [
        "ann".into(),
        null.clone(),
        "ff".into(),
        7.into(),
        8.into(),
        "ed25519".into(),
        "aa".into(),
        null,
    ];
    assert_eq!(call.run(&mut session, "t", Vec::new()).row(), wanted);

    let leader_sender = Err("unsupported authenticator: x".into());
    let invocation = Invocation { leader_sender, ..invocation };
    let call = Call { invocation, ..Call::default() };
    call.run(&mut session, "t", Vec::new()).fails("Other", "unsupported authenticator: x");
}

#[test]
fn without_a_transaction_there_are_no_contextual_variables() {
    let invocation = Invocation { has_transaction: false, ..Invocation::default() };
    let text = "CREATE ACTION t() PUBLIC VIEW RETURNS (a INT) { RETURN @height; };";
    let call = Call { invocation, ..Call::default() };
    let ran = call.run(&mut Recorder::new().with_actions(text), "t", Vec::new());
    ran.fails("InvalidTxCtx", "invalid transaction context");
    assert_eq!(body("(a INT)", "RETURN @height;").numbers(), [-1]);
}
