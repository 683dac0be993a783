//! shell: `tickler forget`.

use super::arguments::Globals;
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown, complain};
use crate::verbs::forget::{ForgetAsk, ForgottenPerson};
use crate::verbs::{Exit, Request};

/// Erases a person.
pub async fn forget(globals: &Globals, ask: ForgetAsk) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let (person, exit): (ForgottenPerson, Exit) = dispatch::change(&context, Request::Forget(ask)).await?;
    let deleted = person.contacts_deleted.map(|count| count.to_string()).unwrap_or_default();
    let people = || {
        let mut text = format!(
            "erased in {} rows of the log and {} reminders, {} of them pending and now cancelled",
            person.audit_rows, person.reminders, person.cancelled
        );
        if !deleted.is_empty() {
            text.push_str(&format!("; {deleted} contacts deleted at Thoughtly"));
        }
        text.push_str(
            "\nbackups, exports and the sources still hold what they held: `tickler optout add` keeps the number uncalled",
        );
        text
    };
    let rows = || {
        let mut rows = Rows::of(&["audit_rows", "reminders", "cancelled", "contacts_deleted"]);
        let numbers = [person.audit_rows, person.reminders, person.cancelled].map(|number| number.to_string());
        rows.push(numbers.into_iter().chain([deleted.clone()]).collect());
        rows
    };
    Shown { answer: &person, people: &people, rows: &rows }.print(context.format)?;
    for failure in &person.failures {
        complain(&format!("error: a contact may be left: {failure}"));
    }
    Ok(exit)
}
