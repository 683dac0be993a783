//! pure: the reference of reasons (why somebody is not called) of the audit log's events, and of alerts.

use super::{ReferenceEntry, ReferenceSection};
use crate::audit::Event;
use crate::notify::AlertKind;
use crate::reminder::SkipReason;

fn entry(word: &str, meaning: &str) -> ReferenceEntry {
    ReferenceEntry { name: word.to_owned(), takes: String::new(), meaning: meaning.to_owned(), example: String::new() }
}

/// Every reason of a skip.
pub(super) fn reasons() -> ReferenceSection {
    ReferenceSection {
        heading: "Reasons".to_owned(),
        intro: "Why an appointment in the window is not called: in `plan`, `explain`, the audit log and metrics. The first \
            rule that fails names the reason; `tickler explain` shows the rules in their order."
            .to_owned(),
        entries: SkipReason::ALL.iter().map(|reason| entry(reason.as_str(), reason_in_words(*reason))).collect(),
    }
}

/// What a reason means.
const fn reason_in_words(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::BadRow => "The row can't be read: wrong number of fields, too long, not text",
        SkipReason::MissingId => "The id column is empty, or holds a word for nothing",
        SkipReason::InvalidTime => "The start can't be read by `date_format`",
        SkipReason::NoSuchTime => "The start falls into the hour that daylight saving time skips",
        SkipReason::DuplicateRow => "The same id and start came earlier in this read",
        SkipReason::Cancelled => "The status says that the appointment is cancelled",
        SkipReason::UnknownStatus => "The status is not among `remind.statuses`",
        SkipReason::Filtered => "`remind.only_if` is false",
        SkipReason::NoPhone => "No phone column holds anything",
        SkipReason::InvalidPhone => "No phone column holds a number that may be called",
        SkipReason::WrongNumber => "Somebody else answered at the number, and no phone column holds another one",
        SkipReason::Confirmed => "The person confirmed the appointment in another lead's call",
        SkipReason::Declined => "The person asked to cancel the appointment in another lead's call",
        SkipReason::Reschedule => "The person asked for another time in another lead's call",
        SkipReason::OptedOut => "The person must not be called: a list or a column says so",
        SkipReason::NoConsent => "The consent column holds no yes",
        SkipReason::AlreadyStarted => "The appointment has begun",
        SkipReason::TooLate => "The call would come later than `min_notice` or `max_lateness` allow",
        SkipReason::LateBooking => "The appointment was booked after the lead had passed",
        SkipReason::OutsideCallingHours => "Calling hours open only after the reminder has expired",
        SkipReason::Merged => "Another call of the same person covers this appointment",
        SkipReason::PersonLimit => "The person already has the calls of that day",
        SkipReason::PayloadError => "A template of the payload can't be filled",
    }
}

/// Every event of the audit log.
pub(super) fn events() -> ReferenceSection {
    ReferenceSection {
        heading: "Events".to_owned(),
        intro:
            "What a row of the audit log records. `tickler audit --event NAME` selects one, `--event delivery` all of \
            that kind."
                .to_owned(),
        entries: Event::ALL.iter().map(|event| entry(event.as_str(), event.meaning().trim())).collect(),
    }
}

/// Every kind of alert.
pub(super) fn alerts() -> ReferenceSection {
    let word = |kind: AlertKind| serde_json::to_value(kind).ok().and_then(|value| value.as_str().map(str::to_owned));
    ReferenceSection {
        heading: "Alerts".to_owned(),
        intro: "What `notify.webhook` and `notify.email` report, when it begins and when it is over: the `kind` of an entry of \
            `wrong` and `over` in the webhook's message. None has personal data."
            .to_owned(),
        entries: AlertKind::ALL.iter().map(|kind| entry(&word(*kind).unwrap_or_default(), kind.meaning())).collect(),
    }
}
