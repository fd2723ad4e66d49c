//! The global flags of `kwil-cli`, and the client that they make.

use std::io::Write as _;
use std::sync::Arc;

use kwil_client::{ClientError, ClientOptions, KnownNodes, Provider, UserClient};
use kwil_types::GoDuration;

use super::settings::Settings;
use crate::context::Context;
use crate::error::CliError;
use crate::remote::explain;

/// Flags that every command of `kwil-cli` has.
#[derive(Clone, Default, clap::Args)]
pub struct UserArgs {
    /// Node to ask: http://host:port, https://host, grpc://host:port or quic://[node id@]host:port
    /// [default: http://127.0.0.1:8484]
    #[arg(long, global = true, value_name = "URL", help_heading = "Global flags")]
    pub(crate) provider: Option<String>,
    /// Private key in hex
    #[arg(long, global = true, value_name = "HEX", help_heading = "Global flags")]
    pub(crate) private_key: Option<String>,
    /// File with the private key
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global flags")]
    pub(crate) private_key_file: Option<String>,
    /// Name of the network; without it the node's answer is trusted
    #[arg(long, global = true, value_name = "ID", help_heading = "Global flags")]
    pub(crate) chain_id: Option<String>,
    /// Configuration file [default: ~/.kwil-cli/config.json]
    #[arg(short = 'c', long, global = true, value_name = "FILE", help_heading = "Global flags")]
    pub(crate) config: Option<String>,
    /// Profile of the configuration file
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global flags")]
    pub(crate) profile: Option<String>,
    /// Answer yes to every question
    #[arg(short = 'Y', long, global = true, help_heading = "Global flags")]
    pub(crate) assume_yes: bool,
    /// Print no text and no errors
    #[arg(short = 'S', long, global = true, help_heading = "Global flags")]
    pub(crate) silence: bool,
    /// Longest time for the answer of a node [default: 30s]
    #[arg(long, global = true, value_name = "DURATION", help_heading = "Global flags")]
    pub(crate) timeout: Option<GoDuration>,
}

impl std::fmt::Debug for UserArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserArgs").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl UserArgs {
    /// True when neither text nor errors are printed.
    #[must_use]
    pub const fn silent(&self) -> bool {
        self.silence
    }

    /// True when questions are answered with yes.
    #[must_use]
    pub fn yes(&self, context: &Context) -> bool {
        self.assume_yes
            || context
                .environment
                .variable("KWILCLI_ASSUME_YES")
                .is_some_and(|text| text != "false" && text != "0")
    }

    /// Asks a node. Nothing is dialled before the first call.
    pub(crate) fn ask<T>(
        &self,
        settings: &Settings,
        context: &mut Context,
        question: impl AsyncFnOnce(&UserClient) -> Result<T, ClientError>,
    ) -> Result<T, CliError> {
        let (provider, options) = self.endpoint(settings, context)?;
        context.block_on(async {
            // Transports spawn, so a client is made inside the runtime.
            let client =
                UserClient::new(&provider, &options).map_err(|error| explain_provider(&error))?;
            question(&client).await.map_err(|error| explain_provider(&error))
        })
    }

    fn endpoint(
        &self,
        settings: &Settings,
        context: &Context,
    ) -> Result<(Provider, ClientOptions), CliError> {
        let provider = Provider::user(&settings.provider)
            .map_err(|error| CliError::usage(error.to_string()))?;
        let mut options = ClientOptions::new();
        if let Some(limit) = self.limit(context)? {
            options = options.timeout(limit);
        }
        if let Some(folder) = settings.path.parent() {
            options = options.known_nodes(KnownNodes::new(folder.join("known_nodes"))).on_new_node(
                Arc::new(|address, node| {
                    // A closed stderr must not stop the command.
                    let _ = writeln!(std::io::stderr(), "new node {node} at {address}, remembered");
                }),
            );
        }
        Ok((provider, options))
    }

    fn limit(&self, context: &Context) -> Result<Option<std::time::Duration>, CliError> {
        let variable = context
            .environment
            .variable("KWILCLI_TIMEOUT")
            .map(str::parse::<GoDuration>)
            .transpose();
        let variable =
            variable.map_err(|error| CliError::usage(format!("KWILCLI_TIMEOUT: {error}")))?;
        let limit = variable.or(self.timeout).map(GoDuration::to_std).transpose();
        limit.map_err(|error| CliError::usage(format!("--timeout: {error}")))
    }
}

/// An error of the node that a user asked, with what to do next.
fn explain_provider(error: &ClientError) -> CliError {
    let cli = explain(error, "RPC provider");
    match error {
        ClientError::Unreachable { .. } => {
            cli.hint("check --provider, and that the node is running")
        }
        ClientError::Timeout { .. } => cli.hint("try again, or give it longer with --timeout"),
        _ => cli,
    }
}
