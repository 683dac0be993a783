//! pure: the known name that a misspelt one was likely meant to be: one rule for keys, columns, filters, zones, settings
//! and schedules.

/// Maximum length of names that are compared: the cost is the square of the length.
const MAX_LENGTH: usize = 64;

/// How many single changes (a letter more, less, other, or two exchanged) make one name the other, whatever their case.
#[must_use]
pub fn slips(written: &str, known: &str) -> usize {
    if written.len() > MAX_LENGTH {
        return usize::MAX;
    }
    strsim::damerau_levenshtein(&written.to_lowercase(), &known.to_lowercase())
}

/// How many slips a name of that length may have: two, or a third of it.
#[must_use]
pub fn allowed_slips(written: &str) -> usize {
    (written.chars().count() / 3).max(2)
}

/// The likeliest of the names that may have been meant. A name that would have to be replaced altogether is not likely.
#[must_use]
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = allowed_slips(written);
    known
        .into_iter()
        .filter(|name| name.len().abs_diff(written.len()) <= allowed * 4) // at most four bytes a letter
        .map(|name| (slips(written, name), name))
        .filter(|(slips, name)| *slips <= allowed && *slips < name.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_likely_within_two_slips_or_a_third_of_its_length() {
        let known = ["phone", "starts_at", "id", "calling_hours"];
        for (written, likely) in [
            ("phnoe", Some("phone")),
            ("Phone", Some("phone")),
            ("start_at", Some("starts_at")),
            ("caling_hour", Some("calling_hours")),
            ("ID", Some("id")),
            ("email", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(did_you_mean(written, known), likely, "{written}");
        }
        assert_eq!(did_you_mean(&"phone".repeat(200_000), known), None);
    }
}
