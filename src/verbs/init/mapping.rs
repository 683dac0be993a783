//! pure: which column means what, and how its starts are written: by the names of columns and by the whole column's values.
//! What can't be decided is told, never guessed.

use std::collections::BTreeSet;

use super::headers::{ColumnRole, fit};
use super::{phones, starts};

/// A table as it was read: its columns, and of each row its texts in their order.
#[derive(Default)]
pub(super) struct Sample {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Option<String>>>,
}

/// The start's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StartFound {
    One(String),
    Two { date: String, time: String },
}

/// What was found, and what is in doubt.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) id: Option<String>,
    pub(super) phone: Vec<String>,
    pub(super) region: Option<&'static str>,
    /// The country of most numbers that are written with its code.
    pub(super) country: Option<&'static str>,
    pub(super) start: Option<StartFound>,
    /// Whether a format reads the start's date and time of day.
    pub(super) has_format: bool,
    /// One `date_format`, or both readings.
    pub(super) formats: Vec<String>,
    pub(super) status: Option<String>,
    /// The words of the status column.
    pub(super) statuses: Vec<String>,
    pub(super) others: Vec<(&'static str, String)>,
    pub(super) name: Option<String>,
    pub(super) service: Option<String>,
    pub(super) doubts: Vec<String>,
}

/// Words of a status that say that somebody is expected.
const EXPECTED: &[&str] = &[
    "booked",
    "fest",
    "ok",
    "confirmed",
    "scheduled",
    "active",
    "accepted",
    "approved",
    "arranged",
    "gebucht",
    "bestaetigt",
    "bestätigt",
    "geplant",
    "confirmé",
    "confirme",
    "réservé",
    "planifié",
    "prévu",
    "confirmada",
    "confirmado",
    "reservada",
    "reservado",
    "programada",
    "agendado",
    "agendada",
    "confermato",
    "confermata",
    "prenotato",
    "prenotata",
    "bevestigd",
    "gepland",
    "geboekt",
];

/// A column may hold more different words than a status has.
const MAX_STATUSES: usize = 15;

impl Sample {
    fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    pub(super) fn values(&self, column: &str) -> Vec<&str> {
        let Some(place) = self.place(column) else { return Vec::new() };
        self.rows.iter().filter_map(|row| row.get(place)?.as_deref()).collect()
    }

    /// The column that fits a role best, among those that pass a look at their values.
    fn best(&self, role: ColumnRole, fits: impl Fn(&[&str]) -> bool) -> Option<String> {
        self.ranked(role).into_iter().find(|name| fits(&self.values(name)))
    }

    pub(super) fn ranked(&self, role: ColumnRole) -> Vec<String> {
        let mut fitting: Vec<(usize, &String)> =
            self.columns.iter().map(|name| (fit(name, role), name)).filter(|(fit, _)| *fit > 0).collect();
        fitting.sort_by_key(|(fit, _)| std::cmp::Reverse(*fit));
        fitting.into_iter().map(|(_, name)| name.clone()).collect()
    }
}

/// How many roles the names alone fit: of several readings of a file the one with more is right.
pub(super) fn known_names(columns: &[String]) -> usize {
    let roles = [
        ColumnRole::Id,
        ColumnRole::Phone,
        ColumnRole::Start,
        ColumnRole::Time,
        ColumnRole::Status,
        ColumnRole::Name,
        ColumnRole::Service,
    ];
    roles.iter().filter(|role| columns.iter().any(|name| fit(name, **role) > 0)).count()
}

/// Finds everything.
pub(super) fn find(sample: &Sample) -> Found {
    let mut found = Found::default();
    phones::find(sample, &mut found);
    starts::find(sample, &mut found);
    ids(sample, &mut found);
    statuses(sample, &mut found);
    for (key, role) in [
        ("timezone", ColumnRole::Zone),
        ("person", ColumnRole::Person),
        ("do_not_call", ColumnRole::DoNotCall),
        ("consent", ColumnRole::Consent),
    ] {
        if let Some(column) = sample.best(role, |values| !values.is_empty()) {
            found.others.push((key, column));
        }
    }
    let taken = [found.id.clone(), found.status.clone()];
    let free = |name: &String| !taken.contains(&Some(name.clone()));
    found.name = sample.ranked(ColumnRole::Name).into_iter().find(free);
    found.service = sample.ranked(ColumnRole::Service).into_iter().find(free);
    found
}

/// The rows with a phone: a line of totals has none and is no appointment.
fn appointments<'s>(sample: &'s Sample, found: &Found) -> Vec<&'s Vec<Option<String>>> {
    let phones: Vec<usize> = found.phone.iter().filter_map(|name| sample.place(name)).collect();
    let has_phone = |row: &&Vec<Option<String>>| phones.is_empty() || phones.iter().any(|at| row[*at].is_some());
    sample.rows.iter().filter(has_phone).collect()
}

fn ids(sample: &Sample, found: &mut Found) {
    let rows = appointments(sample, found);
    let is_whole = |name: &String| {
        let Some(at) = sample.place(name) else { return false };
        let values: Option<BTreeSet<&str>> = rows.iter().map(|row| row[at].as_deref()).collect();
        values.is_some_and(|values| values.len() == rows.len())
    };
    // a start is no id: it changes when the appointment moves
    let starts = match &found.start {
        Some(StartFound::One(column)) => vec![column],
        Some(StartFound::Two { date, time }) => vec![date, time],
        None => Vec::new(),
    };
    let is_free = |name: &&String| !starts.contains(name) && !found.phone.contains(name);
    let ranked = sample.ranked(ColumnRole::Id);
    if let Some(column) = ranked.iter().filter(is_free).find(|name| is_whole(name)) {
        found.id = Some(column.clone());
        return;
    }
    let named = ranked.iter().find(is_free).cloned();
    let other = sample.columns.iter().find(|name| is_free(name) && is_whole(name));
    match (named, other) {
        (Some(named), _) => {
            found.doubts.push(format!(
                "`{named}` is not different in every row: an id must name one appointment, and stay when it moves"
            ));
            found.id = Some(named);
        }
        (None, Some(other)) => {
            found.doubts.push(format!("no column is named like an id; `{other}` is different in every row: does it stay when an appointment moves?"));
            found.id = Some(other.clone());
        }
        (None, None) => {
            found.doubts.push("no column is an id: name what stays when an appointment moves in `id`".to_owned());
        }
    }
}

fn statuses(sample: &Sample, found: &mut Found) {
    let words = |values: &[&str]| -> BTreeSet<String> {
        values.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
    };
    let Some(column) = sample.best(ColumnRole::Status, |values| (1..=MAX_STATUSES).contains(&words(values).len()))
    else {
        return;
    };
    let place = sample.place(&column);
    let of_appointments = appointments(sample, found);
    let of_appointments: Vec<&str> = of_appointments.iter().filter_map(|row| row[place?].as_deref()).collect();
    let all = words(&of_appointments);
    let expected: Vec<String> =
        all.iter().filter(|word| EXPECTED.contains(&word.to_lowercase().as_str())).cloned().collect();
    let left: Vec<&String> = all.iter().filter(|word| !expected.contains(word)).collect();
    if !left.is_empty() {
        let few = left.iter().take(6).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        found.doubts.push(format!("these words of `{column}` are not called: {few}"));
    }
    found.statuses = expected;
    found.status = Some(column);
}
