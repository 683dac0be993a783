//! What the clinic's booking system knows, and the file that it exports, version by version.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tickler::zones::Zone;

/// An appointment as a row of the export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    pub phone: String,
    pub starts_at: Timestamp,
    pub status: &'static str,
    /// The column of those who don't want to be called.
    pub stop: &'static str,
    /// Where the person is.
    pub zone: &'static str,
}

pub type Rows = BTreeMap<String, Booking>;

/// What keeps an export from being that of this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// There is no file.
    Missing,
    /// The header alone.
    HeaderOnly,
    /// Two rows in five have no phone.
    WithoutPhones,
    /// The file is not written any more: yesterday's stays.
    Stopped,
}

/// One version of the file; `None` where there is none.
pub struct Version {
    pub from: Timestamp,
    pub rows: Option<Rows>,
    pub trouble: Option<Trouble>,
}

/// All versions, the oldest first.
#[derive(Default)]
pub struct Export(Vec<Version>);

impl Export {
    /// Takes over what the file holds from now on.
    pub fn write(&mut self, now: Timestamp, rows: &Rows, trouble: Option<Trouble>) {
        let rows = match trouble {
            None => Some(rows.clone()),
            Some(Trouble::Missing) => None,
            Some(Trouble::HeaderOnly) => Some(Rows::new()),
            Some(Trouble::WithoutPhones) => Some(without_phones(rows)),
            Some(Trouble::Stopped) => self.0.last().and_then(|version| version.rows.clone()),
        };
        if self.latest().is_none_or(|latest| (latest.trouble, &latest.rows) != (trouble, &rows)) {
            self.0.push(Version { from: now, rows, trouble });
        }
    }

    pub fn latest(&self) -> Option<&Version> {
        self.0.last()
    }

    pub fn versions(&self) -> &[Version] {
        &self.0
    }

    /// The version that lay there at that moment, and those that came before the end. What was written at a moment was read
    /// after it.
    pub fn between(&self, from: Timestamp, until: Timestamp) -> &[Version] {
        let first = self.0.partition_point(|version| version.from < from).saturating_sub(1);
        let end = self.0.partition_point(|version| version.from < until);
        &self.0[first..end]
    }

    /// The row of an appointment at that moment.
    pub fn at(&self, now: Timestamp, id: &str) -> Option<&Booking> {
        self.between(now, now).last()?.rows.as_ref()?.get(id)
    }
}

fn without_phones(rows: &Rows) -> Rows {
    let blanked = |(place, (id, booking)): (usize, (&String, &Booking))| {
        let phone = if place % 5 < 2 { String::new() } else { booking.phone.clone() };
        (id.clone(), Booking { phone, ..booking.clone() })
    };
    rows.iter().enumerate().map(blanked).collect()
}

/// The file's text, its times on the clinic's wall clock.
pub fn text(rows: &Rows, zone: &Zone) -> String {
    let mut text = "id,phone,starts_at,status,stop,zone\n".to_owned();
    for (id, booking) in rows {
        let start = zone.rfc3339(booking.starts_at);
        text.push_str(&format!(
            "{id},{},{start},{},{},{}\n",
            booking.phone, booking.status, booking.stop, booking.zone
        ));
    }
    text
}
