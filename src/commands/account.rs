//! shell: `tickler agents` and `tickler contacts find`.

use std::sync::Arc;

use super::arguments::{AccountArguments, FindArguments, Globals};
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown};
use super::table::{Table, sentence, words};
use crate::evaluation::phone_of;
use crate::http::Http;
use crate::verbs::account::FoundContact;
use crate::verbs::redact::{self, Reveal};
use crate::verbs::{Exit, Request, VerbError, account, outbound};

/// Prints the account's voice agents.
pub async fn agents(globals: &Globals, ask: &AccountArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let http = Http::at_first_use(Arc::clone(&context.clock), outbound(&context.settings)?);
    let agents = account::agents(&context.settings, &http, &ask.account).await?;
    let rows = || {
        let mut rows = Rows::of(&["id", "title"]);
        agents.iter().for_each(|agent| rows.push(vec![agent.id.clone(), agent.title.clone()]));
        rows
    };
    let people = || match agents.is_empty() {
        true => "the account has no agents".to_owned(),
        false => {
            let mut table = Table::of(&[words("id"), sentence("title")]);
            rows().cells.into_iter().for_each(|row| table.push(row));
            table.fit(context.screen)
        }
    };
    Shown { answer: &agents, people: &people, rows: &rows }.print(context.format)?;
    Ok(Exit::Done)
}

/// Prints the account's contacts with a phone number, masked. This is recorded in the audit log before they are shown.
pub async fn find(globals: &Globals, ask: &FindArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let phone = phone_of(&ask.phone, None)
        .ok_or_else(|| VerbError::Usage("--phone is not a valid phone number: write it as +12025550143".into()))?
        .e164;
    let name = &ask.account.account;
    let shown = redact::phone(&phone, Reveal::LastFour);
    let request = Request::FindContacts { account: name.clone(), phone };
    let (found, exit): (Vec<FoundContact>, Exit) = dispatch::reveal(&context, request).await?;
    let rows = || {
        let mut rows = Rows::of(&["id", "phone", "name", "email", "status", "created", "updated"]);
        for contact in &found {
            let field = |name: &str| contact.fields.get(name).cloned().unwrap_or_default().into_string();
            let mut row = vec![contact.id.clone(), contact.phone.clone().into_string()];
            row.extend(["name", "email", "status", "created", "updated"].map(field));
            rows.push(row);
        }
        rows
    };
    let people = || match found.is_empty() {
        true => format!("the account `{name}` knows nobody with {shown}"),
        false => {
            let mut table = Table::of(&[
                words("id"),
                words("phone"),
                sentence("name"),
                words("email").leaves(3),
                words("status").leaves(4),
                words("created").leaves(1),
                words("updated").leaves(2),
            ]);
            rows().cells.into_iter().for_each(|row| table.push(row));
            table.fit(context.screen)
        }
    };
    Shown { answer: &found, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}
