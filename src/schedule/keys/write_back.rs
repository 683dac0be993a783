//! pure: the keys of `[outcome.write_back]`: outcomes are sent to where the appointments come from.

use super::Need::{Default, Optional, Required};
use super::sources::AUTH;
use super::tables::key;
use super::{KeyTable, Shape};

pub(super) static WRITE_BACK: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key(
            "on",
            Shape::Words(&[
                "confirmed",
                "declined",
                "reschedule",
                "opted_out",
                "wrong_number",
                "answered",
                "transferred",
                "voicemail",
                "unknown",
                "no_answer",
                "busy",
                "failed",
                "suppressed",
                "unreported",
            ]),
            Required,
            "The outcomes that are written back",
        ),
        key(
            "url",
            Shape::TextOrSecret,
            Required,
            "The address; scheme and host are written out, the names of the payload and `outcome`, `outcome_at`, `call_id` are filled in behind them",
        ),
        key("method", Shape::Word { now: &["PATCH", "PUT", "POST"], later: &[] }, Default("\"PATCH\""), "The method"),
        key("headers", Shape::SecretMap, Optional, "Headers of the request"),
        key("auth", Shape::Table(&AUTH), Optional, "How the request proves who writes"),
        key("secret", Shape::Secret, Optional, "Signs as Standard Webhooks"),
        key(
            "body",
            Shape::Body,
            Optional,
            "A text, or a tree sent as JSON; the names are those of the payload, `outcome`, `outcome_at`, `call_id` and `payload`. Unless set: the ids of appointment and reminder, the start, and these",
        ),
    ],
};
