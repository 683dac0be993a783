//! pure: a schedule file becomes a checked [`Schedule`], or problems with their place and remedy.

pub mod examine;
mod file;
pub mod json_schema;
pub mod keys;
pub mod load;
mod masking;
pub mod places;
pub mod problems;
pub mod read;
pub mod recurrence;
pub mod tree;

use std::path::PathBuf;

use jiff::SignedDuration;

use crate::appointment::AppointmentColumns;
use crate::settings::{SecretRef, TextOrSecret};
use crate::template::{Condition, PayloadTemplate, Template};
use crate::zones::{CallingHours, Zone};

/// One schedule, checked. Everything in it is ready to be used.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The file's stem.
    pub name: String,
    /// Where it was read.
    pub path: PathBuf,
    /// The bytes that were parsed, as text.
    pub text: String,
    /// SHA-256 of those bytes, hex.
    pub text_hash: String,
    /// As written.
    pub cron: String,
    /// The cron line, read.
    pub recurrence: recurrence::Recurrence,
    /// The zone of cron, dates, and times without an offset.
    pub zone: Zone,
    /// `false`: checked but idle.
    pub enabled: bool,
    /// One line for lists.
    pub description: String,
    /// BCP 47.
    pub language: String,
    /// Where appointments come from.
    pub source: SourceSpec,
    /// Which column means what.
    pub appointment: AppointmentColumns,
    /// Who is reminded, and when.
    pub remind: Remind,
    /// Where it is sent.
    pub target: TargetSpec,
    /// What is sent.
    pub payload: PayloadTemplate,
    /// How it is sent.
    pub delivery: DeliveryTerms,
    /// The most calls of one run; more hold it.
    pub max_calls: u32,
}

/// `[source.…]`.
#[derive(Debug, Clone)]
pub enum SourceSpec {
    /// A text table.
    Csv(CsvSpec),
    /// A query on a SQLite file.
    Sqlite(SqliteSpec),
    /// An HTTP API.
    Http(Box<HttpSpec>),
}

/// `[source.csv]`.
#[derive(Debug, Clone)]
pub struct CsvSpec {
    /// Absolute, or relative to the working directory (already joined with the schedule's folder).
    pub path: PathBuf,
    /// How the table is written.
    pub dialect: CsvDialect,
}

/// How a text table is written.
#[derive(Debug, Clone)]
pub struct CsvDialect {
    /// `None`: by byte order mark, else UTF-8 when valid, else Windows-1252.
    pub encoding: Option<String>,
    /// `None`: comma, semicolon, tab or pipe, confirmed by the mapped headers being found.
    pub delimiter: Option<u8>,
    /// Counted from 1.
    pub header_row: u32,
}

/// `[source.sqlite]`.
#[derive(Debug, Clone)]
pub struct SqliteSpec {
    /// As [`CsvSpec::path`].
    pub path: PathBuf,
    /// One SELECT.
    pub query: String,
}

/// `[source.http]`.
#[derive(Debug, Clone)]
pub struct HttpSpec {
    /// A template text (with `{{ from }}` …), or a secret holding one.
    pub url: TextOrSecret,
    /// What the body is.
    pub format: HttpFormat,
    /// JSON pointer to the array; empty: the body itself.
    pub items: String,
    /// Names and values.
    pub headers: Vec<(String, TextOrSecret)>,
    /// For one page.
    pub timeout: SignedDuration,
    /// Of one page, decoded.
    pub max_bytes: usize,
    /// `[source.http.auth]`.
    pub auth: Option<HttpAuth>,
    /// `[source.http.paging]`.
    pub paging: Option<Paging>,
}

/// The format of an HTTP source's body.
#[derive(Debug, Clone)]
pub enum HttpFormat {
    /// JSON.
    Json,
    /// A text table with automatic encoding and delimiter.
    Csv,
}

/// `[source.http.auth]`.
#[derive(Debug, Clone)]
pub enum HttpAuth {
    /// `Authorization: Bearer …`.
    Bearer(SecretRef),
    /// `Authorization: Basic …`.
    Basic {
        /// The user.
        user: TextOrSecret,
        /// The password.
        password: SecretRef,
    },
}

/// `[source.http.paging]`.
#[derive(Debug, Clone)]
pub enum Paging {
    /// `parameter=start`, `start+1`, … until a page shorter than `size`.
    Page {
        /// The query parameter.
        parameter: String,
        /// The first page's number.
        start: i64,
        /// A full page's length.
        size: usize,
    },
    /// `parameter=` what the last page had at `at`, until that is null, empty or missing.
    Cursor {
        /// The query parameter.
        parameter: String,
        /// JSON pointer.
        at: String,
    },
    /// The next page's URL stands at `at`; same origin only.
    Next {
        /// JSON pointer.
        at: String,
    },
    /// `Link: <…>; rel="next"`.
    LinkHeader,
}

/// `[remind]`.
#[derive(Debug, Clone)]
pub struct Remind {
    /// Days or hours, nearest the start last as written.
    pub leads: Leads,
    /// Allow-list of statuses, as written.
    pub statuses: Option<Vec<String>>,
    /// A row passes when this holds.
    pub only_if: Option<Condition>,
    /// ISO 3166 regions.
    pub allowed_countries: Option<Vec<String>>,
    /// A file of numbers.
    pub do_not_call: Option<PathBuf>,
    /// In the recipient's zone.
    pub calling_hours: CallingHours,
    /// Nobody is called later than this before the start.
    pub min_notice: SignedDuration,
    /// A reminder not sent within this time after it was due is dropped.
    pub max_lateness: SignedDuration,
    /// Calls of one person on one of their calendar days, over all schedules of an account.
    pub max_per_person_per_day: u32,
}

/// `days_before` or `hours_before`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// Calendar days from the run's nominal date.
    Days(Vec<u32>),
    /// Exact hours before the start.
    Hours(Vec<u32>),
}

/// `[target.…]`.
#[derive(Debug, Clone)]
pub enum TargetSpec {
    /// Thoughtly's automation webhook.
    Automation {
        /// Whoever has it can phone.
        url: SecretRef,
        /// Sent as `x-api-token` when set.
        api_token: Option<SecretRef>,
        /// Whose rate limit it shares.
        account: String,
    },
    /// Thoughtly's REST API: find or create the contact, then call.
    Call {
        /// The interview id.
        agent: TextOrSecret,
        /// `name`, `email`, `tags`, `attributes`.
        contact: ContactTemplates,
        /// Whose credentials and rate limit it uses.
        account: String,
    },
    /// Any other endpoint.
    Webhook(Box<WebhookSpec>),
}

impl TargetSpec {
    /// The account whose limit it shares.
    #[must_use]
    pub fn account(&self) -> &str {
        match self {
            Self::Automation { account, .. } | Self::Call { account, .. } => account,
            Self::Webhook(webhook) => &webhook.account,
        }
    }
}

/// `[target.call.contact]`.
#[derive(Debug, Clone, Default)]
pub struct ContactTemplates {
    /// The contact's name.
    pub name: Option<Template>,
    /// The contact's address.
    pub email: Option<Template>,
    /// A list of texts.
    pub tags: Vec<Template>,
    /// Names and values.
    pub attributes: Vec<(String, Template)>,
}

/// `[target.webhook]`.
#[derive(Debug, Clone)]
pub struct WebhookSpec {
    /// Where to.
    pub url: TextOrSecret,
    /// `POST` unless set.
    pub method: String,
    /// Names and values.
    pub headers: Vec<(String, TextOrSecret)>,
    /// Signs as Standard Webhooks.
    pub secret: Option<SecretRef>,
    /// `None`: any 2xx.
    pub accept_status: Option<Vec<u16>>,
    /// JSON pointer that must be null or absent.
    pub error_pointer: Option<String>,
    /// JSON pointer to the remote id.
    pub id_pointer: Option<String>,
    /// Whose rate limit it shares; the URL's host unless set (`webhook` when the URL is a secret).
    pub account: String,
}

/// `[delivery]`.
#[derive(Debug, Clone)]
pub struct DeliveryTerms {
    /// For one request.
    pub timeout: SignedDuration,
    /// Requests at once.
    pub max_in_flight: u32,
    /// Refusals by the server before the reminder is dropped.
    pub attempts: u32,
    /// What becomes of a request whose fate is unknown.
    pub on_uncertain: OnUncertain,
}

/// What becomes of a request whose fate is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUncertain {
    /// It waits for a person.
    Hold,
    /// It is sent again, and the audit says so.
    Resend,
}
