//! pure: a schedule file becomes a checked [`Schedule`], or problems with their place and remedy.

mod canary_spec;
mod guards;
mod http_spec;
mod inbound_spec;
pub mod json_schema;
pub mod keys;
pub mod load;
pub mod lookup;
pub mod masking;
mod misplaced;
mod open;
mod outcome_spec;
pub mod problems;
pub mod read;
pub mod recurrence;
mod secrets;
pub mod spanned;
pub mod validate;
mod write_back_spec;

use std::path::PathBuf;

use jiff::SignedDuration;

use crate::appointment::AppointmentColumns;
use crate::reminder::Lead;
use crate::row::Column;
use crate::settings::{SecretRef, TextOrSecret};
use crate::template::{BUILT_IN_NAMES, Condition, PayloadTemplate, Template};
use crate::zones::{Calendar, CallingHours, ClosedDays, Zone, Zones};

pub use canary_spec::{CanarySpec, OnSilence};
pub use guards::{Factor, GuardLimits, Percent};
pub use http_spec::{
    AddressJoin, AddressPiece, AnswerJoin, HttpAuth, HttpSpec, JsonShape, OAuth2Spec, Paging, ReadBody, ReadMethod,
};
pub use inbound_spec::InboundSpec;
pub use outcome_spec::{OutcomeSpec, PollSpec, RetrySpec};
pub use write_back_spec::{WRITE_BACK_NAMES, WriteBackAddress, WriteBackBody, WriteBackSpec, write_back_names};

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
    /// The cron line as written.
    pub cron: String,
    /// The cron line, read.
    pub recurrence: recurrence::Recurrence,
    /// The zone of cron, dates, and times without an offset.
    pub zone: Zone,
    /// `false`: checked but idle.
    pub enabled: bool,
    /// Whether its calls are made.
    pub mode: ScheduleMode,
    /// Pinged at the start and end of its runs.
    pub heartbeat: Option<SecretRef>,
    /// One line for lists.
    pub description: String,
    /// BCP 47.
    pub language: String,
    /// Where appointments come from.
    pub source: SourceSpec,
    /// How long a read of it may take, and how much it may bring.
    pub limits: ReadLimits,
    /// `[columns]`: computed ones, in the order of the file.
    pub columns: Vec<ComputedColumn>,
    /// The column of each value.
    pub appointment: AppointmentColumns,
    /// Who is reminded, and when.
    pub remind: Remind,
    /// Where it is sent.
    pub target: TargetSpec,
    /// What is sent.
    pub payload: PayloadTemplate,
    /// How it is sent.
    pub delivery: DeliveryTerms,
    /// What holds a run.
    pub guard: GuardLimits,
    /// What becomes of a call; `None` without `[outcome]`.
    pub outcome: Option<OutcomeSpec>,
    /// A call to the operator that shows whether reports still come; `None` without `[canary]`.
    pub canary: Option<CanarySpec>,
}

/// Whether the calls of a schedule are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleMode {
    /// They are made.
    #[default]
    Live,
    /// They are only written into the audit log.
    Shadow,
}

/// A column that a template makes of the others of its row.
#[derive(Debug, Clone)]
pub struct ComputedColumn {
    /// Its name; a column of the source with the same name is replaced.
    pub name: String,
    /// A name that isn't there is null in it.
    pub template: Template,
}

/// `[source.…]`: where rows come from; for a file and for HTTP also the format of the bytes.
#[derive(Debug, Clone)]
pub enum SourceSpec {
    /// A file.
    File(FileSpec),
    /// A query on a SQLite file.
    Sqlite(SqliteSpec),
    /// An HTTP API.
    Http(Box<HttpSpec>),
    /// Requests that are posted to the service.
    Inbound(InboundSpec),
}

impl SourceSpec {
    /// Fills in the zone of times that name none.
    fn set_home(&mut self, zone: &Zone) {
        let format = match self {
            Self::File(file) => &mut file.format,
            Self::Http(http) => &mut http.format,
            Self::Sqlite(_) | Self::Inbound(_) => return,
        };
        if let FormatSpec::Calendar(shape) = format {
            shape.home = Some(zone.clone());
        }
    }

    /// What its bytes mean; a database has no bytes of its own.
    #[must_use]
    pub fn format(&self) -> Option<&FormatSpec> {
        match self {
            Self::File(file) => Some(&file.format),
            Self::Http(http) => Some(&http.format),
            Self::Sqlite(_) | Self::Inbound(_) => None,
        }
    }

    /// Whether rows are known by the line of a text on which they begin.
    #[must_use]
    pub fn has_lines(&self) -> bool {
        match self {
            Self::File(FileSpec { format, .. }) => format.is_text_table(),
            Self::Http(http) => http.format.is_text_table(),
            Self::Sqlite(_) | Self::Inbound(_) => false,
        }
    }
}

/// The bounds of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Over all pages and steps.
    pub deadline: SignedDuration,
    /// Rows in the window.
    pub max_rows: u64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { deadline: SignedDuration::from_mins(10), max_rows: 200_000 }
    }
}

/// How bytes become rows.
#[derive(Debug, Clone)]
pub enum FormatSpec {
    /// A text table.
    Csv(CsvDialect),
    /// JSON.
    Json(JsonShape),
    /// A sheet of a workbook.
    Workbook(WorkbookShape),
    /// A calendar (iCalendar).
    Calendar(CalendarShape),
}

/// A file as a source: `[source.csv]`.
#[derive(Debug, Clone)]
pub struct FileSpec {
    /// Absolute, or relative to the working directory (already joined with the schedule's folder).
    pub path: PathBuf,
    /// The path as a pattern with `*`, `?` or `[`, when it is one.
    pub pattern: Option<String>,
    /// What it holds.
    pub format: FormatSpec,
}

impl FormatSpec {
    /// Whether its rows are lines of a text table: every value is a text, and each row is known by its line.
    #[must_use]
    pub fn is_text_table(&self) -> bool {
        match self {
            Self::Csv(_) => true,
            Self::Json(_) | Self::Workbook(_) | Self::Calendar(_) => false,
        }
    }
}

/// The table of a workbook that is read.
#[derive(Debug, Clone)]
pub struct WorkbookShape {
    /// `None`: the first that people see.
    pub sheet: Option<String>,
    /// Counted from 1.
    pub header_row: u32,
}

/// How a calendar is read.
#[derive(Debug, Clone)]
pub struct CalendarShape {
    /// The zone of floating times: the schedule's.
    pub home: Option<Zone>,
    /// Where the zones that it names are found.
    pub zones: Zones,
}

impl CalendarShape {
    /// The shape of a calendar before the schedule's zone is known.
    #[must_use]
    pub fn new(zones: &Zones) -> Self {
        Self { home: None, zones: zones.clone() }
    }
}

/// The number of the DOS code page that a label names: `437`, `cp850`, `ibm852`, `dos-866`.
#[must_use]
pub fn code_page(label: &str) -> Option<u16> {
    let label = label.trim().to_ascii_lowercase();
    let number = label.trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim_start_matches(['-', '_', ' ']);
    let prefix = label[..label.len() - number.len()].trim_end_matches(['-', '_', ' ']);
    let is_known = ["", "cp", "ibm", "dos", "oem", "codepage", "pc"].contains(&prefix);
    let number = number.parse().ok().filter(|number| [437, 850, 852, 866].contains(number))?;
    is_known.then_some(number)
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

impl Default for CsvDialect {
    /// Everything automatic, the header on the first line.
    fn default() -> Self {
        Self { encoding: None, delimiter: None, header_row: 1 }
    }
}

/// `[source.sqlite]`.
#[derive(Debug, Clone)]
pub struct SqliteSpec {
    /// The path, as in [`FileSpec::path`].
    pub path: PathBuf,
    /// One SELECT.
    pub query: String,
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
    /// The hours in which people may be called, on the clock of the recipient's zone.
    pub calling_hours: CallingHours,
    /// Days on which nobody is called: weekdays, and the dates that the schedule itself lists.
    pub closed: ClosedDays,
    /// Calendar files with further holidays.
    pub holiday_files: Vec<PathBuf>,
    /// What becomes of reminders due on such a day.
    pub on_closed_day: OnClosedDay,
    /// Nobody is called later than this before the start.
    pub min_notice: SignedDuration,
    /// A reminder not sent within this time after it was due is dropped.
    pub max_lateness: SignedDuration,
    /// Whether several appointments share a call.
    pub merge: Merging,
    /// What becomes of a lead that had passed when the appointment was booked.
    pub late_booking: LateBooking,
    /// An appointment that moved by less since the call about it is no new reminder.
    pub min_change: SignedDuration,
    /// Calls of one person on one of their calendar days, over all schedules of an account.
    pub max_per_person_per_day: u32,
}

impl Remind {
    /// Whether it matters when an appointment was seen for the first time. A lead in days is due when its run is, so that
    /// none of its reminders is late.
    #[must_use]
    pub const fn needs_first_sights(&self) -> bool {
        match (&self.leads, self.late_booking) {
            (Leads::Days(_), LateBooking::Skip) | (Leads::Now, _) => false,
            (Leads::Hours(_), _) | (Leads::Days(_), LateBooking::Nearest) => true,
        }
    }

    /// When phones may ring.
    #[must_use]
    pub fn calendar(&self) -> Calendar {
        match self.on_closed_day {
            OnClosedDay::Previous | OnClosedDay::CountOpenDays => Calendar::new(self.calling_hours, &self.closed),
            OnClosedDay::CallAnyway => Calendar::new(self.calling_hours, &ClosedDays::default()),
        }
    }
}

/// What becomes of reminders that are due on a closed day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnClosedDay {
    /// They are due on the open day before.
    #[default]
    Previous,
    /// A lead counts open days only.
    CountOpenDays,
    /// They are called all the same.
    CallAnyway,
}

/// What becomes of leads that had passed when an appointment was booked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LateBooking {
    /// Nobody is called for them.
    #[default]
    Skip,
    /// One call is made at once, for the latest of them.
    Nearest,
}

/// Whether several appointments share a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Merging {
    /// Each has its own.
    #[default]
    Never,
    /// The appointments of a person, or of a phone, whose calls are due on the same day share one.
    SameDay,
}

/// `days_before`, `hours_before` or `now`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// Calendar days from the run's nominal date.
    Days(Vec<u32>),
    /// Exact hours before the start.
    Hours(Vec<u32>),
    /// The call is due as soon as its request is received.
    Now,
}

impl Leads {
    /// The first of them as it is written.
    #[must_use]
    pub fn first(&self) -> Lead {
        match self {
            Self::Days(days) => Lead::days(days.first().copied().unwrap_or(0)),
            Self::Hours(hours) => Lead::hours(hours.first().copied().unwrap_or(0)),
            Self::Now => Lead::NOW,
        }
    }
}

/// `[target.…]`.
#[derive(Debug, Clone)]
pub enum TargetSpec {
    /// Thoughtly's automation webhook.
    Automation {
        /// The secret URL: whoever has it can phone.
        url: SecretRef,
        /// The token that is sent as `x-api-token` when it is set.
        api_token: Option<SecretRef>,
        /// The account whose rate limit it shares.
        account: String,
    },
    /// Thoughtly's REST API: find or create the contact, then call.
    Call {
        /// The interview id.
        agent: TextOrSecret,
        /// `name`, `email`, `tags`, `attributes`.
        contact: ContactTemplates,
        /// The account whose credentials and rate limit it uses.
        account: String,
    },
    /// Any other endpoint.
    Webhook(Box<WebhookSpec>),
}

impl Schedule {
    /// The columns that `[appointment]` names, each once.
    #[must_use]
    pub fn mapped_columns(&self) -> Vec<&Column> {
        let columns = &self.appointment;
        let others = [
            &columns.timezone,
            &columns.recipient_timezone,
            &columns.status,
            &columns.person,
            &columns.language,
            &columns.do_not_call,
            &columns.consent,
            &columns.recurrence,
            &columns.recurrence_exceptions,
            &columns.call_at,
            &columns.expires,
            &columns.priority,
        ];
        let needed = columns.id.iter().chain(&columns.phone).chain(columns.starts_at.columns());
        let mut found: Vec<&Column> = Vec::new();
        for column in needed.chain(others.into_iter().flatten()) {
            if !found.contains(&column) {
                found.push(column);
            }
        }
        found
    }

    /// The columns that templates and expressions name: `service`, `row["Appt Date"]`.
    #[must_use]
    pub fn named_columns(&self) -> Vec<String> {
        let mut names = self.payload.names();
        if let TargetSpec::Call { contact, .. } = &self.target {
            let fields = contact.name.iter().chain(&contact.email).chain(&contact.tags);
            names.extend(fields.flat_map(Template::names));
            names.extend(contact.attributes.iter().flat_map(|(_, template)| template.names()));
        }
        names.retain(|name| !BUILT_IN_NAMES.contains(&name.as_str()));
        names.extend(self.remind.only_if.iter().flat_map(Condition::names).filter(|name| name != "row"));
        names.extend(self.columns.iter().flat_map(|column| column.template.names()).filter(|name| name != "row"));
        names.extend(lookup::row_keys(&self.text));
        names.into_iter().collect()
    }
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
    /// The account whose rate limit it shares; the URL's host unless set (`webhook` when the URL is a secret).
    pub account: String,
}

/// `[delivery]`.
#[derive(Debug, Clone)]
pub struct DeliveryTerms {
    /// The maximum time for one request.
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
