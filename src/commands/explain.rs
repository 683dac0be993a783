//! shell: `tickler explain`.
use super::arguments::{Common, ExplainArguments};
use crate::verbs::Exit;
pub async fn explain(_common: &Common, _ask: &ExplainArguments) -> anyhow::Result<Exit> { todo!() }
