//! pure: the opt-out list.

use askama::Template;

use super::frame::PageFrame;
use super::moments::{Moments, ShownMoment};
use crate::ledger::OptOut;
use crate::personal::Personal;

/// The page.
#[derive(Template)]
#[template(path = "optouts.html")]
pub struct OptOutsPage {
    /// What surrounds it.
    pub frame: PageFrame,
    /// The newest first.
    pub listed: Vec<ListedOptOut>,
}

/// One number.
#[derive(Debug, Clone)]
pub struct ListedOptOut {
    /// Its last four digits.
    pub phone: Personal,
    /// Since when.
    pub since: ShownMoment,
    /// Who put it there.
    pub by: String,
    /// The reason that was given; empty when none was.
    pub reason: String,
}

impl ListedOptOut {
    /// That number.
    #[must_use]
    pub fn of(row: &OptOut, moments: &Moments) -> Self {
        Self {
            phone: format!("***{}", row.phone_last4).into(),
            since: moments.of(None, row.since),
            by: row.actor.clone(),
            reason: row.reason.clone().unwrap_or_default(),
        }
    }
}
