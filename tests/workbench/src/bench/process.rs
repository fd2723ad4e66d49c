//! Memory and CPU time of a process, from the kernel.

use std::time::Duration;

use anyhow::{Context, Result};

/// Resident memory in MiB.
pub(super) fn rss_mib(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u32 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(f64::from(kib) / 1024.0)
}

/// CPU time used so far; the kernel counts hundredths of a second.
pub(super) fn cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("no command name")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |index: usize| -> Result<u64> {
        Ok(fields.get(index).context("short stat line")?.parse()?)
    };
    Ok(Duration::from_millis(ticks(11)?.saturating_add(ticks(12)?).saturating_mul(10)))
}
