//! shell: opens one file of a schedule folder: no link is followed, nothing blocks, nothing large is read.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::disk::{self, Links, NotRegular};

/// A schedule's text is a page; a megabyte is something else.
pub const MAX_BYTES: u64 = 1 << 20;

/// Why a file isn't read. Nothing of its content is in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong.
    pub message: String,
    /// The remedy.
    pub help: &'static str,
}

fn unreadable(message: impl Into<String>, help: &'static str) -> Unreadable {
    Unreadable { message: message.into(), help }
}

/// The file's text, exactly as its bytes are.
///
/// # Errors
/// When it is a link, no regular file, larger than [`MAX_BYTES`], somebody else's, not UTF-8, or can't be read.
pub fn read(path: &Path) -> Result<String, Unreadable> {
    let file = open(path)?;
    judge(&file)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(reason(&error), "read it again"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        unreadable(format!("the file isn't UTF-8: byte {} can't be read", at + 1), "save it as UTF-8")
    })
}

fn open(path: &Path) -> Result<File, Unreadable> {
    disk::open(path, Links::Refused).map_err(|error| match NotRegular::behind(&error) {
        Some(NotRegular::Link) => {
            unreadable("the file is a symbolic link, and links are not followed", "put the file itself here")
        }
        Some(NotRegular::Directory) => not_regular("a folder"),
        Some(NotRegular::Pipe) => not_regular("a pipe"),
        Some(NotRegular::Socket) => not_regular("a socket"),
        Some(NotRegular::Device) => not_regular("a device"),
        None => unreadable(reason(&error), "check that it is there and that this user may read it"),
    })
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "the file may not be read by this user".into(),
        _ => format!("the file can't be read: {error}"),
    }
}

fn judge(file: &File) -> Result<(), Unreadable> {
    let found = file.metadata().map_err(|error| unreadable(reason(&error), "check the file"))?;
    if found.len() > MAX_BYTES {
        return Err(too_large());
    }
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own && found.uid() != 0 {
        let message = format!("the file belongs to another user (uid {})", found.uid());
        return Err(unreadable(message, "whoever writes a schedule can phone people: give it to root or to this user"));
    }
    Ok(())
}

fn not_regular(what: &str) -> Unreadable {
    unreadable(format!("this is {what}, not a regular file"), "keep nothing but schedule files in this folder")
}

fn too_large() -> Unreadable {
    unreadable("the file is larger than 1 MiB", "a schedule is a page of text: is this the right file?")
}
