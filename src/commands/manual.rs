//! shell: `tickler man`.

use std::path::Path;

use clap::CommandFactory;

use super::arguments::Arguments;
use super::output::{print, write_out};
use crate::verbs::{Exit, VerbError};

/// Prints the program's manual page; with `folder`, writes a page for the program and each verb into it.
pub fn manual(folder: Option<&Path>) -> anyhow::Result<Exit> {
    let mut command = Arguments::command();
    command.build();
    let Some(folder) = folder else {
        write_out(&page(command)?)?;
        return Ok(Exit::Done);
    };
    if !folder.is_dir() {
        let folder = folder.display();
        return Err(VerbError::Failed(format!(
            "{folder} is not a folder: create it first, the manual pages are written into it"
        ))
        .into());
    }
    let written = write_pages(folder, &command, "tickler")?;
    print(&format!("{written} pages in {}", folder.display()))?;
    Ok(Exit::Done)
}

/// Writes the pages of this command and its verbs; returns how many.
fn write_pages(folder: &Path, command: &clap::Command, name: &str) -> anyhow::Result<usize> {
    // clap takes a name that isn't built in only as `&'static str`
    let leaked: &'static str = Box::leak(name.to_owned().into_boxed_str());
    std::fs::write(folder.join(format!("{name}.1")), page(command.clone().name(leaked))?)?;
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
