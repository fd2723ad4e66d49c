//! The social network: upserts, cascades, recursion, arrays.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{Stage, User, caught_up};

const SCHEMA: &str = include_str!("../../../examples/schemas/social.sql");

/// Publishes a post; its id stands in the log.
fn publish(user: &User<'_>, body: &str, tags: &str, reply_to: &str) -> Result<String> {
    let (body, tags) = (format!("text:{body}"), format!("text[]:{tags}"));
    let log = user.executes("publish", &[&body, &tags, reply_to])?;
    let id = log.strip_prefix("1. published ").with_context(|| format!("logged {log:?}"))?;
    Ok(id.to_owned())
}

#[test]
fn people_publish_follow_and_are_read_from_another_node() -> Result<()> {
    let stage = Stage::set("social", SCHEMA)?;
    let (owner, ann, bob, cyd) = (stage.user(1), stage.user(2), stage.user(3), stage.user(4));
    for (user, name) in [(&ann, "text:Ann"), (&bob, "text:Bob"), (&cyd, "text:Cyd")] {
        user.executes("register", &[name, "text:a person"])?;
    }
    bob.fails("register", &["text:ann", "null"], "the name ann is taken")?;
    ann.executes("register", &["text:Anna", "null"])?;
    owner.fails("publish", &["text:hello", "null", "null"], "register first")?;
    ann.fails("register", &["text:An", "null"], "violates check constraint")?;

    let first = publish(&ann, "first", "[ Rust ,kwil,rust, ]", "null")?;
    let answer = publish(&bob, "an answer", "[kwil]", &format!("uuid:{first}"))?;
    publish(&cyd, "deeper", "[]", &format!("uuid:{answer}"))?;
    ann.fails("publish", &["text:x", "text[]:[a,b,c,d,e,f]", "null"], "at most 5 tags")?;
    let nobody = "uuid:00000000-0000-0000-0000-000000000000";
    ann.fails("publish", &["text:x", "null", nobody], "there is no post to reply to")?;
    ann.fails("remove_post", &[&format!("uuid:{answer}")], "only its author may change a post")?;
    bob.executes("edit_post", &[&format!("uuid:{answer}"), "text:a better answer"])?;

    let [to_ann, to_bob, to_cyd] =
        [&ann, &bob, &cyd].map(|user| format!("text:{}", user.address()));
    ann.executes("follow", &[&to_bob])?;
    bob.executes("follow", &[&to_cyd])?;
    ann.fails("follow", &[&to_ann], "violates check constraint")?;
    ann.executes("like_post", &[&format!("uuid:{answer}")])?;
    ann.executes("like_post", &[&format!("uuid:{answer}")])?;

    caught_up(&stage)?;
    let profile = cyd.reads("profile", &[&to_bob])?;
    ensure!(profile == [json!(["Bob", "a person", "1", "1", "1", "1"])], "{profile:?}");
    let timeline = ann.reads("timeline", &[])?;
    let bodies: Vec<&str> = timeline.iter().filter_map(|row| row[2].as_str()).collect();
    ensure!(bodies.len() == 2 && bodies.contains(&"a better answer"), "{timeline:?}");
    let thread = cyd.reads("thread", &[&format!("uuid:{first}")])?;
    let depths: Vec<&str> = thread.iter().filter_map(|row| row[1].as_str()).collect();
    ensure!(depths == ["0", "1", "2"], "{thread:?}");
    let trending = cyd.reads("trending", &["int8:0"])?;
    ensure!(
        trending == [json!(["1", "kwil", "2", "2"]), json!(["2", "rust", "1", "1"])],
        "{trending:?}"
    );
    let suggestions = ann.reads("suggestions", &[])?;
    ensure!(suggestions == [json!([cyd.address(), "Cyd", "1"])], "{suggestions:?}");
    let activity = ann.reads("activity", &[&to_ann])?;
    ensure!(activity == [json!(["posts", "1"]), json!(["likes", "1"]), json!(["follows", "1"])]);

    ann.fails("ban", &[&to_bob], "action is owner-only")?;
    owner.executes("ban", &[&to_bob])?;
    caught_up(&stage)?;
    ensure!(cyd.reads("profile", &[&to_bob])?.is_empty());
    let thread = cyd.reads("thread", &[&format!("uuid:{first}")])?;
    ensure!(thread.len() == 1, "a removed answer takes the thread below it along: {thread:?}");
    only_members(&stage, &bob, &cyd)?;
    stage.end()
}

/// The owner closes the namespace to everybody but the members: for calls, for SQL, and for those who may only read.
fn only_members(stage: &Stage, bob: &User<'_>, cyd: &User<'_>) -> Result<()> {
    let owner = stage.user(1);
    let denied = "user does not have privilege";
    owner.runs(&format!(
        "CREATE ROLE member; GRANT CALL ON social TO member; GRANT UPDATE ON social TO member; \
         GRANT member TO '{}'; REVOKE CALL ON social FROM default; REVOKE SELECT ON social FROM default;",
        bob.address()
    ))?;
    bob.executes("register", &["text:Robert", "text:a member"])?;
    cyd.fails("register", &["text:Cydney", "null"], denied)?;
    cyd.refused("{social}UPDATE users SET bio = 'mine'", denied)?;
    cyd.refused("{social}DELETE FROM users", denied)?;
    bob.runs("{social}UPDATE users SET bio = 'ours'")?;
    bob.refused("{social}DELETE FROM users", denied)?;
    bob.refused("GRANT member TO 'somebody'", denied)?;
    bob.refused("{social}DROP TABLE users", denied)?;
    owner.runs(&format!("REVOKE member FROM '{}'", bob.address()))?;
    bob.fails("register", &["text:Bobby", "null"], denied)
}
