//! The example schemas on a network of two validators: several users through `kwil-cli`, one node for writes and the
//! other for reads.

mod social;
mod timeseries;
mod token;

use anyhow::{Context as _, Result, ensure};
use kwil_harness::network::{Member, Network, Plan};
use kwil_harness::{Lab, Ran};
use serde_json::Value;

use crate::load::{CHAIN, Wallet};

/// Exit code of a transaction that was included and failed.
const FAILED: i32 = 6;

/// A network with one of the example schemas, deployed by its owner.
struct Stage {
    network: Network,
    namespace: &'static str,
    // Removes the hosts when it goes.
    _lab: Lab,
}

/// Somebody with a key.
struct User<'s> {
    stage: &'s Stage,
    wallet: Wallet,
}

impl Stage {
    fn set(namespace: &'static str, schema: &str) -> Result<Self> {
        let lab = Lab::new()?;
        let owner = Wallet::new(1).signer().identifier();
        let plan = Plan { owner: Some(owner), ..Plan::default() };
        let network = Network::start(&lab, 2, &plan)?;
        let stage = Self { network, namespace, _lab: lab };
        let writer = stage.writer()?;
        std::fs::write(writer.host.path("~/schema.sql"), schema)?;
        let file = writer.host.named("~/schema.sql");
        let file = if file.starts_with('~') { file.replacen('~', "/root", 1) } else { file };
        stage.user(1).cli(writer, &["exec-sql", "--file", &file, "--sync"])?.ok()?;
        Ok(stage)
    }

    fn user(&self, number: u8) -> User<'_> {
        User { stage: self, wallet: Wallet::new(number) }
    }

    fn writer(&self) -> Result<&Member> {
        self.network.members.first().context("a node to write to")
    }

    fn reader(&self) -> Result<&Member> {
        self.network.members.get(1).context("a node to read from")
    }

    /// Both nodes have the same state, and it is what it should be.
    fn end(self) -> Result<()> {
        for member in &self.network.members {
            crate::load::state_holds(member)?;
        }
        self.network.stop()
    }
}

impl User<'_> {
    fn address(&self) -> String {
        self.wallet.signer().identifier()
    }

    fn cli(&self, node: &Member, words: &[&str]) -> Result<Ran> {
        let (key, provider) = (self.wallet.hex(), node.provider());
        let mut all = vec!["kwil-cli"];
        all.extend(words);
        all.extend(["--private-key", &key, "--provider", &provider, "--chain-id", CHAIN]);
        all.extend(["--assume-yes", "--output", "json"]);
        node.host.run_words(&all)
    }

    /// Executes an action and waits for its block; returns its log.
    fn executes(&self, action: &str, arguments: &[&str]) -> Result<String> {
        let ran = self.execution(action, arguments)?;
        ensure!(ran.status.success(), "{action} {arguments:?}: {}{}", ran.stdout, ran.stderr);
        let answer: Value = serde_json::from_str(&ran.stdout)?;
        Ok(answer["result"]["tx_result"]["log"].as_str().unwrap_or_default().to_owned())
    }

    /// Executes an action that must fail with these words.
    fn fails(&self, action: &str, arguments: &[&str], words: &str) -> Result<()> {
        let ran = self.execution(action, arguments)?;
        let said = format!("{}{}", ran.stdout, ran.stderr);
        ensure!(ran.status.code() == Some(FAILED), "{action} {arguments:?} did not fail: {said}");
        ensure!(said.contains(words), "{action} {arguments:?}: {said}");
        Ok(())
    }

    fn execution(&self, action: &str, arguments: &[&str]) -> Result<Ran> {
        let mut words = vec!["exec-action", action, "--namespace", self.stage.namespace, "--sync"];
        words.extend(arguments);
        self.cli(self.stage.writer()?, &words)
    }

    /// Executes SQL and waits for its block.
    fn runs(&self, statement: &str) -> Result<()> {
        let ran = self.cli(self.stage.writer()?, &["exec-sql", statement, "--sync"])?;
        ensure!(ran.status.success(), "{statement}: {}{}", ran.stdout, ran.stderr);
        Ok(())
    }

    /// Executes SQL that must fail with these words.
    fn refused(&self, statement: &str, words: &str) -> Result<()> {
        let ran = self.cli(self.stage.writer()?, &["exec-sql", statement, "--sync"])?;
        let said = format!("{}{}", ran.stdout, ran.stderr);
        ensure!(ran.status.code() == Some(FAILED) && said.contains(words), "{statement}: {said}");
        Ok(())
    }

    /// Rows of a view action, from the other node once it has what was written.
    fn reads(&self, action: &str, arguments: &[&str]) -> Result<Vec<Value>> {
        let node = self.stage.reader()?;
        let mut words = vec!["call-action", action, "--namespace", self.stage.namespace];
        words.extend(arguments);
        let ran = self.cli(node, &words)?;
        ensure!(ran.status.success(), "{action} {arguments:?}: {}{}", ran.stdout, ran.stderr);
        let answer: Value = serde_json::from_str(&ran.stdout)?;
        let rows = answer["result"]["values"].as_array().cloned();
        rows.with_context(|| format!("{action} answered {answer}"))
    }

    /// A view action that must fail with these words.
    fn cannot_read(&self, action: &str, arguments: &[&str], words: &str) -> Result<()> {
        let mut all = vec!["call-action", action, "--namespace", self.stage.namespace];
        all.extend(arguments);
        let ran = self.cli(self.stage.reader()?, &all)?;
        let said = format!("{}{}", ran.stdout, ran.stderr);
        ensure!(!ran.status.success() && said.contains(words), "{action} {arguments:?}: {said}");
        Ok(())
    }
}

/// Waits until the reading node has the last block that the writing one has.
fn caught_up(stage: &Stage) -> Result<()> {
    let height = crate::load::Client::new(&stage.writer()?.provider())?.height()?;
    let reader = crate::load::Client::new(&stage.reader()?.provider())?;
    reader.wait_height(height)
}
