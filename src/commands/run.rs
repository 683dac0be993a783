//! shell: `tickler run`.

use super::arguments::{Common, RunArguments};
use super::context::Context;
use crate::verbs::{Access, Exit, trigger};

/// Is the service until it is told to end.
pub async fn run(common: &Common, ask: &RunArguments) -> anyhow::Result<Exit> {
    let context = Context::quiet(common)?.at(ask.now);
    if context.clock.is_shifted() {
        let house = context.open(Access::None).await?;
        for schedule in house.folder().schedules.values() {
            trigger::only_loopback(&house, schedule)?;
        }
    }
    let code = crate::daemon::run(context.settings, context.environment, context.clock).await?;
    Ok(Exit::of_code(code))
}
