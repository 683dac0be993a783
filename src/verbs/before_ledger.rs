//! shell: requests where there is no ledger yet: one that is mistyped or not allowed must not leave an empty ledger behind.

use std::time::Duration;

use super::outcome::AgainAsk;
use super::test_call::TestCallAsk;
use super::trigger::TriggerAsk;
use super::uncertain::ResolveAsk;
use super::{
    Answer, App, Exit, Request, VerbResult, account, forget, held, ids, inbound, optout, page_token, pause, test_call,
    trigger,
};
use crate::ledger::{OptOutSide, OptOutsChanged, Pruned};
use crate::reminder::State;

/// The answer to a request that has nothing to change yet; `None` for one that is allowed and needs a ledger. `app` was
/// opened without one.
///
/// # Errors
/// As the verb itself with an empty ledger; that there is no ledger yet, for what only a ledger can have.
pub async fn answer_without_ledger(app: &App, request: &Request) -> VerbResult<Option<Answer>> {
    match request {
        Request::OptOut(ask) if ask.to == OptOutSide::Off => {
            optout::refuse(ask)?;
            let unchanged = ask.phones.len() as u64;
            Ok(Some(Answer::of(Exit::Done, &OptOutsChanged { unchanged, ..OptOutsChanged::default() })))
        }
        Request::Resolve(ResolveAsk { all_of: Some(schedule), .. }) => {
            app.schedule(schedule)?;
            Ok(Some(Answer::of(Exit::Done, &[(); 0])))
        }
        Request::Prune => Ok(Some(Answer::of(Exit::Done, &Pruned::default()))),
        other => refuse(app, other).await.map(|()| None),
    }
}

async fn refuse(app: &App, request: &Request) -> VerbResult<()> {
    match request {
        Request::Trigger { schedule, only, rehearsed, wait_seconds } => {
            let (schedule, only, wait) = (schedule.clone(), only.clone(), Duration::from_secs(*wait_seconds));
            trigger::refuse(app, &TriggerAsk { schedule, only, rehearsed: *rehearsed, wait }).await
        }
        Request::Pause(ask) => pause::refuse(app, ask).await,
        Request::Resume { schedule, .. } => pause::refuse_unknown(app, schedule.as_deref()).await,
        Request::TestCall { schedule, to, wait_seconds } => {
            let ask =
                TestCallAsk { schedule: schedule.clone(), to: to.clone(), wait: wait_seconds.map(Duration::from_secs) };
            test_call::refuse(app, &ask).await
        }
        Request::OptOut(ask) => optout::refuse(ask),
        Request::Forget(ask) => forget::refuse(ask).and_then(|()| app.ledger().map(drop)),
        Request::PageToken(change) => page_token::refuse(&app.settings, change),
        Request::FindContacts { account, phone } => {
            account::contacts(&app.settings, &app.env.http, account, phone).await.map(drop)
        }
        Request::Resolve(ask) => {
            for id in &ask.ids {
                ids::reminder(app, id, ask.schedule.as_deref(), &[State::Uncertain]).await?;
            }
            app.ledger().map(drop)
        }
        Request::CallAgain { whom: AgainAsk::Of(id), .. } => ids::reminder(app, id, None, &[]).await.map(drop),
        Request::CallAgain { whom: AgainAsk::Silent(name), .. } => app.schedule(name).map(drop),
        Request::AcknowledgeOutcomes(ask) => match &ask.id {
            Some(id) => ids::reminder(app, id, None, &[]).await.map(drop),
            None => app.ledger().map(drop),
        },
        Request::SetOutcome(ask) => ids::reminder(app, &ask.id, None, &[]).await.map(drop),
        Request::Cancel(ask) => ids::reminder(app, &ask.id, ask.schedule.as_deref(), &[State::Pending]).await.map(drop),
        Request::Approve(held::ApproveAsk { run, .. }) | Request::Reject(held::RejectAsk { run, .. }) => {
            held::held(app, run).await.map(drop)
        }
        Request::InboundPost(ask) => inbound::schedule_of(app, ask).map(drop),
        Request::Plan { schedules, .. } => app.named(schedules).map(drop),
        Request::AcceptLoss { .. } | Request::Show(_) | Request::WholePhones { .. } => app.ledger().map(drop),
        // read, or done by the running service alone
        Request::Reload
        | Request::Status
        | Request::Export { .. }
        | Request::Backup { .. }
        | Request::BackupInto
        | Request::SecretsSet { .. }
        | Request::AuditPage { .. }
        | Request::Prune
        | Request::OptOuts
        | Request::OutcomeList(_)
        | Request::InboundList(_)
        | Request::UncertainList
        | Request::Explain { .. } => Ok(()),
    }
}
