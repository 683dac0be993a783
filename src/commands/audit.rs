//! shell: `tickler audit`: listed, one story, exported, verified.

use std::path::Path;

use super::arguments::{AuditArguments, AuditVerb, Format, Globals};
use super::context::Context;
use super::dispatch;
use super::filters::Filters;
use super::output::{Rows, Shown, write_out};
use crate::audit::export::{ExportEnd, FIELDS, csv_cells, json_line};
use crate::audit::{AuditFilter, AuditRow, Event, escape, story as words_of, times, words};
use crate::disk::{self, Links};
use crate::evaluation::phone_of;
use crate::ledger::Pruned;
use crate::verbs::audit::{Checkpoint, Pages, Story, StoryReminder};
use crate::verbs::{Access, Exit, Request, Reveal, VerbError, audit};
use crate::zones::Zone;

/// A checkpoint is a line; an export whose last line is one may be long.
const LARGEST_CHECKPOINT: u64 = 256 << 20;

/// Reads the log.
pub async fn audit(globals: &Globals, ask: AuditArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    match ask.verb.unwrap_or(AuditVerb::List) {
        AuditVerb::List => list(&context, &ask.filters).await,
        AuditVerb::Show { id, reveal } => {
            show(&context, &id, if reveal { Reveal::Whole } else { Reveal::LastFour }).await
        }
        AuditVerb::Verify { checkpoint } => verify(&context, checkpoint).await,
        AuditVerb::Checkpoint => checkpoint(&context).await,
        AuditVerb::Export => export(&context, &ask.filters).await,
        AuditVerb::Stats => stats(&context, &ask.filters).await,
        AuditVerb::Prune => prune(&context).await,
    }
}

async fn list(context: &Context, filters: &Filters) -> anyhow::Result<Exit> {
    let filter = filter(context, filters)?;
    let request = Request::Audit { filter: filter.clone() };
    let (rows, exit): (Vec<AuditRow>, Exit) =
        dispatch::read(context, request, async |app| audit::list(app, filter).await).await?;
    let zone = context.zone_of(filters.schedule.as_deref());
    let people = || match rows.is_empty() {
        true => "the log has no such row".to_owned(),
        false => for_people(&rows, &zone).to_table(),
    };
    Shown { answer: &rows, people: &people, rows: &|| exported(&rows) }.print(context.format)?;
    Ok(exit)
}

async fn show(context: &Context, id: &str, reveal: Reveal) -> anyhow::Result<Exit> {
    let request = Request::Show { id: id.to_owned(), reveal };
    let (story, exit): (Story, Exit) = match context.open(Access::Reading).await {
        Ok(app) => {
            let story = audit::show(&app, id, reveal).await?;
            if reveal == Reveal::Whole {
                dispatch::record(context, Event::OperatorRevealed, &audit::revealed(id)).await?;
            }
            (story, Exit::Done)
        }
        // the service records what it reveals
        Err(refused) => dispatch::read_by_service(context, &request, refused).await?,
    };
    let schedule = story.rows.iter().find_map(|row| row.schedule.as_deref());
    let zone = context.zone_of(schedule);
    let people = || in_words(&story, &zone);
    Shown { answer: &story.rows, people: &people, rows: &|| exported(&story.rows) }.print(context.format)?;
    Ok(exit)
}

fn in_words(story: &Story, zone: &Zone) -> String {
    let mut blocks: Vec<String> = story.reminders.iter().map(|reminder| headline(reminder, zone)).collect();
    let mut table = Rows::of(&["at", "what happened"]);
    for line in words_of::tell(&story.rows, zone) {
        table.push(vec![line.at, line.words]);
    }
    blocks.push(table.to_table());
    blocks.join("\n")
}

/// What one reminder is, and its state now.
fn headline(reminder: &StoryReminder, zone: &Zone) -> String {
    let mut line = format!(
        "{} appointment {} at {}, {} before, to {}: {}",
        reminder.id,
        escape(&reminder.appointment_id),
        zone.rfc3339(reminder.starts_at),
        reminder.lead,
        reminder.phone.as_deref().unwrap_or("(no longer kept)"),
        words::state(reminder.state)
    );
    if let Some(payload) = &reminder.payload {
        line.push_str(&format!("\n  {}", escape(payload)));
    }
    line
}

async fn verify(context: &Context, checkpoint: Option<String>) -> anyhow::Result<Exit> {
    let checkpoint = checkpoint.map(|text| read_checkpoint(&text)).transpose()?;
    let app = context.open(Access::Reading).await?;
    let found = audit::verify(&app, checkpoint.as_ref()).await?;
    let people = || match (&found.detail, found.broken_at) {
        (Some(what), Some(seq)) => format!("the chain is BROKEN at row {seq}: {what}"),
        _ => format!(
            "the chain is whole: {} rows, the last is {} {}\n{}",
            found.rows, found.seq, found.hash, found.proves
        ),
    };
    let rows = || {
        let mut rows = Rows::of(&["ok", "rows", "seq", "hash"]);
        rows.push(vec![found.ok.to_string(), found.rows.to_string(), found.seq.to_string(), found.hash.clone()]);
        rows
    };
    Shown { answer: &found, people: &people, rows: &rows }.print(context.format)?;
    Ok(if found.ok { Exit::Done } else { Exit::ChainBroken })
}

/// The checkpoint itself, or the file that holds it.
fn read_checkpoint(text: &str) -> Result<Checkpoint, VerbError> {
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        return Ok(checkpoint);
    }
    let held = disk::read_text(Path::new(text), Links::Followed, LARGEST_CHECKPOINT);
    let held =
        held.map_err(|error| VerbError::Usage(format!("--checkpoint {text}: {error}; it is SEQ:HASH or a file")))?;
    Checkpoint::parse(&held)
}

async fn checkpoint(context: &Context) -> anyhow::Result<Exit> {
    let app = context.open(Access::Reading).await?;
    let checkpoint = audit::checkpoint(&app).await?;
    let people = || format!("{}:{}", checkpoint.seq, checkpoint.hash);
    let rows = || {
        let mut rows = Rows::of(&["seq", "hash"]);
        rows.push(vec![checkpoint.seq.to_string(), checkpoint.hash.clone()]);
        rows
    };
    Shown { answer: &checkpoint, people: &people, rows: &rows }.print(context.format)?;
    Ok(Exit::Done)
}

async fn stats(context: &Context, filters: &Filters) -> anyhow::Result<Exit> {
    let filter = filter(context, filters)?;
    let request = Request::Audit { filter: filter.clone() };
    let (rows, exit): (Vec<AuditRow>, Exit) =
        dispatch::read(context, request, async |app| audit::list(app, filter).await).await?;
    let counts = audit::counted(&rows);
    let rows = || {
        let mut rows = Rows::of(&["schedule", "event", "reason", "count"]);
        for count in &counts {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            rows.push(vec![
                text(&count.schedule),
                count.event.to_string(),
                text(&count.reason),
                count.count.to_string(),
            ]);
        }
        rows
    };
    let people = || match counts.is_empty() {
        true => "the log has no such row".to_owned(),
        false => rows().to_table(),
    };
    Shown { answer: &counts, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}

async fn prune(context: &Context) -> anyhow::Result<Exit> {
    let (pruned, exit): (Pruned, Exit) = dispatch::change(context, Request::Prune).await?;
    let people = || format!("{} rows of the log and {} payloads were removed", pruned.audit_rows, pruned.payloads);
    let rows = || {
        let mut rows = Rows::of(&["audit_rows", "payloads"]);
        rows.push(vec![pruned.audit_rows.to_string(), pruned.payloads.to_string()]);
        rows
    };
    Shown { answer: &pruned, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}

/// Page by page, so that six years of log need no memory; then the log tells of it.
async fn export(context: &Context, filters: &Filters) -> anyhow::Result<Exit> {
    let format = context.format.unwrap_or(Format::Jsonl);
    let filter = filter(context, filters)?;
    let app = context.open(Access::Reading).await?;
    let mut end = ExportEnd::default();
    let mut written = Writing::begin(format)?;
    if let Some(ledger) = &app.around.ledger {
        let mut pages = Pages::new(ledger.as_ref(), filter);
        while let Some(page) = pages.next().await? {
            page.iter().for_each(|row| end.add(row));
            written.rows(&page)?;
        }
    }
    written.end(&end)?;
    if app.around.ledger.is_some() {
        dispatch::record(context, Event::OperatorExported, &format!("{} rows of the log", end.count)).await?;
    }
    Ok(Exit::Done)
}

/// An export that is being written.
struct Writing {
    format: Format,
    is_first: bool,
}

impl Writing {
    fn begin(format: Format) -> anyhow::Result<Self> {
        match format {
            Format::Table => {
                return Err(VerbError::Usage("an export is `--format jsonl`, `json` or `csv`".into()).into());
            }
            Format::Json => write_out(b"[")?,
            Format::Csv => write_out(Rows::of(&FIELDS).to_csv()?.as_bytes())?,
            Format::Jsonl => {}
        }
        Ok(Self { format, is_first: true })
    }

    fn rows(&mut self, page: &[AuditRow]) -> anyhow::Result<()> {
        match self.format {
            Format::Csv => write_out(exported(page).to_csv_body()?.as_bytes()),
            Format::Json | Format::Jsonl | Format::Table => {
                let mut text = String::new();
                for row in page {
                    self.line(&mut text, &json_line(row));
                }
                write_out(text.as_bytes())
            }
        }
    }

    fn line(&mut self, text: &mut String, line: &str) {
        if self.format == Format::Json {
            text.push_str(if self.is_first { "\n" } else { ",\n" });
            text.push_str(line);
        } else {
            text.push_str(line);
            text.push('\n');
        }
        self.is_first = false;
    }

    fn end(mut self, end: &ExportEnd) -> anyhow::Result<()> {
        if self.format == Format::Csv {
            return Ok(());
        }
        let mut text = String::new();
        self.line(&mut text, &serde_json::to_string(end)?);
        if self.format == Format::Json {
            text.push_str("\n]\n");
        }
        write_out(text.as_bytes())
    }
}

fn filter(context: &Context, filters: &Filters) -> anyhow::Result<AuditFilter> {
    let now = context.clock.now();
    let zone = context.zone_of(filters.schedule.as_deref());
    let time = |text: &Option<String>| text.as_deref().map(|text| times::read(text, now, &zone)).transpose();
    Ok(AuditFilter {
        since: time(&filters.since).map_err(VerbError::Usage)?,
        until: time(&filters.until).map_err(VerbError::Usage)?,
        schedule: filters.schedule.clone(),
        event: filters.event.as_deref().map(known_event).transpose()?,
        reason: filters.reason.clone(),
        appointment: filters.appointment.clone(),
        phone: filters.phone.as_deref().map(|phone| whole_phone(context, phone)).transpose()?,
        run: filters.run,
        reminder: None,
        limit: filters.limit,
        after_seq: None,
    })
}

/// An event's word, or a family's.
fn known_event(word: &str) -> Result<String, VerbError> {
    let family = |event: &Event| event.as_str().split('.').next() == Some(word);
    if word.parse::<Event>().is_ok() || Event::ALL.iter().any(family) {
        return Ok(word.to_owned());
    }
    let likely = crate::verbs::likely_name(word, Event::ALL.iter().map(|event| event.as_str()));
    let remedy = likely.map_or_else(String::new, |likely| format!(": did you mean `{likely}`?"));
    Err(VerbError::Usage(format!("the log has no event `{word}`{remedy}")))
}

/// A phone as the ledger knows it: national numbers are read in the one region that the schedules share.
fn whole_phone(context: &Context, text: &str) -> Result<String, VerbError> {
    let zones = crate::zones::Zones::newest();
    let folder = crate::schedule::load::folder(&context.settings.schedules, &zones).unwrap_or_default();
    let region = folder.schedules.values().find_map(|schedule| schedule.appointment.default_region.clone());
    let phone = phone_of(text, region.as_deref());
    phone
        .map(|phone| phone.e164)
        .ok_or_else(|| VerbError::Usage("--phone is no phone number: write it as +12025550143".into()))
}

fn for_people(rows: &[AuditRow], zone: &Zone) -> Rows {
    let mut table =
        Rows::of(&["seq", "at", "event", "schedule", "appointment", "phone", "reason", "http", "by", "detail"]);
    for row in rows {
        table.push(vec![
            row.seq.to_string(),
            zone.rfc3339(row.at),
            row.event.to_string(),
            row.schedule.as_deref().unwrap_or_default().to_owned(),
            row.appointment_id.as_deref().unwrap_or_default().to_owned(),
            row.phone_last4().map(|last| format!("***{last}")).unwrap_or_default(),
            row.reason.as_deref().unwrap_or_default().to_owned(),
            row.http_status.map(|status| status.to_string()).unwrap_or_default(),
            row.actor.as_deref().unwrap_or_default().to_owned(),
            row.detail.as_deref().unwrap_or_default().to_owned(),
        ]);
    }
    table
}

fn exported(rows: &[AuditRow]) -> Rows {
    let mut table = Rows::of(&FIELDS);
    rows.iter().for_each(|row| table.push(csv_cells(row).into()));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_event_gets_the_likely_one() {
        assert!(known_event("delivery").is_ok() && known_event("run.held").is_ok());
        let refused = known_event("run.hold").map_err(|error| error.to_string());
        assert_eq!(refused, Err("the log has no event `run.hold`: did you mean `run.held`?".into()));
    }
}
