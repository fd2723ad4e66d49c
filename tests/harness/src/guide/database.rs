//! The act after the guide: a schema, privileges, and rows that are written through one node and read from another.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Walk, provider};
use crate::host::Host;

const SCHEMA: &str = "CREATE NAMESPACE notes;
SET CURRENT NAMESPACE TO notes;
CREATE TABLE entries (id INT8 PRIMARY KEY, author TEXT NOT NULL, body TEXT NOT NULL);
CREATE ACTION write($id INT8, $body TEXT) PUBLIC {
  INSERT INTO entries VALUES ($id, @caller, $body);
};
CREATE ACTION read($id INT8) PUBLIC VIEW RETURNS TABLE(author TEXT, body TEXT) {
  RETURN SELECT author, body FROM entries WHERE id = $id;
};
CREATE ROLE editor;
GRANT UPDATE ON notes TO editor;
";

impl Walk<'_> {
    /// A person with a key who types on a host.
    fn person(host: &Host, key: &str) -> Host {
        host.clone()
            .with_environment("KWILCLI_PROVIDER", &provider(host))
            .with_environment("KWILCLI_PRIVATE_KEY", key)
    }

    pub(super) fn database(&mut self) -> Result<()> {
        let owner = self.user.clone().context("the walk began with a wallet")?;
        let hosts: Vec<Host> = self.nodes.iter().map(|node| node.host.clone()).collect();
        let [host0, .., host2] = hosts.as_slice() else { anyhow::bail!("the walk has nodes") };
        let writer = self.wallet(host2)?;
        let (owner, guest) =
            (Self::person(host0, &owner.private_key), Self::person(host2, &writer.private_key));
        std::fs::write(host0.path("~/notes.sql"), SCHEMA)?;
        self.types(&owner, "cat ~/notes.sql")?;
        self.types(&owner, "kwil-cli exec-sql --file ~/notes.sql --sync")?;
        let out = self.types(
            &guest,
            "kwil-cli exec-action write int8:1 'text:hello from another node' -n notes --sync --output json",
        )?;
        let sent: Value = serde_json::from_str(&out)?;
        let height = sent["result"]["height"].as_u64().context("a height")?;
        let out = self.types(
            &owner,
            &format!("kwil-cli call-action read int8:1 -n notes --min-height {height}"),
        )?;
        ensure!(
            out.contains(&writer.address) && out.contains("hello from another node"),
            "call-action printed {out:?}"
        );
        self.checked("an action writes through one node and is read from another");

        let update =
            "kwil-cli exec-sql \"{notes}UPDATE entries SET body = 'changed' WHERE id = 1\" --sync";
        let refused = self.is_refused(&guest, update)?;
        ensure!(refused.contains("user does not have privilege"), "exec-sql printed {refused:?}");
        self.types(
            &owner,
            &format!("kwil-cli exec-sql \"GRANT editor TO '{}'\" --sync", writer.address),
        )?;
        self.types(&guest, update)?;
        let out = self.types(&guest, "kwil-cli query \"{notes}SELECT body FROM entries\"")?;
        ensure!(out.contains(" changed "), "query printed {out:?}");
        self.checked(
            "SQL of a user without the privilege is refused, and works once it is granted",
        );
        Ok(())
    }

    /// Types a line whose command fails; returns what it printed.
    fn is_refused(&mut self, host: &Host, line: &str) -> Result<String> {
        (self.tell)(super::Event::Command(host.name(), line));
        let ran = host.shell(line)?;
        let text = format!("{}{}", ran.stdout, ran.stderr);
        (self.tell)(super::Event::Output(&text));
        ensure!(!ran.status.success(), "`{line}` did not fail: {text}");
        Ok(text)
    }
}
