//! shell: `tickler ledger accept-loss`.

use super::arguments::{Globals, LedgerVerb};
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown, complain};
use crate::verbs::accept_loss::AcceptLossAnswer;
use crate::verbs::{Exit, Request};

/// Performs `tickler ledger …`.
pub async fn ledger(globals: &Globals, verb: LedgerVerb) -> anyhow::Result<Exit> {
    match verb {
        LedgerVerb::AcceptLoss { reason, now } => {
            let context = Context::of(globals)?.at(&now, None)?;
            accept_loss(&context, reason).await
        }
    }
}

async fn accept_loss(context: &Context, reason: String) -> anyhow::Result<Exit> {
    let (answer, exit): (AcceptLossAnswer, Exit) = dispatch::change(context, Request::AcceptLoss { reason }).await?;
    for unread in &answer.unread {
        complain(&format!(
            "{}: its source can't be read, so the calls that may be lost are not known yet: {}",
            unread.schedule, unread.detail
        ));
    }
    let gap = answer.gap;
    let people = || {
        let forgotten = context.forgotten(gap, answer.uncertain);
        let sentences =
            format!("the loss is accepted; {forgotten}\nopt-outs recorded in that time are lost, too: add them again");
        context.screen.prose(&sentences)
    };
    let rows = || {
        let mut rows = Rows::of(&["gap_from", "gap_until", "uncertain"]);
        rows.push(vec![gap.from.to_string(), gap.until.to_string(), answer.uncertain.to_string()]);
        rows
    };
    Shown { answer: &answer, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}
