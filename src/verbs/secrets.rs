//! shell: which secrets this process has. A shell has neither the environment of the service's unit nor its credentials, so
//! `check` and `doctor` ask the running service; its answers are yes and no, never a value.

use std::collections::HashSet;
use std::sync::Arc;

use super::App;
use crate::schedule::Schedule;
use crate::settings::{Account, SecretRef, Settings};

/// Asks whether the running service has a secret. It may block.
#[derive(Clone, Copy)]
pub struct ServiceSecrets<'a> {
    /// No for all where no service answers.
    pub has: &'a (dyn Fn(&SecretRef) -> bool + Sync),
}

impl std::fmt::Debug for ServiceSecrets<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceSecrets")
    }
}

/// Secrets that the running service has and this process hasn't.
pub type SeenByService = HashSet<SecretRef>;

/// Everything that these schedules and their accounts need and this process hasn't.
pub fn unset<'a>(settings: &Settings, schedules: impl Iterator<Item = &'a Arc<Schedule>>) -> Vec<SecretRef> {
    let mut unset: Vec<SecretRef> = schedules.flat_map(|schedule| of(schedule, settings)).collect();
    unset.retain(|secret| settings.secrets.resolve(secret).is_err());
    unset
}

/// What a schedule needs, with the secrets of its account where it uses them.
pub fn of(schedule: &Schedule, settings: &Settings) -> Vec<SecretRef> {
    let mut secrets = schedule.secrets();
    if let crate::schedule::TargetSpec::Call { account, .. } = &schedule.target {
        secrets.extend(settings.accounts.get(account).into_iter().flat_map(Account::secrets));
    }
    secrets
}

/// Whether each of them is set here. Of files only those are answered that a loaded schedule or an account names: nobody
/// learns from this which other files the service can read.
#[must_use]
pub fn are_set(app: &App, secrets: &[SecretRef]) -> Vec<bool> {
    let folder = app.folder();
    let named: HashSet<SecretRef> = folder
        .schedules
        .values()
        .flat_map(|schedule| schedule.secrets())
        .chain(app.settings.accounts.values().flat_map(Account::secrets))
        .collect();
    let may_be_asked = |secret: &SecretRef| match secret {
        SecretRef::Env(_) | SecretRef::Credential(_) => true,
        SecretRef::File(_) => named.contains(secret),
    };
    secrets.iter().map(|secret| may_be_asked(secret) && app.settings.secrets.resolve(secret).is_ok()).collect()
}
