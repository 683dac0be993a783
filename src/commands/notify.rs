//! shell: `tickler notify test`.

use super::arguments::Globals;
use super::context::Context;
use super::output::{Rows, Shown};
use super::table::{Table, sentence, words};
use crate::verbs::notify_test::{NotifyAnswer, notify_test};
use crate::verbs::{Access, Exit};

/// Sends a test message through every channel for alerts.
pub async fn test(globals: &Globals) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let answer = notify_test(&context.open(Access::None).await?).await?;
    let rows = || rows(&answer);
    let people = || {
        let mut table = Table::of(&[words("channel"), words("delivered"), sentence("detail")]);
        rows().cells.into_iter().for_each(|row| table.push(row));
        table.fit(context.screen)
    };
    Shown { answer: &answer, people: &people, rows: &rows }.print(context.format)?;
    Ok(answer.exit())
}

fn rows(answer: &NotifyAnswer) -> Rows {
    let mut rows = Rows::of(&["channel", "delivered", "detail"]);
    for channel in &answer.channels {
        let delivered = if channel.delivered { "yes" } else { "no" };
        rows.push(vec![channel.channel.clone(), delivered.to_owned(), channel.detail.clone().unwrap_or_default()]);
    }
    rows
}
