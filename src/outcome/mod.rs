//! pure: what became of a call: a posted record becomes facts, the facts become an outcome, and of several the greatest holds.
//!
//! | file | what it answers |
//! |---|---|
//! | [`facts`] | what a record in one of the known shapes says |
//! | [`meaning`] | which outcome that is, or that the call is still going on |
//! | [`standing`] | which of several outcomes holds |
//! | [`matching`] | which reminder a record belongs to |
//! | [`polling`] | when records are asked for |
//! | [`signs`] | of which accepted calls nothing was heard |
//! | [`retry`] | whether and when the person is called again |

pub mod facts;
pub mod matching;
pub mod meaning;
pub mod polling;
pub mod retry;
pub mod signs;
pub mod standing;

pub use facts::{CallFacts, Fact, MAX_DEPTH, NoRecord, Places, depth};
pub use meaning::{Meaning, Report, Vocabulary};
pub use standing::{ReportedOutcome, Teller};
