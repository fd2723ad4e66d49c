//! The hash by which a proposal names the view changes that justify it.

use kwil_crypto::{Hash, context, hash};

use super::ViewChange;
use crate::ValidatorSet;
use crate::wire::Writer;

/// Hash of a set of view changes: `u32` count, then `u32` set index and signature of each, in set order.
///
/// `None` when a signer is not in the set or appears twice. The order of the slice does not matter.
#[must_use]
pub fn justification_hash(set: &ValidatorSet, view_changes: &[ViewChange]) -> Option<Hash> {
    let mut entries = Vec::with_capacity(view_changes.len());
    for view_change in view_changes {
        let index = u32::try_from(set.index_of(&view_change.signer)?).ok()?;
        entries.push((index, view_change.signature));
    }
    entries.sort_unstable();
    if entries.array_windows().any(|[(left, _), (right, _)]| left == right) {
        return None;
    }
    let mut writer = Writer::new();
    writer.count_u32_be(entries.len());
    for (index, signature) in &entries {
        writer.u32_be(*index).signature(signature);
    }
    Some(hash(context::JUSTIFICATION, &writer.into_bytes()))
}
