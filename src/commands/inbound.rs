//! shell: `tickler inbound`.

use super::arguments::Globals;
use super::context::Context;
use super::dispatch;
use super::filters::between;
use super::inbound_arguments::{InboundVerb, RequestFilters};
use super::output::{Rows, Shown, complain, file_or_stdin};
use super::table::{Table, words};
use crate::audit::words::counted;
use crate::reminder::State;
use crate::verbs::inbound::listing::{self, InboundUrl, ListedRequest, RequestListAsk};
use crate::verbs::inbound::{PostAsk, PostedRequest};
use crate::verbs::{Access, Exit, Request, VerbError};

/// Maximum size of a request.
const MAX_REQUEST: u64 = 64 * 1024;

/// Requests for calls.
pub async fn inbound(globals: &Globals, verb: InboundVerb) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    match verb {
        InboundVerb::Urls { schedule } => urls(&context, schedule.as_deref()).await,
        InboundVerb::List { schedule, filters } => list(&context, asked(&context, schedule, filters)?).await,
        InboundVerb::Post { schedule, file, key } => {
            let body = file_or_stdin(&file, MAX_REQUEST)?.into();
            post(&context, PostAsk { schedule, body, key }).await
        }
    }
}

async fn urls(context: &Context, schedule: Option<&str>) -> anyhow::Result<Exit> {
    let app = context.open(Access::None).await?;
    let found = listing::urls(&app, schedule)?;
    let rows = || {
        let mut rows = Rows::of(&["schedule", "kind", "url", "secret_in_url"]);
        for url in &found {
            let (schedule, kind, address) = (url.schedule.clone(), url.kind.clone(), url.url.clone());
            rows.push(vec![schedule, kind, address, url.secret_in_url.to_string()]);
        }
        rows
    };
    let refused = if schedule.is_none() { app.folder().refused.len() } else { 0 };
    let people = || urls_for_people(context, &found, refused);
    Shown { answer: &found, people: &people, rows: &rows }.print(context.format)?;
    let named: Vec<String> = schedule.map(str::to_owned).into_iter().collect();
    Ok(context.tell_refused(&app, &named))
}

fn urls_for_people(context: &Context, found: &[InboundUrl], refused: usize) -> String {
    if found.is_empty() && refused > 0 {
        let files = counted(refused as u64, "file has", "files have");
        return format!("no schedule that can be read takes requests or records; {files} errors: see `tickler check`");
    }
    if found.is_empty() {
        return "no schedule takes requests or records: see [source.inbound] and [outcome]".to_owned();
    }
    let mut table = Table::of(&[words("schedule"), words("url"), words("secret").below(5)]);
    for url in found {
        let secret = if url.secret_in_url { "as a header, or as the last part of the URL" } else { "as a header" };
        table.push(vec![url.schedule.clone(), format!("POST {}", url.url), secret.to_owned()]);
    }
    let shown = table.fit(context.screen);
    match context.settings.inbound_listen {
        Some(_) => shown,
        None => format!("{shown}\n{}", context.screen.prose(OFF)),
    }
}

const OFF: &str = "nothing is taken there: the service listens nowhere; write `[inbound]` and below it \
                   `listen = \"127.0.0.1:8469\"` into tickler.toml";

fn asked(context: &Context, schedule: Option<String>, filters: RequestFilters) -> anyhow::Result<RequestListAsk> {
    let RequestFilters { standing, reason, appointment, since, until, limit } = filters;
    let unknown = |sentence: String| VerbError::Usage(sentence);
    let standing = standing.map(|word| {
        word.parse().map_err(|_| unknown(format!("`{word}` is no standing: write accepted, refused or withdrawn")))
    });
    let reason = reason.map(|word| {
        word.parse().map_err(|_| unknown(format!("`{word}` is no reason of a refusal: see `tickler help reasons`")))
    });
    let (since, until) = between(context, schedule.as_deref(), (&since, &until))?;
    let (standing, reason) = (standing.transpose()?, reason.transpose()?);
    Ok(RequestListAsk { schedule, appointment, since, until, standing, reason, limit })
}

async fn list(context: &Context, ask: RequestListAsk) -> anyhow::Result<Exit> {
    let request = Request::InboundList(ask.clone());
    let (found, exit): (Vec<ListedRequest>, Exit) =
        dispatch::read(context, request, async |app| listing::list(app, &ask).await).await?;
    let rows = || rows(&found);
    Shown { answer: &found, people: &|| for_people(context, &found), rows: &rows }.print(context.format)?;
    Ok(exit)
}

const HEADERS: [&str; 8] =
    ["schedule", "appointment_id", "received_at", "standing", "reason", "reminder_id", "state", "outcome"];

fn rows(found: &[ListedRequest]) -> Rows {
    let mut rows = Rows::of(&HEADERS);
    for row in found {
        rows.push(vec![
            row.schedule.clone(),
            row.appointment_id.clone(),
            row.received_at.to_string(),
            row.standing.as_str().to_owned(),
            row.reason.map(|reason| reason.to_string()).unwrap_or_default(),
            row.reminder_id.map(|id| id.to_string()).unwrap_or_default(),
            row.state.map(|state| state.to_string()).unwrap_or_default(),
            row.outcome.map(|outcome| outcome.to_string()).unwrap_or_default(),
        ]);
    }
    rows
}

fn for_people(context: &Context, found: &[ListedRequest]) -> String {
    if found.is_empty() {
        return context.nothing("there is no such request");
    }
    let zones = context.zones();
    let mut table = Table::of(&[
        words("schedule").below(5),
        words("request"),
        words("received at"),
        words("call"),
        words("outcome").below(4),
    ]);
    for row in found {
        table.push(vec![
            row.schedule.clone(),
            row.appointment_id.clone(),
            context.moment(row.received_at, zones.of(Some(&row.schedule))),
            row.call_in_words(),
            row.outcome.map(|outcome| outcome.to_string()).unwrap_or_default(),
        ]);
    }
    format!("{}\n{}", table.fit(context.screen), context.zones_named(found.iter().map(|row| row.schedule.as_str())))
}

async fn post(context: &Context, ask: PostAsk) -> anyhow::Result<Exit> {
    let (posted, exit): (PostedRequest, Exit) = dispatch::change(context, Request::InboundPost(ask)).await?;
    let rows = || {
        let mut rows = Rows::of(&["appointment_id", "reminder_id", "state", "due_at", "reason"]);
        let call = posted.call.as_ref();
        rows.push(vec![
            call.map(|call| call.appointment_id.clone()).unwrap_or_default(),
            call.and_then(|call| call.reminder_id).map(|id| id.to_string()).unwrap_or_default(),
            call.map(|call| call.state.clone()).unwrap_or_default(),
            call.map(|call| call.due_at.clone()).unwrap_or_default(),
            posted.reason.clone().unwrap_or_default(),
        ]);
        rows
    };
    Shown { answer: &posted, people: &|| posted_for_people(context, &posted), rows: &rows }.print(context.format)?;
    if let Some(call) = posted.call.as_ref().filter(|call| call.state == State::Pending.as_str() && !posted.service) {
        let until = context.moment_of(&call.expires_at);
        complain(&format!(
            "no service is running: `{}` is called once `tickler run` starts, until {until}",
            call.appointment_id
        ));
    }
    Ok(exit)
}

fn posted_for_people(context: &Context, posted: &PostedRequest) -> String {
    match (&posted.call, &posted.reason) {
        (Some(call), _) if call.duplicate => {
            let note = call.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
            format!("`{}` was posted before, or its call was made: it is {}{note}", call.appointment_id, call.state)
        }
        (Some(call), _) => {
            format!(
                "`{}` is {}, to be called from {}",
                call.appointment_id,
                call.state,
                context.moment_of(&call.due_at)
            )
        }
        (None, Some(reason)) => {
            format!("nobody is called: {reason}: {}", posted.detail.as_deref().unwrap_or_default())
        }
        (None, None) => "nobody is called".to_owned(),
    }
}
