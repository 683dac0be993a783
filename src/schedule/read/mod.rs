//! pure: a schedule's text becomes a [`Schedule`]: the tree is held against the table of keys, then every value is
//! read. Nothing stops at the first problem.

mod appointment;
mod canary;
mod http;
mod inbound;
mod joins;
mod outcome;
mod paths;
mod remind;
mod section;
mod source;
mod source_only;
mod syntax;
mod target;
mod templates;
mod unrendered;
mod write_back;

use std::path::Path;
use std::sync::Arc;

use sha2::Digest;

use self::section::{Section, optional};
use super::guards::{GuardLimits, parse_factor, parse_percent};
use super::keys::SCHEDULE;
use super::masking::{self, Syntax};
use super::problems::{Problem, Problems};
use super::recurrence::Recurrence;
use super::spanned::{self, Node};
use super::{DeliveryTerms, OnUncertain, Schedule, ScheduleMode, load, validate};
use crate::zones::{Zone, Zones};

pub use self::source_only::source_alone;
pub use self::templates::{name_span, without_templates};

/// Everything a part of the file is read with.
struct Reading<'a> {
    /// The schedule's folder: relative paths count from it.
    folder: &'a Path,
    problems: Problems,
    /// Whether the rows are requests that are posted.
    is_inbound: bool,
}

impl<'a> Reading<'a> {
    fn of(folder: &'a Path, mut problems: Problems, root: &Node) -> Self {
        let is_inbound = root.at(&["source", "inbound"]).is_some();
        if is_inbound {
            problems.of_inbound();
        }
        Self { folder, problems, is_inbound }
    }
}

impl Reading<'_> {
    fn path(&self, written: &str) -> std::path::PathBuf {
        self.folder.join(written)
    }

    fn invalid(&mut self, node: &Node, message: impl Into<String>, help: impl Into<String>) {
        self.problems.error("invalid-value", node.span.clone(), message).help(help);
    }
}

/// Checks a text as the schedule at `path`. There is a schedule unless an error is among the problems.
#[must_use]
pub fn schedule(path: &Path, text: &str, zones: &Zones) -> (Option<Schedule>, Vec<Problem>) {
    let (root, faults) = spanned::read(text);
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut reading = Reading::of(folder, Problems::of(path, Arc::from(text)), &root);
    let soundness = if faults.is_empty() { Syntax::Sound } else { Syntax::Broken };
    reading.problems.hide(masking::hidden(&root, text, soundness));
    // alone: whether what follows is missing or misread can't be known
    if let Some(first) = faults.iter().min_by_key(|problem| problem.span.start) {
        let advice = syntax::advice(text, first);
        reading.problems.error("syntax", first.span.clone(), advice.message).help(advice.help);
        return (None, reading.problems.into_sorted());
    }
    unrendered::check(&root, &mut reading);
    validate::table(&root, &SCHEDULE, "a schedule", &mut reading.problems);
    inbound::rules(&root, &mut reading);
    let parts = parts(&root, path, text, zones, &mut reading);
    if parts.is_none() && !reading.problems.has_errors() {
        reading
            .problems
            .error("internal", 0..0, "this schedule can't be read, although nothing wrong was found in it")
            .help("this is a fault of tickler: please report it with the file");
    }
    let schedule = parts.filter(|_| !reading.problems.has_errors());
    (schedule, reading.problems.into_sorted())
}

fn parts(root: &Node, path: &Path, text: &str, zones: &Zones, reading: &mut Reading<'_>) -> Option<Schedule> {
    let top = Section::of(Some(root), &SCHEDULE);
    let heartbeat = top.secret("heartbeat", reading);
    let cron = match reading.is_inbound {
        true => Some(String::new()),
        false => top.node("cron").and_then(|node| node.text().map(str::to_owned)),
    };
    let recurrence = recurrence(&top, reading);
    let zone = zone(&top, zones, reading);
    let mut source = source::read(root.get("source"), zones, reading);
    let limits = source::limits(root.get("source"), reading);
    let mut appointment = appointment::read(root.get("appointment"), zones, reading);
    if let (Some(source), Some(columns)) = (&source, &mut appointment) {
        appointment::suit_format(columns, source);
    }
    let columns = templates::computed(root.get("columns"), reading);
    source = source.and_then(|source| paths::with_path_columns(source, root, reading));
    source = source.and_then(|source| joins::with_joins(source, root, reading));
    if let (Some(source), Some(zone)) = (&mut source, &zone) {
        let of_source = appointment.as_ref().and_then(|columns| columns.source_timezone.as_ref());
        source.set_home(of_source.unwrap_or(zone));
    }
    let remind = remind::read(root, reading);
    let target = target::read(root.get("target"), reading);
    let payload = templates::payload(root.get("payload"), reading);
    let delivery = delivery(&top, reading);
    let guard = guard(&top, reading);
    let outcome = optional(top.given("outcome"), |_| outcome::read(&top.inner("outcome"), reading));
    let canary = optional(top.given("canary"), |_| canary::read(&top.inner("canary"), reading));
    Some(Schedule {
        name: load::name_of(path).unwrap_or_default().to_owned(),
        path: path.to_owned(),
        text: text.to_owned(),
        text_hash: hash(text),
        cron: cron?,
        recurrence: recurrence?,
        zone: zone?,
        enabled: top.truth("enabled")?,
        mode: mode(&top)?,
        heartbeat,
        description: top.text("description")?,
        language: top.text("language")?,
        source: source?,
        limits: limits?,
        columns: columns?,
        appointment: appointment?,
        remind: remind?,
        target: target?,
        payload: payload?,
        delivery: delivery?,
        guard: guard?,
        outcome: outcome.ok()?,
        canary: canary.ok()?,
    })
}

fn hash(text: &str) -> String {
    sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn recurrence(top: &Section<'_>, reading: &mut Reading<'_>) -> Option<Recurrence> {
    if reading.is_inbound {
        return Some(Recurrence::never());
    }
    let node = top.node("cron")?;
    match Recurrence::parse(node.text()?) {
        Ok(recurrence) => Some(recurrence),
        Err(problem) => {
            reading.invalid(&node, problem.message, problem.help);
            None
        }
    }
}

fn zone(top: &Section<'_>, zones: &Zones, reading: &mut Reading<'_>) -> Option<Zone> {
    let node = top.node("timezone")?;
    match zones.zone(node.text()?) {
        Ok(zone) => {
            if zone.name() == "GMT" {
                let message = "`GMT` has no summer time: London's clocks do";
                reading.problems.warning("timezone", node.span.clone(), message).help(
                    "for a place in Britain write `Europe/London`; for a clock that never changes `UTC` says it plainly",
                );
            }
            Some(zone)
        }
        Err(error) => {
            reading.invalid(&node, format!("`{}` does not name the time zone of a place", error.name), error.remedy);
            None
        }
    }
}

fn mode(top: &Section<'_>) -> Option<ScheduleMode> {
    match top.text("mode")?.as_str() {
        "live" => Some(ScheduleMode::Live),
        "shadow" => Some(ScheduleMode::Shadow),
        _ => None,
    }
}

fn guard(top: &Section<'_>, reading: &mut Reading<'_>) -> Option<GuardLimits> {
    let section = top.inner("guard");
    let max_age = match section.given("max_age") {
        Some(_) => Some(section.positive_duration("max_age", reading)?),
        None => None,
    };
    Some(GuardLimits {
        max_calls: section.whole("max_calls")?,
        max_age,
        max_invalid: parse_percent(&section.text("max_invalid")?)?,
        max_change: parse_factor(&section.text("max_change")?)?,
    })
}

fn delivery(top: &Section<'_>, reading: &mut Reading<'_>) -> Option<DeliveryTerms> {
    let section = top.inner("delivery");
    let timeout = section.positive_duration("timeout", reading);
    let on_uncertain = match section.text("on_uncertain").as_deref() {
        Some("hold") => Some(OnUncertain::Hold),
        Some("resend") => Some(OnUncertain::Resend),
        _ => None,
    };
    Some(DeliveryTerms {
        timeout: timeout?,
        max_in_flight: section.whole("max_in_flight")?,
        attempts: section.whole("attempts")?,
        on_uncertain: on_uncertain?,
    })
}
