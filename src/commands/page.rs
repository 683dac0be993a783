//! shell: `tickler page token`.

use super::arguments::Globals;
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown, complain};
use super::page_arguments::{PageTokenVerb, PageVerb};
use super::table::{Table, words};
use crate::verbs::page_token::{self, ListedToken, PageTokenChange};
use crate::verbs::{Exit, Request};

/// Adds, removes or lists tokens.
pub async fn page(globals: &Globals, verb: PageVerb) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let PageVerb::Token { verb } = verb;
    match verb {
        PageTokenVerb::Add(ask) => {
            let token = page_token::fresh()?;
            let hash = page_token::hash_of(&token);
            let change = PageTokenChange::Add { name: ask.name.clone(), may: ask.may.into(), hash };
            let (_, exit): (Vec<ListedToken>, Exit) = dispatch::change(&context, Request::PageToken(change)).await?;
            complain(&format!("the token of {}; it is shown this once, and only its hash is kept:", ask.name));
            let rows = || {
                let mut rows = Rows::of(&["name", "token"]);
                rows.push(vec![ask.name.clone(), token.clone()]);
                rows
            };
            let answer = serde_json::json!({"name": ask.name, "token": token});
            Shown { answer: &answer, people: &|| token.clone(), rows: &rows }.print(context.format)?;
            Ok(exit)
        }
        PageTokenVerb::Remove { name } => {
            let request = Request::PageToken(PageTokenChange::Remove { name });
            let (left, exit): (Vec<ListedToken>, Exit) = dispatch::change(&context, request).await?;
            print(&context, &left)?;
            Ok(exit)
        }
        PageTokenVerb::List => {
            print(&context, &page_token::listed(&page_token::known(&context.settings)?))?;
            Ok(Exit::Done)
        }
    }
}

fn print(context: &Context, tokens: &[ListedToken]) -> anyhow::Result<()> {
    let cells = |token: &ListedToken, since: String| {
        vec![token.name.clone(), token.may.as_str().to_owned(), since, token.by.clone()]
    };
    let rows = || {
        let mut rows = Rows::of(&["name", "may", "since", "by"]);
        tokens.iter().for_each(|token| rows.push(cells(token, token.since.clone())));
        rows
    };
    let people = || match tokens.is_empty() {
        true => "nobody has a token: `tickler page token add NAME --may read|act`".to_owned(),
        false => {
            let mut table = Table::of(&[words("name"), words("may"), words("since"), words("by")]);
            tokens.iter().for_each(|token| table.push(cells(token, context.moment_of(&token.since))));
            table.fit(context.screen)
        }
    };
    Shown { answer: &tokens, people: &people, rows: &rows }.print(context.format)?;
    Ok(())
}
