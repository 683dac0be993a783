//! shell: what follows from the outcomes of each schedule's calls, in the form that the ledger takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::ExposeSecret as _;

use crate::ledger::OutcomeTerms;
use crate::outcome::polling::PollTerms;
use crate::schedule::{Schedule, TargetSpec};
use crate::settings::{Secrets, TextOrSecret};
use crate::verbs::App;

/// For each schedule of an account, or for all schedules, what outcomes lead to.
#[must_use]
pub fn of(app: &App, account: Option<&str>) -> Arc<BTreeMap<String, OutcomeTerms>> {
    let folder = app.folder();
    let is_of = |schedule: &&Arc<Schedule>| account.is_none_or(|account| schedule.target.account() == account);
    let terms = folder.schedules.values().filter(is_of);
    Arc::new(terms.map(|schedule| (schedule.name.clone(), of_schedule(app, schedule))).collect())
}

fn of_schedule(app: &App, schedule: &Schedule) -> OutcomeTerms {
    let vocabulary = schedule.outcome.as_ref().map(|spec| spec.vocabulary.clone()).unwrap_or_default();
    OutcomeTerms {
        vocabulary,
        agent: agent_of(schedule, &app.settings.secrets),
        retry: schedule.retry_terms(),
        skip_later_leads: schedule.skips_later_leads().to_vec(),
        write_back: schedule.writes_back().to_vec(),
        lateness: Some((schedule.remind.max_lateness, schedule.remind.min_notice)),
        max_per_person_per_day: schedule.remind.max_per_person_per_day,
        target: app.env.target_address(schedule),
    }
}

/// The agent whose calls' records a schedule asks for, and when; `None` where it asks for none.
#[must_use]
pub fn poll_of(app: &App, schedule: &Schedule) -> Option<(String, PollTerms)> {
    let spec = schedule.outcome.as_ref()?;
    let secrets = &app.settings.secrets;
    let agent = match &spec.poll.agent {
        Some(agent) => text_of(agent, secrets),
        None => agent_of(schedule, secrets),
    };
    let every = std::time::Duration::try_from(spec.poll.every).ok()?;
    Some((agent?, PollTerms { after: spec.poll.after, every, report_within: spec.report_within }))
}

/// The agent that calls for a schedule, where it is known.
#[must_use]
pub fn agent_of(schedule: &Schedule, secrets: &Secrets) -> Option<String> {
    match &schedule.target {
        TargetSpec::Call { agent, .. } => text_of(agent, secrets),
        TargetSpec::Automation { .. } | TargetSpec::Webhook(_) => None,
    }
}

fn text_of(text: &TextOrSecret, secrets: &Secrets) -> Option<String> {
    secrets.text(text).ok().map(|text| text.expose_secret().to_owned())
}
