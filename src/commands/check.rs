//! shell: `tickler check`.

use super::arguments::{CheckArguments, Common};
use crate::verbs::Exit;

/// Tells every problem of every file.
pub fn check(_common: &Common, _ask: &CheckArguments) -> anyhow::Result<Exit> {
    todo!("check")
}
