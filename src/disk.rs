//! shell: opens regular files, and nothing else: a pipe, a device, a socket or a directory is refused without blocking.
//! What the program makes itself is for its owner alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// What SQLite keeps in files of their own, whatever the journal mode.
const COMPANIONS: [&str; 3] = ["-wal", "-journal", "-shm"];

/// What becomes of a symbolic link at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// The file behind it is opened.
    Followed,
    /// It is refused.
    Refused,
}

/// A path that leads to something other than a regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRegular {
    /// A directory.
    #[error("it is a directory, no regular file")]
    Directory,
    /// A pipe (FIFO).
    #[error("it is a pipe, no regular file")]
    Pipe,
    /// A socket.
    #[error("it is a socket, no regular file")]
    Socket,
    /// A device.
    #[error("it is a device, no regular file")]
    Device,
    /// A symbolic link where none is followed.
    #[error("it is a symbolic link, no regular file")]
    Link,
}

impl NotRegular {
    /// `None` for a regular file.
    #[must_use]
    pub fn of(kind: std::fs::FileType) -> Option<Self> {
        if kind.is_file() {
            None
        } else if kind.is_dir() {
            Some(Self::Directory)
        } else if kind.is_fifo() {
            Some(Self::Pipe)
        } else if kind.is_socket() {
            Some(Self::Socket)
        } else if kind.is_symlink() {
            Some(Self::Link)
        } else {
            Some(Self::Device)
        }
    }

    /// The one that made an opening fail, if it was one.
    #[must_use]
    pub fn behind(error: &io::Error) -> Option<Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).copied()
    }
}

impl From<NotRegular> for io::Error {
    fn from(found: NotRegular) -> Self {
        Self::new(io::ErrorKind::InvalidInput, found)
    }
}

/// Whether the system refused for want of file descriptors or memory, which passes when something else ends.
#[must_use]
pub fn is_exhaustion(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let code = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE, Errno::NOMEM].iter().any(|errno| code == Some(errno.raw_os_error()))
}

/// Opens a regular file for reading.
///
/// # Errors
/// [`NotRegular`] inside the error for anything that is no regular file; else what the system says.
pub fn open(path: &Path, links: Links) -> io::Result<File> {
    open_with(path, links, OpenOptions::new().read(true))
}

/// Like [`open`], with the caller's choice of reading, writing and creating. No pipe is waited for, no terminal is taken over.
///
/// # Errors
/// Those of [`open`].
pub fn open_with(path: &Path, links: Links, options: &mut OpenOptions) -> io::Result<File> {
    let no_follow = match links {
        Links::Followed => OFlags::empty(),
        Links::Refused => OFlags::NOFOLLOW,
    };
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | no_follow;
    let opened = options.custom_flags(flags.bits().cast_signed()).open(path);
    let file = opened.map_err(|error| special_at(path, links).map_or(error, io::Error::from))?;
    match NotRegular::of(file.metadata()?.file_type()) {
        None => Ok(file),
        Some(found) => Err(found.into()),
    }
}

/// The reason why an opening failed, where it is the kind of the file (a socket, a directory that was to be written, a link).
fn special_at(path: &Path, links: Links) -> Option<NotRegular> {
    let found = match links {
        Links::Followed => std::fs::metadata(path),
        Links::Refused => std::fs::symlink_metadata(path),
    };
    NotRegular::of(found.ok()?.file_type())
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// Those of [`open`]; [`io::ErrorKind::FileTooLarge`] for a longer file.
pub fn read(path: &Path, links: Links, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, links)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes"))),
        false => Ok(bytes),
    }
}

/// Like [`read`], as text.
///
/// # Errors
/// Those of [`read`]; [`io::ErrorKind::InvalidData`] for a file that is not UTF-8.
pub fn read_text(path: &Path, links: Links, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, links, most)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Opens a file for its owner's eyes alone, as `options` say; a symbolic link is refused. One that root makes is given to
/// the owner of its folder: a service that runs as that user must be able to use what an operator left next to its files.
///
/// # Errors
/// Those of [`open`].
pub fn open_private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = open_with(path, Links::Refused, options.mode(0o600))?;
    give_to_owner_of_folder(&file, path)?;
    Ok(file)
}

/// Replaces a private file whole: whoever opens it finds the old bytes or the new ones.
///
/// # Errors
/// Those of [`open_private`].
pub fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut file = open_private(Path::new(&draft), OpenOptions::new().write(true).create(true).truncate(true))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    // a rename is lost with the power until its folder is written; the file itself is whole either way
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).or(Ok(()))
}

fn give_to_owner_of_folder(file: &File, path: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let folder = std::fs::metadata(folder_of(path))?;
    let found = file.metadata()?;
    if (found.uid(), found.gid()) == (folder.uid(), folder.gid()) || found.uid() != 0 {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(folder.uid()), Some(folder.gid()))
}

/// The folder that holds a file.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Checks a database and the files that SQLite would open next to it. One that does not exist yet is no error.
///
/// # Errors
/// The first path that leads to something other than a regular file, and what it is.
pub fn check_database(path: &Path) -> Result<(), (PathBuf, NotRegular)> {
    let companions = COMPANIONS.iter().map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    });
    for place in std::iter::once(path.to_owned()).chain(companions) {
        if let Some(found) = special_at(&place, Links::Followed) {
            return Err((place, found));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe(path: &Path) {
        rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::from_raw_mode(0o600)).expect("a pipe");
    }

    #[test]
    fn whatever_is_no_regular_file_is_refused_at_once_with_its_kind() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        pipe(&place("pipe"));
        std::fs::create_dir(place("directory")).expect("a directory");
        std::fs::write(place("file"), "text").expect("a file");
        std::os::unix::fs::symlink(place("file"), place("link")).expect("a link");
        let _socket = std::os::unix::net::UnixListener::bind(place("socket")).expect("a socket");
        let cases = [
            (place("pipe"), NotRegular::Pipe),
            (place("directory"), NotRegular::Directory),
            (place("socket"), NotRegular::Socket),
            (place("link"), NotRegular::Link),
            (PathBuf::from("/dev/zero"), NotRegular::Device),
        ];
        for (path, kind) in cases {
            let writing = OpenOptions::new().read(true).write(true).create(true).to_owned();
            for mut options in [OpenOptions::new().read(true).to_owned(), writing] {
                let refused = open_with(&path, Links::Refused, &mut options);
                let found = refused.as_ref().err().and_then(NotRegular::behind);
                assert_eq!(found, Some(kind), "{}: {refused:?}", path.display());
            }
        }
        assert_eq!(read_text(&place("link"), Links::Followed, 4).expect("the file behind the link"), "text");
        let too_long = read(&place("file"), Links::Refused, 3).map_err(|error| error.kind());
        assert_eq!(too_long, Err(io::ErrorKind::FileTooLarge));
    }

    #[test]
    fn a_pipe_in_the_place_of_any_file_of_a_database_is_found() {
        for suffix in ["", "-wal", "-journal", "-shm"] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("app.db");
            assert_eq!(check_database(&path), Ok(()));
            let special = folder.path().join(format!("app.db{suffix}"));
            pipe(&special);
            assert_eq!(check_database(&path), Err((special, NotRegular::Pipe)), "{suffix}");
        }
    }
}
