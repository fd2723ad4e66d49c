//! Protobuf code: `proto/**/*.proto` → `crates/kwil-proto/src/gen/`.
//!
//! Generated files are committed because a build script would cost every clean build more than twenty CPU seconds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use prost::Message;

/// Writes the generated files, or with `check` compares them with the committed ones.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = crate::repository_root()?;
    let target = root.join("crates/kwil-proto/src/gen");
    let fresh = generate(&root.join("proto"))?;
    if check {
        return compare(&target, &fresh);
    }
    fs::create_dir_all(&target)?;
    for (name, content) in &fresh {
        fs::write(target.join(name), content).with_context(|| format!("writing {name}"))?;
        println!("wrote {}", target.join(name).display());
    }
    Ok(())
}

fn compare(target: &Path, fresh: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    for (name, content) in fresh {
        let committed = fs::read(target.join(name)).unwrap_or_default();
        if committed != *content {
            bail!("{} is stale; run `cargo xtask gen`", target.join(name).display());
        }
    }
    Ok(())
}

fn generate(protos: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = Vec::new();
    collect(protos, &mut files)?;
    files.sort();
    let descriptors = protox::compile(&files, [protos]).context("compiling proto/")?;
    let out = tempfile::tempdir()?;
    tonic_prost_build::configure()
        .out_dir(out.path())
        .bytes(".")
        .emit_rerun_if_changed(false)
        .compile_fds(descriptors.clone())
        .context("generating Rust code")?;

    let mut fresh = BTreeMap::new();
    for entry in fs::read_dir(out.path())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        fresh.insert(name, fs::read(entry.path())?);
    }
    fresh.insert("descriptors.bin".to_owned(), descriptors.encode_to_vec());
    Ok(fresh)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
