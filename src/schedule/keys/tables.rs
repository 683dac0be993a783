//! pure: every key of a schedule file, with what it takes, its default and one line of help.

use super::Need::{Default, Optional, Required, RequiredButInbound};
use super::canary::CANARY;
use super::outcome::OUTCOME;
use super::sending::{DELIVERY, GUARD};
use super::sources::{JOIN, SOURCE};
use super::{Key, KeyTable, Shape};

pub(super) const fn key(name: &'static str, shape: Shape, need: super::Need, doc: &'static str) -> Key {
    Key { name, shape, need, doc }
}

/// A year's days, the furthest lead in days.
const MAX_DAYS: i64 = 366;
/// A year's hours.
const MAX_HOURS: i64 = 366 * 24;
/// Maximum of counts without a natural limit.
pub(super) const MAX_COUNT: i64 = 1_000_000;

/// The whole file.
pub static SCHEDULE: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key(
            "cron",
            Shape::Text,
            RequiredButInbound,
            "When it runs: five fields (minute to weekday), six with seconds first, or `@daily`; not with `[source.inbound]`",
        ),
        key("timezone", Shape::Text, Required, "IANA zone of `cron`, of dates, and of times without an offset"),
        key("enabled", Shape::Boolean, Default("true"), "`false` keeps the file checked but idle"),
        key("heartbeat", Shape::Secret, Optional, "URL pinged at the start and end of its runs, as `notify.heartbeat`"),
        key(
            "mode",
            Shape::Word { now: &["live", "shadow"], later: &[] },
            Default("\"live\""),
            "`shadow` runs as usual and calls nobody: the audit log has who would have been called, and these calls count \
             as made when the schedule is live",
        ),
        key("description", Shape::AnyText, Default("\"\""), "One line for lists"),
        key("language", Shape::Text, Default("\"en\""), "BCP 47 tag of the language spoken"),
        key(
            "source",
            Shape::Table(&SOURCE),
            Required,
            "Where appointments come from: one of csv, xlsx, ical, sqlite, http, inbound",
        ),
        key("appointment", Shape::Table(&APPOINTMENT), Required, "Which column means what"),
        key("remind", Shape::Table(&REMIND), Required, "Who is reminded, and when"),
        key("target", Shape::Table(&TARGET), Required, "Where reminders go: one of automation, call, webhook"),
        key("payload", Shape::TemplateTree, Required, "What is sent: a tree whose texts are templates"),
        key("delivery", Shape::Table(&DELIVERY), Optional, "How it is sent"),
        key("guard", Shape::Table(&GUARD), Optional, "What holds a run"),
        key(
            "columns",
            Shape::TemplateMap,
            Optional,
            "Computed columns: a template over the row for each; a name that isn't there is null",
        ),
        key(
            "join",
            Shape::TableMap(&JOIN),
            Optional,
            "Objects joined to a row, each table by its name (`[join.patient]`)",
        ),
        key("outcome", Shape::Table(&OUTCOME), Optional, "What becomes of a call"),
        key("canary", Shape::Table(&CANARY), Optional, "A call to the operator that shows whether reports still come"),
    ],
};

static APPOINTMENT: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key(
            "id",
            Shape::Columns,
            RequiredButInbound,
            "What stays the same when the appointment moves; several columns are joined. With `[source.inbound]` the `Idempotency-Key` unless set",
        ),
        key("phone", Shape::Columns, Required, "The first of these columns with a usable number"),
        key("default_region", Shape::Text, Optional, "Country in which national numbers are read, such as `US`"),
        key(
            "starts_at",
            Shape::Start,
            RequiredButInbound,
            "The start: a column, or one for the date and one for the time; not with `[source.inbound]`",
        ),
        key(
            "date_format",
            Shape::TextOrTexts,
            Optional,
            "strftime pattern (names of months and days in seven languages) or list of them, or `excel`, `epoch`, `epoch_ms`; ISO 8601 unless set",
        ),
        key("timezone", Shape::Column, Optional, "The column with the zone in which the start is written"),
        key(
            "source_timezone",
            Shape::Text,
            Optional,
            "IANA zone in which starts are written that have no offset and no zone column; the schedule's unless set",
        ),
        key("recipient_timezone", Shape::Column, Optional, "The zone where the person is"),
        key(
            "status",
            Shape::Column,
            Optional,
            "The column that `statuses` applies to; nobody is called where it is `cancelled` or `canceled`",
        ),
        key(
            "label",
            Shape::Template,
            Optional,
            "How lists name the appointment; kept and removed with the payload, never in logs, metrics and alerts",
        ),
        key("person", Shape::Column, Optional, "Who it is, for the daily limit; the phone unless set"),
        key("language", Shape::Column, Optional, "BCP 47 tag of the person's language"),
        key("do_not_call", Shape::Column, Optional, "Anything but an empty cell and a known no opts the person out"),
        key("consent", Shape::Column, Optional, "Anything but a true value is no consent"),
        key(
            "recurrence",
            Shape::Column,
            Optional,
            "A recurrence rule (RRULE): the row is every occurrence of its series",
        ),
        key("recurrence_exceptions", Shape::Column, Optional, "Dates on which the series doesn't happen"),
        key(
            "call_at",
            Shape::Column,
            Optional,
            "With `[source.inbound]`: the time before which a request is not called",
        ),
        key(
            "expires",
            Shape::Column,
            Optional,
            "With `[source.inbound]`: the time after which it is not called any more",
        ),
        key("priority", Shape::Column, Optional, "`high` and `urgent` are called before all others of the account"),
    ],
};

static REMIND: KeyTable = KeyTable {
    one_of: &["days_before", "hours_before", "now"],
    keys: &[
        key("days_before", Shape::Wholes(0, MAX_DAYS), Optional, "Calendar days before the appointment, one or a list"),
        key("hours_before", Shape::Wholes(1, MAX_HOURS), Optional, "Exact hours before the start, one or a list"),
        key("now", Shape::True, Optional, "With `[source.inbound]`: a request is called as soon as it is received"),
        key(
            "statuses",
            Shape::Texts,
            Optional,
            "Only these statuses are called, whatever their case; `cancelled` and `canceled` never are, any other is \
             skipped as `unknown_status`",
        ),
        key("only_if", Shape::Condition, Optional, "Only rows for which this holds are called"),
        key(
            "allowed_countries",
            Shape::Texts,
            Optional,
            "Only numbers of these countries are called; required with `[source.inbound]`",
        ),
        key("do_not_call", Shape::Text, Optional, "A file of numbers never to be called, one a line"),
        key(
            "calling_hours",
            Shape::Text,
            Default("\"08:00-21:00\""),
            "When phones may ring, at the recipient's; or `always`",
        ),
        key("min_notice", Shape::Duration, Default("\"1h\""), "Nobody is called later than this before the start"),
        key("max_lateness", Shape::Duration, Default("\"6h\""), "A reminder not sent within this time is dropped"),
        key("max_per_person_per_day", Shape::Whole(1, 1_000), Default("1"), "Calls of one person on one of their days"),
        key("closed_days", Shape::Texts, Optional, "Weekdays on which nobody is called"),
        key(
            "holidays",
            Shape::TextOrTexts,
            Optional,
            "Dates on which nobody is called, or `.ics` files with such dates",
        ),
        key(
            "on_closed_day",
            Shape::Word { now: &["previous", "count_open_days", "call_anyway"], later: &[] },
            Default("\"previous\""),
            "What becomes of reminders due on such a day: called on the open day before, leads count open days, or called",
        ),
        key(
            "late_booking",
            Shape::Word { now: &["skip", "nearest"], later: &[] },
            Default("\"skip\""),
            "What becomes of a lead that had passed when the appointment was booked: not called, or one call at once for the latest such lead",
        ),
        key(
            "merge",
            Shape::Word { now: &["same_day"], later: &[] },
            Optional,
            "One call for all appointments of a person, or of a phone, that are due on the same day; the payload lists them as `appointments`",
        ),
        key(
            "min_change",
            Shape::Duration,
            Default("\"15m\""),
            "An appointment that was called about and moved by less is not called about again",
        ),
    ],
};

static TARGET: KeyTable = KeyTable {
    one_of: &["automation", "call", "webhook"],
    keys: &[
        key("automation", Shape::Table(&AUTOMATION), Optional, "Thoughtly's automation webhook"),
        key("call", Shape::Table(&CALL), Optional, "Thoughtly's REST API: contact, then call"),
        key("webhook", Shape::Table(&WEBHOOK), Optional, "Any other endpoint"),
    ],
};

static AUTOMATION: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key(
            "url",
            Shape::Secret,
            Required,
            "The automation's address: whoever has it can phone, so it is always a secret",
        ),
        key("api_token", Shape::Secret, Optional, "Sent as `x-api-token`"),
        key("account", Shape::Text, Default("\"thoughtly\""), "Whose rate limit it shares"),
    ],
};

static CALL: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("agent", Shape::TextOrSecret, Default("{ env = \"THOUGHTLY_AGENT_ID\" }"), "The agent's interview id"),
        key("contact", Shape::Table(&CONTACT), Optional, "What the contact is created with"),
        key("account", Shape::Text, Default("\"thoughtly\""), "Whose credentials and rate limit it uses"),
    ],
};

static CONTACT: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("name", Shape::Template, Optional, "The contact's name"),
        key("email", Shape::Template, Optional, "The contact's address"),
        key("tags", Shape::Templates, Optional, "Tags"),
        key("attributes", Shape::TemplateMap, Optional, "Names and values"),
    ],
};

static WEBHOOK: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("url", Shape::TextOrSecret, Required, "The address"),
        key("method", Shape::Word { now: &["POST", "PUT", "PATCH"], later: &[] }, Default("\"POST\""), "The method"),
        key("headers", Shape::SecretMap, Optional, "Headers of the request"),
        key("secret", Shape::Secret, Optional, "Signs as Standard Webhooks"),
        key(
            "accept_status",
            Shape::Wholes(100, 599),
            Optional,
            "Statuses that accept the reminder; any 2xx unless set",
        ),
        key("error_pointer", Shape::Pointer, Optional, "Must be null or absent in an accepted answer"),
        key("id_pointer", Shape::Pointer, Optional, "Where the answer has the remote id"),
        key("account", Shape::Text, Optional, "Whose rate limit it shares; the URL's host unless set"),
    ],
};
