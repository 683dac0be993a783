//! shell: the checks of a database file before SQLite opens it: that it is one, that it is whole, and that no foreign
//! file is next to it.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::disk::{self, Links};
use crate::formats::kind_of;
use crate::sources::{RepeatRead, SourceError};

/// What begins every database.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Bytes of a database's header.
const HEADER: usize = 100;

/// Why a database can't be read without harm or at all, and what to do.
pub(super) const COLD_WAL: &str = "the database can't be opened for reading: it is in WAL mode (or was left in the middle of a change) \
    and nobody has it open, so SQLite needs to make its `-wal` and `-shm` files beside it: let its application keep it open, \
    or run this program as the file's owner with the right to write in that folder, or read a copy";

/// Refuses what SQLite would wait for, misread or change.
pub(super) fn examine(path: &Path) -> Result<(), SourceError> {
    disk::check_database(path)
        .map_err(|(place, special)| SourceError::new(RepeatRead::Never, format!("{}: {special}", place.display())))?;
    let place = path.display();
    let never = |message: String| SourceError::new(RepeatRead::Never, format!("{place}: {message}"));
    let facts = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(SourceError::new(RepeatRead::Later, format!("{place}: the file isn't there")));
        }
        Err(error) => return Err(never(format!("the file can't be read: {}", error.kind()))),
        Ok(facts) => facts,
    };
    let mut header = Vec::with_capacity(4096);
    let read = disk::open(path, Links::Followed).and_then(|file| file.take(4096).read_to_end(&mut header));
    if let Err(error) = read {
        if disk::is_exhaustion(&error) {
            return Err(exhausted(path));
        }
        if error.kind() == std::io::ErrorKind::WouldBlock {
            return Err(SourceError::new(RepeatRead::Soon, format!("{place}: the file is in use")));
        }
        return Err(never(format!("the file can't be read: {}", error.kind())));
    }
    if let Some(foreign) = foreign(&header) {
        return Err(never(foreign));
    }
    if let Some(cut) = cut(&header, facts.len(), has_log(path)) {
        return Err(SourceError::new(RepeatRead::Soon, format!("{place}: {cut}")));
    }
    if is_cold_wal(&header, path) && !may_make_companions(rustix::process::geteuid().as_raw(), facts.uid()) {
        return Err(never(COLD_WAL.into()));
    }
    Ok(())
}

/// Files that SQLite may open for one read: the database, its log and the log's index.
const FILES_OF_A_READ: usize = 3;

/// Whether SQLite could open no file because this process has no descriptor left. It only says that it can't open one.
pub(super) fn are_descriptors_used_up(path: &Path) -> bool {
    let tries: Vec<_> = (0..FILES_OF_A_READ).map(|_| disk::open(path, Links::Followed)).collect();
    tries.iter().filter_map(|tried| tried.as_ref().err()).any(disk::is_exhaustion)
}

/// The error for a database that can't be read before other files or connections are closed.
pub(super) fn exhausted(path: &Path) -> SourceError {
    let place = path.display();
    SourceError::new(RepeatRead::Soon, format!("{place}: no file descriptor or memory is left to read the database"))
}

/// When the database or its write-ahead log was last written (UTC).
pub(super) fn modified_at(path: &Path) -> Option<Timestamp> {
    let written = [path.to_owned(), beside(path, "-wal")].into_iter().filter_map(|file| std::fs::metadata(file).ok());
    let times =
        written.filter_map(|facts| Timestamp::new(facts.mtime(), i32::try_from(facts.mtime_nsec()).unwrap_or(0)).ok());
    times.max()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(ending);
    name.into()
}

/// Whether changes wait in a write-ahead log: then the file alone may be shorter than its header says.
fn has_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|facts| facts.len() > 0)
}

/// Says what a file is that is no database.
fn foreign(header: &[u8]) -> Option<String> {
    if header.is_empty() || MAGIC.starts_with(&header[..header.len().min(MAGIC.len())]) {
        return None;
    }
    Some(match kind_of(header) {
        Some(kind) => format!("this is not a SQLite database: {}", kind.instead_of("a database")),
        None => "this is not a SQLite database: for a text table write `[source.csv]`".to_owned(),
    })
}

/// Says that a file is shorter than its header promises, as a copy in progress is.
fn cut(header: &[u8], length: u64, has_log: bool) -> Option<String> {
    if header.len() < HEADER {
        return Some(format!("the file is cut: it has {length} bytes, fewer than a database's header"));
    }
    let whole = |at: usize| u64::from(u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]));
    let page_size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    // the count of pages counts only when the header was written by the same change
    let pages = (whole(24) == whole(92)).then(|| whole(28)).filter(|pages| *pages > 0);
    let promised = pages.unwrap_or(0) * page_size;
    let is_short = length < promised && !has_log;
    let is_uneven = page_size > 0 && !length.is_multiple_of(page_size);
    let wanted = promised.max(if is_uneven { (length / page_size + 1) * page_size } else { 0 });
    (is_short || is_uneven).then(|| format!("the file is cut: {length} of {wanted} bytes"))
}

/// Whether the database is in WAL mode (bytes 18 and 19 of the header are 2), and nobody has it open.
fn is_cold_wal(header: &[u8], path: &Path) -> bool {
    header.get(18..20) == Some(&[2, 2]) && !beside(path, "-shm").exists()
}

/// Whether the `-wal` and `-shm` files that reading makes would still be its application's to write. SQLite gives them to
/// the database's owner when root makes them; made by somebody else they would lock the application out.
fn may_make_companions(user: u32, owner: u32) -> bool {
    user == 0 || user == owner
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(page_size: u16, pages: u32, is_counted: bool) -> Vec<u8> {
        let mut header = vec![0; 4096];
        header[..16].copy_from_slice(MAGIC);
        header[16..18].copy_from_slice(&page_size.to_be_bytes());
        header[27] = 7;
        header[28..32].copy_from_slice(&pages.to_be_bytes());
        header[95] = if is_counted { 7 } else { 6 };
        header
    }

    #[test]
    fn only_the_owner_and_root_make_files_beside_a_database() {
        assert!(may_make_companions(0, 1000) && may_make_companions(1000, 1000));
        assert!(!may_make_companions(1001, 1000));
    }

    #[test]
    fn a_length_that_does_not_fit_the_header_is_a_cut() {
        for (header, length, has_log, is_cut) in [
            (header(4096, 2, true), 8192, false, false),
            (header(4096, 2, true), 4196, false, true),
            (header(4096, 2, true), 4096, false, true),
            (header(4096, 2, true), 4096, true, false),
            (header(4096, 2, true), 4196, true, true),
            (header(4096, 2, true), 12_288, false, false),
            (header(4096, 9, false), 8192, false, false),
            (header(1, 1, true), 65_536, false, false),
            (header(1, 2, true), 65_536, false, true),
            (MAGIC.to_vec(), 16, false, true),
            (Vec::new(), 0, false, true),
        ] {
            assert_eq!(cut(&header, length, has_log).is_some(), is_cut, "{length} bytes, log {has_log}");
        }
        assert_eq!(cut(&header(4096, 2, true), 4196, false).expect("cut"), "the file is cut: 4196 of 8192 bytes");
    }
}
