//! shell: what the program says of itself: settings, schema, completions, manual.

use std::path::Path;

use clap::CommandFactory;

use super::arguments::{Arguments, Globals};
use super::context::Context;
use super::output::{Rows, Shown, print, write_out};
use crate::verbs::{Exit, VerbError, config, schema};

/// Every setting with where it came from, secrets as `***`.
pub fn config(globals: &Globals) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let answer = config::config(&context.origins);
    let rows = || {
        let mut rows = Rows::of(&["key", "value", "origin"]);
        for row in &answer.settings {
            rows.push(vec![row.key.clone(), row.value.clone().unwrap_or_default(), row.origin.clone()]);
        }
        rows
    };
    Shown { answer: &answer, people: &|| rows().to_table(), rows: &rows }.print(context.format)?;
    Ok(Exit::Done)
}

/// The JSON Schema of the schedule file.
pub fn schema() -> anyhow::Result<Exit> {
    print(&schema::schema())?;
    Ok(Exit::Done)
}

/// A completion script.
pub fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "tickler", &mut script);
    write_out(&script)?;
    Ok(Exit::Done)
}

/// The manual: one page to stdout, or a page for each verb into a folder.
pub fn manual(folder: Option<&Path>) -> anyhow::Result<Exit> {
    let mut command = Arguments::command();
    command.build();
    let Some(folder) = folder else {
        write_out(&page(command)?)?;
        return Ok(Exit::Done);
    };
    if !folder.is_dir() {
        let folder = folder.display();
        return Err(VerbError::Failed(format!("{folder} is no folder: make it first, the pages go into it")).into());
    }
    let written = write_pages(folder, &command, "tickler")?;
    print(&format!("{written} pages in {}", folder.display()))?;
    Ok(Exit::Done)
}

/// This command's page and those of its verbs; answers how many.
fn write_pages(folder: &Path, command: &clap::Command, name: &str) -> anyhow::Result<usize> {
    let owned: &'static str = Box::leak(name.to_owned().into_boxed_str());
    std::fs::write(folder.join(format!("{name}.1")), page(command.clone().name(owned))?)?;
    let mut written = 1;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        written += write_pages(folder, verb, &format!("{name}-{}", verb.get_name()))?;
    }
    Ok(written)
}

fn page(command: clap::Command) -> anyhow::Result<Vec<u8>> {
    let mut roff = Vec::new();
    clap_mangen::Man::new(command).render(&mut roff)?;
    Ok(roff)
}
