//! Certificates in PEM files: the operator's own for TLS, and those of clients that may connect.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

/// Letters in a line of PEM.
const LINE: usize = 64;

/// A certificate that clients check by host name or pin by file.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    /// DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// PKCS #8 private key, DER.
    pub key: Zeroizing<Vec<u8>>,
}

/// A certificate or key file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file has no certificate or key in PEM.
    #[error("{} is not PEM: {reason}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// A name that no certificate can carry.
    #[error("cannot make a certificate: {0}")]
    Make(String),
}

impl ServerCertificate {
    /// A new self-signed certificate for these host names and addresses.
    ///
    /// # Errors
    /// When a name is none.
    pub fn self_signed(names: &[String]) -> Result<Self, CertificateError> {
        let made = rcgen::generate_simple_self_signed(names)
            .map_err(|error| CertificateError::Make(error.to_string()))?;
        Ok(Self {
            chain: vec![made.cert.der().to_vec()],
            key: Zeroizing::new(made.signing_key.serialize_der()),
        })
    }

    /// Reads certificate and key from PEM files.
    ///
    /// # Errors
    /// When one cannot be read or holds something else.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let chain = certificates_of(certificate)?;
        let key = PrivatePkcs8KeyDer::from_pem_file(key).map_err(|error| pem_fault(key, error))?;
        Ok(Self { chain, key: Zeroizing::new(key.secret_pkcs8_der().to_vec()) })
    }

    /// Reads the files, or makes them: the certificate for everyone to read, the key with mode 0600.
    ///
    /// # Errors
    /// As [`Self::load`] and [`Self::self_signed`]. One file without the other is an error of the missing one.
    pub fn open_or_create(
        certificate: &Path,
        key: &Path,
        names: &[String],
    ) -> Result<Self, CertificateError> {
        if certificate.exists() || key.exists() {
            return Self::load(certificate, key);
        }
        let made = Self::self_signed(names)?;
        write(key, 0o600, "PRIVATE KEY", &made.key)?;
        for der in &made.chain {
            write(certificate, 0o644, "CERTIFICATE", der)?;
        }
        Ok(made)
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate")
            .field("chain", &self.chain.len())
            .finish_non_exhaustive()
    }
}

/// The certificates in a PEM file, DER: those of clients that may connect, for example.
///
/// # Errors
/// When the file cannot be read, holds none, or one of them is damaged.
pub fn certificates_of(path: &Path) -> Result<Vec<Vec<u8>>, CertificateError> {
    let found: Vec<Vec<u8>> = CertificateDer::pem_file_iter(path)
        .map_err(|error| pem_fault(path, error))?
        .map(|certificate| certificate.map(|certificate| certificate.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|error| pem_fault(path, error))?;
    if found.is_empty() {
        return Err(CertificateError::Pem {
            path: path.to_owned(),
            reason: "no certificate in it".to_owned(),
        });
    }
    Ok(found)
}

fn pem_fault(path: &Path, error: rustls::pki_types::pem::Error) -> CertificateError {
    let path = path.to_owned();
    match error {
        rustls::pki_types::pem::Error::Io(source) => CertificateError::File { path, source },
        other => CertificateError::Pem { path, reason: other.to_string() },
    }
}

/// Writes a file that did not exist, with its mode from the start.
fn write(path: &Path, mode: u32, label: &str, der: &[u8]) -> Result<(), CertificateError> {
    let fault = |source| CertificateError::File { path: path.to_owned(), source };
    let text = Zeroizing::new(STANDARD.encode(der));
    let mut pem = Zeroizing::new(format!("-----BEGIN {label}-----\n"));
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place.is_multiple_of(LINE) {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str(&format!("\n-----END {label}-----\n"));
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(fault)?;
    file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) =
            (folder.path().join("admin.cert"), folder.path().join("admin.key"));
        ServerCertificate::open_or_create(&certificate, &key, &["localhost".to_owned()]).unwrap();
        std::fs::remove_file(&key).unwrap();
        let error = ServerCertificate::open_or_create(&certificate, &key, &[]).unwrap_err();
        assert!(matches!(&error, CertificateError::File { path, .. } if *path == key), "{error}");
    }

    #[test]
    fn a_file_without_certificates_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clients.pem");
        std::fs::write(&path, "# none yet\n").unwrap();
        let error = certificates_of(&path).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{} is not PEM: no certificate in it", path.display())
        );
    }
}
