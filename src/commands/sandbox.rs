//! shell: `tickler sandbox`.
use super::arguments::SandboxArguments;
use crate::verbs::Exit;
pub async fn sandbox(_ask: &SandboxArguments) -> anyhow::Result<Exit> { todo!() }
