//! shell: what became of the calls of the last days, who never answers, what waits for a retry, and the requests that came.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use futures_util::future::try_join4;
use jiff::{Timestamp, ToSpan as _};

use super::{asked_for, page as answer};
use crate::ledger::{CalledWith, LedgerResult, OutcomesAsk, Questions, ReminderAsk, ReminderRow, UnansweredAsk};
use crate::reminder::{self, CallOutcome};
use crate::verbs::inbound::listing::{self, ListedRequest, RequestListAsk};
use crate::verbs::labels::Labels;
use crate::verbs::{VerbError, VerbResult};
use crate::web::guard::SubmittedForm;
use crate::web::site::{Site, Visitor};
use crate::web::views::frame::MenuPlace;
use crate::web::views::outcomes::{self, MAX_LISTED, OutcomeFilter, OutcomesPage};

/// The days that a page covers unless it is asked for others.
const DEFAULT_DAYS: i64 = 14;

/// The page.
pub async fn page(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(read(&site, &visitor, &asked_for(query)).await, "/outcomes")
}

fn asked(form: &SubmittedForm) -> VerbResult<OutcomeFilter> {
    let days = match form.get("days") {
        None => DEFAULT_DAYS,
        Some(text) => text
            .parse()
            .ok()
            .filter(|days| (1..=90).contains(days))
            .ok_or_else(|| VerbError::Usage("`days` is a number from 1 to 90".to_owned()))?,
    };
    let outcome = match form.get("outcome").filter(|word| !word.is_empty()) {
        None => None,
        Some(word) => Some(
            word.replace(' ', "_")
                .parse::<CallOutcome>()
                .map_err(|_| VerbError::Usage("that is no outcome: write `no_answer`, `confirmed` …".to_owned()))?,
        ),
    };
    let standing = form.get("requests").filter(|word| !word.is_empty()).map(|word| {
        let unknown = |_| VerbError::Usage("requests are `accepted`, `refused` or `withdrawn`".to_owned());
        word.parse().map_err(unknown)
    });
    let schedule = form.get("schedule").filter(|name| !name.is_empty()).map(str::to_owned);
    Ok(OutcomeFilter { days, outcome, schedule, standing: standing.transpose()? })
}

async fn read(site: &Site, visitor: &Visitor, form: &SubmittedForm) -> VerbResult<OutcomesPage> {
    let (asked, moments, ledger) = (asked(form)?, site.moments(), site.app.ledger()?);
    if let Some(name) = &asked.schedule {
        site.app.schedule(name)?;
    }
    let first = moments.today().checked_sub((asked.days - 1).days()).unwrap_or(moments.today());
    let since = moments.zone(None).day_start(first);
    let schedule = &asked.schedule;
    let counts = ledger.outcome_counts(OutcomesAsk { since, schedule: schedule.clone() });
    let unanswered = ledger.unanswered(UnansweredAsk { since, schedule: schedule.clone(), limit: MAX_LISTED as u64 });
    let waiting = ledger.reminders(ReminderAsk {
        schedule: schedule.clone(),
        states: vec![reminder::State::Pending],
        only_retries: true,
        ..ReminderAsk::default()
    });
    let (counts, unanswered, waiting, listed) =
        try_join4(counts, unanswered, waiting, listed(ledger.as_ref(), &asked, since)).await?;
    let requests = requests(site, &asked, since).await?;
    let of_requests = requests.iter().flatten().filter_map(|request| request.reminder_id);
    let named = listed.iter().chain(&waiting).map(|row| row.id).chain(unanswered.iter().map(|person| person.latest));
    let named = named.chain(of_requests);
    let names = Labels::of_reminders(&site.app, named).await;
    Ok(OutcomesPage {
        frame: site.frame(visitor, MenuPlace::Outcomes, "Outcomes", &moments),
        schedules: site.app.folder().schedules.keys().cloned().collect(),
        by_day: outcomes::by_day(&counts, first, &moments),
        by_hour: outcomes::by_hour(&counts, &moments),
        by_outcome: outcomes::by_outcome(&counts, &asked),
        listed: outcomes::rows(&listed, &names, &moments),
        waiting: outcomes::rows(&waiting, &names, &moments),
        unanswered: outcomes::persons(&unanswered, &names, &moments),
        requests: requests.map(|requests| outcomes::requests(&requests, &names, &moments)),
        asked,
    })
}

/// The latest calls with the outcome that is asked for; none where none is.
async fn listed(ledger: &Questions, asked: &OutcomeFilter, since: Timestamp) -> LedgerResult<Vec<ReminderRow>> {
    let Some(outcome) = asked.outcome else { return Ok(Vec::new()) };
    let ask = CalledWith { since, schedule: asked.schedule.clone(), outcome, limit: MAX_LISTED as u64 };
    let ids = ledger.called_with(ask).await?;
    match ids.is_empty() {
        true => Ok(Vec::new()),
        false => ledger.reminders(ReminderAsk { ids, ..ReminderAsk::default() }).await,
    }
}

/// The latest requests of these days; `None` where no schedule takes requests and none came.
async fn requests(site: &Site, asked: &OutcomeFilter, since: Timestamp) -> VerbResult<Option<Vec<ListedRequest>>> {
    let ask = RequestListAsk {
        schedule: asked.schedule.clone(),
        since: Some(since),
        standing: asked.standing,
        limit: Some(MAX_LISTED),
        ..RequestListAsk::default()
    };
    let found = listing::list(&site.app, &ask).await?;
    let are_taken = site.app.folder().schedules.values().any(|schedule| schedule.inbound().is_some());
    Ok((are_taken || !found.is_empty()).then_some(found))
}
