//! The admin service of a node: where it is, how to reach it, and what its errors mean to an operator.

use std::path::{Path, PathBuf};

use kwil_client::{AdminClient, ClientError, ClientOptions, Provider};
use kwil_config::{AdminListen, Config};

use crate::config_flags::ConfigFlags;
use crate::context::Context;
use crate::error::{CliError, ErrorCode};

/// How the admin service is reached.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct RpcArgs {
    /// Admin endpoint: a socket path, host:port, https://host or quic://host [default: admin.listen of the node's
    /// config.toml, else /tmp/kwild.socket]
    #[arg(
        short = 's',
        long,
        global = true,
        value_name = "ENDPOINT",
        help_heading = "Admin service"
    )]
    rpcserver: Option<String>,
    /// Certificate of the node [default: admin.cert here, then in the root directory]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Admin service")]
    authrpc_cert: Option<String>,
    /// Password of the admin service
    #[arg(long, global = true, value_name = "PASSWORD", help_heading = "Admin service")]
    pass: Option<String>,
    /// File with the password
    #[arg(long, global = true, value_name = "FILE", help_heading = "Admin service")]
    pass_file: Option<String>,
    /// Key of the client certificate [default: auth.key, then adminclient.key]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Admin service")]
    pub(crate) tlskey: Option<String>,
    /// Client certificate [default: auth.cert, then adminclient.cert]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Admin service")]
    pub(crate) tlscert: Option<String>,
}

impl RpcArgs {
    /// Asks the node. The endpoint is in every error.
    ///
    /// # Errors
    /// A wrong endpoint, certificates that are missing, or what the transport or the node says.
    pub fn ask<T>(
        &self,
        context: &mut Context,
        question: impl AsyncFnOnce(&AdminClient) -> Result<T, ClientError>,
    ) -> Result<T, CliError> {
        let (provider, options) = self.client(context)?;
        context.block_on(async {
            // Transports spawn, so a client is made inside the runtime.
            let client = AdminClient::new(&provider, &options)
                .map_err(|error| explain(&error, "admin service"))?;
            let answer =
                question(&client).await.map_err(|error| explain_admin(&error, client.endpoint()));
            client.close().await;
            answer
        })
    }

    /// The endpoint that flags, variables and the node's configuration name, and what proves who is who.
    fn client(&self, context: &mut Context) -> Result<(Provider, ClientOptions), CliError> {
        let config = local_config(context);
        let text = self.endpoint(config.as_ref(), context);
        let provider =
            Provider::admin(&text).map_err(|error| CliError::usage(error.to_string()))?;
        let tls = self.tls_flag(context) || provider.is_tls() || !provider.is_loopback();
        let provider = if tls { provider.with_tls() } else { provider };
        let mut options = ClientOptions::new();
        if let Some(password) = self.password(config.as_ref(), context)? {
            options = options.password(password);
        }
        if provider.is_tls() {
            options = self.certificates(options, context)?;
        }
        context.debug(&format!("admin service at {provider}"));
        Ok((provider, options))
    }

    fn endpoint(&self, config: Option<&Config>, context: &Context) -> String {
        let variable = context.environment.variable("KWILADMIN_RPCSERVER").map(str::to_owned);
        let listen = || config.map(|config| dialled(&config.admin.listen));
        let text = self.rpcserver.clone().or(variable).or_else(listen);
        let text = text.unwrap_or_else(|| kwil_config::DEFAULT_ADMIN_SOCKET.to_owned());
        if text.starts_with('~') { context.path(&text).display().to_string() } else { text }
    }

    fn tls_flag(&self, context: &Context) -> bool {
        let variables = ["KWILADMIN_AUTHRPC_CERT", "KWILADMIN_TLSKEY", "KWILADMIN_TLSCERT"];
        self.authrpc_cert.is_some()
            || self.tlskey.is_some()
            || self.tlscert.is_some()
            || variables.iter().any(|name| context.environment.variable(name).is_some())
    }

    fn password(
        &self,
        config: Option<&Config>,
        context: &Context,
    ) -> Result<Option<String>, CliError> {
        let read = |path: &Path| {
            context.read_text("the password file", path).map(|text| text.trim_end().to_owned())
        };
        if let Some(password) = &self.pass {
            return Ok(Some(password.clone()));
        }
        if let Some(file) = &self.pass_file {
            return read(&context.path(file)).map(Some);
        }
        if let Some(password) = context.environment.variable("KWILADMIN_PASS") {
            return Ok(Some(password.to_owned()));
        }
        // A remote endpoint must not learn the password of the node on this machine.
        let local = self.rpcserver.is_none()
            && context.environment.variable("KWILADMIN_RPCSERVER").is_none();
        match config.filter(|_| local) {
            Some(config) if !config.admin.pass.is_empty() => {
                Ok(Some(config.admin.pass.expose().to_owned()))
            }
            Some(config) if !config.admin.pass_file.is_empty() => {
                let path = kwil_config::absolute(
                    &config.admin.pass_file,
                    context.environment.home.as_deref(),
                    &context.root(),
                );
                read(&path).map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }

    fn certificates(
        &self,
        options: ClientOptions,
        context: &Context,
    ) -> Result<ClientOptions, CliError> {
        let failed = |error: ClientError| explain(&error, "admin service");
        let variable = |name: &str| context.environment.variable(name).map(str::to_owned);
        let mut options = options;
        let named = self.authrpc_cert.clone().or_else(|| variable("KWILADMIN_AUTHRPC_CERT"));
        match find(&[named.as_deref().unwrap_or("admin.cert")], context) {
            Ok(path) => options = options.server_certificate(&path).map_err(failed)?,
            Err(checked) if named.is_some() => {
                return Err(CliError::usage(format!(
                    "kwild cert file not found, checked {checked}"
                )));
            }
            // The certificate may be signed by an authority that this machine knows.
            Err(_) => {}
        }
        let key = self.tlskey.clone().or_else(|| variable("KWILADMIN_TLSKEY"));
        let cert = self.tlscert.clone().or_else(|| variable("KWILADMIN_TLSCERT"));
        let pair = (
            find(
                &key.as_deref().map_or(vec!["auth.key", "adminclient.key"], |key| vec![key]),
                context,
            ),
            find(
                &cert.as_deref().map_or(vec!["auth.cert", "adminclient.cert"], |cert| vec![cert]),
                context,
            ),
        );
        match pair {
            (Ok(key), Ok(cert)) => options.client_certificate(&cert, &key).map_err(failed),
            (Err(checked), _) if key.is_some() => {
                Err(CliError::usage(format!("client key file not found, checked {checked}")))
            }
            (_, Err(checked)) if cert.is_some() => {
                Err(CliError::usage(format!("client cert file not found, checked {checked}")))
            }
            (Err(_), _) | (_, Err(_)) => Ok(options),
        }
    }
}

/// The configuration of the node on this machine, if it can be read. A command that only asks a node must not fail on
/// a file that it does not need.
fn local_config(context: &mut Context) -> Option<Config> {
    let root = context.root();
    let silent = ConfigFlags::default().load_quietly(&root, context);
    match silent {
        Ok(config) => Some(config),
        Err(error) => {
            context.debug(&format!("configuration of the local node not used: {error}"));
            None
        }
    }
}

/// Where to dial what listens there.
fn dialled(listen: &AdminListen) -> String {
    match listen {
        AdminListen::Unix(path) => path.clone(),
        AdminListen::Tcp { address, https } => {
            let host = if address.is_unspecified() { "127.0.0.1" } else { address.host() };
            let address = kwil_config::HostPort::new(host, address.port());
            format!("{}{address}", if *https { "https://" } else { "" })
        }
    }
}

/// The first file that exists: as an absolute path, else in the working directory, else in the root directory.
fn find(names: &[&str], context: &Context) -> Result<PathBuf, String> {
    let mut checked = Vec::new();
    for name in names {
        let here = context.path(name);
        let candidates = if Path::new(name).is_absolute() {
            vec![here]
        } else {
            vec![here, context.root().join(name)]
        };
        for path in candidates {
            if path.is_file() {
                return Ok(path);
            }
            checked.push(path.display().to_string());
        }
    }
    Err(checked.join(", "))
}

/// An error of the admin service with what to do next.
fn explain_admin(error: &ClientError, endpoint: &str) -> CliError {
    let cli = explain(error, "admin service");
    match (cli.code(), error) {
        (ErrorCode::Unreachable, ClientError::Unreachable { .. } | ClientError::Timeout { .. }) => {
            cli.hint("is kwild running? use -s, or -r with the node's root directory")
        }
        (ErrorCode::Unauthorized, _) => cli.hint(format!(
            "give --pass, or --tlskey and --tlscert of a certificate that {endpoint} accepts"
        )),
        _ => cli,
    }
}

/// An error of the client in our form: exit code, message, and the endpoint in it.
pub(crate) fn explain(error: &ClientError, service: &str) -> CliError {
    let message = match error {
        ClientError::Unreachable { endpoint, reason } => {
            format!("cannot reach {service} at {endpoint}: {reason}")
        }
        // Its text has everything that its cause says.
        ClientError::Rpc(_) => error.to_string(),
        other => crate::error::chain(other),
    };
    CliError::new(code(error), message)
}

/// The kind of an error by its exit status, which the client knows.
pub(crate) const fn code(error: &ClientError) -> ErrorCode {
    match error.exit_code() {
        2 => ErrorCode::Usage,
        3 => ErrorCode::Unreachable,
        4 => ErrorCode::NotFound,
        5 => ErrorCode::Unauthorized,
        6 => ErrorCode::TxFailed,
        _ => ErrorCode::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_dialled_on_loopback() {
        for (listen, want) in [
            ("/tmp/kwild.socket", "/tmp/kwild.socket"),
            ("0.0.0.0:8584", "127.0.0.1:8584"),
            ("https://admin.example", "https://admin.example:8584"),
            ("[::1]:1", "[::1]:1"),
        ] {
            assert_eq!(dialled(&AdminListen::parse(listen).unwrap()), want);
        }
    }
}
