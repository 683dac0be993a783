//! pure: the reference of names and filters in templates, of a query's parameters, and of do-not-call files.

use super::{ReferenceEntry, ReferenceSection};

/// The names of a payload besides the columns: name, meaning, an example of its value.
const PAYLOAD_NAMES: &[(&str, &str, &str)] = &[
    ("phone", "The number that is called, in E.164", "+12025550143"),
    ("phone_national", "The same as it is written in its own country", "(202) 555-0143"),
    ("starts_at", "The appointment's start, ISO 8601 with the recipient's offset", "2026-11-25T09:30:00-05:00"),
    ("date", "The start's date where the recipient is", "2026-11-25"),
    ("time", "The start's time where the recipient is", "09:30"),
    ("weekday", "The start's weekday where the recipient is, in their language", "Wednesday"),
    (
        "spoken_date",
        "The start's date as one says it, in the row's or the schedule's language",
        "Wednesday, November 25",
    ),
    ("spoken_time", "The start's time as one says it, in the row's or the schedule's language", "9:30 AM"),
    ("appointment_id", "The appointment's id", "A-1004"),
    ("reminder_id", "The reminder's id: the same for every attempt, usable as an idempotency key", "019ab2c4-…"),
    ("lead", "Which of the schedule's leads", "1d"),
    ("schedule", "The schedule's name", "day-before"),
    (
        "previous_starts_at",
        "The start of which the person was reminded before the appointment moved; null otherwise",
        "null",
    ),
    ("retry", "0 for the first call, 1 for its first retry", "0"),
    ("last_try", "Whether nobody is called again if nobody answers", "true"),
    ("previous_outcome", "Of a retry: what became of the call before it, such as no_answer; null otherwise", "null"),
    (
        "appointments",
        "The appointments of the call, by start: `id`, `starts_at`, `date`, `time` and the columns of each; several with `merge`",
        "{{ appointments | length }}",
    ),
    ("row", "The whole row, for columns whose names are no plain words", "{{ row[\"Appt Date\"] }}"),
];

/// The filters of templates: name, meaning, an example of its use.
const FILTERS: &[(&str, &str, &str)] = &[
    ("upper", "Upper case", "{{ name | upper }}"),
    ("lower", "Lower case", "{{ name | lower }}"),
    ("title", "Each word capitalised", "{{ name | title }}"),
    ("capitalize", "The first letter capitalised, the rest in lower case", "{{ name | capitalize }}"),
    ("trim", "Without blanks at both ends", "{{ name | trim }}"),
    ("digits", "The digits alone", "{{ room | digits }}"),
    ("string", "As a text", "{{ room | string }}"),
    ("truncate", "At most that many characters", "{{ name | truncate(20) }}"),
    ("replace", "One text for another", "{{ name | replace(\"_\", \" \") }}"),
    ("split", "A list of parts, at blanks or at a separator", "{{ (name | split)[0] }}"),
    (
        "find",
        "The first part that fits a regular expression, or its first group; else null",
        "{{ notes | find('[+][0-9 ()-]{8,}') }}",
    ),
    ("join", "A list as one text", "{{ (name | split(\";\")) | join(\", \") }}"),
    ("utc", "A time with an offset as the same instant in UTC", "{{ starts_at | utc }}"),
    ("date", "A date or time by a strftime pattern", "{{ starts_at | date(\"%-I:%M %p\") }}"),
    ("default", "Another value for null and for an empty text", "{{ name | default(\"there\") }}"),
    ("int", "A whole number; a fraction is cut off", "{{ minutes | int }}"),
    ("float", "A number", "{{ price | float }}"),
    ("round", "Rounded to that many places", "{{ price | round(2) }}"),
    ("abs", "Without its sign", "{{ balance | abs }}"),
    ("length", "Characters of a text, entries of a list", "{{ name | length }}"),
    ("first", "The first character or entry", "{{ name | first }}"),
    ("last", "The last character or entry", "{{ name | last }}"),
];

/// The parameters of `source.sqlite.query`: name, meaning, an example of its value.
const QUERY_PARAMETERS: &[(&str, &str, &str)] = &[
    (":from", "Begin of the time that is asked for, on the schedule's wall clock", "2026-11-25 00:00:00"),
    (":until", "Its end, not included", "2026-11-26 00:00:00"),
    (":from_utc", "The same begin in UTC", "2026-11-25 05:00:00"),
    (":until_utc", "The same end in UTC", "2026-11-26 05:00:00"),
    (":from_epoch", "The same begin in seconds since 1970", "1795582800"),
    (":until_epoch", "The same end in seconds since 1970", "1795669200"),
    (":now_utc", "The run's own moment in UTC", "2026-11-24 14:00:00"),
    (":day", "The run's date in the schedule's zone", "2026-11-24"),
];

fn entries(rows: &[(&str, &str, &str)]) -> Vec<ReferenceEntry> {
    let entry = |(name, meaning, example): &(&str, &str, &str)| ReferenceEntry {
        name: (*name).to_owned(),
        takes: String::new(),
        meaning: (*meaning).to_owned(),
        example: (*example).to_owned(),
    };
    rows.iter().map(entry).collect()
}

/// Names and filters of templates.
pub(super) fn payload() -> Vec<ReferenceSection> {
    vec![
        ReferenceSection {
            heading: "Names in a payload".to_owned(),
            intro: "A text that is exactly one `{{ expression }}` keeps the value's JSON type; any other text is text. Every \
                column of the source is a name, too, unless one of these hides it. A name that doesn't exist is an error, \
                and nothing is sent."
                .to_owned(),
            entries: entries(PAYLOAD_NAMES),
        },
        ReferenceSection {
            heading: "Filters".to_owned(),
            intro: "In payloads, in `only_if`, and in the contact fields of `target.call`.".to_owned(),
            entries: entries(FILTERS),
        },
    ]
}

/// Parameters of queries, and the list format.
pub(super) fn query() -> Vec<ReferenceSection> {
    vec![
        ReferenceSection {
            heading: "Parameters of a query".to_owned(),
            intro: "A parameter is bound when the query names it. The time that is asked for covers every lead of the \
                schedule and the starts of its pending reminders. The query has no other clock: `'now'` and \
                `CURRENT_DATE` are refused."
                .to_owned(),
            entries: entries(QUERY_PARAMETERS),
        },
        ReferenceSection {
            heading: "Do-not-call files".to_owned(),
            intro: "`remind.do_not_call` names a text file with one phone number a line. Empty lines and what follows a `#` \
                are ignored. An invalid line fails the run, because it may be somebody who asked not to be \
                called."
                .to_owned(),
            entries: vec![ReferenceEntry {
                name: "do-not-call.txt".to_owned(),
                takes: String::new(),
                meaning: "One number a line, in E.164 or as `appointment.default_region` reads it".to_owned(),
                example: "+12025550143  # asked on 2 November".to_owned(),
            }],
        },
    ]
}
