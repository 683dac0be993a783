//! shell: what keeps a schedule from sending, for the verbs that report it to people.

use super::{House, VerbResult};
use crate::ledger::Holds;
use crate::ledger::gate::{Hold, Subject};
use crate::schedule::Schedule;
use crate::targets;

/// Everything that keeps somebody from being called; a ledger that is not there yet holds nobody.
///
/// # Errors
/// When the ledger can't be read.
pub(super) async fn all(house: &House) -> VerbResult<Holds> {
    let machine = house.machine();
    Ok(match &house.around.ledger {
        Some(ledger) => ledger.holds(machine).await?,
        None => Holds { machine, ..Holds::default() },
    })
}

/// What keeps this schedule from sending now, the gravest first.
pub(super) fn on(house: &House, schedule: &Schedule, holds: &Holds) -> Vec<Hold> {
    let account = schedule.target.account();
    let is_refused = holds.accounts.get(account).is_some_and(|account| account.refuses(None));
    // opening a target costs more than everything else here, and only refused credentials need it
    let credentials = if is_refused { credentials(house, schedule) } else { None };
    let subject = Subject {
        schedule: &schedule.name,
        account,
        credentials: credentials.as_deref(),
        is_enabled: schedule.enabled,
    };
    holds.on(&subject, house.around.clock.now())
}

/// The gravest hold on this schedule that is in force now and that the caller cares for.
///
/// # Errors
/// When the ledger can't be read.
pub(super) async fn first(
    house: &House,
    schedule: &Schedule,
    is_meant: impl Fn(&Hold) -> bool,
) -> VerbResult<Option<String>> {
    let holds = on(house, schedule, &all(house).await?);
    Ok(holds.into_iter().find(is_meant).map(|hold| hold.to_string()))
}

fn credentials(house: &House, schedule: &Schedule) -> Option<String> {
    let account = house.settings.accounts.get(schedule.target.account());
    Some(targets::open(schedule, account, &house.around.secrets).ok()?.credentials())
}
