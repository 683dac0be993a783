//! A disk so small that it can be filled.

use std::path::Path;
use std::process::Command;

/// A file system of some kibibytes; dropped, it is gone.
pub struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// `None` where this process may not mount one.
    pub fn mount(kibibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={kibibytes}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self { folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all the room that is left but so much, also while somebody else writes.
    pub fn fill_but(&self, kibibytes: u64) {
        let space = rustix::fs::statvfs(self.folder.path()).expect("a file system");
        let size = (space.f_bavail * space.f_frsize).saturating_sub(kibibytes * 1024);
        let filled =
            std::fs::write(self.folder.path().join("ballast"), vec![0; usize::try_from(size).expect("a small disk")]);
        let is_full = |error: std::io::Error| error.kind() == std::io::ErrorKind::StorageFull;
        assert!(filled.is_ok() || filled.is_err_and(is_full), "the ballast is written");
    }

    /// Gives that room back.
    pub fn lighten(&self) {
        std::fs::remove_file(self.folder.path().join("ballast")).expect("the ballast goes");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}
