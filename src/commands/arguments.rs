//! shell: the command line: every verb with its arguments, and their help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use super::filters::Filters;
use super::held_arguments::{ApproveArguments, RejectArguments};
use super::inbound_arguments::InboundVerb;
use super::optout_arguments::OptoutVerb;
use super::outcome_arguments::OutcomeVerb;
use super::page_arguments::PageVerb;
use super::sandbox_arguments::{self, SandboxArguments};
use crate::personal::Personal;
use crate::verbs::plan::When;

/// Phones people before their appointments: declarative schedules, voice agents, an audit log that answers why.
#[derive(Debug, Parser)]
#[command(
    name = "tickler",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
#[command(after_help = "Begin with `tickler demo`: a whole day in ten seconds, and nobody is phoned.")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// Flags of every verb.
    #[command(flatten)]
    pub globals: Globals,
}

/// Flags that every verb takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct Globals {
    /// The service's own settings [default: $TICKLER_CONFIG, ./tickler.toml, /etc/tickler/tickler.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder of schedule files
    #[arg(long, global = true, value_name = "FOLDER")]
    pub schedules: Option<PathBuf>,
    /// The ledger's file
    #[arg(long, global = true, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Work on a ledger of its own, `NAME.trial.db` next to the real one
    #[arg(long, global = true)]
    pub trial: bool,
    /// The address of the health server (`/healthz`, `/readyz`), or `off`
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// How rows are printed
    #[arg(long, global = true, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Tables with all their columns, as wide as they need to be
    #[arg(long, global = true)]
    pub wide: bool,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One JSON value
    Json,
    /// One JSON object a line
    Jsonl,
    /// Comma-separated, with headers
    Csv,
    /// A database in a file; only for `audit export`
    Sqlite,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the service: every schedule at its time, until it is stopped
    Run(RunArguments),
    /// Report every problem of every schedule file
    Check(CheckArguments),
    /// Who would be called, when, with what; who not, and why. Sends nothing
    Plan(PlanArguments),
    /// The rules in order for one appointment
    Explain(ExplainArguments),
    /// Evaluate now and deliver
    Trigger(TriggerArguments),
    /// The next runs of each schedule
    Next(NextArguments),
    /// One screen: health, schedules, what is pending and uncertain
    Status,
    /// Make the running service read the folder again
    Reload,
    /// The log of everything that was planned, sent and decided
    Audit(AuditArguments),
    /// Reminders of which only a person can find out whether they were sent
    Uncertain(UncertainArguments),
    /// Cancel one pending reminder; no run plans it again
    Cancel(CancelArguments),
    /// Approve a run that a guard holds: its source is read again, and whoever is due is called
    Approve(ApproveArguments),
    /// Reject a run that a guard holds: it calls nobody
    Reject(RejectArguments),
    /// Numbers that no schedule calls
    Optout {
        /// The subcommand
        #[command(subcommand)]
        verb: OptoutVerb,
    },
    /// What became of calls
    Outcome {
        /// The subcommand
        #[command(subcommand)]
        verb: OutcomeVerb,
    },
    /// Requests for calls that are posted to the service
    Inbound {
        /// The subcommand
        #[command(subcommand)]
        verb: InboundVerb,
    },
    /// Call nobody until it is resumed, also after restarts
    Pause(PauseArguments),
    /// Erase a person: number, name and payloads; the log's chain stays whole
    Forget {
        /// The number, as +12025550143
        #[arg(long)]
        phone: Personal,
        /// Also delete the contact at Thoughtly
        #[arg(long)]
        remote: bool,
    },
    /// The web page: who may sign in
    Page {
        /// The subcommand
        #[command(subcommand)]
        verb: PageVerb,
    },
    /// Lift a pause
    Resume(ResumeArguments),
    /// Send one real payload with `test: true` to your own phone
    TestCall(TestCallArguments),
    /// A simulated Thoughtly on this machine
    #[command(after_help = sandbox_arguments::ENDINGS)]
    Sandbox(SandboxArguments),
    /// A whole day in ten seconds: sandbox, example schedule, run, audit. Nobody is phoned
    Demo,
    /// Copy the ledger with its key into a new file, also under a running service
    Backup {
        /// The new file
        file: PathBuf,
    },
    /// The ledger itself
    Ledger {
        /// The subcommand
        #[command(subcommand)]
        verb: LedgerVerb,
    },
    /// Replace the ledger with a copy; whoever may have been called since becomes uncertain and is not called
    Restore {
        /// The copy, made by `backup`
        file: PathBuf,
        /// Replaces the clock.
        #[command(flatten)]
        now: Now,
    },
    /// Check the environment: clock, zone rules, folder, ledger, credentials, reachability
    Doctor,
    /// Alerts: test whether they arrive
    Notify {
        /// The subcommand
        #[command(subcommand)]
        verb: NotifyVerb,
    },
    /// The account's voice agents: the values for `target.call.agent`
    Agents(AccountArguments),
    /// Contacts in the account
    Contacts {
        /// The subcommand
        #[command(subcommand)]
        verb: ContactsVerb,
    },
    /// Every setting with its origin
    Config,
    /// The JSON Schema of the schedule file
    Schema,
    /// Help on a verb or a part of the reference: schedule, payload, query, settings, reasons, events
    Help {
        /// A verb or a part of the reference
        topic: Vec<String>,
        /// The whole reference as Markdown
        #[arg(long)]
        markdown: bool,
    },
    /// The systemd unit
    Service {
        /// The subcommand
        #[command(subcommand)]
        verb: ServiceVerb,
    },
    /// A completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Manual pages: this program's to stdout, or all into a folder
    Man {
        /// The folder
        folder: Option<PathBuf>,
    },
    /// Draft a schedule from a real source: a file or an address
    Init(InitArguments),
    /// Days of a schedule on a virtual clock: calls per day and hour, skips, waits. Sends nothing
    Simulate(SimulateArguments),
    /// Run the tests of schedules (`NAME.test.toml`), or record one from today's plan
    Test(TestArguments),
}

/// `service …`.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ServiceVerb {
    /// Print the unit for this program
    Print,
}

/// `notify …`.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum NotifyVerb {
    /// Send a test message through every channel for alerts
    Test,
}

/// `contacts …`.
#[derive(Debug, Subcommand)]
pub enum ContactsVerb {
    /// The contacts with a phone number, masked; recorded in the audit log as a reveal
    Find(FindArguments),
}

/// The account to ask.
#[derive(Debug, Args)]
pub struct AccountArguments {
    /// An account of the settings
    #[arg(long, value_name = "NAME", default_value = "thoughtly")]
    pub account: String,
}

/// `contacts find`.
#[derive(Debug, Args)]
pub struct FindArguments {
    /// The number, as +12025550143
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub phone: Personal,
    /// The account.
    #[command(flatten)]
    pub account: AccountArguments,
}

/// `init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// A table, workbook or calendar, or the address of an API
    pub source: String,
    /// The schedule's name; `-` prints it instead [default: made of the source's]
    pub name: Option<String>,
    /// Replaces the clock.
    #[command(flatten)]
    pub now: Now,
}

/// `--now`: another clock, for trials.
#[derive(Debug, Clone, Default, Args)]
pub struct Now {
    /// Start this program's clock at this time and let it run on (`tomorrow 09:00`, `2026-11-24 09:00`, RFC 3339)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub now: Option<String>,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// A clock for trials: sends only to this machine
    #[command(flatten)]
    pub now: Now,
}

/// `check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Files, folders or names of schedules [default: the schedules' folder]
    pub paths: Vec<PathBuf>,
    /// Warnings are errors
    #[arg(long)]
    pub deny_warnings: bool,
    /// Also open sources and hosts
    #[arg(long)]
    pub connect: bool,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// The schedules [default: all]
    #[arg(value_name = "SCHEDULE")]
    pub named: Vec<String>,
    /// Plan for each schedule's next nominal time instead of now
    #[arg(long)]
    pub next: bool,
    /// Who gains and who loses a call: against the last run, or with another version of the schedule's file
    #[arg(long, value_name = "last|FILE", conflicts_with_all = ["next", "reveal"])]
    pub diff: Option<String>,
    /// Show whole phone numbers; recorded in the audit log
    #[arg(long)]
    pub reveal: bool,
    /// Replaces the clock.
    #[command(flatten)]
    pub now: Now,
}

impl PlanArguments {
    /// The moment that the arguments ask about.
    pub const fn when(&self) -> When {
        if self.next { When::Next } else { When::Now }
    }
}

/// `explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The schedule
    pub schedule: String,
    /// The appointment's id
    #[arg(value_parser = typed_id)]
    pub appointment: String,
    /// Explain what this run decided
    #[arg(long)]
    pub run: Option<String>,
    /// Replaces the clock.
    #[command(flatten)]
    pub now: Now,
}

/// `trigger`.
#[derive(Debug, Args)]
pub struct TriggerArguments {
    /// The schedule
    pub schedule: String,
    /// Print what would be sent; send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Only the appointment with this id
    #[arg(long, value_name = "ID")]
    pub only: Option<String>,
    /// Also make the calls that a run in shadow mode would have made: without it they count as made by another system
    #[arg(long)]
    pub rehearsed: bool,
    /// How long to wait for the calls that are due later
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub wait: SignedDuration,
    /// Replaces the clock.
    #[command(flatten)]
    pub now: Now,
}

/// `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArguments {
    /// The schedule
    #[arg(value_name = "SCHEDULE")]
    pub named: String,
    /// The first day (`2026-11-24`, `today`)
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub from: String,
    /// The last day
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub to: String,
}

/// `test`.
#[derive(Debug, Args)]
pub struct TestArguments {
    /// The schedules [default: all that have tests]
    #[arg(value_name = "SCHEDULE")]
    pub named: Vec<String>,
    /// Add a test to `NAME.test.toml`: some rows of the plan as of now, with invented people
    #[arg(long)]
    pub record: bool,
    /// The clock of the recorded plan.
    #[command(flatten)]
    pub now: Now,
}

/// `next`.
#[derive(Debug, Args)]
pub struct NextArguments {
    /// The schedule [default: all]
    pub schedule: Option<String>,
    /// How many runs of each
    #[arg(short = 'n', value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub count: u32,
    /// Replaces the clock.
    #[command(flatten)]
    pub now: Now,
}

/// `audit`.
#[derive(Debug, Args)]
pub struct AuditArguments {
    /// The subcommand [default: list]
    #[command(subcommand)]
    pub verb: Option<AuditVerb>,
    /// The rows that are selected.
    #[command(flatten)]
    pub filters: Filters,
    /// Show new rows as they come, until Ctrl-C
    #[arg(long)]
    pub follow: bool,
    /// For `list` and `show`: whole phone numbers (`show`: payloads, too) while they are kept; recorded in the audit log
    #[arg(long, global = true)]
    pub reveal: bool,
}

/// A period of time until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PeriodWord {
    /// Today
    Day,
    /// The last seven days
    Week,
    /// The last thirty days
    Month,
}

/// `audit …`.
#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// The rows, oldest first; on a terminal the newest 50 of them
    List,
    /// The whole story of one reminder or appointment
    Show {
        /// A reminder's id or a unique prefix of it, or an appointment's id
        #[arg(value_parser = typed_id)]
        id: String,
    },
    /// Walk the whole chain; exit 5 when it is broken or cut
    Verify {
        /// What `audit checkpoint` printed earlier: SEQ:HASH, or the file that holds it
        #[arg(long, value_name = "SEQ:HASH|FILE")]
        checkpoint: Option<String>,
    },
    /// Print the log's end as SEQ:HASH, to be kept where nobody with write access to the ledger can change it
    Checkpoint,
    /// Every row as JSON lines or CSV; an end line shows that the file is complete. `--format sqlite` makes a database
    Export {
        /// The new file to write, for `--format sqlite`
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Compare the log with another system's list of calls: who is in only one of them, and why
    Compare {
        /// The schedule whose calls are compared
        #[arg(value_name = "SCHEDULE")]
        named: String,
        /// A CSV with the columns `called_at`, and `appointment_id` or `phone`
        file: PathBuf,
    },
    /// How many rows of each event and reason; or a day, a week, a month in numbers
    Stats {
        /// Events, reasons, hours, failures, reveals, exports and gaps of that time until now
        #[arg(long, value_enum)]
        period: Option<PeriodWord>,
    },
    /// Remove what is older than `retention` in tickler.toml allows; the chain stays whole
    Prune,
}

/// `uncertain`.
#[derive(Debug, Args)]
pub struct UncertainArguments {
    /// What to do with them [default: list]
    #[command(subcommand)]
    pub verb: Option<UncertainVerb>,
}

/// `uncertain …`.
#[derive(Debug, Subcommand)]
pub enum UncertainVerb {
    /// Every reminder of unknown fate
    List,
    /// Say what became of them
    Resolve(ResolveArguments),
}

/// `uncertain resolve`.
#[derive(Debug, Args)]
pub struct ResolveArguments {
    /// Reminders' ids, or unique prefixes of them; with `--schedule` an appointment's id
    #[arg(value_name = "ID", required_unless_present = "all_of")]
    pub ids: Vec<String>,
    /// Every reminder of unknown fate of this schedule
    #[arg(long, value_name = "SCHEDULE", conflicts_with = "ids")]
    pub all_of: Option<String>,
    /// The schedule to whose appointments the ids belong
    #[arg(long, value_name = "SCHEDULE")]
    pub schedule: Option<String>,
    /// The verdict.
    #[command(flatten)]
    pub verdict: VerdictArguments,
    /// The reason; it is kept in the audit log
    #[arg(long)]
    pub reason: String,
}

/// `cancel`.
#[derive(Debug, Args)]
pub struct CancelArguments {
    /// A reminder's id, or a unique prefix of it; with `--schedule` an appointment's id
    #[arg(value_parser = typed_id)]
    pub id: String,
    /// The schedule to whose appointment the id belongs
    #[arg(long, value_name = "SCHEDULE")]
    pub schedule: Option<String>,
    /// The reason; it is kept in the audit log
    #[arg(long)]
    pub reason: String,
}

/// A person's verdict; exactly one.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct VerdictArguments {
    /// It was accepted after all
    #[arg(long)]
    pub delivered: bool,
    /// Send it again (also failed and dropped ones)
    #[arg(long)]
    pub resend: bool,
    /// Give it up
    #[arg(long)]
    pub drop: bool,
}

/// `ledger …`.
#[derive(Debug, Subcommand)]
pub enum LedgerVerb {
    /// Continue with a ledger that has lost rows: reminders that may have been sent since become uncertain
    AcceptLoss {
        /// The reason; it is kept in the audit log
        #[arg(long)]
        reason: String,
        /// Replaces the clock.
        #[command(flatten)]
        now: Now,
    },
}

/// `pause`.
#[derive(Debug, Args)]
pub struct PauseArguments {
    /// The schedule [default: all]
    #[arg(conflicts_with = "all")]
    pub schedule: Option<String>,
    /// Every schedule
    #[arg(long)]
    pub all: bool,
    /// The reason; it is kept in the audit log
    #[arg(long)]
    pub reason: String,
    /// The end of the pause (RFC 3339, `+2h`, `tomorrow 08:00`) [default: until it is resumed]
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// `resume`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ResumeArguments {
    /// The schedule
    pub schedule: Option<String>,
    /// Every schedule, and the pauses of accounts too
    #[arg(long)]
    pub all: bool,
    /// The reason; it is kept in the audit log
    #[arg(long)]
    pub reason: Option<String>,
}

/// `test-call`.
#[derive(Debug, Args)]
pub struct TestCallArguments {
    /// The schedule
    pub schedule: String,
    /// Your own phone
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub to: Personal,
    /// Wait for a record of the call, at most this long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub wait: Option<SignedDuration>,
    /// Replaces the clock.
    #[command(flatten)]
    pub now: Now,
}

pub(super) fn duration(text: &str) -> Result<SignedDuration, String> {
    crate::duration::read(text)
}

/// An id as sources' ids are read: without invisible characters.
pub(super) fn typed_id(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(crate::row::unseen::without(text))
}
