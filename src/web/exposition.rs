//! pure: everything that is measured, in Prometheus' text format. No label has anything personal: names of schedules, words of
//! closed sets, classes of errors.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::audit::{AuditRow, Event};
use crate::ledger::Tally;
use crate::notify::FOUND_BY_POLL;
use crate::reminder::Lead;
use crate::verbs::status::{Health, LoadState, ScheduleStatus, StatusAnswer};

/// Upper bounds of the buckets of a request's time, in milliseconds.
const BUCKETS: [u64; 8] = [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

/// A reason longer than this is none of the words, and isn't a label.
const LONGEST_REASON: usize = 40;

/// How the events of write-backs begin.
const WRITE_BACK: &str = "write_back.";

/// What the log has seen since the service began.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// The number of the last row that is counted.
    pub counted_to: u64,
    events: BTreeMap<(String, String, String), u64>,
    latencies: Latencies,
    /// The time from a request's receipt to its call's intent.
    to_intent: Latencies,
    found_by_poll: u64,
}

/// How long requests took.
#[derive(Debug, Clone, Default)]
struct Latencies {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum_ms: u64,
}

impl Counters {
    /// Counters that begin with the row after this one.
    #[must_use]
    pub fn after(seq: u64) -> Self {
        Self { counted_to: seq, ..Self::default() }
    }

    /// Counts a row.
    pub fn add(&mut self, row: &AuditRow) {
        self.counted_to = row.seq;
        let reason = row.reason.as_deref().map(word).unwrap_or_default();
        let schedule = row.schedule.as_deref().unwrap_or_default().to_owned();
        let is_poll = row.actor.as_deref().is_some_and(|actor| actor.starts_with(FOUND_BY_POLL));
        self.found_by_poll += u64::from(row.event == Event::OutcomeReceived && is_poll);
        *self.events.entry((row.event.as_str().to_owned(), schedule, reason)).or_default() += 1;
        if let Some(waited) = waited_for_intent(row) {
            self.to_intent.add(waited);
        }
        let is_write_back = row.event.as_str().starts_with(WRITE_BACK);
        let ends = !is_write_back && !matches!(row.event, Event::DeliveryIntent);
        if let Some(latency) = row.latency_ms.filter(|_| ends) {
            self.latencies.add(latency);
        }
    }
}

/// Milliseconds from the receipt of a request to the first intent of its call; `None` for every other row.
fn waited_for_intent(row: &AuditRow) -> Option<u64> {
    let is_first = row.event == Event::DeliveryIntent && row.lead == Some(Lead::NOW) && row.attempt == Some(1);
    let received_at = row.starts_at.filter(|_| is_first)?;
    u64::try_from(row.at.as_millisecond() - received_at.as_millisecond()).ok()
}

/// A reason, if it is one of the program's words.
fn word(reason: &str) -> String {
    let is_word =
        reason.len() <= LONGEST_REASON && reason.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if is_word { reason.to_owned() } else { "other".to_owned() }
}

impl Latencies {
    fn add(&mut self, latency: u64) {
        for (count, bound) in self.buckets.iter_mut().zip(BUCKETS) {
            *count += u64::from(latency <= bound);
        }
        self.count += 1;
        self.sum_ms += latency;
    }
}

/// What is exposed.
pub struct Exposition<'a> {
    /// How things stand.
    pub status: &'a StatusAnswer,
    /// What is on its way.
    pub tally: Tally,
    /// What has happened.
    pub counters: &'a Counters,
    /// Time since the heartbeat's last tick.
    pub silence: Duration,
    /// Whether `/healthz` says that the service lives.
    pub is_live: bool,
}

impl Exposition<'_> {
    /// The text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = MetricText(String::new());
        self.service(&mut text);
        self.schedules(&mut text);
        self.counted(&mut text);
        text.0
    }

    fn service(&self, text: &mut MetricText) {
        let status = self.status;
        text.family("tickler_build_info", "gauge", "The running version and its zone rules.");
        text.sample("tickler_build_info", &[("version", &status.version), ("zone_rules", &status.zone_rules)], 1.0);
        text.gauge("tickler_up", "Whether heartbeat and the ledger's writer respond.", flag(self.is_live));
        text.gauge("tickler_healthy", "Whether nothing needs a person.", flag(status.state == Health::Ok));
        text.gauge(
            "tickler_heartbeat_age_seconds",
            "Time since the heartbeat's last tick.",
            self.silence.as_secs_f64(),
        );
        text.gauge("tickler_paused", "Whether everything is paused.", flag(status.paused));
        text.gauge("tickler_runs_held", "Runs that a guard holds.", count(self.tally.held_runs));
        text.gauge("tickler_runs_waiting", "Runs that wait for their source.", count(self.tally.waiting_runs));
        text.family("tickler_reminders", "gauge", "Reminders that are not settled, by state.");
        for (state, number) in
            [("pending", self.tally.pending), ("sending", self.tally.sending), ("uncertain", self.tally.uncertain)]
        {
            text.sample("tickler_reminders", &[("state", state)], count(number));
        }
        text.gauge("tickler_outcomes_awaited", "Calls whose outcome may still come.", count(status.outcomes.awaited));
        text.family("tickler_inbound_requests_total", "counter", "Requests to the server of records, by result.");
        for (result, number) in [("accepted", status.inbound.accepted), ("refused", status.inbound.refused)] {
            text.sample("tickler_inbound_requests_total", &[("result", result)], count(number));
        }
        text.family("tickler_audit_rows_total", "counter", "The audit log's last row.");
        text.sample("tickler_audit_rows_total", &[], count(status.audit.seq));
    }

    fn schedules(&self, text: &mut MetricText) {
        let schedules = &self.status.schedules;
        text.family("tickler_schedule_state", "gauge", "1 for the state that a schedule is in.");
        for row in schedules {
            for (state, word) in [
                (LoadState::Loaded, "loaded"),
                (LoadState::Refused, "refused"),
                (LoadState::Disabled, "disabled"),
                (LoadState::Paused, "paused"),
            ] {
                let labels = [("schedule", row.name.as_str()), ("state", word)];
                text.sample("tickler_schedule_state", &labels, flag(row.state == state));
            }
        }
        let seconds = |at: &Option<String>| {
            let at: Option<jiff::Timestamp> = at.as_deref().and_then(|text| text.parse().ok());
            at.map(|at| at.as_second() as f64)
        };
        text.of_schedules("tickler_next_run_timestamp_seconds", "When a schedule runs next.", schedules, |row| {
            seconds(&row.next_run)
        });
        text.of_schedules("tickler_last_run_timestamp_seconds", "The latest run's time.", schedules, |row| {
            seconds(&row.last_run)
        });
        text.of_schedules("tickler_last_run_planned", "Calls that the latest run planned.", schedules, |row| {
            row.last_planned.map(count)
        });
        text.of_schedules("tickler_last_run_skipped", "Appointments that it left out.", schedules, |row| {
            row.last_skipped.map(count)
        });
    }

    fn counted(&self, text: &mut MetricText) {
        text.family("tickler_events_total", "counter", "Rows of the audit log since the service began.");
        for ((event, schedule, reason), number) in &self.counters.events {
            let labels = [("event", event.as_str()), ("schedule", schedule), ("reason", reason)];
            text.sample("tickler_events_total", &labels, count(*number));
        }
        text.family("tickler_outcomes_total", "counter", "What became of calls since the service began.");
        let received = Event::OutcomeReceived.as_str();
        for ((_, schedule, outcome), number) in self.counters.events.iter().filter(|((event, ..), _)| event == received)
        {
            let labels = [("schedule", schedule.as_str()), ("outcome", outcome)];
            text.sample("tickler_outcomes_total", &labels, count(*number));
        }
        text.family(
            "tickler_write_backs_total",
            "counter",
            "Write-backs of outcomes since the service began, by result.",
        );
        for ((event, schedule, _), number) in &self.counters.events {
            let Some(result) = event.strip_prefix(WRITE_BACK) else { continue };
            let labels = [("schedule", schedule.as_str()), ("result", result)];
            text.sample("tickler_write_backs_total", &labels, count(*number));
        }
        text.family("tickler_poll_found_total", "counter", "Outcomes that a poll found since the service began.");
        text.sample("tickler_poll_found_total", &[], count(self.counters.found_by_poll));
        let help = "How long requests to targets took.";
        text.histogram("tickler_delivery_duration_seconds", help, &self.counters.latencies);
        let help = "From the receipt of a request for a call to the intent of that call.";
        text.histogram("tickler_inbound_to_intent_seconds", help, &self.counters.to_intent);
    }
}

fn flag(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}

/// The number as Prometheus writes it: exact up to 2^53, which no counter here reaches.
fn count(number: u64) -> f64 {
    number as f64
}

/// The text as it grows.
struct MetricText(String);

impl MetricText {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.0.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        if !labels.is_empty() {
            let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let pairs: Vec<String> =
                labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
            self.0.push_str(&format!("{{{}}}", pairs.join(",")));
        }
        let written = writeln!(self.0, " {value}");
        debug_assert!(written.is_ok(), "a String takes what is written");
    }

    fn histogram(&mut self, name: &str, help: &str, latencies: &Latencies) {
        self.family(name, "histogram", help);
        for (number, bound) in latencies.buckets.iter().zip(BUCKETS) {
            let bound = (count(bound) / 1_000.0).to_string();
            self.sample(&format!("{name}_bucket"), &[("le", &bound)], count(*number));
        }
        self.sample(&format!("{name}_bucket"), &[("le", "+Inf")], count(latencies.count));
        self.sample(&format!("{name}_sum"), &[], count(latencies.sum_ms) / 1_000.0);
        self.sample(&format!("{name}_count"), &[], count(latencies.count));
    }

    fn of_schedules(
        &mut self,
        name: &str,
        help: &str,
        rows: &[ScheduleStatus],
        value: impl Fn(&ScheduleStatus) -> Option<f64>,
    ) {
        self.family(name, "gauge", help);
        for row in rows {
            if let Some(value) = value(row) {
                self.sample(name, &[("schedule", &row.name)], value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Entry;

    fn row(seq: u64, event: Event, reason: Option<&'static str>, latency_ms: Option<u64>) -> AuditRow {
        let entry = Entry {
            schedule: Some("clinic".into()),
            reason: reason.map(Into::into),
            latency_ms,
            ..Entry::new(jiff::Timestamp::UNIX_EPOCH, event)
        };
        AuditRow { seq, entry, hash: String::new() }
    }

    #[test]
    fn rows_are_counted_by_event_schedule_and_reason_and_times_by_bucket() {
        let mut counters = Counters::default();
        counters.add(&row(1, Event::DeliveryDelivered, None, Some(120)));
        counters.add(&row(2, Event::DeliveryDelivered, None, Some(90)));
        counters.add(&row(3, Event::DeliveryFailed, Some("Ada Example, \"+12025550143\"\n"), None));
        assert_eq!(counters.counted_to, 3);
        let key = |event: &str, reason: &str| (event.to_owned(), "clinic".to_owned(), reason.to_owned());
        assert_eq!(counters.events.get(&key("delivery.delivered", "")), Some(&2));
        assert_eq!(counters.events.get(&key("delivery.failed", "other")), Some(&1), "a sentence is no label");
        assert_eq!(counters.latencies.buckets[..3], [1, 2, 2]);
    }

    #[test]
    fn the_wait_of_a_request_ends_with_its_calls_first_intent() {
        let at = jiff::Timestamp::from_millisecond(1_500).expect("an instant");
        let intent = |lead, attempt| {
            let mut intent = row(1, Event::DeliveryIntent, None, None);
            intent.entry = Entry { lead: Some(lead), starts_at: Some(jiff::Timestamp::UNIX_EPOCH), at, ..intent.entry };
            intent.entry.attempt = Some(attempt);
            intent
        };
        let mut counters = Counters::default();
        for row in
            [intent(Lead::NOW, 1), intent(Lead::NOW, 2), intent(Lead::NOW.at_retry(1), 1), intent(Lead::days(1), 1)]
        {
            counters.add(&row);
        }
        assert_eq!((counters.to_intent.count, counters.to_intent.sum_ms), (1, 1_500));
    }

    #[test]
    fn a_label_holds_nothing_that_ends_it() {
        let mut text = MetricText(String::new());
        text.sample("x", &[("a", "b\"c\\d\ne")], 1.5);
        assert_eq!(text.0, "x{a=\"b\\\"c\\\\d\\ne\"} 1.5\n");
    }
}
