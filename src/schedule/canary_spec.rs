//! pure: `[canary]` of a schedule.

use jiff::SignedDuration;

use super::recurrence::Recurrence;
use crate::settings::SecretRef;

/// `[canary]`.
#[derive(Debug, Clone)]
pub struct CanarySpec {
    /// The operator's own number.
    pub to: SecretRef,
    /// When, in the schedule's zone.
    pub recurrence: Recurrence,
    /// The columns of an invented row.
    pub row: Vec<(String, String)>,
    /// How long a sign of life may take.
    pub within: SignedDuration,
    /// What follows when none comes.
    pub on_silence: OnSilence,
}

/// What follows when nothing is heard of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnSilence {
    /// An alert.
    Alert,
    /// An alert, and a pause of its schedule.
    Pause,
}
