//! shell: what keeps a schedule from sending, for the verbs that report it to people.

use super::{App, VerbResult};
use crate::ledger::gate::{GateSubject, Hold};
use crate::ledger::{Holds, sqlite};
use crate::schedule::Schedule;
use crate::targets;

/// All holds; none if there is no ledger yet.
///
/// # Errors
/// When the ledger can't be read.
pub(super) async fn all(app: &App) -> VerbResult<Holds> {
    let machine = app.machine();
    Ok(match &app.env.ledger {
        Some(ledger) => ledger.holds(machine).await?,
        None => Holds { machine, lost: sqlite::loss_of_missing(&app.settings.ledger), ..Holds::default() },
    })
}

/// What keeps this schedule from sending now, the gravest first.
#[must_use]
pub fn on(app: &App, schedule: &Schedule, holds: &Holds) -> Vec<Hold> {
    let account = schedule.target.account();
    let is_refused = holds.accounts.get(account).is_some_and(|account| account.refuses(None));
    // opening a target is expensive, and only refused credentials need it
    let credentials = if is_refused { credentials(app, schedule) } else { None };
    let subject = GateSubject {
        schedule: &schedule.name,
        account,
        credentials: credentials.as_deref(),
        is_enabled: schedule.enabled,
    };
    holds.on(&subject, app.env.clock.now())
}

/// The gravest hold on this schedule that is in force now and matches `cares`.
///
/// # Errors
/// When the ledger can't be read.
pub(super) async fn first(
    app: &App,
    schedule: &Schedule,
    is_meant: impl Fn(&Hold) -> bool,
) -> VerbResult<Option<String>> {
    let holds = on(app, schedule, &all(app).await?);
    Ok(holds.into_iter().find(is_meant).map(|hold| hold.to_string()))
}

fn credentials(app: &App, schedule: &Schedule) -> Option<String> {
    let account = app.settings.accounts.get(schedule.target.account());
    Some(targets::open(schedule, account, &app.env.secrets).ok()?.credentials())
}
