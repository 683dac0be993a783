//! shell: who will be called: planned as the runs will plan it, and nothing sent.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use futures_util::future::{Either, join_all, select};
use jiff::Timestamp;

use super::{asked_for, page as answer};
use crate::ledger::RunsAsk;
use crate::schedule::Schedule;
use crate::verbs::plan::{ShownPlan, When, beginning};
use crate::verbs::{App, VerbError, VerbResult, waiting};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::frame::MenuPlace;
use crate::web::views::moments::Moments;
use crate::web::views::not_called::OpenCalls;
use crate::web::views::plan::{CALLS_LISTED, PlanPage, PlanSpan, PlannedCall, PlannedRun};

/// Maximum runs that one page plans: each reads its source.
const MOST_RUNS: usize = 60;

/// How long a page waits for its sources.
const SOURCE_TIMEOUT: Duration = Duration::from_secs(8);

/// The page.
pub async fn page(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(read(&site, &visitor, &asked_for(query)).await, "/plan")
}

async fn read(site: &Site, visitor: &Visitor, form: &SubmittedForm) -> VerbResult<PlanPage> {
    let moments = site.moments();
    let span = PlanSpan::of(form.get("when"));
    let named: Vec<String> = form.get("schedule").map(str::to_owned).into_iter().collect();
    let schedules = site.app.named(&named)?;
    let mut times: Vec<(Arc<Schedule>, Timestamp)> = Vec::new();
    for schedule in schedules.iter().filter(|schedule| schedule.enabled) {
        times.extend(nominal_times(schedule, span, &moments).into_iter().map(|at| (Arc::clone(schedule), at)));
    }
    times.sort_by(|one, other| (one.1, &one.0.name).cmp(&(other.1, &other.0.name)));
    let left_out = times.len().saturating_sub(MOST_RUNS);
    times.truncate(MOST_RUNS);
    let (mut runs, mut failures) = (Vec::new(), Vec::new());
    let most = if span == PlanSpan::Week { 0 } else { CALLS_LISTED };
    for planned in join_all(times.iter().map(|(schedule, at)| one(&site.app, schedule, *at, most))).await {
        match planned {
            Ok((plan, count)) => runs.push(PlannedRun { count, ..PlannedRun::of(plan, &moments) }),
            Err(error) => failures.push(error.to_string()),
        }
    }
    let (from, until) = due_times(span, &moments);
    let names: Vec<String> = schedules.iter().map(|schedule| schedule.name.clone()).collect();
    let mut waiting = waiting::before(&site.app, &names, until).await?;
    waiting.calls.retain(|call| call.next_at >= from);
    let held = site.app.ledger()?.runs(RunsAsk::Held).await?;
    Ok(PlanPage {
        held: OpenCalls::of_day(&held, &[], &moments),
        frame: site.frame(visitor, MenuPlace::Plan, &span.title(&moments), &moments),
        span,
        runs,
        failures,
        left_out,
        further: waiting.further,
        waiting: waiting.calls.into_iter().map(|call| PlannedCall::of_waiting(call, &moments)).collect(),
    })
}

/// The nominal times of a span; one more than is planned tells that there are more.
fn nominal_times(schedule: &Schedule, span: PlanSpan, moments: &Moments) -> Vec<Timestamp> {
    let zone = &schedule.zone;
    let today = zone.date(moments.now());
    let tomorrow = today.tomorrow().unwrap_or(today);
    let day_after = tomorrow.tomorrow().unwrap_or(tomorrow);
    let week = today.checked_add(jiff::Span::new().days(8)).unwrap_or(today);
    let (from, until) = match span {
        PlanSpan::Next => (moments.now(), None),
        PlanSpan::Tomorrow => (zone.day_start(tomorrow), Some(zone.day_start(day_after))),
        PlanSpan::Week => (moments.now(), Some(zone.day_start(week))),
    };
    // the pattern is asked for what comes after an instant, and midnight is a time of its day
    let from = from.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(from);
    let count = if span == PlanSpan::Next { 1 } else { MOST_RUNS + 1 };
    let found = schedule.recurrence.next(zone, from, count).into_iter().map(|nominal| nominal.at);
    found.take_while(|at| until.is_none_or(|until| *at < until)).collect()
}

/// The due times from which and until which calls are listed that earlier runs have planned.
fn due_times(span: PlanSpan, moments: &Moments) -> (Timestamp, Timestamp) {
    let tomorrow = moments.today().tomorrow().unwrap_or(moments.today());
    let week = moments.today().checked_add(jiff::Span::new().days(8)).unwrap_or(tomorrow);
    match span {
        PlanSpan::Next => (Timestamp::MIN, Timestamp::MAX),
        PlanSpan::Tomorrow => moments.bounds(tomorrow),
        PlanSpan::Week => (Timestamp::MIN, moments.bounds(week).0),
    }
}

async fn one(app: &App, schedule: &Arc<Schedule>, at: Timestamp, most: usize) -> VerbResult<(ShownPlan, usize)> {
    let planning = std::pin::pin!(beginning(app, schedule, When::At(at), most));
    match select(planning, app.env.clock.sleep(SOURCE_TIMEOUT)).await {
        Either::Left((planned, _)) => planned,
        Either::Right(_) => Err(VerbError::Failed(format!(
            "{}: its source has not answered within {} s; `tickler plan {}` waits longer",
            schedule.name,
            SOURCE_TIMEOUT.as_secs(),
            schedule.name
        ))),
    }
}
