//! `admin gen-auth-key`.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::CliError;
use crate::files::{write_new, write_replacing};
use crate::remote::RpcArgs;

/// Make a client certificate for the admin service and let the node accept it.
///
/// The certificate is appended to clients.pem in the root directory of the node.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} admin gen-auth-key -r /data/kwil-node0")]
pub struct GenAuthKey {}

#[derive(Serialize)]
struct Made {
    key: PathBuf,
    cert: PathBuf,
    clients_file: PathBuf,
}

impl GenAuthKey {
    /// Makes key and certificate; asks no node.
    ///
    /// # Errors
    /// A file that exists or cannot be written.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let root = context.root();
        let home = context.environment.home.clone();
        let place = |name: &Option<String>, default: &str| {
            kwil_config::absolute(name.as_deref().unwrap_or(default), home.as_deref(), &root)
        };
        let key = place(&rpc.tlskey, "adminclient.key");
        let cert = place(&rpc.tlscert, "adminclient.cert");
        for (path, what) in [(&key, "key"), (&cert, "cert")] {
            if path.exists() {
                return Err(CliError::failed(format!("{what} file exists: {}", path.display())));
            }
        }
        let failed = |error: &dyn std::error::Error| {
            CliError::because("cannot make the client certificate", error)
        };
        let pair = rcgen::generate_simple_self_signed(vec!["kwild admin client".to_owned()])
            .map_err(|error| failed(&error))?;
        let certificate = pem("CERTIFICATE", pair.cert.der());
        let secret = Zeroizing::new(pem("PRIVATE KEY", &pair.signing_key.serialize_der()));
        write_new(&key, secret.as_bytes(), 0o600).map_err(|error| failed(&error))?;
        write_new(&cert, certificate.as_bytes(), 0o644).map_err(|error| failed(&error))?;
        let clients_file = root.join("clients.pem");
        let known = if clients_file.exists() {
            context.read_text("the accepted clients", &clients_file)?
        } else {
            String::new()
        };
        write_replacing(&clients_file, format!("{known}{certificate}").as_bytes(), 0o644)
            .map_err(|error| failed(&error))?;
        let text = format!("TLS key pair generated in {} and {}", key.display(), cert.display());
        context.output.emit(&Made { key, cert, clients_file }, || text)
    }
}

/// The text form of certificates and keys: base64 in lines of 64 characters between two marks.
fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = Zeroizing::new(STANDARD.encode(der));
    for (index, character) in encoded.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_64_characters() {
        let text = pem("CERTIFICATE", &[0; 96]);
        let lengths: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(lengths, [27, 64, 64, 25]);
    }
}
