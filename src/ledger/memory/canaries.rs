//! pure: the table of canaries, in memory.

use super::tables::{Tables, micro};
use crate::ledger::chain::{Hash, PhoneKey};
use crate::ledger::{CanariesAsk, CanaryPurpose, CanaryRow};
use crate::reminder::CanaryState;

/// A canary with the keyed hash of its number.
#[derive(Debug, Clone)]
pub(super) struct KeptCanary {
    pub(super) row: CanaryRow,
    pub(super) phone: Option<Hash>,
}

impl Tables {
    pub(super) fn canaries_of(&self, which: &CanariesAsk, phones: &PhoneKey) -> Vec<CanaryRow> {
        let kept = self.canaries.values();
        let is_latest = |row: &CanaryRow| {
            let is_later = |other: &KeptCanary| {
                other.row.schedule == row.schedule
                    && other.row.purpose == CanaryPurpose::Schedule
                    && (other.row.sent_at, other.row.id) > (row.sent_at, row.id)
            };
            row.purpose == CanaryPurpose::Schedule && !self.canaries.values().any(is_later)
        };
        let is_asked = |kept: &&KeptCanary| match which {
            CanariesAsk::Of(id) => kept.row.id == *id,
            CanariesAsk::Waiting => kept.row.state == CanaryState::Waiting,
            CanariesAsk::Latest => is_latest(&kept.row),
            CanariesAsk::WithRemoteId(account, remote_id) => {
                kept.row.account == *account && kept.row.remote_id.as_ref() == Some(remote_id)
            }
            CanariesAsk::CalledBetween(account, phone, (from, until)) => {
                kept.row.account == *account
                    && kept.phone == Some(phones.hash(phone))
                    && (micro(*from)..micro(*until)).contains(&kept.row.sent_at)
            }
        };
        let mut found: Vec<CanaryRow> = kept.filter(is_asked).map(|kept| kept.row.clone()).collect();
        if matches!(which, CanariesAsk::Latest) {
            found.sort_by(|one, other| one.schedule.cmp(&other.schedule));
        }
        found
    }

    pub(super) fn put_canary(&mut self, row: &CanaryRow, phone: Option<Hash>) {
        let new = || KeptCanary {
            row: CanaryRow { sent_at: micro(row.sent_at), until: micro(row.until), ..row.clone() },
            phone,
        };
        let kept = self.canaries.entry(row.id).or_insert_with(new);
        (kept.row.state, kept.row.remote_id) = (row.state, row.remote_id.clone());
    }
}
