//! shell: whether what the page shows is a trial: a ledger of its own, or calls that go to this machine.

use std::sync::Arc;

use crate::schedule::{Schedule, TargetSpec};
use crate::targets;
use crate::verbs::App;

/// What every page says then.
pub fn sentence(app: &App) -> Option<String> {
    let folder = app.folder();
    let enabled: Vec<&str> =
        folder.schedules.values().filter(|schedule| schedule.enabled).map(|schedule| schedule.name.as_str()).collect();
    let is_local = |schedule: &&Arc<Schedule>| {
        let account = app.settings.accounts.get(schedule.target.account());
        // whatever else is called through this machine may well reach people
        let is_thoughtlys = match schedule.target {
            TargetSpec::Automation { .. } | TargetSpec::Call { .. } => true,
            TargetSpec::Webhook { .. } => false,
        };
        schedule.enabled
            && is_thoughtlys
            && targets::open(schedule, account, &app.env.secrets).is_ok_and(|target| target.is_loopback())
    };
    let local = folder.schedules.values().filter(is_local);
    let local: Vec<&str> = local.map(|schedule| schedule.name.as_str()).collect();
    let is_trial = app.settings.ledger == app.settings.clone().into_trial().ledger;
    in_words(is_trial, &enabled, &local)
}

/// How many schedules are named at most.
const MAX_NAMED: usize = 5;

fn in_words(has_own_ledger: bool, enabled: &[&str], local: &[&str]) -> Option<String> {
    let whose = match (local.len(), enabled.len()) {
        (0, _) => None,
        (some, all) if some == all => Some("Calls go".to_owned()),
        (some, _) if some > MAX_NAMED => Some(format!("Calls of {some} schedules go")),
        (_, _) => Some(format!("Calls of {} go", local.join(", "))),
    };
    let calls = whose.map(|whose| format!("{whose} to a sandbox on this machine, not to Thoughtly: no phone rings."));
    match (has_own_ledger, calls) {
        (false, None) => None,
        (false, Some(calls)) => Some(format!("Trial. {calls}")),
        (true, Some(calls)) => {
            Some(format!("Trial. {calls} What happens here is recorded in a ledger of its own and does not count."))
        }
        (true, None) => Some(
            "Trial. What happens here is recorded in a ledger of its own and does not count, but calls are really made."
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn a_page_says_that_nobody_is_phoned_only_of_schedules_that_phone_nobody() {
        assert_eq!(in_words(false, &["clinic"], &[]), None);
        let said = |own_ledger, local: &[&str]| in_words(own_ledger, &["clinic", "salon"], local).unwrap_or_default();
        assert_eq!(
            said(false, &["clinic", "salon"]),
            "Trial. Calls go to a sandbox on this machine, not to Thoughtly: no phone rings."
        );
        assert!(said(false, &["salon"]).starts_with("Trial. Calls of salon go to a sandbox on this machine"));
        assert!(said(true, &[]).ends_with("does not count, but calls are really made."));
        assert!(said(true, &["clinic", "salon"]).contains("no phone rings. What happens here is recorded in a ledger"));
    }
}
