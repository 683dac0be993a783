//! pure: the witness of a ledger: the last row of the log that was acknowledged, kept in a small file of its own; and what
//! it says of a ledger that is opened.
//!
//! A database that is put back from an older copy, loses its write-ahead log, or is emptied is consistent in itself and has
//! forgotten calls. Only something outside of it can show that.

use std::fmt;

use super::chain::{EMPTY, Hash, hex};

/// The last acknowledged row of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    /// Its number; 0 for an empty log.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

/// How the text begins.
const HEAD: &str = "tickler witness 1 ";

/// The text is always of this length, so that a newer one covers it whole.
pub const LENGTH: usize = HEAD.len() + 20 + 1 + 64 + 1;

impl Witness {
    /// The witness of a ledger whose rows are known to be lost while nobody knows how many there were: no log has such a row.
    pub const LOST: Self = Self { seq: 1, hash: EMPTY };

    /// The file's text.
    #[must_use]
    pub fn to_text(self) -> String {
        format!("{HEAD}{:020} {}\n", self.seq, hex(&self.hash))
    }

    /// Reads it; `None` for anything that is not exactly such a text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (seq, hash) = text.strip_prefix(HEAD)?.strip_suffix('\n')?.split_once(' ')?;
        let mut bytes = EMPTY;
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hash.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        let read = Self { seq: seq.parse().ok()?, hash: bytes };
        (read.to_text() == text).then_some(read)
    }
}

/// What is found at the witness's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Testimony {
    /// Nothing: the ledger was never witnessed.
    None,
    /// Something that is no witness.
    Unreadable,
    /// A witness.
    Of(Witness),
}

/// The ledger's file before it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFound {
    /// There is no file.
    Missing,
    /// It has no byte, or is a database without a table.
    Empty,
    /// It has a content.
    Filled,
}

/// What is asked of a log that is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogExtent {
    /// Its last row; 0 when it is empty.
    pub last: u64,
    /// Rows up to this were removed by retention.
    pub pruned: u64,
    /// The hash of the row that the witness names, where the log has that row.
    pub witnessed: Option<Hash>,
    /// Whether the database file and its write-ahead log belong together.
    pub is_of_one_piece: bool,
}

/// Why a ledger is not the one that was written last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// Its file was missing or empty, while others that belong to it lie in their places.
    Gone,
    /// The log ends before a row that was acknowledged.
    Behind {
        /// The acknowledged row.
        witnessed: u64,
        /// The last one there is.
        last: u64,
    },
    /// The acknowledged row is another one: the log was continued from an older copy.
    OtherRow {
        /// The acknowledged row.
        witnessed: u64,
    },
    /// The database file is older than the write-ahead log next to it.
    Mixed,
    /// The witness cannot be read.
    Unreadable,
    /// The file was removed, or replaced, or cut, while this process has it open.
    Exchanged(FileChange),
    /// What is committed cannot be witnessed.
    Unwitnessed(String),
}

/// What happened to a file that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange {
    /// Its name is gone.
    Removed,
    /// Its name belongs to another file.
    Replaced,
    /// It is shorter than it was.
    Cut,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the ledger was missing or empty where one was in use"),
            Self::Behind { witnessed, last } => {
                write!(f, "the ledger has lost rows: its log ends at {last}, but {witnessed} were written")
            }
            Self::OtherRow { witnessed } => {
                write!(f, "the ledger has lost rows: row {witnessed} of its log is not the one that was written")
            }
            Self::Mixed => {
                f.write_str("the ledger has lost rows: its file is older than the write-ahead log next to it")
            }
            Self::Unreadable => f.write_str("the ledger's witness cannot be read, so rows may be missing"),
            Self::Exchanged(FileChange::Removed) => f.write_str("the ledger's file was removed while it is in use"),
            Self::Exchanged(FileChange::Replaced) => f.write_str("the ledger's file was replaced while it is in use"),
            Self::Exchanged(FileChange::Cut) => f.write_str("the ledger's file was cut while it is in use"),
            Self::Unwitnessed(why) => write!(f, "the ledger's witness cannot be written: {why}"),
        }
    }
}

impl Loss {
    /// What puts it right.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Gone => {
                "put the newest file back, with the `-wal` that was next to it, or `tickler restore FILE` a backup; or \
                 accept the loss with `tickler ledger accept-loss --reason …`: whoever may have been called since is then \
                 of unknown fate; or, to begin \
                 anew and call everybody again, remove whatever lies beside it under its name, its `.key` and \
                 `.witness` among them"
            }
            Self::Behind { .. } | Self::OtherRow { .. } | Self::Mixed | Self::Unreadable => {
                "stop the service and put the newest file back, with the `-wal` that was next to it (a service that found \
                 no file has kept that as `.lost-wal`: remove `-wal` and `-shm`, and name it `-wal`), or \
                 `tickler restore FILE` a backup; or accept the loss with `tickler ledger accept-loss --reason …`: whoever \
                 may have been called since is then of unknown fate"
            }
            Self::Exchanged(_) => {
                "put the file back; or stop the service, then `tickler restore FILE`, or `tickler ledger accept-loss --reason …`"
            }
            Self::Unwitnessed(_) => "make room on the disk and check the owner and mode of the ledger's folder",
        }
    }

    /// The loss, its consequence and its remedy, in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{self}: nobody is called; {}", self.remedy())
    }
}

impl Loss {
    /// Whether a person can accept it here and now: an open file that was exchanged has to be opened anew first.
    #[must_use]
    pub const fn can_be_accepted(&self) -> bool {
        match self {
            Self::Gone | Self::Behind { .. } | Self::OtherRow { .. } | Self::Mixed | Self::Unreadable => true,
            Self::Exchanged(_) | Self::Unwitnessed(_) => false,
        }
    }
}

/// A loss that was found at an opening and that nobody has accepted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotedLoss {
    /// The time of which the calls are forgotten: from the log's last row to the finding.
    pub gap: crate::plan::Gap,
    /// Later reminders were planned after the finding, by whoever knew that nobody was called since.
    pub last_nr: i64,
}

/// A person accepts that rows are lost.
#[derive(Debug, Clone)]
pub struct AcceptLoss {
    /// The reason given.
    pub reason: String,
    /// The current instant (UTC).
    pub now: jiff::Timestamp,
    /// The user or component that did it.
    pub actor: String,
}

/// What the comparison of the witness with the log shows when the ledger is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitnessVerdict {
    /// A new ledger, or one of an older version that had no witness: it gets one.
    Unwitnessed,
    /// The log has all that was acknowledged.
    Whole,
    /// The log has lost rows that were acknowledged.
    Lost(Loss),
}

/// Judges a file before it is opened: `Some` when a ledger was there and is gone. `is_known`: its key, or a copy that was
/// kept before a restore or a migration, is in its place.
#[must_use]
pub fn judge_file(found: FileFound, testimony: Testimony, is_known: bool) -> Option<Loss> {
    let was_written = match testimony {
        Testimony::None => false,
        Testimony::Unreadable => true,
        Testimony::Of(witness) => witness.seq > 0,
    };
    match found {
        FileFound::Missing | FileFound::Empty => (is_known || was_written).then_some(Loss::Gone),
        FileFound::Filled => None,
    }
}

/// Judges a log that was opened.
#[must_use]
pub fn judge(testimony: Testimony, log: &LogExtent) -> WitnessVerdict {
    let witness = match testimony {
        Testimony::None if log.is_of_one_piece => return WitnessVerdict::Unwitnessed,
        Testimony::None => return WitnessVerdict::Lost(Loss::Mixed),
        Testimony::Unreadable => return WitnessVerdict::Lost(Loss::Unreadable),
        Testimony::Of(Witness::LOST) => return WitnessVerdict::Lost(Loss::Gone),
        Testimony::Of(witness) => witness,
    };
    let witnessed = witness.seq;
    match log.witnessed {
        _ if !log.is_of_one_piece => WitnessVerdict::Lost(Loss::Mixed),
        Some(hash) if hash == witness.hash => WitnessVerdict::Whole,
        Some(_) => WitnessVerdict::Lost(Loss::OtherRow { witnessed }),
        // a row that retention has removed was there
        None if witnessed <= log.pruned => WitnessVerdict::Whole,
        None => WitnessVerdict::Lost(Loss::Behind { witnessed, last: log.last }),
    }
}

/// What distinguishes one file from another: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// The device.
    pub device: u64,
    /// The inode.
    pub inode: u64,
}

/// Judges the name of an open file: `now` is what the name leads to, with its size; `largest` the largest size it had. The
/// database never shrinks, since nothing in it is vacuumed.
#[must_use]
pub fn judge_open_file(opened: FileId, largest: u64, now: Option<(FileId, u64)>) -> Option<FileChange> {
    match now {
        None => Some(FileChange::Removed),
        Some((id, _)) if id != opened => Some(FileChange::Replaced),
        Some((_, size)) if size < largest => Some(FileChange::Cut),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Witness = Witness { seq: 7, hash: [0xab; 32] };
    const LOG: LogExtent = LogExtent { last: 9, pruned: 0, witnessed: Some([0xab; 32]), is_of_one_piece: true };

    #[test]
    fn a_witness_reads_back_and_nothing_else_is_one() {
        let text = ROW.to_text();
        assert_eq!((Witness::parse(&text), text.len()), (Some(ROW), LENGTH));
        let widest = Witness { seq: u64::MAX, hash: [0xff; 32] };
        assert_eq!((Witness::parse(&widest.to_text()), widest.to_text().len()), (Some(widest), LENGTH));
        let upper = text.replace("ab", "AB");
        for other in ["", "tickler witness 1 7 ab\n", text.trim_end(), &format!("{text}\n"), &upper] {
            assert_eq!(Witness::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_log_is_judged_by_its_witness() {
        let none = LogExtent { last: 0, pruned: 0, witnessed: None, is_of_one_piece: true };
        let lost = |loss| WitnessVerdict::Lost(loss);
        let behind = |last| lost(Loss::Behind { witnessed: 7, last });
        let cases = [
            ("a new or an old ledger", Testimony::None, none, WitnessVerdict::Unwitnessed),
            ("the row is there", Testimony::Of(ROW), LOG, WitnessVerdict::Whole),
            (
                "an empty log was all there was",
                Testimony::Of(Witness { seq: 0, hash: EMPTY }),
                none,
                WitnessVerdict::Whole,
            ),
            ("rows are missing", Testimony::Of(ROW), LogExtent { last: 5, ..none }, behind(5)),
            ("all rows are missing", Testimony::Of(ROW), none, behind(0)),
            (
                "another row has its number",
                Testimony::Of(ROW),
                LogExtent { witnessed: Some([1; 32]), ..LOG },
                lost(Loss::OtherRow { witnessed: 7 }),
            ),
            (
                "retention removed it",
                Testimony::Of(ROW),
                LogExtent { last: 9, pruned: 8, ..none },
                WitnessVerdict::Whole,
            ),
            ("the witness is damaged", Testimony::Unreadable, LOG, lost(Loss::Unreadable)),
            ("it is known to be lost", Testimony::Of(Witness::LOST), LOG, lost(Loss::Gone)),
            (
                "two states are mixed",
                Testimony::Of(ROW),
                LogExtent { is_of_one_piece: false, ..LOG },
                lost(Loss::Mixed),
            ),
            ("mixed, unwitnessed", Testimony::None, LogExtent { is_of_one_piece: false, ..LOG }, lost(Loss::Mixed)),
        ];
        for (what, testimony, log, verdict) in cases {
            assert_eq!(judge(testimony, &log), verdict, "{what}");
        }
    }

    #[test]
    fn a_missing_or_empty_file_is_a_new_ledger_only_where_nothing_speaks_of_an_older_one() {
        let empty = Testimony::Of(Witness { seq: 0, hash: EMPTY });
        for found in [FileFound::Missing, FileFound::Empty] {
            assert_eq!(judge_file(found, Testimony::None, false), None);
            assert_eq!(judge_file(found, empty, false), None);
            assert_eq!(judge_file(found, Testimony::None, true), Some(Loss::Gone));
            assert_eq!(judge_file(found, Testimony::Of(ROW), false), Some(Loss::Gone));
            assert_eq!(judge_file(found, Testimony::Unreadable, false), Some(Loss::Gone));
        }
        assert_eq!(judge_file(FileFound::Filled, Testimony::Of(ROW), true), None);
    }

    #[test]
    fn an_open_file_is_the_same_while_its_name_leads_to_it_and_it_does_not_shrink() {
        let (opened, other) = (FileId { device: 1, inode: 2 }, FileId { device: 1, inode: 3 });
        assert_eq!(judge_open_file(opened, 10, Some((opened, 10))), None);
        assert_eq!(judge_open_file(opened, 10, Some((opened, 12))), None);
        assert_eq!(judge_open_file(opened, 10, Some((opened, 0))), Some(FileChange::Cut));
        assert_eq!(judge_open_file(opened, 10, Some((other, 10))), Some(FileChange::Replaced));
        assert_eq!(judge_open_file(opened, 10, Some((FileId { device: 2, inode: 2 }, 10))), Some(FileChange::Replaced));
        assert_eq!(judge_open_file(opened, 10, None), Some(FileChange::Removed));
    }
}
