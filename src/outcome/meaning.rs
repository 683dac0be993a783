//! pure: what the facts of a record mean: an outcome, or a call that is still going on.

use crate::reminder::CallOutcome;

use super::CallFacts;

/// What a word of a sender means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The word stands for this outcome.
    Is(CallOutcome),
    /// The word says nothing, as if it were not there.
    Ignore,
}

impl std::str::FromStr for Meaning {
    type Err = crate::reminder::UnknownWord;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "ignore" { Ok(Self::Ignore) } else { text.parse().map(Self::Is) }
    }
}

/// The key that stands for every word that is not named.
const ANY: &str = "*";

/// The words of a sender as a schedule maps them. Case and outer blanks don't count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// How calls end.
    pub statuses: Vec<(String, Meaning)>,
    /// What people say.
    pub values: Vec<(String, Meaning)>,
}

/// What a record reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// `None`: a sign of life, the call is not over.
    pub outcome: Option<CallOutcome>,
    /// A word of what was said that no key maps.
    pub unmapped: Option<String>,
}

/// What the status says by itself.
enum StatusReading {
    /// The record says nothing, or nothing that counts.
    Absent,
    /// The call goes on.
    GoesOn,
    /// The call ended with this outcome.
    Ended(CallOutcome),
}

impl Vocabulary {
    /// What the facts mean.
    #[must_use]
    pub fn report(&self, facts: &CallFacts) -> Report {
        let status = self.status(facts);
        let said = facts.said.as_deref().map(|said| (said, meaning_of(said, &self.values, Spelling::OfWords)));
        let is_spoken = match status {
            StatusReading::GoesOn => return Report { outcome: None, unmapped: None },
            StatusReading::Absent => true,
            StatusReading::Ended(outcome) => outcome.is_of_a_talk(),
        };
        match said.filter(|_| is_spoken) {
            Some((_, Some(Meaning::Is(outcome)))) => Report { outcome: Some(outcome), unmapped: None },
            Some((word, None)) => {
                let outcome = status.ended().unwrap_or(CallOutcome::Unknown);
                Report { outcome: Some(outcome), unmapped: Some(word.to_owned()) }
            }
            Some((_, Some(Meaning::Ignore))) | None => {
                let ended = || facts.ended_at.map(|_| CallOutcome::Unknown);
                Report { outcome: status.ended().or_else(ended), unmapped: None }
            }
        }
    }

    fn status(&self, facts: &CallFacts) -> StatusReading {
        let Some(word) = facts.status.as_deref() else { return StatusReading::Absent };
        let named = meaning_of_named(word, &self.statuses, Spelling::OfStatuses);
        match named.or_else(|| known_status(word).map(Meaning::Is)) {
            Some(Meaning::Is(outcome)) => StatusReading::Ended(outcome),
            Some(Meaning::Ignore) => StatusReading::Absent,
            None if is_under_way(word) && facts.ended_at.is_none() => StatusReading::GoesOn,
            None => match meaning_of(word, &self.statuses, Spelling::OfStatuses) {
                Some(Meaning::Is(outcome)) => StatusReading::Ended(outcome),
                Some(Meaning::Ignore) => StatusReading::Absent,
                None if facts.ended_at.is_none() => StatusReading::GoesOn,
                None => StatusReading::Ended(CallOutcome::Unknown),
            },
        }
    }
}

impl StatusReading {
    const fn ended(&self) -> Option<CallOutcome> {
        match self {
            Self::Ended(outcome) => Some(*outcome),
            Self::Absent | Self::GoesOn => None,
        }
    }
}

/// How words are compared.
#[derive(Clone, Copy)]
enum Spelling {
    /// Case and outer blanks don't count.
    OfWords,
    /// Nor does it count whether words are joined by blanks, dashes or underscores.
    OfStatuses,
}

impl Spelling {
    fn of(self, word: &str) -> String {
        let lower = word.trim().to_lowercase();
        match self {
            Self::OfWords => lower,
            Self::OfStatuses => lower.replace(['-', ' '], "_"),
        }
    }
}

fn meaning_of_named(word: &str, words: &[(String, Meaning)], spelling: Spelling) -> Option<Meaning> {
    let word = spelling.of(word);
    words.iter().find(|(key, _)| key != ANY && spelling.of(key) == word).map(|(_, meaning)| *meaning)
}

fn meaning_of(word: &str, words: &[(String, Meaning)], spelling: Spelling) -> Option<Meaning> {
    let any = || words.iter().find(|(key, _)| key == ANY).map(|(_, meaning)| *meaning);
    meaning_of_named(word, words, spelling).or_else(any)
}

/// Thoughtly's statuses of calls that are over.
fn known_status(word: &str) -> Option<CallOutcome> {
    Some(match Spelling::OfStatuses.of(word).as_str() {
        "completed" => CallOutcome::Answered,
        "no_answer" => CallOutcome::NoAnswer,
        "busy" => CallOutcome::Busy,
        "left_voicemail" => CallOutcome::Voicemail,
        "failed" | "cancelled" => CallOutcome::Failed,
        "suppressed" => CallOutcome::Suppressed,
        "transferred" => CallOutcome::Transferred,
        _ => return None,
    })
}

fn is_under_way(word: &str) -> bool {
    ["not_started", "in_progress"].contains(&Spelling::OfStatuses.of(word).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(pairs: &[(&str, &str)]) -> Vec<(String, Meaning)> {
        pairs.iter().map(|(word, meaning)| ((*word).to_owned(), meaning.parse().expect("a meaning"))).collect()
    }

    fn vocabulary() -> Vocabulary {
        Vocabulary {
            statuses: words(&[("Voicemail-Detected", "voicemail"), ("queued", "ignore")]),
            values: words(&[
                ("yes", "confirmed"),
                (" CANCEL ", "declined"),
                ("move", "reschedule"),
                ("stop", "opted_out"),
                ("wrong", "wrong_number"),
                ("n/a", "ignore"),
            ]),
        }
    }

    fn facts(status: &str, said: &str, has_ended: bool) -> CallFacts {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        CallFacts {
            status: some(status),
            said: some(said).map(Into::into),
            ended_at: has_ended.then_some(jiff::Timestamp::UNIX_EPOCH),
            ..CallFacts::default()
        }
    }

    #[test]
    fn status_and_what_was_said_mean_one_outcome_or_none() {
        // status, said, an end, outcome ("": a sign of life), unmapped
        let cases = [
            ("COMPLETED", "", false, "answered", ""),
            ("completed ", "", false, "answered", ""),
            ("No Answer", "", false, "no_answer", ""),
            ("no-answer", "", false, "no_answer", ""),
            ("BUSY", "", false, "busy", ""),
            ("LEFT_VOICEMAIL", "", false, "voicemail", ""),
            ("FAILED", "", false, "failed", ""),
            ("CANCELLED", "", false, "failed", ""),
            ("SUPPRESSED", "", false, "suppressed", ""),
            ("TRANSFERRED", "", false, "transferred", ""),
            ("NOT_STARTED", "", false, "", ""),
            ("IN_PROGRESS", "", false, "", ""),
            ("IN_PROGRESS", "yes", false, "", ""),
            ("IN_PROGRESS", "", true, "unknown", ""),
            ("RINGING", "", false, "", ""),
            ("RINGING", "", true, "unknown", ""),
            ("RINGING", "yes", true, "confirmed", ""),
            ("voicemail_detected", "", false, "voicemail", ""),
            ("queued", "", false, "", ""),
            ("queued", "yes", false, "confirmed", ""),
            ("queued", "", true, "unknown", ""),
            ("COMPLETED", "Yes ", false, "confirmed", ""),
            ("COMPLETED", "cancel", false, "declined", ""),
            ("TRANSFERRED", "move", false, "reschedule", ""),
            ("COMPLETED", "stop", false, "opted_out", ""),
            ("COMPLETED", "wrong", false, "wrong_number", ""),
            ("COMPLETED", "maybe", false, "answered", "maybe"),
            ("COMPLETED", "N/A", false, "answered", ""),
            ("NO_ANSWER", "yes", false, "no_answer", ""),
            ("LEFT_VOICEMAIL", "yes", false, "voicemail", ""),
            ("FAILED", "maybe", false, "failed", ""),
            ("", "yes", false, "confirmed", ""),
            ("", "maybe", false, "unknown", "maybe"),
            ("", "n/a", false, "", ""),
            ("", "", true, "unknown", ""),
            ("", "", false, "", ""),
        ];
        for (status, said, has_ended, outcome, unmapped) in cases {
            let report = vocabulary().report(&facts(status, said, has_ended));
            let found = (report.outcome.map_or("", CallOutcome::as_str), report.unmapped.unwrap_or_default());
            assert_eq!(found, (outcome, unmapped.to_owned()), "{status} {said} {has_ended}");
        }
    }

    #[test]
    fn a_star_is_every_other_word_and_takes_no_known_status() {
        let any = Vocabulary {
            statuses: words(&[("*", "failed")]),
            values: words(&[("*", "declined"), ("yes", "confirmed")]),
        };
        for (status, said, outcome) in [
            ("RINGING_OUT", "", "failed"),
            ("IN_PROGRESS", "", ""),
            ("COMPLETED", "", "answered"),
            ("COMPLETED", "yes", "confirmed"),
            ("COMPLETED", "no", "declined"),
            ("BUSY", "no", "busy"),
        ] {
            let report = any.report(&facts(status, said, false));
            assert_eq!(report.outcome.map_or("", CallOutcome::as_str), outcome, "{status} {said}");
        }
    }
}
