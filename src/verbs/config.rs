//! pure: `tickler config`: every setting in effect, with where it came from; secrets as `***`.

use serde::Serialize;

use crate::settings::{OriginRow, Origins};

/// The settings in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigAnswer {
    /// The settings file in use; null when there is none.
    pub file: Option<String>,
    /// Every setting, sorted by key.
    pub settings: Vec<OriginRow>,
}

/// What is in effect. It holds no secret, only that there is one.
#[must_use]
pub fn config(origins: &Origins) -> ConfigAnswer {
    ConfigAnswer { file: origins.file.as_ref().map(|path| path.display().to_string()), settings: origins.rows.clone() }
}
