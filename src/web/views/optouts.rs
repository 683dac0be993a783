//! pure: the opt-out list.

use askama::Template;

use super::frame::PageFrame;
use super::moments::{Moments, ShownMoment};
use crate::ledger::{OptOut, OptOutSide};
use crate::personal::Personal;

/// The page.
#[derive(Template)]
#[template(path = "optouts.html")]
pub struct OptOutsPage {
    /// What surrounds it.
    pub frame: PageFrame,
    /// The newest first.
    pub listed: Vec<ListedOptOut>,
    /// A form that was refused.
    pub refused: Option<RefusedForm>,
}

/// A form that was refused, with what was typed into it.
#[derive(Debug, Clone)]
pub struct RefusedForm {
    /// Whether the number was to be put on the list or taken off it.
    pub to: OptOutSide,
    /// The number as it was typed.
    pub phone: Personal,
    /// The reason as it was typed.
    pub reason: String,
    /// Why it was refused.
    pub fault: String,
}

impl OptOutsPage {
    /// What was typed into the form for that side, if it was refused.
    fn refused_to(&self, to: OptOutSide) -> Option<&RefusedForm> {
        self.refused.as_ref().filter(|refused| refused.to == to)
    }
}

/// One number of the list.
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
    /// The number as the page shows it.
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
