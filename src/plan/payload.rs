//! pure: the names a payload may use, and the payload and contact rendered with them.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::spoken::SpokenLanguage;
use crate::appointment::Phone;
use crate::reminder::{CallOutcome, Lead, ReminderId};
use crate::row::Row;
use crate::schedule::{ContactTemplates, Schedule, TargetSpec};
use crate::template::{Payload, RenderError, Scope, Template};
use crate::zones::Zone;

/// What a payload is about: built-in names first, then the row's columns.
pub struct PayloadScope<'a> {
    /// The schedule.
    pub schedule: &'a Schedule,
    /// The row as the source has it.
    pub row: &'a Row,
    /// Who is called.
    pub phone: &'a Phone,
    /// The recipient's.
    pub zone: &'a Zone,
    /// The appointment's start (UTC).
    pub starts_at: Timestamp,
    /// The appointment.
    pub appointment_id: &'a str,
    /// The lead before the start.
    pub lead: Lead,
    /// The reminder's id.
    pub reminder_id: ReminderId,
    /// The start that was announced before (UTC), when it moved.
    pub previous_starts_at: Option<Timestamp>,
    /// What became of the call before, for a retry.
    pub previous_outcome: Option<CallOutcome>,
    /// The appointments of a call that several share, by start; empty for a call about this one alone.
    pub appointments: &'a [Value],
}

/// An appointment as `appointments` of a payload lists it: its own names hide columns that are called so.
pub fn listed(row: &Row, zone: &Zone, id: &str, starts_at: Timestamp) -> Value {
    let wall = zone.wall(starts_at);
    let mut fields = Map::new();
    fields.insert("id".to_owned(), id.into());
    fields.insert("starts_at".to_owned(), zone.rfc3339(starts_at).into());
    fields.insert("date".to_owned(), wall.strftime("%Y-%m-%d").to_string().into());
    fields.insert("time".to_owned(), wall.strftime("%H:%M").to_string().into());
    for (name, value) in row.to_object() {
        fields.entry(name).or_insert(value);
    }
    Value::Object(fields)
}

impl PayloadScope<'_> {
    fn wall(&self, pattern: &str) -> Value {
        self.zone.wall(self.starts_at).strftime(pattern).to_string().into()
    }
}

impl PayloadScope<'_> {
    /// The row's language, else the schedule's.
    fn language(&self) -> SpokenLanguage {
        let column = self.schedule.appointment.language.as_ref();
        let of_row = column.and_then(|column| self.row.as_record().text(column).map(Cow::into_owned));
        SpokenLanguage::of(of_row.iter().map(String::as_str).chain([self.schedule.language.as_str()]))
    }
}

impl Scope for PayloadScope<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        Some(match name {
            "phone" => self.phone.e164.as_str().into(),
            "phone_national" => self.phone.national().into(),
            "starts_at" => self.zone.rfc3339(self.starts_at).into(),
            "date" => self.wall("%Y-%m-%d"),
            "time" => self.wall("%H:%M"),
            "weekday" => self.language().weekday(self.zone.date(self.starts_at)).into(),
            "spoken_date" => self.language().date(self.zone.date(self.starts_at)).into(),
            "spoken_time" => self.language().time(self.zone.wall(self.starts_at).time()).into(),
            "appointment_id" => self.appointment_id.into(),
            "reminder_id" => self.reminder_id.to_string().into(),
            "lead" => self.lead.to_string().into(),
            "schedule" => self.schedule.name.as_str().into(),
            "retry" => self.lead.retry.into(),
            "last_try" => (self.lead.retry >= self.schedule.retries()).into(),
            "previous_outcome" => self.previous_outcome.map(CallOutcome::as_str).into(),
            "previous_starts_at" => self.previous_starts_at.map(|at| self.zone.rfc3339(at)).into(),
            "appointments" if self.appointments.is_empty() => {
                json!([listed(self.row, self.zone, self.appointment_id, self.starts_at)])
            }
            "appointments" => self.appointments.to_vec().into(),
            "row" => self.row(),
            column => self.row.get(column)?.into_owned(),
        })
    }

    fn row(&self) -> Value {
        Value::Object(self.row.to_object())
    }
}

/// The payload, and the contact fields where the target wants them.
///
/// # Errors
/// On the first template that can't be filled.
pub fn rendered(schedule: &Schedule, scope: &dyn Scope) -> Result<(Payload, Option<Payload>), RenderError> {
    let payload = schedule.payload.render(scope)?;
    let contact = match &schedule.target {
        TargetSpec::Call { contact, .. } => Some(Payload::of(&contact_fields(contact, scope)?)),
        TargetSpec::Automation { .. } | TargetSpec::Webhook(_) => None,
    };
    Ok((payload, contact))
}

/// The contact's fields that are set and not empty: a field without a value is left out rather than sent as null.
fn contact_fields(templates: &ContactTemplates, scope: &dyn Scope) -> Result<Value, RenderError> {
    let mut fields = Map::new();
    let place = |name: &str, error: RenderError| RenderError(format!("contact `{name}`: {error}"));
    for (name, template) in [("name", &templates.name), ("email", &templates.email)] {
        let value = template.as_ref().map_or(Ok(Value::Null), |it| it.render(scope)).map_err(|it| place(name, it))?;
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    }
    let tags: Vec<Value> = templates
        .tags
        .iter()
        .map(|tag| tag.render(scope).map_err(|error| place("tags", error)))
        .filter(|tag| tag != &Ok(Value::Null))
        .collect::<Result<_, _>>()?;
    if !tags.is_empty() {
        fields.insert("tags".to_owned(), json!(tags));
    }
    let attributes = attributes(&templates.attributes, scope).map_err(|error| place("attributes", error))?;
    if !attributes.is_empty() {
        fields.insert("attributes".to_owned(), Value::Object(attributes));
    }
    Ok(Value::Object(fields))
}

fn attributes(templates: &[(String, Template)], scope: &dyn Scope) -> Result<Map<String, Value>, RenderError> {
    let mut attributes = Map::new();
    for (name, template) in templates {
        let value = template.render(scope)?;
        if !value.is_null() {
            attributes.insert(name.clone(), value);
        }
    }
    Ok(attributes)
}
