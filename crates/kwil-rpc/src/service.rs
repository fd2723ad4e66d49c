//! The handlers, one file per service. Each is written once and serves every front end.

mod admin;
mod chain;
mod function;
mod read;
mod user;

use kwil_api::user::Version;
use kwil_api::{Service, Transaction};
use kwil_types::{RawTx, TxResult};

use crate::front::Front;

fn version(front: &Front, service: Service) -> Version {
    let (major, minor, patch) = service.version();
    Version {
        service: service.name().to_owned(),
        api_ver: service.version_text(),
        major,
        minor,
        patch,
        kwil_ver: front.settings().node_version.clone(),
    }
}

/// Heights never reach the end of `i64`.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A transaction as this listener shows it: in private mode without payload, text and signature.
fn shown(front: &Front, raw: &RawTx) -> Transaction {
    let mut tx: Transaction = raw.transaction().into();
    if front.settings().redact {
        if let Some(body) = &mut tx.body {
            body.payload.clear();
            body.desc.clear();
        }
        if let Some(signature) = &mut tx.signature {
            signature.sig.clear();
        }
    }
    tx
}

/// A result as this listener shows it: in private mode the first line of its log, without what follows a colon.
fn shown_result(front: &Front, result: &TxResult) -> kwil_api::TxResult {
    let mut shown = kwil_api::TxResult::from(result);
    if front.settings().redact {
        let line = shown.log.lines().next().unwrap_or_default();
        shown.log = line.split(':').next().unwrap_or_default().to_owned();
    }
    shown
}
