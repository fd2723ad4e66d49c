//! A log file that is renamed when it is full, and the thread that compresses what was renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::LogError;

/// Renamed files that may wait for compression before writing waits too.
const QUEUE: usize = 16;

/// When to rename, and how many to keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes: u64,
    /// 0 keeps all.
    pub(crate) keep: u64,
}

/// A file that grows to a limit, becomes `<name>.<N>`, then `<name>.<N>.gz`, and starts again.
#[derive(Debug)]
pub(crate) struct RollingFile {
    path: PathBuf,
    file: File,
    size: u64,
    limits: Limits,
    full: Option<SyncSender<PathBuf>>,
    compressor: Option<JoinHandle<()>>,
}

impl RollingFile {
    /// Opens for appending, makes the folder, and renames at once what is over the limit already.
    pub(crate) fn open(path: &Path, limits: Limits) -> Result<Self, LogError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|source| LogError::Folder { path: folder.to_path_buf(), source })?;
        }
        let failed = |source| LogError::File { path: path.to_path_buf(), source };
        let file = append(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let (full, queue) = sync_channel(QUEUE);
        let name = path.to_path_buf();
        let compressor = std::thread::Builder::new()
            .name("log-gzip".to_owned())
            .spawn(move || compress_all(&queue, &name, limits.keep))
            .map_err(failed)?;
        let mut this = Self {
            path: path.to_path_buf(),
            file,
            size,
            limits,
            full: Some(full),
            compressor: Some(compressor),
        };
        if this.size >= limits.bytes {
            this.roll().map_err(failed)?;
        }
        Ok(this)
    }

    /// Appends a whole line, then renames the file when it is full.
    pub(crate) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line)?;
        self.size = self.size.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        if self.size >= self.limits.bytes { self.roll() } else { Ok(()) }
    }

    /// Opens the path again, after somebody else moved the file away.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        self.file = append(&self.path)?;
        self.size = self.file.metadata()?.len();
        Ok(())
    }

    fn roll(&mut self) -> io::Result<()> {
        let number = numbers(&self.path).into_iter().max().unwrap_or(0).saturating_add(1);
        let target = suffixed(&self.path, &format!(".{number}"));
        fs::rename(&self.path, &target)?;
        self.reopen()?;
        if let Some(full) = &self.full
            && full.send(target).is_err()
        {
            // The compressor died; the renamed file simply stays as it is.
            self.full = None;
        }
        Ok(())
    }
}

impl Drop for RollingFile {
    fn drop(&mut self) {
        self.full = None;
        if let Some(compressor) = self.compressor.take()
            && compressor.join().is_err()
        {
            self.compressor = None;
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Numbers of the renamed files beside `path`, compressed or not.
fn numbers(path: &Path) -> Vec<u64> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let other = entry.file_name();
            let rest = other.to_str()?.strip_prefix(name)?.strip_prefix('.')?;
            rest.strip_suffix(".gz").unwrap_or(rest).parse().ok()
        })
        .collect()
}

fn compress_all(queue: &Receiver<PathBuf>, path: &Path, keep: u64) {
    for full in queue {
        // A file that cannot be compressed stays readable under its plain name; nothing is lost.
        let done = compress(&full).is_ok();
        if !done || keep == 0 {
            continue;
        }
        let newest = numbers(path).into_iter().max().unwrap_or(0);
        for number in
            numbers(path).into_iter().filter(|number| number.saturating_add(keep) <= newest)
        {
            if fs::remove_file(suffixed(path, &format!(".{number}.gz"))).is_err() {
                continue; // removed by somebody else
            }
        }
    }
}

fn compress(full: &Path) -> io::Result<()> {
    let unfinished = suffixed(full, ".gz.tmp");
    let mut encoder = GzEncoder::new(File::create(&unfinished)?, Compression::default());
    io::copy(&mut File::open(full)?, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    fs::rename(&unfinished, suffixed(full, ".gz"))?;
    fs::remove_file(full)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn full_files_are_numbered_compressed_and_the_oldest_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/kwild.log");
        let mut file = RollingFile::open(&path, Limits { bytes: 10, keep: 2 }).unwrap();
        for index in 0..7 {
            file.write(format!("line {index}\n").as_bytes()).unwrap(); // 7 bytes: every second one fills the file
        }
        drop(file);
        assert_eq!(
            names(&dir.path().join("logs")),
            ["kwild.log", "kwild.log.2.gz", "kwild.log.3.gz"]
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "line 6\n");
        let mut text = String::new();
        let packed = File::open(dir.path().join("logs/kwild.log.3.gz")).unwrap();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
        assert_eq!(text, "line 4\nline 5\n");
    }

    #[test]
    fn a_file_over_the_limit_is_renamed_at_start_and_numbering_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kwild.log");
        fs::write(&path, "more than ten bytes\n").unwrap();
        fs::write(dir.path().join("kwild.log.41.gz"), "").unwrap();
        drop(RollingFile::open(&path, Limits { bytes: 10, keep: 0 }).unwrap());
        assert_eq!(names(dir.path()), ["kwild.log", "kwild.log.41.gz", "kwild.log.42.gz"]);
    }

    #[test]
    fn after_a_move_from_outside_reopening_starts_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kwild.log");
        let mut file = RollingFile::open(&path, Limits { bytes: 1000, keep: 0 }).unwrap();
        file.write(b"old\n").unwrap();
        fs::rename(&path, dir.path().join("moved")).unwrap();
        file.reopen().unwrap();
        file.write(b"new\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    }
}
