//! shell: the log as somebody reads it on a terminal: one sentence an event, in the service's own clock.

use std::fmt::{Debug, Write as _};
use std::io::{self, Write as _};

use jiff::Timestamp;
use rustix::termios::tcgetwinsize;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::clock::SharedClock;
use crate::lines::wrap_hanging;
use crate::row::unseen;
use crate::zones::Zone;

/// Fields that the sentence says already, or that nobody at a terminal needs.
const OMITTED_FIELDS: [&str; 5] = ["nominal_at", "kind", "planned", "run", "signal"];

/// Where a sentence goes on in its next line.
const INDENT: usize = 4;

/// The usual width, where the terminal does not say its own.
const USUAL_WIDTH: usize = 80;

/// The clock of a log, and the zone in which its times are shown.
#[derive(Debug, Clone)]
pub struct LogClock {
    /// The service's.
    pub clock: SharedClock,
    /// The zone that all schedules share, else UTC.
    pub zone: Zone,
}

/// Writes every event as a sentence to stderr.
pub(super) struct LogInWords {
    clock: Option<LogClock>,
}

impl LogInWords {
    pub(super) const fn new(clock: Option<LogClock>) -> Self {
        Self { clock }
    }

    fn moment(&self) -> Option<String> {
        let LogClock { clock, zone } = self.clock.as_ref()?;
        Some(shown(clock.now(), zone))
    }
}

/// The time with seconds: `Tue 24 Nov 09:00:05`.
fn shown(at: Timestamp, zone: &Zone) -> String {
    zone.wall(at).strftime("%a %e %b %H:%M:%S").to_string()
}

impl<S: Subscriber> Layer<S> for LogInWords {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut sentence = Sentence::default();
        event.record(&mut sentence);
        let text = sentence.text(self.moment().as_deref(), *event.metadata().level());
        // read anew each time: a window is resized while a service runs
        let width = tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
        let width = if width == 0 { USUAL_WIDTH } else { width };
        // a closed stderr is ignored
        let _unwritten = writeln!(io::stderr().lock(), "{}", wrap_hanging(&text, width, INDENT));
    }
}

/// An event being put into words.
#[derive(Default)]
struct Sentence {
    message: String,
    schedule: Option<String>,
    /// What is said in brackets behind the message.
    further: Vec<String>,
}

impl Sentence {
    fn text(&self, moment: Option<&str>, level: Level) -> String {
        let mut text = moment.map(|moment| format!("{moment}  ")).unwrap_or_default();
        text.push_str(match level {
            Level::ERROR => "ERROR: ",
            Level::WARN => "WARNING: ",
            Level::INFO | Level::DEBUG | Level::TRACE => "",
        });
        let name = self.schedule.as_ref().map(|schedule| format!("{schedule}: ")).unwrap_or_default();
        if !self.message.starts_with(&name) {
            text.push_str(&name);
        }
        text.push_str(&self.message);
        if !self.further.is_empty() {
            write!(text, " ({})", self.further.join(", ")).expect("a String takes all that is written");
        }
        unseen::shown(&text).into_owned()
    }

    fn put(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "schedule" => self.schedule = Some(value.to_owned()),
            name if OMITTED_FIELDS.contains(&name) => {}
            name => self.further.push(format!("{} {value}", name.replace('_', " "))),
        }
    }
}

impl Visit for Sentence {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zones::Zones;

    fn sentence(schedule: Option<&str>, message: &str, further: &[&str]) -> Sentence {
        Sentence {
            message: message.to_owned(),
            schedule: schedule.map(str::to_owned),
            further: further.iter().map(|&text| text.to_owned()).collect(),
        }
    }

    #[test]
    fn an_event_is_one_sentence_with_its_time_and_schedule() {
        let at = Some("Tue 24 Nov 09:00:05");
        for (sentence, moment, level, shown) in [
            (sentence(Some("day"), "the run begins", &[]), at, Level::INFO, "Tue 24 Nov 09:00:05  day: the run begins"),
            (
                sentence(Some("day"), "a delivery failed", &["class http_400"]),
                at,
                Level::WARN,
                "Tue 24 Nov 09:00:05  WARNING: day: a delivery failed (class http_400)",
            ),
            (sentence(Some("day"), "day: the run failed", &[]), None, Level::ERROR, "ERROR: day: the run failed"),
            (sentence(None, "the service is up\u{1b}[2J", &[]), None, Level::INFO, "the service is up\\u{1b}[2J"),
        ] {
            assert_eq!(sentence.text(moment, level), shown);
        }
    }

    #[test]
    fn a_time_is_that_of_the_zone_to_the_second() {
        let zone = Zones::newest().zone("America/New_York").expect("a zone");
        let at: Timestamp = "2026-11-24T14:00:05.25Z".parse().expect("a valid instant");
        assert_eq!(shown(at, &zone), "Tue 24 Nov 09:00:05");
    }
}
