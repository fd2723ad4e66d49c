//! Measures the store on this machine: how start-up depends on the number of blocks, and where compression pays.
//!
//! ```text
//! cargo run --release -p kwil-store --features testing --example measure -- startup 1000000
//! cargo run --release -p kwil-store --features testing --example measure -- compression
//! ```

#![expect(
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "prints a report about small numbers"
)]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use kwil_crypto::Hash;
use kwil_store::testing::{block_at, raw_block};
use kwil_store::{BlockIndex, BlockLog, BlockLogConfig};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const CHAIN: Hash = Hash([1; 32]);

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some("startup"), blocks) => startup(blocks.as_deref().unwrap_or("1000000").parse()?),
        (Some("compression"), None) => compression(),
        (_, _) => Err("usage: measure startup [BLOCKS] | compression".into()),
    }
}

fn startup(blocks: u64) -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let config = BlockLogConfig::new(folder.path(), CHAIN, 1);
    println!(
        "blocks  appended_s  log_open_ms  index_build_s  index_open_ms  log_MiB  index_MiB  rss_MiB"
    );
    let mut next = 1;
    for target in [blocks / 100, blocks / 10, blocks] {
        let began = Instant::now();
        let (mut log, _) = BlockLog::open(&config)?;
        while next <= target {
            log.append(
                &block_at(next, 1, 220),
                Some(&[Bytes::from_static(b"result of one transaction")]),
            )?;
            if next % 64 == 0 {
                log.sync()?;
            }
            next += 1;
        }
        log.close()?;
        let appended = began.elapsed().as_secs_f64();

        let began = Instant::now();
        let (log, _) = BlockLog::open(&config)?;
        let log_open = began.elapsed().as_secs_f64() * 1e3;

        let began = Instant::now();
        let mut index = BlockIndex::open(folder.path(), log.reader())?;
        index.catch_up(|_| {})?;
        index.save()?;
        let build = began.elapsed().as_secs_f64();
        drop(index);

        let began = Instant::now();
        drop(BlockIndex::open(folder.path(), log.reader())?);
        let index_open = began.elapsed().as_secs_f64() * 1e3;
        let (log_mib, index_mib) = sizes(&config.dir)?;
        println!(
            "{target:>7}  {appended:>10.1}  {log_open:>11.1}  {build:>13.1}  {index_open:>13.1}  {log_mib:>7}  {index_mib:>9}  {}",
            rss_mib()?
        );
    }
    Ok(())
}

fn sizes(dir: &Path) -> Result<(u64, u64)> {
    let (mut log, mut index) = (0, 0);
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let bytes = entry.metadata()?.len();
        if entry.path().extension().is_some_and(|extension| extension == "redb") {
            index += bytes;
        } else {
            log += bytes;
        }
    }
    Ok((log >> 20, index >> 20))
}

fn rss_mib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? >> 10)
}

/// Blocks of transactions that the published JavaScript client made, with fresh signatures and senders.
fn compression() -> Result<()> {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vectors/tx-kwiljs.json");
    let text = std::fs::read_to_string(vectors)?;
    let samples: Vec<Vec<u8>> = text
        .split("\"tx_binary_hex\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').nth(1))
        .map(hex::decode)
        .collect::<std::result::Result<_, _>>()?;
    println!("txs  block_bytes  level  ratio  pack_us  unpack_us");
    for txs in [1usize, 4, 10, 20, 100, 1_000, 10_000] {
        let block = realistic(&samples, txs)?;
        for level in [1, 3] {
            let mut squeeze = zstd::bulk::Compressor::new(level)?;
            let rounds = (2_000_000 / block.len()).clamp(3, 2_000);
            let began = Instant::now();
            let mut packed = Vec::new();
            for _ in 0..rounds {
                packed = squeeze.compress(&block)?;
            }
            let pack = began.elapsed().as_secs_f64() * 1e6 / rounds as f64;
            let began = Instant::now();
            for _ in 0..rounds {
                std::hint::black_box(zstd::bulk::decompress(&packed, block.len())?);
            }
            let unpack = began.elapsed().as_secs_f64() * 1e6 / rounds as f64;
            let ratio = packed.len() as f64 / block.len() as f64;
            println!(
                "{txs:>5}  {:>10}  {level:>5}  {ratio:>5.2}  {pack:>7.1}  {unpack:>9.1}",
                block.len()
            );
        }
    }
    Ok(())
}

fn realistic(samples: &[Vec<u8>], txs: usize) -> Result<Bytes> {
    let mut noise = block_at(txs as u64, 1, txs * 90 + 400).block.to_vec().into_iter().skip(400);
    let mut made = Vec::with_capacity(txs);
    for (index, sample) in samples.iter().cycle().take(txs).enumerate() {
        let mut tx = sample.clone();
        let end = tx.len();
        // The signature lies near the front, the sender at the end; 1 of 50 senders each.
        for byte in tx.get_mut(5..70).ok_or("short transaction")? {
            *byte = noise.next().ok_or("noise ended")?;
        }
        for (at, byte) in tx.get_mut(end - 20..).ok_or("short transaction")?.iter_mut().enumerate()
        {
            *byte = (index % 50) as u8 ^ (at * 37) as u8;
        }
        made.push(Bytes::from(tx));
    }
    let header: Vec<u8> = noise.take(264).collect();
    Ok(raw_block(&header, &made))
}
