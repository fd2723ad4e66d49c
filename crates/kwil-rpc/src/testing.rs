//! Fuzz entry points: each takes any bytes, and fails only when a front end breaks its promises.

use crate::jsonrpc::fuzz_envelope;

/// Any bytes as the body of a JSON-RPC request: the answer is JSON with an id.
///
/// # Panics
/// When it is not, which is what a fuzzer looks for.
pub fn fuzz_jsonrpc_envelope(data: &[u8]) {
    for answer in fuzz_envelope(data) {
        let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&answer);
        assert!(
            parsed.is_ok_and(|answer| answer.get("id").is_some()),
            "an answer is JSON with an id"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutated_requests_never_panic() {
        let request = br#"[{"jsonrpc":"2.0","id":18446744073709551615,"method":"user.ping","params":{"a":[1.5,null]}},{"id":"x"}]"#;
        let mut state: u64 = 5;
        for _ in 0..20_000 {
            let mut mutated = request.to_vec();
            for _ in 0..3 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let place = usize::try_from(state >> 33).unwrap() % mutated.len();
                mutated[place] = state.to_le_bytes()[1] & 0x7f;
            }
            fuzz_jsonrpc_envelope(&mutated);
            fuzz_jsonrpc_envelope(&mutated[..mutated.len() / 2]);
        }
    }
}
