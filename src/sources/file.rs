//! shell: reads a file, or all files that match a pattern. A read during which the file changes fails.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{ReadReport, ReadWindow, RepeatRead, Source, SourceError};
use crate::disk::{self, Links, NotRegular};
use crate::formats::{self, Bytes, FormatAsk, FormatError, Wanted};
use crate::row::RecordSink;
use crate::schedule::{FileSpec, FormatSpec};

mod matches;

/// Maximum bytes of all calendars that a pattern matches: they are in memory at once.
const MAX_CALENDARS: u64 = 128 << 20;

/// A file of rows.
#[derive(Debug)]
pub struct FileSource {
    spec: FileSpec,
    wanted: Wanted,
}

/// The state of a file; a different one means that the file changed.
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

/// A file, opened.
struct OpenedFile {
    path: PathBuf,
    file: File,
    stamp: SourceStamp,
}

impl OpenedFile {
    /// Opens a regular file; a pipe or a device is refused without waiting for it.
    fn open(path: PathBuf) -> Result<Self, SourceError> {
        let opened = disk::open(&path, Links::Followed).and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((facts, file)) => Ok(Self { path, file, stamp: SourceStamp::of(&facts) }),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Checks that the file didn't change and that its path still names it.
    ///
    /// # Errors
    /// When either is not so.
    fn check_unchanged(&self) -> Result<(), SourceError> {
        let is_same = |facts: io::Result<Metadata>| facts.is_ok_and(|facts| SourceStamp::of(&facts) == self.stamp);
        if is_same(self.file.metadata()) && is_same(std::fs::metadata(&self.path)) {
            return Ok(());
        }
        Err(SourceError::new(RepeatRead::Soon, format!("{}: the file changed while it was read", self.place())))
    }

    /// The whole content.
    fn bytes(&self) -> Result<Vec<u8>, SourceError> {
        let mut bytes = Vec::new();
        let read = (&self.file).take(MAX_CALENDARS + 1).read_to_end(&mut bytes);
        read.map_err(|error| failed(&self.path, &error)).map(|_| bytes)
    }
}

fn failed(path: &Path, error: &io::Error) -> SourceError {
    let place = path.display();
    if let Some(special) = NotRegular::behind(error) {
        return SourceError::new(RepeatRead::Never, format!("{place}: {special}"));
    }
    match error.kind() {
        io::ErrorKind::NotFound => SourceError::new(RepeatRead::Later, format!("{place}: the file isn't there")),
        io::ErrorKind::PermissionDenied => SourceError::new(
            RepeatRead::Never,
            format!("{place}: the file may not be read: give this program's user the right to"),
        ),
        // another program holds a lease on the file; this attempt to open it makes the kernel ask for the lease's release
        io::ErrorKind::WouldBlock => SourceError::new(RepeatRead::Soon, format!("{place}: the file is in use")),
        _ if disk::is_exhaustion(error) => {
            SourceError::new(RepeatRead::Soon, format!("{place}: the file can't be read now: {error}"))
        }
        kind => SourceError::new(RepeatRead::Never, format!("{place}: the file can't be read: {kind}")),
    }
}

impl FileSource {
    /// A source that reads the `wanted` columns of a file.
    #[must_use]
    pub fn new(spec: FileSpec, wanted: Wanted) -> Self {
        Self { spec, wanted }
    }

    fn no_match(&self) -> SourceError {
        SourceError::new(RepeatRead::Later, format!("{}: no file matches it", self.spec.path.display()))
    }

    fn open(&self) -> Result<OpenedFile, SourceError> {
        OpenedFile::open(matches::newest(&self.spec).ok_or_else(|| self.no_match())?)
    }

    /// All files that match, as one calendar, and its text.
    fn open_calendars(&self) -> Result<(Vec<OpenedFile>, Vec<u8>), SourceError> {
        let files: Vec<OpenedFile> =
            matches::all(&self.spec).into_iter().map(OpenedFile::open).collect::<Result<_, _>>()?;
        if files.is_empty() {
            return Err(self.no_match());
        }
        let mut text = Vec::new();
        for file in &files {
            let bytes = file.bytes()?;
            if files.len() > 1 {
                let refused = formats::ical::demand_calendar(&bytes);
                refused.map_err(|error| SourceError::of_format(&file.place(), &error))?;
            }
            text.extend(bytes);
            text.extend(b"\r\n");
            if text.len() as u64 > MAX_CALENDARS {
                let (place, mebibytes) = (self.spec.path.display(), MAX_CALENDARS >> 20);
                return Err(SourceError::new(
                    RepeatRead::Never,
                    format!("{place}: the files have more than {mebibytes} MiB"),
                ));
            }
        }
        Ok((files, text))
    }

    fn read_calendars(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        let (files, text) = self.open_calendars()?;
        let ask = FormatAsk { wanted: &self.wanted, window, first_row: 1, places: &[] };
        let outcome = formats::read(&self.spec.format, &text.as_slice(), &ask, sink);
        for file in &files {
            file.check_unchanged()?;
        }
        let report = outcome.map_err(|error| self.of_format(&error))?;
        let as_of = files.iter().filter_map(|file| file.stamp.modified_at()).max();
        let fingerprint = match files.as_slice() {
            [file] => file.stamp.fingerprint(),
            _ => format!("{} bytes of {} files", text.len(), files.len()),
        };
        Ok(ReadReport { columns: Some(report.columns), as_of, fingerprint, ..ReadReport::default() })
    }

    fn of_format(&self, error: &FormatError) -> SourceError {
        SourceError::of_format(&self.spec.path.display().to_string(), error)
    }
}

impl Source for FileSource {
    fn read(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        if let FormatSpec::Calendar(_) = self.spec.format {
            return self.read_calendars(window, sink);
        }
        let opened = self.open()?;
        let ask = FormatAsk { wanted: &self.wanted, window, first_row: 1, places: &[] };
        let outcome = formats::read(&self.spec.format, &opened.file, &ask, sink);
        opened.check_unchanged()?;
        let report = outcome.map_err(|error| SourceError::of_format(&opened.place(), &error))?;
        let columns = (!report.columns.is_empty()).then_some(report.columns);
        let (as_of, fingerprint) = (opened.stamp.modified_at(), opened.stamp.fingerprint());
        let fingerprint = match &self.spec.pattern {
            // which of the matching files was read
            Some(_) => format!("{}: {fingerprint}", opened.path.file_name().unwrap_or_default().display()),
            None => fingerprint,
        };
        Ok(ReadReport { columns, as_of, fingerprint, ..ReadReport::default() })
    }

    fn columns(&self) -> Result<Option<Vec<String>>, SourceError> {
        let names = if let FormatSpec::Calendar(_) = self.spec.format {
            let (_, text) = self.open_calendars()?;
            formats::columns(&self.spec.format, &text.as_slice(), &self.wanted)
                .map_err(|error| self.of_format(&error))?
        } else {
            let opened = self.open()?;
            formats::columns(&self.spec.format, &opened.file, &self.wanted)
                .map_err(|error| SourceError::of_format(&opened.place(), &error))?
        };
        Ok(names.filter(|names| !names.is_empty()))
    }

    fn doubts(&self) -> Vec<String> {
        let Ok(opened) = self.open() else { return Vec::new() };
        formats::doubts(&self.spec.format, &opened.file, &self.wanted)
    }
}
