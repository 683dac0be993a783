//! pure: may anything be sent now, and if not, why and until when. The sender asks in its transaction, the scheduler
//! before a run, and every verb that reports it to people: all of them get this one answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::witness::Loss;

#[cfg(test)]
mod tests;

/// Everything that can keep a schedule from sending: what the ledger has recorded, and the state of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    /// What the machine itself says.
    pub machine: Machine,
    /// Rows of the ledger are lost, or its file is.
    pub lost: Option<Loss>,
    /// The pause of everything.
    pub all: Option<PauseRow>,
    /// Pauses by schedule, also of schedules that are not loaded.
    pub schedules: BTreeMap<String, PauseRow>,
    /// Schedules whose target is paused because it refused several requests in a row.
    pub targets: BTreeSet<String>,
    /// Every account that was ever used.
    pub accounts: BTreeMap<String, AccountHold>,
}

/// What of the machine keeps everybody from being called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// The `STOP` file, while it exists or its existence can't be checked.
    pub stop_file: Option<PathBuf>,
    /// The clock reads a time before this program was written.
    pub clock_is_unset: bool,
}

/// A pause that an operator has set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseRow {
    /// When the pause began (UTC).
    pub since: Timestamp,
    /// The end of the pause (UTC); `None`: until somebody resumes.
    pub until: Option<Timestamp>,
    /// The reason given.
    pub reason: String,
    /// The user or component that did it.
    pub actor: String,
}

/// What an account's own answers have led to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountHold {
    /// The end of the pause after a 429 (UTC).
    pub paused_until: Option<Timestamp>,
    /// Fingerprint of the credentials that were refused with 401.
    pub refused_credentials: Option<String>,
}

/// The schedule that asks.
#[derive(Debug, Clone, Copy)]
pub struct GateSubject<'a> {
    /// The schedule's name.
    pub schedule: &'a str,
    /// The account it sends with.
    pub account: &'a str,
    /// Fingerprint of the credentials it sends with. `None`: they cannot be read, and count as the refused ones.
    pub credentials: Option<&'a str>,
    /// `enabled` of its file.
    pub is_enabled: bool,
}

/// One reason why nothing is sent; displayed as a sentence with the remedy, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// This machine's clock is not set.
    ClockUnset,
    /// The ledger has lost rows: who was called since is unknown.
    RowsLost(Loss),
    /// The `STOP` file exists.
    StopFile(PathBuf),
    /// Everything is paused.
    AllPaused(PauseRow),
    /// `enabled = false` in this schedule's file.
    SwitchedOff(String),
    /// This schedule is paused.
    SchedulePaused(String, PauseRow),
    /// This schedule's target refused several requests in a row.
    TargetPaused(String),
    /// This account's credentials were refused.
    CredentialsRefused(String),
    /// This account waits after a 429, until this instant (UTC).
    AccountWaits(String, Timestamp),
}

/// Whether a schedule may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Something may be sent now.
    Open,
    /// Nothing may be sent before this instant (UTC).
    Until(Timestamp),
    /// Nothing may be sent before somebody changes something.
    Shut,
}

impl Holds {
    /// Everything that keeps this schedule from sending at `now`, the gravest first.
    #[must_use]
    pub fn on(&self, subject: &GateSubject<'_>, now: Timestamp) -> Vec<Hold> {
        let name = subject.schedule;
        let mut holds = self.on_everybody(now);
        if !subject.is_enabled {
            holds.push(Hold::SwitchedOff(name.to_owned()));
        }
        let pause = self.schedules.get(name).filter(|pause| pause.is_in_force(now));
        holds.extend(pause.map(|pause| Hold::SchedulePaused(name.to_owned(), pause.clone())));
        if self.targets.contains(name) {
            holds.push(Hold::TargetPaused(name.to_owned()));
        }
        holds.extend(self.on_account(subject.account, subject.credentials, now));
        holds
    }

    /// What keeps every schedule from sending at `now`.
    #[must_use]
    pub fn on_everybody(&self, now: Timestamp) -> Vec<Hold> {
        let mut holds = Vec::new();
        if self.machine.clock_is_unset {
            holds.push(Hold::ClockUnset);
        }
        holds.extend(self.lost.clone().map(Hold::RowsLost));
        holds.extend(self.machine.stop_file.clone().map(Hold::StopFile));
        holds.extend(self.all.clone().filter(|pause| pause.is_in_force(now)).map(Hold::AllPaused));
        holds
    }

    /// What keeps every schedule of this account with these credentials from sending at `now`.
    #[must_use]
    pub fn on_account(&self, account: &str, credentials: Option<&str>, now: Timestamp) -> Vec<Hold> {
        let mut holds = Vec::new();
        let Some(found) = self.accounts.get(account) else { return holds };
        if found.refuses(credentials) {
            holds.push(Hold::CredentialsRefused(account.to_owned()));
        }
        let waits_until = found.paused_until.filter(|until| now < *until);
        holds.extend(waits_until.map(|until| Hold::AccountWaits(account.to_owned(), until)));
        holds
    }

    /// Whether this schedule may send at `now`.
    #[must_use]
    pub fn gate(&self, subject: &GateSubject<'_>, now: Timestamp) -> Gate {
        self.on(subject, now).iter().fold(Gate::Open, |gate, hold| match (gate, hold.until()) {
            (Gate::Shut, _) | (_, None) => Gate::Shut,
            (Gate::Open, Some(until)) => Gate::Until(until),
            (Gate::Until(other), Some(until)) => Gate::Until(until.max(other)),
        })
    }
}

impl PauseRow {
    /// Whether its end has come.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        !self.is_in_force(now)
    }

    /// A pause whose end has come is none any more.
    fn is_in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl AccountHold {
    /// Whether a request with these credentials would only be refused again.
    #[must_use]
    pub fn refuses(&self, credentials: Option<&str>) -> bool {
        self.refused_credentials.as_deref().is_some_and(|refused| credentials.is_none_or(|ours| ours == refused))
    }
}

impl Hold {
    /// When it ends by itself (UTC).
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::AllPaused(pause) | Self::SchedulePaused(_, pause) => pause.until,
            Self::AccountWaits(_, until) => Some(*until),
            Self::ClockUnset
            | Self::RowsLost(_)
            | Self::StopFile(_)
            | Self::SwitchedOff(_)
            | Self::TargetPaused(_)
            | Self::CredentialsRefused(_) => None,
        }
    }

    /// Whether the schedule does not even plan: its runs are made up for later, or skipped.
    #[must_use]
    pub const fn stops_runs(&self) -> bool {
        match self {
            Self::ClockUnset
            | Self::StopFile(_)
            | Self::AllPaused(_)
            | Self::SwitchedOff(_)
            | Self::SchedulePaused(..) => true,
            // what is planned meanwhile is judged by the time that is forgotten
            Self::RowsLost(_) | Self::TargetPaused(_) | Self::CredentialsRefused(_) | Self::AccountWaits(..) => false,
        }
    }

    /// Whether it stays until a person acts, and no person has asked for it.
    #[must_use]
    pub const fn needs_a_person(&self) -> bool {
        match self {
            Self::RowsLost(_) | Self::TargetPaused(_) | Self::CredentialsRefused(_) => true,
            Self::ClockUnset
            | Self::StopFile(_)
            | Self::AllPaused(_)
            | Self::SwitchedOff(_)
            | Self::SchedulePaused(..)
            | Self::AccountWaits(..) => false,
        }
    }

    /// Whether it holds everybody, and nobody who ends it tells the sender: its end has to be looked for.
    #[must_use]
    pub const fn must_be_polled(&self) -> bool {
        match self {
            Self::ClockUnset | Self::RowsLost(_) | Self::StopFile(_) => true,
            Self::AllPaused(_)
            | Self::SwitchedOff(_)
            | Self::SchedulePaused(..)
            | Self::TargetPaused(_)
            | Self::CredentialsRefused(_)
            | Self::AccountWaits(..) => false,
        }
    }

    /// Whether a person has asked for it: others hear of it, and of its end.
    #[must_use]
    pub const fn is_pause(&self) -> bool {
        match self {
            Self::AllPaused(_) | Self::SchedulePaused(..) | Self::StopFile(_) => true,
            Self::ClockUnset
            | Self::RowsLost(_)
            | Self::SwitchedOff(_)
            | Self::TargetPaused(_)
            | Self::CredentialsRefused(_)
            | Self::AccountWaits(..) => false,
        }
    }

    /// Whether the account is held, whichever of its schedules asks.
    #[must_use]
    pub const fn is_of_account(&self) -> bool {
        match self {
            Self::CredentialsRefused(_) | Self::AccountWaits(..) => true,
            Self::ClockUnset
            | Self::RowsLost(_)
            | Self::StopFile(_)
            | Self::AllPaused(_)
            | Self::SwitchedOff(_)
            | Self::SchedulePaused(..)
            | Self::TargetPaused(_) => false,
        }
    }

    /// Whether it is about this schedule alone: paused by an operator, or by what its target answered.
    #[must_use]
    pub const fn is_of_schedule(&self) -> bool {
        match self {
            Self::SchedulePaused(..) | Self::TargetPaused(_) => true,
            Self::ClockUnset
            | Self::RowsLost(_)
            | Self::StopFile(_)
            | Self::AllPaused(_)
            | Self::SwitchedOff(_)
            | Self::CredentialsRefused(_)
            | Self::AccountWaits(..) => false,
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClockUnset => f.write_str("this machine's clock isn't set: nobody is called until it is"),
            Self::RowsLost(loss) => f.write_str(&loss.sentence()),
            Self::StopFile(path) => {
                let path = path.display();
                write!(f, "nobody is called while {path} exists: remove it to go on (`resume` doesn't)")
            }
            Self::AllPaused(pause) => {
                write!(f, "everything is paused ({}){}: `tickler resume --all` lifts it", pause.reason, ending(pause))
            }
            Self::SwitchedOff(name) => write!(f, "`{name}` is switched off by `enabled = false` in its file"),
            Self::SchedulePaused(name, pause) => {
                write!(f, "`{name}` is paused ({}){}: `tickler resume {name}` lifts it", pause.reason, ending(pause))
            }
            Self::TargetPaused(name) => write!(
                f,
                "`{name}` is paused: its target refused three times in a row (402, 403, 404 or 410); calling may be \
                 disabled for this agent, or its address is wrong; `tickler resume {name}` tries again"
            ),
            Self::CredentialsRefused(account) => write!(
                f,
                "the account `{account}` is paused: its credentials were refused (401); set new ones, or \
                 `tickler resume --all`"
            ),
            Self::AccountWaits(account, until) => write!(f, "the account `{account}` waits until {until} (429)"),
        }
    }
}

fn ending(pause: &PauseRow) -> String {
    pause.until.map(|until| format!(" until {until}")).unwrap_or_default()
}

/// A reminder that is due, of a schedule whose gate is open.
#[derive(Debug, Clone, Copy)]
pub struct DueReminder {
    /// Whether its number is on the opt-out list of all schedules.
    pub is_opted_out: bool,
    /// Whether somebody else answered at its number.
    pub is_wrong_number: bool,
    /// Its recipient's calling hours.
    pub opening: Opening,
    /// Whether it was put off to an opening before.
    pub waited_for_opening: bool,
    /// When its source was last read (UTC); `None`: never for it, so that there is nothing to send yet.
    pub read_at: Option<Timestamp>,
}

/// Whether a phone may ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It may be sent now.
    Open,
    /// At this instant (UTC).
    At(Timestamp),
}

/// Whether a reminder that is due is sent, postponed or skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendDecision {
    /// It is sent now.
    Go,
    /// It waits until this instant (UTC).
    PutOff(Timestamp),
    /// It is not sent at all; the word is for the audit.
    Cancel(&'static str),
    /// Its source is read again first.
    ReadAgain,
}

impl DueReminder {
    /// Judges it. What was read longer ago than `fresh_for`, or waited for an opening, may have changed in its source.
    #[must_use]
    pub fn judge(&self, now: Timestamp, fresh_for: SignedDuration) -> SendDecision {
        if self.is_opted_out {
            return SendDecision::Cancel("opted_out");
        }
        match self.opening {
            Opening::At(opening) => SendDecision::PutOff(opening),
            // its row may have another number
            Opening::Open if self.is_wrong_number => SendDecision::ReadAgain,
            Opening::Open if self.waited_for_opening || !self.is_fresh(now, fresh_for) => SendDecision::ReadAgain,
            Opening::Open => SendDecision::Go,
        }
    }

    fn is_fresh(&self, now: Timestamp, fresh_for: SignedDuration) -> bool {
        self.read_at.is_some_and(|read_at| read_at.duration_until(now) <= fresh_for)
    }
}
