//! shell: `tickler completions`.

use clap::CommandFactory;

use super::arguments::Arguments;
use super::output::write_out;
use crate::verbs::Exit;

/// Prints a completion script.
pub fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "tickler", &mut script);
    write_out(&script)?;
    Ok(Exit::Done)
}
