//! pure: what the ledger is asked and what it answers, by subject.

mod canaries;
mod holds;
mod inbox;
mod log;
mod outbox;
mod outcomes;
mod runs;
mod write_backs;

pub use canaries::{BeginCanary, CanariesAsk, CanaryPurpose, CanaryRow, SettledCanary};
pub use holds::{HoldChange, NumbersList, OptOut, OptOutChange, OptOutSide, OptOutsChanged, Pause, Resume};
pub use inbox::{
    BodyDigest, MINUTES_OF_RATE, PostRow, PostStanding, PostTaken, PostsAsk, RequestedCall, TakePost, Withdraw,
    Withdrawal,
};
pub use log::{
    FatesAsk, Forget, Forgotten, FoundAppointment, FoundPeople, Head, LabelsAsk, PeopleAsk, Prune, Pruned, Restored,
    Verification,
};
pub use outbox::{
    ByHand, CancelByHand, Lane, QueueSlot, Recover, Recovered, ReminderAsk, ReminderBrief, ReminderRow, Resolution,
    Resolve, SLOT_MICROS, SettledAndTaken, TakeIntents, Taken, Tally, TestAnswered, TestAsk, TestSlot,
};
pub use outcomes::{
    CALL_SLOT_MICROS, CallAgain, CalledAgain, CalledWith, CallsOf, OutcomeByHand, OutcomeCount, OutcomeTerms,
    OutcomesAsk, RecordOrigin, RecordedCall, ReportTaken, ReportedCall, Unanswered, UnansweredAsk, Unreported,
};
pub use runs::{
    FoldedTimes, KnowledgeAsk, LastCalledAsk, LoadedSchedule, PassedOver, REJECTED, RecordedRun, RejectRun,
    ReminderTerms, RunEnd, RunRecord, RunRow, RunStart, RunsAsk, SKIPPED_BY_OVERLAP, SKIPPED_BY_PAUSE,
    ScheduleStanding, WhySkipped,
};
pub use write_backs::{AcknowledgeWriteBacks, SettledWriteBack, WriteBackEnd, WriteBackRow, WriteBacksAsk};
