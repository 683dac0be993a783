//! shell: removes what is older than its retention.

use super::Tx;
use crate::audit::{Entry, Event};
use crate::ledger::{LedgerResult, Prune, Pruned};

impl Tx<'_> {
    pub(in crate::ledger) fn prune(&self, prune: &Prune) -> LedgerResult<Pruned> {
        let removed = self.store.prune(prune)?;
        let pruned = Pruned { payloads: removed.payloads, audit_rows: removed.audit_rows };
        if pruned == Pruned::default() {
            return Ok(pruned);
        }
        let rest = format!("{} payloads with their phones removed", removed.payloads);
        let (word, detail) = match removed.mark {
            Some(mark) => ("audit", format!("{mark}; {rest}")),
            None => ("payloads", rest),
        };
        self.store.append(&Entry {
            reason: Some(word.into()),
            actor: Some("service".into()),
            detail: Some(detail.into()),
            ..Entry::new(prune.now, Event::OperatorPruned)
        })?;
        Ok(pruned)
    }
}
