//! `addrbook.json`: the address book on disk. Replaced in one step, so a crash leaves the old or the new one.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kwil_crypto::NodeId;
use kwil_types::PeerRecord;
use serde::{Deserialize, Serialize};

use super::book::{BlacklistEntry, Book, Known, MAX_KNOWN};
use super::scope::Scope;

/// A file larger than this is not an address book of ours.
const MAX_FILE: u64 = 8 * 1024 * 1024;

/// Why the address book cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
    /// The file system says no.
    #[error("address book {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The content is not an address book.
    #[error("address book {path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    addrs: Vec<String>,
    #[serde(default)]
    protos: Vec<String>,
    #[serde(default)]
    whitelisted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blacklisted: Option<Blacklisted>,
    /// Signed peer record, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    /// How far the teller of the record was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_from: Option<Distance>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_ok: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_try: Option<Time>,
    #[serde(default)]
    fails: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Blacklisted {
    peer_id: String,
    reason: String,
    timestamp: Time,
    permanent: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Distance {
    Loopback,
    Private,
    Global,
}

/// Unix milliseconds, as RFC 3339 in the file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Time(u64);

impl From<Time> for String {
    fn from(Time(ms): Time) -> Self {
        let in_range = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        in_range.unwrap_or(Timestamp::MAX).to_string()
    }
}

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let time: Timestamp = text.parse().map_err(|error| format!("time {text}: {error}"))?;
        Ok(Self(u64::try_from(time.as_millisecond()).unwrap_or(0)))
    }
}

impl Entry {
    fn of(id: &NodeId, known: &Known) -> Self {
        Self {
            id: id.to_string(),
            addrs: known.addresses().iter().map(ToString::to_string).collect(),
            protos: vec!["kwil-p2p/1".to_owned()],
            whitelisted: known.whitelisted,
            blacklisted: known.blacklisted.as_ref().map(|entry| Blacklisted {
                peer_id: entry.node.to_string(),
                reason: entry.reason.clone(),
                timestamp: Time(entry.since_ms),
                permanent: entry.until_ms.is_none(),
                expires_at: entry.until_ms.map(Time),
            }),
            record: known.record.as_ref().map(|record| hex::encode(record.encode())),
            told_from: known.record.as_ref().map(|_| match known.distance {
                Scope::Loopback => Distance::Loopback,
                Scope::Private => Distance::Private,
                Scope::Global => Distance::Global,
            }),
            last_ok: known.last_ok.map(Time),
            last_try: known.last_try.map(Time),
            fails: known.fails,
        }
    }

    fn into_known(self) -> Result<(NodeId, Known), String> {
        let id: NodeId = self.id.parse().map_err(|error| format!("id {}: {error}", self.id))?;
        let record = self.record.as_deref().map(|text| record(text, &id)).transpose()?;
        let known = Known {
            // Addresses from the configuration come from there again.
            configured: None,
            record,
            distance: match self.told_from {
                Some(Distance::Loopback) => Scope::Loopback,
                Some(Distance::Private) => Scope::Private,
                Some(Distance::Global) | None => Scope::Global,
            },
            whitelisted: self.whitelisted,
            blacklisted: self.blacklisted.map(|entry| BlacklistEntry {
                node: id,
                reason: entry.reason,
                since_ms: entry.timestamp.0,
                until_ms: entry.expires_at.filter(|_| !entry.permanent).map(|time| time.0),
            }),
            last_ok: self.last_ok.map(|time| time.0),
            last_try: self.last_try.map(|time| time.0),
            fails: self.fails,
        };
        Ok((id, known))
    }
}

fn record(text: &str, id: &NodeId) -> Result<PeerRecord, String> {
    let bytes = hex::decode(text).map_err(|error| format!("record of {id}: {error}"))?;
    let record = PeerRecord::decode(&bytes).map_err(|error| format!("record of {id}: {error}"))?;
    if record.signer != *id.public_key() {
        return Err(format!("record of {id} is about another node"));
    }
    record.verify().map_err(|error| format!("record of {id}: {error}"))?;
    Ok(record)
}

/// The book as JSON text.
pub(crate) fn to_json(book: &Book) -> serde_json::Result<String> {
    let entries: Vec<Entry> = book.iter().map(|(id, known)| Entry::of(id, known)).collect();
    serde_json::to_string_pretty(&entries)
}

/// Reads a book from JSON text.
pub(crate) fn from_json(text: &str) -> Result<Book, String> {
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if entries.len() > MAX_KNOWN {
        return Err(format!("{} entries, at most {MAX_KNOWN}", entries.len()));
    }
    let known: Result<BTreeMap<NodeId, Known>, String> =
        entries.into_iter().map(Entry::into_known).collect();
    known.map(Book::from_known)
}

/// Reads the file; an absent one is an empty book. A damaged one is moved to `<name>.bad`, and the error says so once.
pub(crate) fn load(path: &Path) -> (Book, Option<BookError>) {
    let failed = |source| BookError::Io { path: path.to_owned(), source };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (Book::default(), None),
        Err(error) => return (Book::default(), Some(failed(error))),
        Ok(_) => {}
    }
    let reason = match read(path) {
        Err(error) => return (Book::default(), Some(failed(error))),
        Ok(text) => match from_json(&text) {
            Ok(book) => return (book, None),
            Err(reason) => reason,
        },
    };
    let mut bad = path.as_os_str().to_owned();
    bad.push(".bad");
    let error = match fs::rename(path, &bad) {
        Ok(()) => BookError::Damaged { path: path.to_owned(), reason },
        Err(error) => failed(error),
    };
    (Book::default(), Some(error))
}

fn read(path: &Path) -> io::Result<String> {
    use io::Read as _;
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    // Bytes that are not UTF-8 fail as JSON, which is where a damaged file is dealt with.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes the file beside its place, then renames it.
pub(crate) fn save(path: &Path, json: &str) -> Result<(), BookError> {
    let write = || -> io::Result<()> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(json.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| BookError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use kwil_crypto::KeyType;
    use kwil_types::{PeerRecordBody, Signed};

    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    pub(super) fn sample() -> (NodeId, Book) {
        let key = kwil_quic::testing::node_key(KeyType::Secp256k1, 1);
        let id = NodeId::new(key.public_key());
        let body = PeerRecordBody {
            node: key.public_key(),
            sequence: NOW,
            addresses: vec!["10.0.0.1:6600".to_owned()],
            flags: 0,
        };
        let mut book = Book::default();
        book.learn(Signed::sign(body, &key), Scope::Private, NOW).unwrap();
        book.reached(&id, NOW);
        book.failed(&id);
        book.set_whitelisted(id, true);
        book.blacklist(BlacklistEntry {
            node: id,
            reason: "manual".to_owned(),
            since_ms: NOW,
            until_ms: Some(NOW + 3_600_000),
        });
        (id, book)
    }

    #[test]
    fn book_survives_the_way_through_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("addrbook.json");
        let (id, book) = sample();
        save(&path, &to_json(&book).unwrap()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (read, problem) = load(&path);
        assert!(problem.is_none(), "{problem:?}");
        let (old, new) = (book.get(&id).unwrap(), read.get(&id).unwrap());
        assert_eq!(format!("{old:?}"), format!("{new:?}"));
        assert_eq!(new.addresses(), ["10.0.0.1:6600".parse().unwrap()]);
    }

    #[test]
    fn entries_have_the_names_that_operators_know() {
        let (id, book) = sample();
        let json: serde_json::Value = serde_json::from_str(&to_json(&book).unwrap()).unwrap();
        let entry = &json[0];
        assert_eq!(entry["id"], id.to_string());
        assert_eq!(entry["addrs"][0], "10.0.0.1:6600");
        assert_eq!(entry["whitelisted"], true);
        assert_eq!(entry["blacklisted"]["reason"], "manual");
        assert_eq!(entry["blacklisted"]["permanent"], false);
        assert_eq!(entry["blacklisted"]["timestamp"], "2027-01-15T08:00:00Z");
        assert_eq!(entry["blacklisted"]["expires_at"], "2027-01-15T09:00:00Z");
    }

    #[test]
    fn absent_file_is_an_empty_book() {
        let folder = tempfile::tempdir().unwrap();
        let (book, problem) = load(&folder.path().join("addrbook.json"));
        assert!(problem.is_none());
        assert_eq!(book.iter().count(), 0);
    }

    #[test]
    fn damaged_file_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("addrbook.json");
        let (_, book) = sample();
        let good = to_json(&book).unwrap();
        let record_of_another = good.replacen("\"id\": \"0", "\"id\": \"1", 1);
        for content in [
            "",
            "[",
            "{}",
            "[{\"id\":\"zz\"}]",
            record_of_another.as_str(),
            &good[..good.len() / 2],
        ] {
            fs::write(&path, content).unwrap();
            let (book, problem) = load(&path);
            assert!(matches!(problem, Some(BookError::Damaged { .. })), "{content}");
            assert_eq!(book.iter().count(), 0);
            assert!(!path.exists());
            assert_eq!(
                fs::read_to_string(folder.path().join("addrbook.json.bad")).unwrap(),
                content
            );
        }
    }
}

/// A sample for the fuzz corpus.
#[cfg(test)]
pub(crate) mod tests_support {
    pub(crate) fn json() -> String {
        super::to_json(&super::tests::sample().1).unwrap()
    }
}
