//! pure: the text of a drafted schedule, with a comment where a person has to look.

use super::mapping::{Found, StartFound};
use crate::row::unseen;
use crate::verbs::toml_text::quoted;

/// What a draft is made of besides the columns.
pub(super) struct DraftParts<'d> {
    /// The table of the source, as TOML.
    pub(super) source: &'d str,
    /// Lines of `[columns]`, where the source has no column of its own for a phone or a start.
    pub(super) computed: &'d [String],
    /// The machine's zone, or the region's.
    pub(super) zone: &'d str,
    /// Whether `mode` is a key of this version.
    pub(super) has_mode: bool,
}

/// The whole file.
pub(super) fn draft(parts: &DraftParts<'_>, found: &Found) -> String {
    let mut text =
        String::from("# Drafted by `tickler init`: read every line, then `tickler check` and `tickler plan`.\n");
    for doubt in &found.doubts {
        // a column's name may have a line break
        text.push_str(&format!("# DOUBT: {}\n", unseen::shown(doubt)));
    }
    text.push_str("\ncron     = \"0 9 * * *\"            # every day at nine\n");
    text.push_str(&format!("timezone = {}  # of the times in the source, and of nine o'clock\n", quoted(parts.zone)));
    if parts.has_mode {
        text.push_str(
            "mode     = \"shadow\"               # nobody is called; remove this line when the plans are right\n",
        );
    } else {
        text.push_str("enabled  = false                  # the service doesn't run it; remove this line when the plans are right\n");
    }
    text.push_str(&format!("\n{}\n", parts.source.trim_end()));
    if !parts.computed.is_empty() {
        text.push_str(&format!("\n[columns]\n{}\n", parts.computed.join("\n")));
    }
    text.push_str(&appointment(found));
    text.push_str("\n[remind]\ndays_before = 1                   # everybody whose appointment is tomorrow\n");
    if found.status.is_some() {
        match found.statuses.is_empty() {
            true => text.push_str("# statuses  = [\"…\"]              # the words of `status` that are called\n"),
            false => text.push_str(&format!("statuses    = {}\n", list(&found.statuses))),
        }
    }
    text.push_str("\n[target.automation]\nurl = { env = \"THOUGHTLY_AUTOMATION_URL\" }\n");
    text.push_str("\n[payload]\ncontact_phone    = \"{{ phone }}\"\nappointment_time = \"{{ starts_at }}\"\n");
    for (key, column) in [("contact_name", &found.name), ("service_name", &found.service)] {
        if let Some(column) = column {
            // the object around the column may be null in some rows, and then the column has no value
            let or_null = if column.contains('.') { " | default(none)" } else { "" };
            text.push_str(&format!("{key:<16} = {}\n", quoted(&format!("{{{{ {}{or_null} }}}}", reached(column)))));
        }
    }
    text
}

fn appointment(found: &Found) -> String {
    let mut text = String::from("\n[appointment]\n");
    let mut line = |key: &str, value: String| text.push_str(&format!("{key:<14} = {value}\n"));
    if let Some(id) = &found.id {
        line("id", quoted(id));
    }
    match found.phone.as_slice() {
        [] => {}
        [one] => line("phone", quoted(one)),
        several => line("phone", format!("{}  # the first of them that can be called", list(several))),
    }
    if let Some(region) = found.region {
        line("default_region", quoted(region));
    }
    match &found.start {
        Some(StartFound::One(column)) => line("starts_at", quoted(column)),
        Some(StartFound::Two { date, time }) => {
            line("starts_at", format!("{{ date = {}, time = {} }}", quoted(date), quoted(time)));
        }
        None => {}
    }
    match found.formats.as_slice() {
        [] => {}
        [one] => line("date_format", quoted(one)),
        readings => {
            readings.iter().for_each(|reading| line("# date_format", format!("{}  # or the other", quoted(reading))));
        }
    }
    if let Some(status) = &found.status {
        line("status", quoted(status));
    }
    for (key, column) in &found.others {
        line(key, quoted(column));
    }
    text
}

/// How a template reaches a column.
pub(super) fn reached(column: &str) -> String {
    let is_plain = column.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
        && column.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_plain { column.to_owned() } else { format!("row[{}]", quoted(column).replace('"', "'")) }
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}
