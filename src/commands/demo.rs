//! shell: `tickler demo`.
use super::arguments::Common;
use crate::verbs::Exit;
pub async fn demo(_common: &Common) -> anyhow::Result<Exit> { todo!() }
