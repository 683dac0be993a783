//! shell: the overview.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use futures_util::future::try_join;

use super::{asked_for, done, page as answer};
use crate::ledger::{FatesAsk, RunsAsk, SLOT_MICROS};
use crate::settings::Rate;
use crate::verbs::{App, VerbResult, rehearsal, status};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::frame::MenuPlace;
use crate::web::views::moments::Moments;
use crate::web::views::overview::{self, OverviewPage, nobody_left_out, nobody_queued};
use crate::web::views::queue::{self, QueueLane, SLOTS};
use crate::web::views::standing::{self, ServiceStanding};
use crate::web::views::strip::{RunStrip, first_day};

/// The page.
pub async fn page(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(read(&site, &visitor, &asked_for(query)).await, "/")
}

async fn read(site: &Site, visitor: &Visitor, form: &SubmittedForm) -> VerbResult<OverviewPage> {
    let app = &site.app;
    let moments = site.moments();
    let (since, until) = moments.bounds(moments.today());
    let fates = async { Ok(app.ledger()?.fates(FatesAsk { since, until }).await?) };
    let (status, fates) = try_join(status::status(app), fates).await?;
    let rates: BTreeMap<String, (String, Rate)> = lanes(app);
    let lanes =
        rates.iter().map(|(name, (account, rate))| (name.clone(), QueueLane { account, rate: *rate })).collect();
    let horizon = jiff::SignedDuration::from_micros(SLOT_MICROS * SLOTS);
    let end = moments.now().checked_add(horizon).unwrap_or(moments.now());
    let slots = app.ledger()?.queue(end).await?;
    let due_now = slots.iter().filter(|slot| slot.from <= moments.now()).map(|slot| slot.count).sum();
    let left = queue::waiting(&slots, &lanes, moments.now());
    let today = moments.today();
    let names: Vec<String> = app.folder().schedules.keys().cloned().collect();
    let next_call = app.ledger()?.next_due(names).await?.filter(|at| *at > moments.now());
    let next_call = next_call.map(|at| moments.of(None, at));
    Ok(OverviewPage {
        frame: site.frame(visitor, MenuPlace::Overview, "Overview", &moments).after(done(form)).live(),
        standing: ServiceStanding::of(&status, next_call.as_ref(), standing::unreached(&fates)),
        tallies: overview::tallies(&fates, status.uncertain),
        next: overview::coming(&status.schedules, &moments),
        strips: strips(app, &moments).await?,
        by_hour: overview::by_hour(&fates, &moments),
        reasons: overview::reasons(
            ("Not called today, by reason", nobody_left_out(status.held_runs > 0)),
            &fates,
            |reason| {
                crate::web::views::links::link(
                    "/not-called",
                    &[("day", Some(&today.to_string())), ("reason", Some(reason))],
                )
            },
        ),
        queue: queue::chart(left, due_now, nobody_queued(status.held_runs > 0), &moments),
    })
}

/// The account of each schedule with its rate.
fn lanes(app: &App) -> BTreeMap<String, (String, Rate)> {
    let folder = app.folder();
    let lane = |(name, schedule): (&String, &Arc<crate::schedule::Schedule>)| {
        let account = schedule.target.account().to_owned();
        let rate = app.settings.accounts.get(&account).map_or(Rate::Unlimited, |account| account.rate);
        (name.clone(), (account, rate))
    };
    folder.schedules.iter().map(lane).collect()
}

async fn strips(app: &App, moments: &Moments) -> VerbResult<Vec<RunStrip>> {
    let ledger = app.ledger()?;
    let mut strips = Vec::new();
    for (name, schedule) in &app.folder().schedules {
        let zone = moments.zone(Some(name));
        let first = zone.day_start(first_day(zone.date(moments.now())));
        let runs = ledger.runs(RunsAsk::Days { schedule: name.clone(), first, last: moments.now() }).await?;
        let shadow_texts = rehearsal::shadow_texts(app, schedule, &runs).await?;
        strips.push(RunStrip::of(name, &runs, &shadow_texts, moments));
    }
    Ok(strips)
}
