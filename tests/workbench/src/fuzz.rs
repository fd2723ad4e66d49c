//! Fuzzing on the stable toolchain: mutations of the committed corpus and of what was generated before.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("api_method_json", kwil_api::testing::fuzz_method_json),
    ("api_method_proto", kwil_api::testing::fuzz_method_proto),
    ("consensus_proposal", kwil_consensus::testing::fuzz_proposal),
    ("consensus_record", kwil_consensus::testing::fuzz_record),
    ("crypto_node_id", kwil_crypto::testing::fuzz_node_id),
    ("crypto_public_key", kwil_crypto::testing::fuzz_public_key),
    ("crypto_signature", kwil_crypto::testing::fuzz_signature),
    ("engine_eval", kwil_engine::testing::fuzz_eval),
    ("engine_interpreter", kwil_engine::testing::fuzz_interpreter),
    ("genesis_json", kwil_genesis::testing::fuzz_genesis_json),
    ("lang_action", kwil_lang::testing::fuzz_parse_action),
    ("lang_analyze", kwil_lang::testing::fuzz_analyze),
    ("lang_script", kwil_lang::testing::fuzz_parse_script),
    ("p2p_address_book", kwil_p2p::testing::fuzz_address_book),
    ("p2p_answer", kwil_p2p::testing::fuzz_answer),
    ("p2p_consensus", kwil_p2p::testing::fuzz_consensus),
    ("p2p_control", kwil_p2p::testing::fuzz_control),
    ("p2p_frames", kwil_p2p::testing::fuzz_frames),
    ("p2p_request", kwil_p2p::testing::fuzz_request),
    ("quic_binding", kwil_quic::testing::fuzz_identity_binding),
    ("quic_certificate", kwil_quic::testing::fuzz_certificate),
    ("rpc_envelope", kwil_rpc::testing::fuzz_jsonrpc_envelope),
    ("state_copy", kwil_state::testing::fuzz_copy_stream),
    ("state_parameters", kwil_state::testing::fuzz_parameters),
    ("state_row", kwil_state::testing::fuzz_row_image),
    ("store_block", kwil_store::testing::fuzz_block_record),
    ("store_record", kwil_store::testing::fuzz_consensus_record),
    ("types_block", kwil_types::testing::fuzz_block),
    ("types_certificate", kwil_types::testing::fuzz_certificate),
    ("types_header", kwil_types::testing::fuzz_header),
    ("types_lists", kwil_types::testing::fuzz_network_lists),
    ("types_payload", kwil_types::testing::fuzz_payload),
    ("types_signed", kwil_types::testing::fuzz_signed_messages),
    ("types_tx", kwil_types::testing::fuzz_tx),
    ("types_tx_json", kwil_types::testing::fuzz_tx_json),
    ("types_value", kwil_types::testing::fuzz_value),
    ("types_vote", kwil_types::testing::fuzz_vote),
];
/// Longest input made here.
const LONGEST: usize = 4096;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Seconds for each target
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Only this target
    target: Option<String>,
    /// Start of the pseudo-random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let chosen: Vec<&Target> = TARGETS
        .iter()
        .filter(|(name, _)| args.target.as_ref().is_none_or(|wanted| wanted == name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        bail!("no such target; there are {}", names.join(", "));
    }
    for (name, target) in chosen {
        let corpus = corpus(name)?;
        let end = Instant::now()
            .checked_add(Duration::from_secs(args.seconds))
            .context("too many seconds")?;
        let mut inputs = Inputs { state: args.seed.max(1), corpus };
        let mut runs = 0u64;
        while Instant::now() < end {
            for _ in 0..256 {
                let input = inputs.next();
                guarded(name, target, &input)?;
                runs = runs.saturating_add(1);
            }
        }
        println!("{name}: {runs} inputs, no finding");
    }
    Ok(())
}

/// A panic is a finding: the input is kept so that it becomes a test.
fn guarded(name: &str, target: &fn(&[u8]), input: &[u8]) -> Result<()> {
    if std::panic::catch_unwind(|| target(input)).is_ok() {
        return Ok(());
    }
    let path = PathBuf::from(format!("fuzz-{name}-finding"));
    std::fs::write(&path, input)?;
    bail!("{name} panicked; the input is in {}", path.display());
}

fn corpus(name: &str) -> Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/fuzz").join(name);
    let mut found = vec![Vec::new()];
    if let Ok(entries) = std::fs::read_dir(folder) {
        for entry in entries {
            found.push(std::fs::read(entry?.path())?);
        }
    }
    Ok(found)
}

/// Mutated inputs; xorshift numbers, so that a seed repeats its run.
struct Inputs {
    state: u64,
    corpus: Vec<Vec<u8>>,
}

impl Inputs {
    fn number(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);
        usize::try_from(self.number() % limit).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[3]
    }

    fn next(&mut self) -> Vec<u8> {
        let from = self.below(self.corpus.len());
        let mut input = self.corpus.get(from).cloned().unwrap_or_default();
        for _ in 0..=self.below(8) {
            self.mutate(&mut input);
        }
        input.truncate(LONGEST);
        if self.corpus.len() < 512 && self.number().is_multiple_of(64) {
            self.corpus.push(input.clone());
        }
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len());
        match self.number() % 6 {
            0 => {
                let byte = self.byte();
                input.insert(at.min(input.len()), byte);
            }
            1 if !input.is_empty() => drop(input.remove(at)),
            2 if !input.is_empty() => input.truncate(at),
            3 => {
                let count = self.below(32);
                for _ in 0..count {
                    let byte = self.byte();
                    input.push(byte);
                }
            }
            _ => {
                let (bit, byte) = (self.number() % 8, self.byte());
                if let Some(place) = input.get_mut(at) {
                    *place = if bit == 7 { byte } else { *place ^ (1 << bit) };
                }
            }
        }
    }
}
