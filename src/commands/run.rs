//! shell: `tickler run`.

use std::io::IsTerminal as _;

use super::arguments::{Globals, RunArguments};
use super::context::Context;
use crate::verbs::Exit;

/// Runs the service until it is stopped.
pub async fn run(globals: &Globals, ask: &RunArguments) -> anyhow::Result<Exit> {
    let context = Context::quiet(globals)?.sending_at(&ask.now, None)?;
    // the log shows times in a zone only on a terminal, and finding the zone means reading every schedule
    let zone = std::io::stderr().is_terminal().then(|| context.zone_of(None));
    let code = crate::daemon::run(context.settings, context.environment, context.clock, zone).await?;
    Ok(Exit::of_code(code))
}
