//! pure: the keys of `[source]` and `[join]`.

use super::Need::{Default, Optional, Required};
use super::tables::{MAX_COUNT, key};
use super::{KeyTable, Shape};

/// Maximum rows of a table.
const MAX_TABLE_ROWS: i64 = 10_000_000;

const DEADLINE: &str = "For the whole read, all pages and steps; a read that takes longer is given up";
const MAX_ROWS: &str = "Rows in the window; a read that brings more fails";

pub(super) static JOIN: KeyTable = KeyTable {
    one_of: &["items", "url"],
    keys: &[
        key("items", Shape::Place, Optional, "Where the objects are in the same answer"),
        key("on", Shape::Table(&JOIN_ON), Optional, "With `items`: by which key they are found"),
        key(
            "url",
            Shape::Template,
            Optional,
            "The object's address over the row, on the source's origin; asked for once, for rows in the window",
        ),
    ],
};

static JOIN_ON: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("column", Shape::Text, Required, "The row's column with the key"),
        key("at", Shape::Text, Required, "Where an object has its key"),
    ],
};

pub(super) static SOURCE: KeyTable = KeyTable {
    one_of: &["csv", "sqlite", "http", "xlsx", "ical", "inbound"],
    keys: &[
        key("csv", Shape::Table(&CSV), Optional, "A text table"),
        key("sqlite", Shape::Table(&SQLITE), Optional, "A query on a SQLite file, opened read-only"),
        key("http", Shape::Table(&HTTP), Optional, "An HTTP API"),
        key("xlsx", Shape::Table(&WORKBOOK), Optional, "A sheet of a workbook: xlsx, xls or ods, by its bytes"),
        key("ical", Shape::Table(&CALENDAR), Optional, "A calendar file (iCalendar), or several"),
        key("inbound", Shape::Table(&INBOUND), Optional, "Requests that are posted to the service"),
    ],
};

static INBOUND: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key(
            "secret",
            Shape::Secrets,
            Required,
            "What senders of requests show as `Authorization: Bearer` or `X-Tickler-Secret`; two while it changes",
        ),
        key(
            "secret_in_url",
            Shape::Boolean,
            Default("false"),
            "Whether it may be the last part of the URL instead, for senders that set no header",
        ),
        key(
            "max_per_hour",
            Shape::Whole(1, MAX_COUNT),
            Default("60"),
            "How many new requests are accepted within an hour; further ones are refused for now (429, `Retry-After`), with an alert",
        ),
    ],
};

static CSV: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key(
            "path",
            Shape::Text,
            Required,
            "The file, counted from the schedule file; of a pattern (`export-*.csv`) the match changed last",
        ),
        key("encoding", Shape::Text, Default("\"auto\""), "`auto`, or an encoding's name such as `windows-1252`"),
        key("delimiter", Shape::AnyText, Default("\"auto\""), "`auto`, or one of comma, semicolon, tab and pipe"),
        key("header_row", Shape::Whole(1, MAX_COUNT), Default("1"), "The line with the names of the columns, from 1"),
        key("deadline", Shape::Duration, Default("\"10m\""), DEADLINE),
        key("max_rows", Shape::Whole(1, MAX_TABLE_ROWS), Default("200000"), MAX_ROWS),
    ],
};

static WORKBOOK: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("path", Shape::Text, Required, "The file; of a pattern (`export-*.xlsx`) the match changed last"),
        key("sheet", Shape::Text, Optional, "The sheet's name; the first visible one unless set"),
        key("header_row", Shape::Whole(1, MAX_COUNT), Default("1"), "The row with the names of the columns, from 1"),
        key("deadline", Shape::Duration, Default("\"10m\""), DEADLINE),
        key("max_rows", Shape::Whole(1, MAX_TABLE_ROWS), Default("200000"), MAX_ROWS),
    ],
};

static CALENDAR: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("path", Shape::Text, Required, "The file; all matches of a pattern (`calendars/*.ics`) are one calendar"),
        key("deadline", Shape::Duration, Default("\"10m\""), DEADLINE),
        key("max_rows", Shape::Whole(1, MAX_TABLE_ROWS), Default("200000"), MAX_ROWS),
    ],
};

static SQLITE: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("path", Shape::Text, Required, "The database file; relative paths count from the schedule file"),
        key(
            "query",
            Shape::Text,
            Required,
            "One SELECT; `:from`, `:until`, `:day`, `:now_utc` and their kin are bound when it names them",
        ),
        key("deadline", Shape::Duration, Default("\"20s\""), DEADLINE),
        key("max_rows", Shape::Whole(1, MAX_TABLE_ROWS), Default("200000"), MAX_ROWS),
    ],
};

static HTTP: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key(
            "url",
            Shape::TextOrSecret,
            Required,
            "The address; `{{ from }}`, `{{ until }}` and `{{ day }}` are filled in",
        ),
        key(
            "format",
            Shape::Word { now: &["json", "csv", "ical"], later: &[] },
            Default("\"json\""),
            "What the body is",
        ),
        key("items", Shape::Place, Default("\"\""), "Where the array of rows is; the body itself unless set"),
        key(
            "items_optional",
            Shape::Boolean,
            Default("false"),
            "`true` where the sender leaves the array out on an empty day",
        ),
        key("headers", Shape::SecretMap, Optional, "Headers of the request"),
        key("timeout", Shape::Duration, Default("\"30s\""), "For one page"),
        key("max_bytes", Shape::Size, Default("\"64MiB\""), "Of one page, decoded"),
        key("auth", Shape::Table(&AUTH), Optional, "How the request proves who asks"),
        key("paging", Shape::Table(&PAGING), Optional, "How further pages are found"),
        key(
            "allow_redirect_to",
            Shape::Texts,
            Optional,
            "Other hosts to which it may redirect, such as `*.googleusercontent.com`; they receive no headers",
        ),
        key("deadline", Shape::Duration, Default("\"10m\""), DEADLINE),
        key("max_rows", Shape::Whole(1, MAX_TABLE_ROWS), Default("200000"), MAX_ROWS),
        key(
            "method",
            Shape::Word { now: &["GET", "POST", "REPORT"], later: &[] },
            Default("\"GET\""),
            "How it is asked; with a `body` it is `POST` unless set",
        ),
        key(
            "body",
            Shape::Body,
            Optional,
            "What is sent along: a text, or a tree sent as JSON; `{{ from }}`, `{{ until }}` and `{{ day }}` are filled in",
        ),
        key(
            "each",
            Shape::Place,
            Optional,
            "A list inside an item: each of its elements is a row, the item its `parent`",
        ),
    ],
};

pub(super) static AUTH: KeyTable = KeyTable {
    one_of: &["bearer", "basic", "oauth2"],
    keys: &[
        key("bearer", Shape::Secret, Optional, "`Authorization: Bearer …`"),
        key("basic", Shape::Table(&BASIC), Optional, "`Authorization: Basic …`"),
        key("oauth2", Shape::Table(&OAUTH2), Optional, "A token that is fetched first"),
    ],
};

static OAUTH2: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("token_url", Shape::TextOrSecret, Required, "Where tokens are given"),
        key("client_id", Shape::TextOrSecret, Required, "Who asks"),
        key("client_secret", Shape::Secret, Optional, "Proves it"),
        key("private_key", Shape::Secret, Optional, "Or this: an RSA or EC key (PEM) that signs an assertion"),
        key("scope", Shape::Text, Optional, "What is asked for"),
        key(
            "refresh_token",
            Shape::Secret,
            Optional,
            "Exchanged for a token; in a `file`, a changed one is kept over restarts",
        ),
    ],
};

static BASIC: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("user", Shape::TextOrSecret, Required, "The user"),
        key("password", Shape::Secret, Required, "The password"),
    ],
};

static PAGING: KeyTable = KeyTable {
    one_of: &["page", "cursor", "next", "link_header", "offset"],
    keys: &[
        key("page", Shape::Table(&PAGE), Optional, "Numbered pages, until an empty one"),
        key("cursor", Shape::Table(&CURSOR), Optional, "A mark in each page asks for the next"),
        key("next", Shape::Table(&NEXT), Optional, "The page has the next page's URL"),
        key("link_header", Shape::True, Optional, "The `Link` header has the next page's URL"),
        key("offset", Shape::Table(&OFFSET), Optional, "Pages by the number of rows before them, until an empty one"),
    ],
};

static PAGE: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("parameter", Shape::Text, Required, "The query parameter; `/a/b` is a place in the body"),
        key("start", Shape::Whole(0, MAX_COUNT), Default("1"), "The first page's number"),
        key("size", Shape::Whole(1, MAX_COUNT), Required, "Rows of a full page"),
    ],
};

static OFFSET: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("parameter", Shape::Text, Required, "The query parameter; `/a/b` is a place in the body"),
        key("size", Shape::Whole(1, MAX_COUNT), Required, "Rows of a full page"),
    ],
};

static CURSOR: KeyTable = KeyTable {
    one_of: &[],
    keys: &[
        key("parameter", Shape::Text, Required, "The query parameter; `/a/b` is a place in the body"),
        key("at", Shape::Place, Required, "Where a page has the mark"),
    ],
};

static NEXT: KeyTable =
    KeyTable { one_of: &[], keys: &[key("at", Shape::Place, Required, "Where a page has the next page's URL")] };
