//! shell: a file. One that changes while it is read is not used.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::{Again, ReadReport, ReadWindow, Source, SourceError};
use crate::disk::{self, Links, NotRegular};
use crate::formats::{self, Bytes, FormatAsk, Wanted};
use crate::row::RecordSink;
use crate::schedule::FileSpec;

/// A file of rows.
#[derive(Debug)]
pub struct FileSource {
    spec: FileSpec,
    wanted: Wanted,
}

/// By what one state of a file differs from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SourceStamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl SourceStamp {
    fn of(facts: &Metadata) -> Self {
        Self {
            file: (facts.dev(), facts.ino()),
            size: facts.size(),
            modified: (facts.mtime(), facts.mtime_nsec()),
            changed: (facts.ctime(), facts.ctime_nsec()),
        }
    }

    /// When it was last written (UTC).
    fn modified_at(&self) -> Option<jiff::Timestamp> {
        let (seconds, nanoseconds) = self.modified;
        jiff::Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or(0)).ok()
    }

    fn fingerprint(&self) -> String {
        match self.modified_at() {
            Some(at) => format!("{} bytes of {at}", self.size),
            None => format!("{} bytes", self.size),
        }
    }
}

impl Bytes for File {
    fn length(&self) -> io::Result<u64> {
        self.metadata().map(|facts| facts.len())
    }

    fn read_at(&self, place: u64, out: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, out, place)
    }
}

impl FileSource {
    /// A file with the columns that are wanted.
    #[must_use]
    pub fn new(spec: FileSpec, wanted: Wanted) -> Self {
        Self { spec, wanted }
    }

    fn place(&self) -> String {
        self.spec.path.display().to_string()
    }

    /// Opens a regular file; a pipe or a device is refused without waiting for it.
    fn open(&self) -> Result<(File, SourceStamp), SourceError> {
        let file = disk::open(&self.spec.path, Links::Followed).map_err(|error| self.failed(&error))?;
        let facts = file.metadata().map_err(|error| self.failed(&error))?;
        let stamp = SourceStamp::of(&facts);
        Ok((file, stamp))
    }

    fn failed(&self, error: &io::Error) -> SourceError {
        let place = self.place();
        if let Some(special) = NotRegular::behind(error) {
            return SourceError::new(Again::Never, format!("{place}: {special}"));
        }
        match error.kind() {
            io::ErrorKind::NotFound => SourceError::new(Again::Later, format!("{place}: the file isn't there")),
            io::ErrorKind::PermissionDenied => SourceError::new(
                Again::Never,
                format!("{place}: the file may not be read: give this program's user the right to"),
            ),
            // another program holds a lease on it, which it gives back when it is asked, as by this opening
            io::ErrorKind::WouldBlock => SourceError::new(Again::Soon, format!("{place}: the file is in use")),
            _ if disk::is_exhaustion(error) => {
                SourceError::new(Again::Soon, format!("{place}: the file can't be read now: {error}"))
            }
            kind => SourceError::new(Again::Never, format!("{place}: the file can't be read: {kind}")),
        }
    }

    /// Whether the file, and what its path names, are still what they were.
    fn is_unchanged(&self, file: &File, before: SourceStamp) -> bool {
        let is_same = |facts: io::Result<Metadata>| facts.is_ok_and(|facts| SourceStamp::of(&facts) == before);
        is_same(file.metadata()) && is_same(std::fs::metadata(&self.spec.path))
    }
}

impl Source for FileSource {
    fn read(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        let (file, before) = self.open()?;
        let ask = FormatAsk { wanted: &self.wanted, window, first_row: 1, places: &[] };
        let outcome = formats::read(&self.spec.format, &file, &ask, sink);
        if !self.is_unchanged(&file, before) {
            let message = format!("{}: the file changed while it was read", self.place());
            return Err(SourceError::new(Again::Soon, message));
        }
        let report = outcome.map_err(|error| SourceError::of_format(&self.place(), &error))?;
        let columns = (!report.columns.is_empty()).then_some(report.columns);
        let as_of = before.modified_at();
        Ok(ReadReport { columns, as_of, fingerprint: before.fingerprint(), ..ReadReport::default() })
    }

    fn columns(&self) -> Result<Option<Vec<String>>, SourceError> {
        let (file, _) = self.open()?;
        let names = formats::columns(&self.spec.format, &file, &self.wanted);
        let names = names.map_err(|error| SourceError::of_format(&self.place(), &error))?;
        Ok(names.filter(|names| !names.is_empty()))
    }

    fn doubts(&self) -> Vec<String> {
        let Ok((file, _)) = self.open() else { return Vec::new() };
        formats::doubts(&self.spec.format, &file, &self.wanted)
    }
}
