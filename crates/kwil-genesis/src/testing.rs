//! Fuzz entry point of the genesis document.

use crate::Genesis;

/// Whatever text is a genesis document keeps its hash when it is written and read again.
///
/// # Panics
/// When it does not, or when a refused document names no problem.
pub fn fuzz_genesis_json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Genesis::from_json(text) {
        Ok(genesis) => {
            let again = Genesis::from_json(&genesis.to_json()).map(|genesis| genesis.hash());
            assert_eq!(again, Ok(genesis.hash()), "a written document is another one");
        }
        Err(error) => assert!(!error.problems().is_empty(), "refused without a reason"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SplitMix64, so that every run sees the same inputs.
    fn next(state: &mut u64) -> usize {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 8).unwrap()
    }

    #[test]
    fn damaged_documents_pass_through_the_fuzz_entry() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vectors/genesis.json");
        let vectors: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let cases = ["valid", "invalid"].iter().flat_map(|list| vectors[list].as_array().unwrap());
        let tokens: [&[u8]; 10] =
            [b"{", b"}", b"[", b"]", b"\"", b",", b"null", b"-1", b"1e9", b"\\u0000"];
        let mut state = 1;
        for case in cases {
            let text = case["json"].as_str().unwrap().as_bytes();
            fuzz_genesis_json(text);
            for _ in 0..60 {
                let mut damaged = text.to_vec();
                let place = next(&mut state) % damaged.len();
                match next(&mut state) % 4 {
                    0 => damaged[place] ^= 1 << (next(&mut state) % 8),
                    1 => damaged.truncate(place),
                    2 => drop(damaged.remove(place)),
                    _ => drop(damaged.splice(
                        place..place,
                        tokens[next(&mut state) % tokens.len()].iter().copied(),
                    )),
                }
                fuzz_genesis_json(&damaged);
            }
        }
    }
}
