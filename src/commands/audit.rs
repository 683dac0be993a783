//! shell: `tickler audit`: lists the log, shows one appointment's story, exports and verifies.

use std::path::Path;
use std::time::Duration;

use super::arguments::{AuditArguments, AuditVerb, Format, Globals};
use super::audit_export::{export, export_database, exported};
use super::audit_reveal::WholePhones;
use super::audit_stats::stats;
use super::compare;
use super::context::{Context, ZoneName};
use super::dispatch;
use super::filters::{Filters, between};
use super::ids::{self, ShortIds};
use super::output::{Rows, Shown, complain, write_out};
use super::table::{Table, sentence, words};
use crate::audit::export::json_line;
use crate::audit::words::{acceptance, counted, state as state_in_words};
use crate::audit::{AuditFilter, AuditRow, Event, escape, story};
use crate::disk::{self, Links};
use crate::evaluation::phone_of;
use crate::ledger::Pruned;
use crate::personal::Personal;
use crate::reminder::State;
use crate::verbs::audit::{Checkpoint, ShowAsk, Story, StoryReminder};
use crate::verbs::labels::Labels;
use crate::verbs::{Access, Exit, Request, Reveal, VerbError, audit};
use crate::zones::Zone;

/// Maximum rows listed on a terminal by default.
const SCREENFUL: u64 = 50;

/// Maximum size of a checkpoint's file. It is one line, or an export, whose last line is a checkpoint.
const MAX_CHECKPOINT: u64 = 256 << 20;

/// Performs `tickler audit …`.
pub async fn audit(globals: &Globals, ask: AuditArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let reveal = if ask.reveal { Reveal::Whole } else { Reveal::LastFour };
    let verb = ask.verb.unwrap_or(AuditVerb::List);
    let shows_phones = matches!(verb, AuditVerb::List | AuditVerb::Show { .. }) && !ask.follow;
    if reveal == Reveal::Whole && !shows_phones {
        let sentence = "only `audit list` (without `--follow`) and `audit show` take `--reveal`: an export has no whole numbers, and \
                        `audit list --reveal --format jsonl` (or `csv`) has";
        return Err(VerbError::Usage(sentence.to_owned()).into());
    }
    match verb {
        AuditVerb::List if ask.follow => follow(&context, &ask.filters).await,
        AuditVerb::List => list(&context, &ask.filters, reveal).await.map(|(exit, _)| exit),
        AuditVerb::Show { id } => show(&context, ShowAsk { id, schedule: ask.filters.schedule, reveal }).await,
        AuditVerb::Verify { checkpoint } => verify(&context, checkpoint).await,
        AuditVerb::Checkpoint => checkpoint(&context).await,
        AuditVerb::Export { output } => match (context.format, output) {
            (Some(Format::Sqlite), Some(file)) => export_database(&context, &ask.filters, &file).await,
            (Some(Format::Sqlite), None) | (_, Some(_)) => {
                Err(VerbError::Usage("a database is exported with `--format sqlite --output FILE`".to_owned()).into())
            }
            (_, None) => export(&context, &ask.filters).await,
        },
        AuditVerb::Compare { named, file } => compare::compare(&context, &named, &file, &ask.filters).await,
        AuditVerb::Stats { period } => stats(&context, &ask.filters, period).await,
        AuditVerb::Prune => prune(&context).await,
    }
}

async fn list(context: &Context, filters: &Filters, reveal: Reveal) -> anyhow::Result<(Exit, Option<u64>)> {
    let limit = filters.limit.or(context.is_at_terminal().then_some(SCREENFUL));
    let filter =
        AuditFilter { limit, newest: limit.is_some() && filters.after.is_none(), ..filter(context, filters).await? };
    let rows = dispatch::rows(context, filter).await?;
    let whole = match reveal {
        Reveal::Whole => WholePhones::of(context, &rows).await?,
        Reveal::LastFour => WholePhones::default(),
    };
    let labels = match context.prints_tables() {
        true => ids::labels_of_rows(context, &rows).await,
        false => Labels::default(),
    };
    let people = || match rows.is_empty() {
        true => context.nothing("the log has no such row"),
        false => for_people(context, (&labels, &whole), &rows),
    };
    match reveal {
        Reveal::LastFour => {
            Shown { answer: &rows, people: &people, rows: &|| exported(&rows) }.print(context.format)?;
        }
        Reveal::Whole => {
            let with_phones = || exported_with(&whole, &rows);
            Shown { answer: &whole.beside(&rows), people: &people, rows: &with_phones }.print(context.format)?;
        }
    }
    if let (None, Some(first), Some(last)) = (filters.limit, rows.first(), rows.last())
        && limit == Some(rows.len() as u64)
    {
        complain(&match filters.after {
            None => {
                format!("these are the newest {SCREENFUL}: `--before {}` shows older ones, `--limit N` more", first.seq)
            }
            Some(_) => {
                format!("these are the first {SCREENFUL}: `--after {}` shows the next ones, `--limit N` more", last.seq)
            }
        });
    }
    Ok((Exit::Done, rows.last().map(|row| row.seq)))
}

/// How often `--follow` polls for new rows.
const FOLLOWED_EVERY: Duration = Duration::from_secs(1);

/// Prints each row that is added from now on as a line, until it is interrupted.
async fn follow(context: &Context, filters: &Filters) -> anyhow::Result<Exit> {
    let (_, last) = list(context, filters, Reveal::LastFour).await?;
    let asked = filter(context, filters).await?;
    let end = match last {
        Some(last) => last,
        None => {
            let newest = AuditFilter { limit: Some(1), newest: true, ..AuditFilter::default() };
            dispatch::rows(context, newest).await?.last().map_or(0, |row| row.seq)
        }
    };
    let mut seen = end;
    loop {
        context.clock.sleep(FOLLOWED_EVERY).await;
        let unread = AuditFilter { after_seq: Some(seen), limit: None, newest: false, ..asked.clone() };
        let rows = dispatch::rows(context, unread).await?;
        let Some(last) = rows.last() else { continue };
        seen = last.seq;
        match context.format {
            Some(Format::Csv) => write_out(exported(&rows).to_csv_body()?.as_bytes())?,
            Some(Format::Json | Format::Jsonl) => {
                write_out(rows.iter().map(|row| json_line(row) + "\n").collect::<String>().as_bytes())?;
            }
            Some(Format::Table | Format::Sqlite) | None => {
                let zones = context.zones();
                let line = |row: &AuditRow| {
                    let schedule = row.schedule.as_deref();
                    let at = context.moment(row.at, zones.of(schedule));
                    let told = story::tell(std::slice::from_ref(row)).pop().map(|line| line.words).unwrap_or_default();
                    let parts = [schedule, row.appointment_id.as_deref()].into_iter().flatten();
                    let named: String = parts.map(|part| format!("{} ", escape(part))).collect();
                    format!("{at}  {named}{told}\n")
                };
                write_out(rows.iter().map(line).collect::<String>().as_bytes())?;
            }
        }
    }
}

async fn show(context: &Context, ask: ShowAsk) -> anyhow::Result<Exit> {
    let (story, exit): (Story, Exit) = match context.open(Access::Reading).await {
        Ok(app) => {
            let story = audit::show(&app, &ask).await?;
            match ask.reveal {
                Reveal::LastFour => (story, Exit::Done),
                Reveal::Whole => {
                    drop(app);
                    dispatch::reveal(context, Request::Show(ask)).await?
                }
            }
        }
        Err(refused) => dispatch::read_by_service(context, &Request::Show(ask), refused).await?,
    };
    let schedule = story.rows.iter().find_map(|row| row.schedule.as_deref());
    let zone = context.zone_of(schedule);
    let ids = ShortIds::among_all(context, story.reminders.iter().map(|reminder| reminder.id)).await;
    let people = || in_words(context, &ids, &story, &zone);
    Shown { answer: &story.rows, people: &people, rows: &|| exported(&story.rows) }.print(context.format)?;
    Ok(exit)
}

fn in_words(context: &Context, ids: &ShortIds, story: &Story, zone: &Zone) -> String {
    let mut blocks: Vec<String> =
        story.reminders.iter().map(|reminder| headline(context, ids, reminder, (story, zone))).collect();
    if story.reminders.is_empty() {
        blocks.extend(headline_of_uncalled(context, story));
    }
    let mut table = Table::of(&[words("at"), sentence("what happened")]);
    for line in story::tell(&story.rows) {
        table.push(vec![context.moment(line.at, zone), context.with_moments(&line.words, zone, ZoneName::Omitted)]);
    }
    blocks.push(table.fit(context.screen));
    blocks.push(format!("times in {}", zone.name()));
    blocks.join("\n")
}

/// Who it is for whom no call was ever made or is to be made.
fn headline_of_uncalled(context: &Context, story: &Story) -> Option<String> {
    let id = story.rows.iter().find_map(|row| row.appointment_id.as_deref())?;
    let label = story.label.as_deref().map(|label| format!(" ({})", escape(label))).unwrap_or_default();
    let is_rehearsed = story.rows.iter().any(|row| row.event == Event::ReminderShadowed);
    let what = match is_rehearsed {
        true => "shadow mode planned a call for it, which nobody got",
        false => "no call was planned for it",
    };
    Some(context.screen.prose(&format!("appointment {}{label}: {what}", escape(id))))
}

/// What one reminder is, and its state now.
fn headline(context: &Context, ids: &ShortIds, reminder: &StoryReminder, (story, zone): (&Story, &Zone)) -> String {
    let is_acceptance = |row: &&AuditRow| row.event == Event::DeliveryDelivered && row.reminder_id == Some(reminder.id);
    let accepted = || story.rows.iter().rev().find(is_acceptance).and_then(acceptance);
    let state = match reminder.state {
        State::Delivered => accepted().unwrap_or(state_in_words(State::Delivered)),
        state => state_in_words(state),
    };
    let mut text = context.screen.prose(&format!(
        "{} appointment {}{} at {}, {} before, to {}: {}",
        ids.of(reminder.id),
        escape(&reminder.appointment_id),
        reminder.label.as_deref().map(|label| format!(" ({})", escape(label))).unwrap_or_default(),
        context.moment(reminder.starts_at, zone),
        reminder.lead,
        reminder.phone.as_deref().unwrap_or("(no longer kept)"),
        escape(state)
    ));
    // not wrapped, so that the JSON can be copied
    if let Some(payload) = &reminder.payload {
        text.push_str(&format!("\n  {}", escape(payload)));
    }
    text
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
    let held = disk::read_text(Path::new(text), Links::Followed, MAX_CHECKPOINT);
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

async fn prune(context: &Context) -> anyhow::Result<Exit> {
    let (pruned, exit): (Pruned, Exit) = dispatch::change(context, Request::Prune).await?;
    let people = || {
        let rows = counted(pruned.audit_rows, "row", "rows");
        let payloads = counted(pruned.payloads, "payload", "payloads");
        format!("removed: {rows} of the log, {payloads}")
    };
    let rows = || {
        let mut rows = Rows::of(&["audit_rows", "payloads"]);
        rows.push(vec![pruned.audit_rows.to_string(), pruned.payloads.to_string()]);
        rows
    };
    Shown { answer: &pruned, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}

pub(super) async fn filter(context: &Context, filters: &Filters) -> anyhow::Result<AuditFilter> {
    let (since, until) = between(context, filters.schedule.as_deref(), (&filters.since, &filters.until))?;
    let run = match &filters.run {
        Some(text) => Some(ids::run(context, text).await?),
        None => None,
    };
    Ok(AuditFilter {
        since,
        until,
        schedule: filters.schedule.clone(),
        event: filters.event.as_deref().map(audit::known_event).transpose()?,
        reason: filters.reason.clone(),
        appointment: filters.appointment.clone(),
        phone: filters.phone.as_deref().map(|phone| whole_phone(context, phone).map(Personal::from)).transpose()?,
        phone_mark: None,
        run,
        runs: Vec::new(),
        reminder: None,
        seqs: Vec::new(),
        limit: filters.limit,
        newest: false,
        after_seq: filters.after,
        before_seq: filters.before,
    })
}

/// A phone in E.164. A national number is read with the `default_region` that all schedules share.
fn whole_phone(context: &Context, text: &str) -> Result<String, VerbError> {
    let zones = crate::zones::Zones::newest();
    let folder = crate::schedule::load::folder(&context.settings.schedules, &zones).unwrap_or_default();
    let region = folder.schedules.values().find_map(|schedule| schedule.appointment.default_region.clone());
    let phone = phone_of(text, region.as_deref());
    phone
        .map(|phone| phone.e164.into_string())
        .ok_or_else(|| VerbError::Usage("--phone is not a valid phone number: write it as +12025550143".into()))
}

fn for_people(context: &Context, (labels, whole): (&Labels, &WholePhones), rows: &[AuditRow]) -> String {
    let zones = context.zones();
    let mut table = Table::of(&[
        words("seq").leaves(3),
        words("at"),
        words("event"),
        words("schedule").below(7),
        words("appointment"),
        sentence("name").below(5),
        words("phone").leaves(4),
        words("reason").below(6),
        words("http").leaves(2),
        words("by").leaves(1),
        sentence("detail"),
    ]);
    for row in rows {
        table.push(vec![
            row.seq.to_string(),
            context.moment(row.at, zones.of(row.schedule.as_deref())),
            row.event.to_string(),
            row.schedule.as_deref().unwrap_or_default().to_owned(),
            row.appointment_id.as_deref().unwrap_or_default().to_owned(),
            labels.of_row(row).unwrap_or_default().to_owned(),
            match whole.of_row(row) {
                Some(phone) => phone.as_str().to_owned(),
                None => row.phone_last4().map(|last| format!("***{last}")).unwrap_or_default(),
            },
            row.reason.as_deref().unwrap_or_default().to_owned(),
            row.http_status.map(|status| status.to_string()).unwrap_or_default(),
            row.actor.as_deref().unwrap_or_default().to_owned(),
            context.with_moments(
                row.detail.as_deref().unwrap_or_default(),
                zones.of(row.schedule.as_deref()),
                ZoneName::Omitted,
            ),
        ]);
    }
    let zones = context.zones_named(rows.iter().filter_map(|row| row.schedule.as_deref()));
    format!("{}\n{zones}", table.fit(context.screen))
}

fn exported_with(whole: &WholePhones, rows: &[AuditRow]) -> Rows {
    let mut table = exported(rows);
    table.headers.push("phone".to_owned());
    for (cells, row) in table.cells.iter_mut().zip(rows) {
        cells.push(whole.of_row(row).map(|phone| phone.as_str().to_owned()).unwrap_or_default());
    }
    table
}
