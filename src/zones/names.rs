//! pure: names that are no IANA zone, and the zone that was likely meant.

mod abbreviations;
mod offsets;
mod rails;
mod windows;

use jiff::tz::Offset;

use crate::spelling;

/// Why a name is refused, and what was likely meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// `EST`, `CET`: a name for an offset, not for a place with its rules.
    Abbreviation(&'static str),
    /// `Eastern Standard Time`.
    Windows(&'static str),
    /// `-05:00`, `UTC+2`.
    Offset,
    /// `America/NewYork`.
    Misspelt(String),
    /// Nothing is near.
    Unknown,
}

impl Refusal {
    /// What to write instead, after *is no IANA time zone:*.
    pub(super) fn remedy(&self) -> String {
        match self {
            Self::Abbreviation(likely) => {
                format!("that doesn't say which place's rules apply; did you mean `{likely}`?")
            }
            Self::Windows(likely) => format!("this is Windows' name for it; did you mean `{likely}`?"),
            Self::Offset => {
                "an offset has no daylight saving; name the place, such as `America/New_York`, or `UTC`".to_owned()
            }
            Self::Misspelt(likely) => format!("did you mean `{likely}`?"),
            Self::Unknown => "write one of the form `Area/City`, such as `America/New_York`".to_owned(),
        }
    }
}

/// The zone that a row of a source names otherwise than IANA does.
pub(super) enum OfRow {
    /// An offset, which says when it is and not where.
    Offset(Offset),
    /// A name of Windows or Ruby on Rails.
    Iana(&'static str),
}

/// Reads the names that rows may use beside IANA's.
pub(super) fn of_row(name: &str) -> Option<OfRow> {
    if let Some(offset) = offsets::read(name) {
        return Some(OfRow::Offset(offset));
    }
    let bare = without_offset(name);
    iana_of_windows(bare).or_else(|| iana_of_rails(bare)).map(OfRow::Iana)
}

/// `(GMT-05:00) Eastern Time (US & Canada)`, as menus show it, without the offset of winter.
fn without_offset(name: &str) -> &str {
    let rest = name.strip_prefix('(').and_then(|inside| inside.split_once(')'));
    match rest {
        Some((offset, name)) if offsets::read(offset).is_some() => name.trim_start(),
        Some(_) | None => name,
    }
}

fn iana_of_rails(name: &str) -> Option<&'static str> {
    rails::RAILS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, zone)| *zone)
}

/// What to write into a row's column instead of a name that isn't known.
pub(super) fn remedy_of_row(name: &str) -> String {
    let accepted = "a column takes IANA's names (`America/New_York`), offsets (`-05:00`, `UTC-5`), and the names of \
                    Windows and Ruby on Rails";
    match refusal(name).unwrap_or_else(|| likely(name)) {
        Refusal::Unknown | Refusal::Offset => accepted.to_owned(),
        refusal @ (Refusal::Abbreviation(_) | Refusal::Windows(_) | Refusal::Misspelt(_)) => {
            format!("{}; {accepted}", refusal.remedy())
        }
    }
}

/// The refusal of a name that is an abbreviation, a Windows name or an offset, whether or not the database has it.
pub(super) fn refusal(name: &str) -> Option<Refusal> {
    let name = name.trim();
    if let Some((_, likely)) = abbreviations::ABBREVIATIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Some(Refusal::Abbreviation(likely));
    }
    if let Some(likely) = iana_of_windows(name).or_else(|| iana_of_summer_time(name)) {
        return Some(Refusal::Windows(likely));
    }
    if ["GMT+0", "GMT-0"].iter().any(|iana| iana.eq_ignore_ascii_case(name)) {
        return None;
    }
    offsets::is_signed(name).then_some(Refusal::Offset)
}

/// The name nearest to one that isn't there.
pub(super) fn likely(name: &str) -> Refusal {
    let plain = |text: &str| text.to_ascii_lowercase().replace([' ', '-'], "_");
    let wanted = plain(name.trim());
    let length = wanted.chars().count();
    // Of a name of three letters hardly anything may be left after two changes.
    let bound = spelling::allowed_slips(&wanted).min(length.saturating_sub(2));
    let whole = |known: &str| spelling::slips(&wanted, &plain(known));
    // A city alone (`Chicago`, `new york`) is near nothing as a whole.
    let city = |known: &str| known.rsplit('/').next().map_or(usize::MAX, |city| spelling::slips(&wanted, &plain(city)));
    let distance = |known: &str| if wanted.contains('/') { whole(known) } else { whole(known).min(city(known)) };
    let nearest = chrono_tz::TZ_VARIANTS
        .iter()
        .map(|zone| zone.name())
        .filter(|known| refusal(known).is_none())
        .map(|known| (distance(known), obsolescence(known), known))
        .min();
    match nearest {
        Some((distance, _, known)) if distance <= bound => Refusal::Misspelt(known.to_owned()),
        Some(_) | None => Refusal::Unknown,
    }
}

/// Of two names equally near, the one in use today is told: `America/…` before `US/…`, `Etc/…` and bare names.
fn obsolescence(name: &str) -> u8 {
    match name.split_once('/') {
        Some(("US" | "Canada" | "Brazil" | "Chile" | "Mexico", _)) => 1,
        Some(("Etc", _)) => 2,
        Some(_) => 0,
        None => 3,
    }
}

/// The IANA zone of a Windows name, in any case; Unicode CLDR's choice for the world (`windowsZones`, territory 001).
pub(super) fn iana_of_windows(name: &str) -> Option<&'static str> {
    windows::WINDOWS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, zone)| *zone)
}

/// `Eastern Daylight Time`: the same zone by its name of the summer, as Windows and browsers show it.
fn iana_of_summer_time(name: &str) -> Option<&'static str> {
    let stem = [" Daylight Time", " Summer Time"].iter().find_map(|end| {
        let at = name.len().checked_sub(end.len())?;
        name.get(at..)?.eq_ignore_ascii_case(end).then(|| &name[..at])
    });
    iana_of_windows(&format!("{} Standard Time", stem?))
}

/// Every name with a likely zone in the tables.
#[cfg(test)]
pub(super) fn likely_names() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    abbreviations::ABBREVIATIONS.iter().chain(windows::WINDOWS).chain(rails::RAILS)
}
