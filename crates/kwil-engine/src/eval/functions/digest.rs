//! `digest`.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::{Call, Evaluated, bytes_value};
use crate::Failure;

pub(super) fn digest(call: &Call<'_>) -> Evaluated {
    let (Some(bytes), Some(algorithm)) = (call.bytes(0), call.text(1)) else {
        return Err(call.unexpected());
    };
    match algorithm.to_ascii_lowercase().as_str() {
        "md5" => hash::<Md5>(bytes),
        "sha1" => hash::<Sha1>(bytes),
        "sha224" => hash::<Sha224>(bytes),
        "sha256" => hash::<Sha256>(bytes),
        "sha384" => hash::<Sha384>(bytes),
        "sha512" => hash::<Sha512>(bytes),
        _ => {
            let message = format!("Cannot use \"{algorithm}\": No such hash algorithm");
            Err(Failure::sql("22023", &message))
        }
    }
}

fn hash<D: Digest>(bytes: &[u8]) -> Evaluated {
    bytes_value(D::digest(bytes).to_vec())
}
