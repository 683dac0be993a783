//! pure: `[outcome]` of a schedule: what becomes of its calls.

use jiff::SignedDuration;

use super::{Schedule, ScheduleMode, WriteBackSpec};
use crate::outcome::retry::RetryTerms;
use crate::outcome::{Places, Vocabulary};
use crate::reminder::CallOutcome;
use crate::settings::{SecretRef, TextOrSecret};

/// `[outcome]`.
#[derive(Debug, Clone)]
pub struct OutcomeSpec {
    /// The secrets, each of which lets a sender post; without one outcomes come by another schedule of the account.
    pub secrets: Vec<SecretRef>,
    /// Whether the secret may be a part of the URL.
    pub secret_in_url: bool,
    /// How long before a call its intent was committed, for records without ids.
    pub match_within: SignedDuration,
    /// Where records have the facts, besides the known shapes.
    pub places: Places,
    /// What a sender's words mean.
    pub vocabulary: Vocabulary,
    /// How long a report may take; without one in this time a call is unreported.
    pub report_within: SignedDuration,
    /// After how many accepted calls in a row without a sign an alert is sent.
    pub silent_after: u32,
    /// Outcomes after which nobody is called about the same start by another lead.
    pub skip_later_leads: Vec<CallOutcome>,
    /// Who is called again, and when.
    pub retry: Option<RetrySpec>,
    /// When records are asked for.
    pub poll: PollSpec,
    /// Where outcomes are written.
    pub write_back: Option<WriteBackSpec>,
}

/// `[outcome.poll]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollSpec {
    /// The agent whose calls are asked for; `None`: that of `target.call`, and no other target's calls.
    pub agent: Option<TextOrSecret>,
    /// How old a call without an outcome is before its record is asked for.
    pub after: SignedDuration,
    /// The pause between two polls at first.
    pub every: SignedDuration,
}

impl Default for PollSpec {
    fn default() -> Self {
        Self { agent: None, after: SignedDuration::from_mins(10), every: SignedDuration::from_mins(5) }
    }
}

/// `[outcome.retry]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySpec {
    /// The outcomes after which the person is called again.
    pub on: Vec<CallOutcome>,
    /// How often at most.
    pub times: u8,
    /// How long after the call's end, for each retry; the last one holds for all that follow.
    pub after: Vec<SignedDuration>,
}

impl Default for OutcomeSpec {
    fn default() -> Self {
        Self {
            secrets: Vec::new(),
            secret_in_url: false,
            match_within: SignedDuration::from_mins(30),
            places: Places::new(),
            vocabulary: Vocabulary::default(),
            report_within: SignedDuration::from_hours(24),
            silent_after: 5,
            skip_later_leads: SKIP_LATER_LEADS.to_vec(),
            retry: None,
            poll: PollSpec::default(),
            write_back: None,
        }
    }
}

/// What `skip_later_leads` may hold, and holds where it is not written.
pub const SKIP_LATER_LEADS: [CallOutcome; 3] = [CallOutcome::Confirmed, CallOutcome::Declined, CallOutcome::Reschedule];

impl Schedule {
    /// Outcomes after which nobody is called about the same start by another lead.
    #[must_use]
    pub fn skips_later_leads(&self) -> &[CallOutcome] {
        self.outcome.as_ref().map_or(&SKIP_LATER_LEADS[..], |spec| &spec.skip_later_leads)
    }

    /// How often a person is called again at most.
    #[must_use]
    pub fn retries(&self) -> u8 {
        self.outcome.as_ref().and_then(|spec| spec.retry.as_ref()).map_or(0, |retry| retry.times)
    }

    /// The outcomes that are written back; none by a schedule in shadow mode.
    #[must_use]
    pub fn writes_back(&self) -> &[CallOutcome] {
        let spec = self.outcome.as_ref().and_then(|outcome| outcome.write_back.as_ref());
        match self.mode {
            ScheduleMode::Live => spec.map_or(&[], |spec| &spec.on),
            ScheduleMode::Shadow => &[],
        }
    }

    /// Who is called again, with what that takes from `[remind]`.
    #[must_use]
    pub fn retry_terms(&self) -> Option<RetryTerms> {
        let RetrySpec { on, times, after } = self.outcome.as_ref()?.retry.clone()?;
        let (max_lateness, min_notice) = (self.remind.max_lateness, self.remind.min_notice);
        Some(RetryTerms { on, times, after, max_lateness, min_notice })
    }
}
