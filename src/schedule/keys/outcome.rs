//! pure: the keys of `[outcome]`: what becomes of a call.

use super::Need::{Default, Optional};
use super::tables::key;
use super::write_back::WRITE_BACK;
use super::{KeyTable, Shape};

/// The whole table.
pub static OUTCOME: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key(
            "secret",
            Shape::Secrets,
            Optional,
            "What senders of records show as `Authorization: Bearer` or `X-Tickler-Secret`; two while it changes",
        ),
        key(
            "secret_in_url",
            Shape::Boolean,
            Default("false"),
            "Whether it may be the last part of the URL instead, for senders that set no header",
        ),
        key("at", Shape::Table(&AT), Optional, "Where records of other platforms have the facts"),
        key(
            "statuses",
            Shape::Meanings,
            Optional,
            "How calls end: a word of the sender is an outcome or `ignore`; `*` is every other word",
        ),
        key(
            "values",
            Shape::Meanings,
            Optional,
            "What people say: a word of the sender is an outcome or `ignore`; `*` is every other word",
        ),
        key(
            "match_within",
            Shape::Duration,
            Default("\"30m\""),
            "A record without ids belongs to the one reminder to its phone that was sent within this time before the call",
        ),
        key(
            "report_within",
            Shape::Duration,
            Default("\"24h\""),
            "A call of which no outcome came in this time is `unreported`, with an alert",
        ),
        key(
            "silent_after",
            Shape::Whole(1, 1_000),
            Default("5"),
            "An alert is sent after this number of accepted calls in a row of which nothing was heard, if the first was made at least 30 minutes ago",
        ),
        key(
            "skip_later_leads",
            Shape::Words(&["confirmed", "declined", "reschedule"]),
            Default("[\"confirmed\", \"declined\", \"reschedule\"]"),
            "Outcomes after which nobody is called by another lead about the same appointment and start",
        ),
        key("poll", Shape::Table(&POLL), Optional, "Records of calls are asked for where no report came"),
        key("retry", Shape::Table(&RETRY), Optional, "Who doesn't answer is called again"),
        key("write_back", Shape::Table(&WRITE_BACK), Optional, "Outcomes are written back by HTTP"),
    ],
};

static POLL: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key(
            "agent",
            Shape::TextOrSecret,
            Optional,
            "The agent (an interview id) whose calls are asked for; without it that of `target.call`, and for other targets none",
        ),
        key(
            "after",
            Shape::Duration,
            Default("\"10m\""),
            "How old a call without an outcome is before it is asked for",
        ),
        key(
            "every",
            Shape::Duration,
            Default("\"5m\""),
            "The pause between two polls; it doubles up to an hour while nothing is found",
        ),
    ],
};

static RETRY: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key(
            "on",
            Shape::Words(&["no_answer", "busy", "voicemail", "failed"]),
            Default("[\"no_answer\", \"busy\"]"),
            "The outcomes after which the person is called again",
        ),
        key("times", Shape::Whole(1, 5), Default("1"), "How often at most"),
        key(
            "after",
            Shape::Durations,
            Default("\"1h\""),
            "How long after the call's end; of a list the first is for the first retry, the last for all that follow",
        ),
    ],
};

static AT: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("reminder_id", Shape::Pointers, Optional, "The reminder's id"),
        key("call_id", Shape::Pointers, Optional, "The platform's id of the call"),
        key("status", Shape::Pointers, Optional, "How the call ended, or that it goes on"),
        key("said", Shape::Pointers, Optional, "What the person said, in a word"),
        key("phone", Shape::Pointers, Optional, "The number that was called"),
        key("contact", Shape::Pointers, Optional, "The platform's id of the person"),
        key("agent", Shape::Pointers, Optional, "The agent that called"),
        key("started_at", Shape::Pointers, Optional, "When the call began: RFC 3339, or seconds since 1970"),
        key("ended_at", Shape::Pointers, Optional, "When the call ended"),
        key("updated_at", Shape::Pointers, Optional, "When the record was last changed"),
    ],
};
