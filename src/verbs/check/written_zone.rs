//! shell: signs that starts are written in another zone than they are read in.

use crate::appointment::mapping::Mapping;
use crate::appointment::{AppointmentColumns, StartColumns, StartText, dates};
use crate::row::Row;
use crate::sources;
use crate::zones::Zones;

use super::{CheckAsk, Checked};

/// The least number of starts that say something: a single odd one may spoil fewer.
const FEW_STARTS: usize = 3;

/// Hours of the day at which hardly anybody has an appointment: before six, and from ten in the evening.
const NIGHT: [std::ops::Range<i8>; 2] = [0..6, 22..24];

/// Warns where the written starts look like a framework's UTC, or most of them are at night.
pub fn check(checked: &mut Checked<'_>, ask: &CheckAsk<'_>, rows: &[Row]) {
    let columns = &checked.schedule.appointment;
    if columns.timezone.is_some() || columns.source_timezone.is_some() {
        return;
    }
    let walls: Vec<String> = rows.iter().filter_map(|row| wall_text(columns, row)).collect();
    if walls.is_empty() {
        return;
    }
    let looks_like = if checked.schedule.zone.name() == "UTC" { None } else { sign_of_utc(columns, &walls) };
    let message = looks_like.or_else(|| nights(checked, ask.zones, rows)).or_else(|| framework(checked, ask));
    let Some(message) = message else { return };
    let zone = checked.schedule.zone.name();
    let help = format!(
        "they are read in {zone}; if they are written in UTC, add `source_timezone = \"UTC\"` to [appointment], or the zone \
         in which they are written"
    );
    let span = checked.span(&["appointment", "starts_at"]);
    checked.problems.warning("written-zone", span, message).help(help);
}

/// A start's text, when it has no offset.
fn wall_text(columns: &AppointmentColumns, row: &Row) -> Option<String> {
    let record = row.as_record();
    let (text, read) = match &columns.starts_at {
        StartColumns::One(column) => {
            let text = record.text(column)?;
            let read = dates::read(&text, &columns.date_format)?;
            (text.into_owned(), read)
        }
        StartColumns::DateAndTime { date, time } => {
            let (date, time) = (record.text(date)?, record.text(time)?);
            (format!("{date} {time}"), dates::read_both(&date, &time, &columns.date_format)?)
        }
        StartColumns::Receipt => return None,
    };
    match read {
        StartText::Wall(_) => Some(text),
        StartText::Instant(_) => None,
    }
}

fn sign_of_utc(columns: &AppointmentColumns, walls: &[String]) -> Option<String> {
    let named = columns.starts_at.columns().into_iter().find(|column| {
        let name = column.as_str().to_ascii_lowercase();
        name.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part == "utc" || part == "gmt")
    });
    if let Some(column) = named {
        return Some(format!("`{}` is named as UTC, and its times have no offset", column.as_str()));
    }
    let has_micros = |text: &&String| {
        let fraction = text.rsplit_once('.').map_or("", |(_, fraction)| fraction);
        fraction.len() == 6 && fraction.bytes().all(|byte| byte.is_ascii_digit())
    };
    let exact = walls.iter().filter(has_micros).count();
    (exact * 2 > walls.len()).then(|| {
        "the starts have microseconds and no offset, as frameworks write times that they keep in UTC".to_owned()
    })
}

/// A database of a framework that keeps times in UTC.
fn framework(checked: &Checked<'_>, ask: &CheckAsk<'_>) -> Option<String> {
    let StartColumns::One(column) = &checked.schedule.appointment.starts_at else { return None };
    let source = sources::open(checked.schedule, ask.tools.clone());
    let framework = source.framework_in_utc(column.as_str()).filter(|_| checked.schedule.zone.name() != "UTC")?;
    Some(format!(
        "the database belongs to a program of {framework}, which keeps times in UTC, and `{}` has no offset",
        column.as_str()
    ))
}

fn nights(checked: &Checked<'_>, zones: &Zones, rows: &[Row]) -> Option<String> {
    let zone = &checked.schedule.zone;
    let mut mapping = Mapping::new(&checked.schedule.appointment, zone, zones);
    let starts: Vec<_> = rows.iter().filter_map(|row| mapping.start(&row.as_record()).ok()).collect();
    let is_night = |hour: i8| NIGHT.iter().any(|hours| hours.contains(&hour));
    let at_night = starts.iter().filter(|start| is_night(zone.wall(start.at).hour())).count();
    (starts.len() >= FEW_STARTS && at_night * 2 > starts.len()).then(|| {
        format!("{at_night} of the first {} starts lie between 22:00 and 06:00 in {}", starts.len(), zone.name())
    })
}
