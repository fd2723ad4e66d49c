//! The self-signed certificate that binds a fresh TLS key to the node's identity key.
//!
//! Extension `2.25.6347954110860789496`, not critical, once, with exactly this value (spec: TLS identity):
//!
//! ```text
//! u8 1 ‖ u32 key type id ‖ u32 length ‖ public key ‖ 64-byte signature
//! ```
//!
//! The signature is the node's, in the context `kwil peer 1`, over the DER SubjectPublicKeyInfo of the certificate.
//! TLS proves possession of the certificate's key; the extension proves that the node chose that key.

use kwil_crypto::{KeyType, NetworkSignature, NodeId, PrivateKey, PublicKey, context};
use rcgen::PublicKeyData as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::IdentityError;

/// Arcs of the extension's object identifier: a private arc below the UUID root.
pub const EXTENSION_OID: [u64; 3] = [2, 25, 6_347_954_110_860_789_496];

/// The one host name in certificates; it identifies nobody.
pub const SERVER_NAME: &str = "kwil";

const OID_DER: [u8; 10] = [0x69, 0xd8, 0x8c, 0x9d, 0xd4, 0x98, 0xa2, 0xda, 0x8d, 0x78];
const VERSION: u8 = 1;

/// A certificate together with the private key that TLS needs.
pub(crate) struct Minted {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// Makes a fresh Ed25519 TLS key and its certificate, bound to `node_key`.
pub(crate) fn mint(node_key: &PrivateKey) -> Result<Minted, IdentityError> {
    let tls_key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(minting)?;
    let signature = node_key.sign_network(context::PEER, &tls_key.subject_public_key_info());
    let value = encode_binding(&node_key.public_key(), &signature);
    certify(&tls_key, vec![rcgen::CustomExtension::from_oid_content(&EXTENSION_OID, value)])
}

fn certify(
    tls_key: &rcgen::KeyPair,
    extensions: Vec<rcgen::CustomExtension>,
) -> Result<Minted, IdentityError> {
    let mut params =
        rcgen::CertificateParams::new(vec![SERVER_NAME.to_owned()]).map_err(minting)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.custom_extensions = extensions;
    let certificate = params.self_signed(tls_key).map_err(minting)?;
    Ok(Minted {
        certificate: certificate.der().clone(),
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(tls_key.serialize_der())),
    })
}

fn minting(source: rcgen::Error) -> IdentityError {
    IdentityError::Mint { reason: source.to_string() }
}

/// Reads a certificate and returns the node that vouches for its key.
///
/// # Errors
/// Anything but one well-formed certificate with one valid extension whose signature verifies.
pub fn certificate_node_id(der: &CertificateDer<'_>) -> Result<NodeId, IdentityError> {
    let (rest, certificate) = X509Certificate::from_der(der.as_ref())
        .map_err(|error| IdentityError::Malformed { reason: error.to_string() })?;
    if !rest.is_empty() {
        return Err(IdentityError::Malformed {
            reason: format!("{} bytes follow the certificate", rest.len()),
        });
    }
    let mut found =
        certificate.extensions().iter().filter(|extension| extension.oid.as_bytes() == OID_DER);
    let extension = found.next().ok_or(IdentityError::NoExtension)?;
    if found.next().is_some() {
        return Err(IdentityError::RepeatedExtension);
    }
    if extension.critical {
        return Err(IdentityError::Extension { reason: "it is marked critical" });
    }
    let (key, signature) = decode_binding(extension.value)?;
    key.verify_network(context::PEER, certificate.public_key().raw, &signature)?;
    Ok(NodeId::new(key))
}

fn encode_binding(key: &PublicKey, signature: &NetworkSignature) -> Vec<u8> {
    let bytes = key.as_bytes();
    // A public key has 33 bytes at most.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut value = vec![VERSION];
    value.extend_from_slice(&key.key_type().id().to_be_bytes());
    value.extend_from_slice(&length.to_be_bytes());
    value.extend_from_slice(bytes);
    value.extend_from_slice(signature.as_bytes());
    value
}

/// Decodes the extension's value; exact, so no other bytes give an equal result.
pub(crate) fn decode_binding(value: &[u8]) -> Result<(PublicKey, NetworkSignature), IdentityError> {
    let short = IdentityError::Extension { reason: "it is too short" };
    let Some((&version, rest)) = value.split_first() else { return Err(short) };
    if version != VERSION {
        return Err(IdentityError::ExtensionVersion { got: version });
    }
    let Some((id, rest)) = rest.split_first_chunk::<4>() else { return Err(short) };
    let Some((length, rest)) = rest.split_first_chunk::<4>() else { return Err(short) };
    let key_type = KeyType::from_id(u32::from_be_bytes(*id))?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length != key_type.public_key_len() {
        return Err(IdentityError::Extension { reason: "the key's length does not fit its type" });
    }
    let Some((key, signature)) = rest.split_at_checked(length) else { return Err(short) };
    let signature: [u8; 64] = signature
        .try_into()
        .map_err(|_| IdentityError::Extension { reason: "a signature of 64 bytes must end it" })?;
    Ok((PublicKey::from_bytes(key_type, key)?, NetworkSignature(signature)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::node_key;

    #[test]
    fn certificate_names_the_node_of_either_key_type() {
        for key_type in KeyType::ALL {
            let key = node_key(key_type, 1);
            let minted = mint(&key).unwrap();
            assert_eq!(
                certificate_node_id(&minted.certificate).unwrap(),
                NodeId::new(key.public_key())
            );
        }
    }

    #[test]
    fn each_process_start_has_another_tls_key() {
        let key = node_key(KeyType::Ed25519, 1);
        assert_ne!(mint(&key).unwrap().certificate, mint(&key).unwrap().certificate);
    }

    #[test]
    fn oid_bytes_are_those_of_the_arcs() {
        let key = node_key(KeyType::Ed25519, 1);
        let minted = mint(&key).unwrap();
        let (_, certificate) = X509Certificate::from_der(&minted.certificate).unwrap();
        let names: Vec<String> =
            certificate.extensions().iter().map(|ext| ext.oid.to_id_string()).collect();
        assert!(names.contains(&"2.25.6347954110860789496".to_owned()), "{names:?}");
    }

    #[test]
    fn certificate_without_the_extension_is_refused() {
        let tls_key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let minted = certify(&tls_key, Vec::new()).unwrap();
        assert!(matches!(
            certificate_node_id(&minted.certificate),
            Err(IdentityError::NoExtension)
        ));
    }

    #[test]
    fn repeated_extension_is_refused() {
        let key = node_key(KeyType::Secp256k1, 1);
        let tls_key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let signature = key.sign_network(context::PEER, &tls_key.subject_public_key_info());
        let value = encode_binding(&key.public_key(), &signature);
        let extension = || rcgen::CustomExtension::from_oid_content(&EXTENSION_OID, value.clone());
        let minted = certify(&tls_key, vec![extension(), extension()]).unwrap();
        // The parser itself may refuse the repetition; either way nobody is identified.
        assert!(certificate_node_id(&minted.certificate).is_err());
    }

    #[test]
    fn extension_taken_from_another_certificate_is_refused() {
        let key = node_key(KeyType::Secp256k1, 1);
        let stolen_from = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let signature = key.sign_network(context::PEER, &stolen_from.subject_public_key_info());
        let value = encode_binding(&key.public_key(), &signature);
        let thief = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let minted =
            certify(&thief, vec![rcgen::CustomExtension::from_oid_content(&EXTENSION_OID, value)])
                .unwrap();
        assert!(matches!(
            certificate_node_id(&minted.certificate),
            Err(IdentityError::Signature(_))
        ));
    }

    #[test]
    fn trailing_byte_after_the_certificate_is_refused() {
        let minted = mint(&node_key(KeyType::Ed25519, 1)).unwrap();
        let mut bytes = minted.certificate.to_vec();
        bytes.push(0);
        assert!(matches!(
            certificate_node_id(&CertificateDer::from(bytes)),
            Err(IdentityError::Malformed { .. })
        ));
    }

    #[test]
    fn binding_is_exact() {
        for key_type in KeyType::ALL {
            let key = node_key(key_type, 7);
            let signature = key.sign_network(context::PEER, b"spki");
            let value = encode_binding(&key.public_key(), &signature);
            assert_eq!(decode_binding(&value).unwrap(), (key.public_key(), signature));
            for end in 0..value.len() {
                assert!(decode_binding(&value[..end]).is_err(), "prefix of {end} bytes");
            }
            let mut longer = value.clone();
            longer.push(0);
            assert!(decode_binding(&longer).is_err());
            for bit in 0..value.len() * 8 {
                let mut flipped = value.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(
                    decode_binding(&flipped).ok(),
                    Some((key.public_key(), signature)),
                    "bit {bit}"
                );
            }
        }
    }
}
