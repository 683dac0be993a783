//! shell: the log: fields for journald under systemd, sentences on a terminal, JSON elsewhere. Control characters are always
//! escaped.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use super::log_words::{LogClock, LogInWords};
use crate::audit::one_line;
use crate::settings::LogFormat;

/// The socket of journald's native protocol.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Maximum length of a field; longer ones are cut, so that a datagram fits into the socket's buffer.
const MAX_FIELD: usize = 16 * 1024;

/// How the log is to be written.
#[derive(Debug, Clone)]
pub struct LogTerms {
    /// A level or a filter: `info`, `tickler=debug`.
    pub level: String,
    /// `log.format` of the settings.
    pub format: LogFormat,
    /// Whether stderr goes to the journal (`$JOURNAL_STREAM` is set).
    pub is_under_journal: bool,
    /// The clock whose time begins each line on a terminal; `None`: lines without a time.
    pub clock: Option<LogClock>,
}

/// Installs the log.
///
/// # Errors
/// When one is installed already.
pub fn begin(terms: &LogTerms) -> Result<(), TryInitError> {
    let filter = filter(&terms.level);
    let registry = tracing_subscriber::registry().with(filter);
    if terms.format == LogFormat::Auto
        && terms.is_under_journal
        && let Ok(journal) = Journal::connect(Path::new(JOURNAL))
    {
        return registry.with(journal).try_init();
    }
    let lines = tracing_subscriber::fmt::layer().with_writer(EscapedStderr).with_ansi(false);
    match (terms.format, io::stderr().is_terminal()) {
        (LogFormat::Json, _) | (LogFormat::Auto, false) => registry.with(lines.json()).try_init(),
        (LogFormat::Text, false) => registry.with(lines).try_init(),
        (LogFormat::Text | LogFormat::Auto, true) => registry.with(LogInWords::new(terms.clock.clone())).try_init(),
    }
}

/// The filter of `level`, without the scheduler's messages about every tick.
fn filter(level: &str) -> EnvFilter {
    let quiet = "tokio_cron_scheduler=warn".parse().expect("a directive written here");
    EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info")).add_directive(quiet)
}

/// stderr; each entry is escaped except for its line end.
#[derive(Debug, Clone, Copy)]
struct EscapedStderr;

impl<'a> MakeWriter<'a> for EscapedStderr {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for EscapedStderr {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(entry);
        let mut line = one_line(text.strip_suffix('\n').unwrap_or(&text));
        line.push('\n');
        io::stderr().write_all(line.as_bytes())?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// journald's native protocol: an entry is a datagram with one `NAME=value` per line.
struct Journal {
    socket: UnixDatagram,
}

impl Journal {
    fn connect(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        Ok(Self { socket })
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut entry = LogRecord::default();
        entry.put("PRIORITY", priority(*event.metadata().level()));
        entry.put("SYSLOG_IDENTIFIER", "tickler");
        entry.put("TARGET", event.metadata().target());
        event.record(&mut entry);
        entry.put_message();
        // when the journal doesn't accept it, there is nowhere to report that
        let _lost = self.socket.send(entry.text.as_bytes());
    }
}

const fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

/// One entry being written.
#[derive(Default)]
struct LogRecord {
    text: String,
    message: String,
    schedule: Option<String>,
}

impl LogRecord {
    fn put(&mut self, name: &str, value: &str) {
        let cut = value.char_indices().nth(MAX_FIELD / 4).map_or(value, |(at, _)| &value[..at]);
        writeln!(self.text, "{name}={}", one_line(cut)).expect("writing into a String can't fail");
    }

    fn put_field(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => {
                if name == "schedule" {
                    self.schedule = Some(value.to_owned());
                }
                self.put(&field_name(name), value);
            }
        }
    }

    /// Adds the message, which begins with the schedule's name, because `journalctl` shows only the message.
    fn put_message(&mut self) {
        let name = self.schedule.as_ref().map(|schedule| format!("{schedule}: ")).unwrap_or_default();
        let is_named = self.message.starts_with(&name);
        let message = if is_named { self.message.clone() } else { format!("{name}{}", self.message) };
        self.put("MESSAGE", &message);
    }
}

/// The name of a field as journald allows it: upper-case letters, digits and underscores.
fn field_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("TICKLER_{}", name.chars().map(plain).collect::<String>())
}

impl Visit for LogRecord {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_field(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put_field(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reaches_the_journal_as_fields_on_single_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let journal = UnixDatagram::bind(&path).expect("a journal");
        let layer = Journal::connect(&path).expect("a connection");
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::warn!(schedule = "day-before\nPRIORITY=0", rows = 3, "the run is {}", "held\x1b[2J");
        });
        let mut entry = [0; 2_048];
        let length = journal.recv(&mut entry).expect("an entry");
        let entry = String::from_utf8_lossy(&entry[..length]).into_owned();
        let lines: Vec<&str> = entry.lines().collect();
        assert_eq!(lines[0], "PRIORITY=4");
        assert!(lines.contains(&"MESSAGE=day-before\\u000aPRIORITY=0: the run is held\\u001b[2J"), "{entry}");
        assert!(lines.contains(&"TICKLER_SCHEDULE=day-before\\u000aPRIORITY=0"), "{entry}");
        assert!(lines.contains(&"TICKLER_ROWS=3"), "{entry}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("PRIORITY=")).count(), 1);
    }

    #[test]
    fn a_message_of_the_journal_begins_with_the_schedules_name() {
        for (schedule, message, shown) in [
            (Some("day-before"), "a delivery failed", "day-before: a delivery failed"),
            (Some("day-before"), "day-before: the run failed", "day-before: the run failed"),
            (None, "the service is up", "the service is up"),
        ] {
            let schedule = schedule.map(str::to_owned);
            let mut entry = LogRecord { schedule, message: message.to_owned(), ..LogRecord::default() };
            entry.put_message();
            assert_eq!(entry.text, format!("MESSAGE={shown}\n"));
        }
    }
}
