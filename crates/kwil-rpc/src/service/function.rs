//! Handlers of the function service.

use kwil_api::function::{VerifySig, VerifySigRequest};
use kwil_api::user::{Empty, Version};
use kwil_api::{FunctionVerifySig, FunctionVersion, RpcError, Service};
use kwil_crypto::auth;

use super::version;
use crate::front::{Context, Front, Handle};

/// Bytes of a message whose signature is checked for a stranger.
const MESSAGE_MAX: usize = 64 * 1024;

impl Handle for FunctionVersion {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<Version, RpcError> {
        Ok(version(front, Service::Function))
    }
}

impl Handle for FunctionVerifySig {
    /// A bad signature is an answer, not an error.
    async fn handle(
        _front: &Front,
        _context: &Context,
        request: VerifySigRequest,
    ) -> Result<VerifySig, RpcError> {
        let signature =
            request.signature.ok_or_else(|| RpcError::invalid_params("missing signature"))?;
        if request.msg.len() > MESSAGE_MAX {
            let text =
                format!("message of {} bytes is longer than {MESSAGE_MAX}", request.msg.len());
            return Err(RpcError::invalid_params(text));
        }
        Ok(match auth::verify(&signature.r#type, &request.sender, &request.msg, &signature.sig) {
            Ok(()) => VerifySig { valid: true, reason: String::new() },
            Err(error) => VerifySig { valid: false, reason: error.to_string() },
        })
    }
}
