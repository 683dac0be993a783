//! pure: zone names other than IANA's: which of them rows may use, and what to write instead of the others.

mod abbreviations;
mod offsets;
mod rails;
mod windows;

use jiff::tz::Offset;

use crate::spelling;

/// Why a name is not a valid zone, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InvalidName {
    /// `EST`, `CET`: it names an offset, not a place with its rules. The likely place.
    Abbreviation(&'static str),
    /// `Eastern Standard Time`: a name of Windows. Its IANA name.
    Windows(&'static str),
    /// `-05:00`, `UTC+2`.
    Offset,
    /// `America/NewYork`: the closest IANA name.
    Misspelt(String),
    /// No IANA name is similar.
    Unknown,
}

impl InvalidName {
    /// The remedy, to follow "does not name the time zone of a place: ".
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

/// The zone of a row that is not given by its IANA name.
pub(super) enum RowZone {
    /// An offset from UTC.
    Offset(Offset),
    /// The IANA name for a name of Windows or Ruby on Rails.
    Iana(&'static str),
}

/// Parses the names that rows may use besides IANA's.
pub(super) fn parse_row_zone(name: &str) -> Option<RowZone> {
    if let Some(offset) = offsets::read(name) {
        return Some(RowZone::Offset(offset));
    }
    let bare = without_offset(name);
    iana_of_windows(bare).or_else(|| lookup(rails::RAILS, bare)).map(RowZone::Iana)
}

/// Removes the offset that menus show before a name: `(GMT-05:00) Eastern Time (US & Canada)`.
fn without_offset(name: &str) -> &str {
    let rest = name.strip_prefix('(').and_then(|inside| inside.split_once(')'));
    match rest {
        Some((offset, name)) if offsets::read(offset).is_some() => name.trim_start(),
        Some(_) | None => name,
    }
}

/// The zone of a name in one of the tables, in any case.
fn lookup(table: &'static [(&str, &str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, zone)| *zone)
}

/// What to write into a row's column instead of an unknown name.
pub(super) fn row_zone_remedy(name: &str) -> String {
    let accepted = "a column takes IANA's names (`America/New_York`), offsets (`-05:00`, `UTC-5`), and the names of \
                    Windows and Ruby on Rails";
    match invalid_name(name).unwrap_or_else(|| closest_match(name)) {
        InvalidName::Unknown | InvalidName::Offset => accepted.to_owned(),
        invalid @ (InvalidName::Abbreviation(_) | InvalidName::Windows(_) | InvalidName::Misspelt(_)) => {
            format!("{}; {accepted}", invalid.remedy())
        }
    }
}

/// Why an abbreviation, a Windows name or an offset is not accepted, whether or not the database has it; `None` for other
/// names.
pub(super) fn invalid_name(name: &str) -> Option<InvalidName> {
    let name = name.trim();
    if let Some(likely) = lookup(abbreviations::ABBREVIATIONS, name) {
        return Some(InvalidName::Abbreviation(likely));
    }
    if let Some(likely) = iana_of_windows(name).or_else(|| iana_of_summer_time(name)) {
        return Some(InvalidName::Windows(likely));
    }
    if ["GMT+0", "GMT-0"].iter().any(|iana| iana.eq_ignore_ascii_case(name)) {
        return None;
    }
    offsets::is_signed(name).then_some(InvalidName::Offset)
}

/// The IANA name that is closest to an unknown one.
pub(super) fn closest_match(name: &str) -> InvalidName {
    let plain = |text: &str| text.to_ascii_lowercase().replace([' ', '-'], "_");
    let wanted = plain(name.trim());
    let length = wanted.chars().count();
    // two changes of a name of three letters would match nearly anything
    let bound = spelling::allowed_slips(&wanted).min(length.saturating_sub(2));
    let whole = |known: &str| spelling::slips(&wanted, &plain(known));
    // a city alone (`Chicago`, `new york`) is compared with cities
    let city = |known: &str| known.rsplit('/').next().map_or(usize::MAX, |city| spelling::slips(&wanted, &plain(city)));
    let distance = |known: &str| if wanted.contains('/') { whole(known) } else { whole(known).min(city(known)) };
    let nearest = chrono_tz::TZ_VARIANTS
        .iter()
        .map(|zone| zone.name())
        .filter(|known| invalid_name(known).is_none())
        .map(|known| (distance(known), obsolescence(known), known))
        .min();
    match nearest {
        Some((distance, _, known)) if distance <= bound => InvalidName::Misspelt(known.to_owned()),
        Some(_) | None => InvalidName::Unknown,
    }
}

/// The order of names that are equally close: those in use today (`America/…`) before `US/…`, `Etc/…` and bare names.
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
    lookup(windows::WINDOWS, name)
}

/// The zone of a name in summer, as Windows and browsers show it: `Eastern Daylight Time`.
fn iana_of_summer_time(name: &str) -> Option<&'static str> {
    let stem = [" Daylight Time", " Summer Time"].iter().find_map(|end| {
        let at = name.len().checked_sub(end.len())?;
        name.get(at..)?.eq_ignore_ascii_case(end).then(|| &name[..at])
    });
    iana_of_windows(&format!("{} Standard Time", stem?))
}

/// All entries of the tables.
#[cfg(test)]
pub(super) fn likely_names() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    abbreviations::ABBREVIATIONS.iter().chain(windows::WINDOWS).chain(rails::RAILS)
}
