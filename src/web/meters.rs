//! shell: counts what the log has seen since the service began, and reads how things stand, for `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use super::exposition::{Counters, Exposition};
use super::site::Site;
use crate::audit::AuditFilter;
use crate::ledger::LedgerResult;
use crate::verbs::{App, VerbResult, status};

/// Rows of the log per read.
const PAGE_ROWS: u64 = 10_000;

/// Maximum reads of one scrape: what is left is counted by the next.
const MAX_PAGES: usize = 20;

/// What was counted so far.
pub struct Meters {
    counters: tokio::sync::Mutex<Counters>,
}

impl Meters {
    /// Counts from the log's present end on.
    ///
    /// # Errors
    /// When the ledger can't be read.
    pub async fn begin(app: &App) -> VerbResult<Self> {
        let counters = Counters::after(app.ledger()?.head().await?.seq);
        Ok(Self { counters: tokio::sync::Mutex::new(counters) })
    }

    /// The text that Prometheus reads.
    ///
    /// # Errors
    /// When the ledger can't be read.
    pub async fn read(&self, site: &Arc<Site>) -> VerbResult<String> {
        let app = &site.app;
        let status = status::status(app).await?;
        let tally = app.ledger()?.tally().await?;
        let mut counters = self.counters.lock().await;
        count(app, &mut counters).await?;
        let silence: Duration = site.vitals.silence();
        let is_live = site.vitals.are_live().await;
        Ok(Exposition { status: &status, tally, counters: &counters, silence, is_live }.to_text())
    }
}

async fn count(app: &App, counters: &mut Counters) -> LedgerResult<()> {
    let Ok(ledger) = app.ledger() else { return Ok(()) };
    for _ in 0..MAX_PAGES {
        let filter =
            AuditFilter { after_seq: Some(counters.counted_to), limit: Some(PAGE_ROWS), ..AuditFilter::default() };
        let rows = ledger.audit(filter).await?;
        rows.iter().for_each(|row| counters.add(row));
        if (rows.len() as u64) < PAGE_ROWS {
            break;
        }
    }
    Ok(())
}
