//! shell: `tickler restore`.

use std::path::PathBuf;
use std::sync::Arc;

use super::arguments::{Globals, Now};
use super::context::Context;
use super::output::{Rows, Shown, complain};
use crate::verbs::{Exit, restore};

/// Replaces the ledger with a copy.
pub async fn restore(globals: &Globals, file: PathBuf, now: Now) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?.at(&now, None)?;
    let file = std::path::absolute(file)?;
    let answer = restore::restore(&context.settings, Arc::clone(&context.clock), &file, &context.actor()).await?;
    for unread in &answer.unread {
        complain(&format!(
            "{}: its source can't be read, so the calls that may be lost are not known yet: {}",
            unread.schedule, unread.detail
        ));
    }
    let people = || {
        let kept = answer.kept.as_ref().map(|kept| format!("\nthe former ledger is kept as {}", kept.display()));
        let optouts = match answer.optouts {
            None => "\nthe opt-out list is the copy's: add again who has asked since then not to be called".to_owned(),
            Some(0) => String::new(),
            Some(taken) => format!("\n{taken} on the former ledger's opt-out list were taken over"),
        };
        context.screen.prose(&format!(
            "{} is the ledger now; {}{optouts}{}",
            answer.file.display(),
            context.forgotten(answer.gap, answer.uncertain),
            kept.unwrap_or_default()
        ))
    };
    let rows = || {
        let mut rows = Rows::of(&["file", "gap_from", "gap_until", "uncertain"]);
        let gap = answer.gap;
        let file = answer.file.display().to_string();
        rows.push(vec![file, gap.from.to_string(), gap.until.to_string(), answer.uncertain.to_string()]);
        rows
    };
    Shown { answer: &answer, people: &people, rows: &rows }.print(context.format)?;
    Ok(if answer.unread.is_empty() { Exit::Done } else { Exit::Failed })
}
