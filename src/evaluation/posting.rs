//! shell: a request that is posted to the service: read as a row of its schedule and judged in the ledger's transaction.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Env, EvaluationError, internal_error, new_reminder_id, new_run_id, read_do_not_call, with_holidays};
use crate::appointment::mapping::{Mapping, to_micros, trimmed};
use crate::appointment::phone;
use crate::ledger::{BodyDigest, LedgerError, PostStanding, PostTaken, PostsAsk, Questions, RunStart, TakePost};
use crate::personal::Personal;
use crate::reminder::RunKind;
use crate::row::{Record, RecordSink, Row};
use crate::schedule::{InboundSpec, Schedule};
use crate::sources::{self, PostedRow, PostedRows};

/// Characters of an id at most; a longer one is none.
const LONGEST_ID: usize = 256;

/// A request that was posted.
pub struct Post {
    /// Its fields.
    pub row: Map<String, Value>,
    /// SHA-256 of its body.
    pub digest: BodyDigest,
    /// Who posts it, in the audit log.
    pub actor: String,
}

/// Why a request was not judged.
#[derive(Debug, thiserror::Error)]
pub enum NotPosted {
    /// Its id is longer than an id can be.
    #[error("the id has more than 256 characters")]
    LongId,
    /// The ledger, or a file that the rules need, can't be used now.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
}

impl From<LedgerError> for NotPosted {
    fn from(error: LedgerError) -> Self {
        Self::Evaluation(error.into())
    }
}

/// Judges a request by the rules of its schedule, as a run of its own, and keeps it. The answer follows the commit.
///
/// # Errors
/// [`NotPosted`]: then nothing was changed.
pub async fn take_post(
    schedule: &Arc<Schedule>,
    spec: &InboundSpec,
    post: Post,
    env: &Env,
) -> Result<PostTaken, NotPosted> {
    let ledger = env.run_ledger()?;
    let now = to_micros(env.clock.now());
    let (schedule, do_not_call) = rules_of(schedule, now).await?;
    let row = computed(&schedule, post.row.clone());
    let record = Record::Tree(&row);
    let mut mapping = Mapping::new(&schedule.appointment, &schedule.zone, &env.zones);
    let id = mapping.id(&record).map(std::borrow::Cow::into_owned);
    if id.as_ref().is_some_and(|id| id.chars().count() > LONGEST_ID) {
        return Err(NotPosted::LongId);
    }
    let phones = phones(&schedule, &record);
    let person = schedule.appointment.person.as_ref();
    let person = person.and_then(|column| record.text(column)).and_then(trimmed).map(|it| it.into_owned().into());
    let take = TakePost {
        run: start(&schedule, &post.actor, now, env),
        target: env.target_address(&schedule),
        zones: env.zones.clone(),
        do_not_call,
        id,
        phone: phones.first().cloned(),
        phones,
        person,
        max_per_hour: spec.max_per_hour,
        reminder_id: new_reminder_id(env.clock.as_ref()),
        body: Value::Object(post.row).to_string().into(),
        digest: post.digest,
        actor: post.actor,
        row,
        schedule,
    };
    let taken = ledger.take_post(take).await?;
    if matches!(taken, PostTaken::Accepted(_)) {
        env.http.get_ready();
    }
    Ok(taken)
}

/// The schedule with its holidays, and its do-not-call list. Only where there are files is a thread asked that may block.
async fn rules_of(
    schedule: &Arc<Schedule>,
    now: Timestamp,
) -> Result<(Arc<Schedule>, HashSet<Personal>), EvaluationError> {
    if schedule.remind.holiday_files.is_empty() && schedule.remind.do_not_call.is_none() {
        return Ok((Arc::clone(schedule), HashSet::new()));
    }
    let schedule = Arc::clone(schedule);
    let read = tokio::task::spawn_blocking(move || {
        let schedule = with_holidays(&schedule, now)?;
        let do_not_call = read_do_not_call(&schedule)?;
        Ok((schedule, do_not_call))
    });
    read.await.map_err(|_| internal_error("while the files of its rules were read"))?
}

/// The row with the schedule's computed columns.
fn computed(schedule: &Schedule, row: Map<String, Value>) -> Map<String, Value> {
    if schedule.columns.is_empty() {
        return row;
    }
    let mut kept = KeptRow(None);
    let _one_row = sources::computing(schedule, &mut kept).record(1, Record::Tree(&row));
    kept.0.unwrap_or(row)
}

/// Keeps the one row that it gets.
struct KeptRow(Option<Map<String, Value>>);

impl RecordSink for KeptRow {
    fn record(&mut self, _number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.0 = record.to_row().as_ref().map(Row::to_object);
        ControlFlow::Continue(())
    }
}

/// Every usable number of the row, in the order of its columns.
fn phones(schedule: &Schedule, record: &Record<'_>) -> Vec<Personal> {
    let columns = &schedule.appointment;
    let region = columns.default_region.as_deref();
    let each = columns.phone.iter().map(|column| phone::first_usable([record.text(column)].into_iter(), region));
    each.filter_map(Result::ok).map(|phone| phone.e164).collect()
}

fn start(schedule: &Schedule, actor: &str, now: Timestamp, env: &Env) -> RunStart {
    RunStart {
        id: new_run_id(env.clock.as_ref()),
        schedule: schedule.name.clone(),
        nominal_at: now,
        kind: RunKind::Inbound,
        started_at: now,
        text_hash: schedule.text_hash.clone(),
        text: schedule.text.clone(),
        zone_rules: env.zones.version().to_owned(),
        actor: actor.to_owned(),
    }
}

/// The ledger as the place where requests are kept.
pub(super) struct LedgerInbox(pub(super) Questions);

impl PostedRows for LedgerInbox {
    fn posted(&self, schedule: &str, (from, until): (Timestamp, Timestamp)) -> Result<Vec<PostedRow>, String> {
        let (schedule, from, until) = (Some(schedule.to_owned()), Some(from), Some(until));
        let ask = PostsAsk { schedule, appointment_id: None, from, until };
        let posts = tokio::runtime::Handle::current().block_on(self.0.posts(ask)).map_err(|error| error.to_string())?;
        let standing = posts.into_iter().filter(|post| post.standing != PostStanding::Withdrawn);
        let row = |body: &Personal| serde_json::from_str(body).ok();
        Ok(standing
            .map(|post| PostedRow { received_at: post.received_at, row: post.body.as_ref().and_then(row) })
            .collect())
    }
}
