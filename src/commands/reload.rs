//! shell: `tickler reload`.

use super::arguments::Globals;
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown, complain};
use super::table::{Table, sentence, words};
use crate::verbs::{Exit, Request, VerbError};

/// The results of a reload, in the order printed: the answer's key and the word for people.
const RESULTS: [(&str, &str); 4] = [
    ("taken", "taken"),
    ("mended", "repaired, holds the loaded version"),
    ("removed", "removed"),
    ("refused", "refused"),
];

/// Makes the running service read the folder again.
///
/// # Errors
/// When none is running (exit 6).
pub async fn reload(globals: &Globals) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let Some(answer) = dispatch::ask(&context, &Request::Reload).await? else {
        let socket = context.settings.socket.display();
        return Err(
            VerbError::Unreachable(format!("no service listens at {socket}: start it with `tickler run`")).into()
        );
    };
    if let Some(message) = &answer.message {
        complain(message);
    }
    let body: serde_json::Value = serde_json::from_str(answer.body.get())?;
    let notes = body.get("notes").and_then(serde_json::Value::as_array);
    notes
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_str)
        .for_each(|note| complain(&format!("warning: {note}")));
    let people = || match rows(&body) {
        rows if rows.cells.is_empty() => "nothing changed".to_owned(),
        rows => {
            let mut table = Table::of(&[words("schedule"), sentence("fate")]);
            rows.cells.into_iter().for_each(|row| table.push(row));
            table.fit(context.screen)
        }
    };
    Shown { answer: &body, people: &people, rows: &|| rows(&body) }.print(context.format)?;
    Ok(Exit::of_code(answer.exit))
}

fn rows(body: &serde_json::Value) -> Rows {
    let mut rows = Rows::of(&["schedule", "fate"]);
    for (key, fate) in RESULTS {
        let names = body.get(key).and_then(serde_json::Value::as_array);
        for name in names.into_iter().flatten().filter_map(serde_json::Value::as_str) {
            rows.push(vec![name.to_owned(), fate.to_owned()]);
        }
    }
    rows
}
