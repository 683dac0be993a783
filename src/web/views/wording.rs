//! pure: sentences that were written for a terminal or a log, as a page shows them.

use super::moments::Moments;

/// What stands before a command in a sentence, and says nothing without it.
const LEADING: [&str; 6] = [" try", " see", " with", " or", " by", " use"];

/// The sentence without the commands with which it ends: the page has buttons and links of its own.
#[must_use]
pub fn without_commands(sentence: &str) -> String {
    let Some(at) = sentence.find("`tickler ") else { return sentence.to_owned() };
    let mut kept = &sentence[..at];
    loop {
        let trimmed = kept.trim_end_matches([' ', ';', ':', ',', '(']);
        let trimmed = LEADING.iter().find_map(|word| trimmed.strip_suffix(word)).unwrap_or(trimmed);
        if trimmed == kept {
            return kept.to_owned();
        }
        kept = trimmed;
    }
}

impl Moments {
    /// A sentence of the log with its instants as people read them: in the zone of the schedule, to the minute.
    #[must_use]
    pub fn localised(&self, schedule: Option<&str>, sentence: &str) -> String {
        let word = |word: &str| {
            let bare = word.trim_end_matches([',', ';', '.', ':', ')']);
            // an instant is written with its T, and with its Z or its offset
            let is_instant = bare.len() >= 20 && bare.as_bytes()[10] == b'T';
            match bare.parse() {
                Ok(at) if is_instant => format!("{}{}", self.of(schedule, at), &word[bare.len()..]),
                Ok(_) | Err(_) => word.to_owned(),
            }
        };
        sentence.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::load::Folder;
    use crate::verbs::ScheduleZones;
    use crate::zones::Zones;

    #[test]
    fn a_page_names_no_commands() {
        for (sentence, shown) in [
            (
                "6 calls are more than `max_calls` = 1; `tickler approve X` plans it, `tickler reject X` ends it",
                "6 calls are more than `max_calls` = 1",
            ),
            ("2 held runs (`tickler audit list --event run.held`): `tickler approve` each", "2 held runs"),
            ("no row is in the window: try `tickler plan salon --next`, or `--now`", "no row is in the window"),
            ("everything is paused since 9: `tickler resume --all`", "everything is paused since 9"),
            ("the folder can't be read: it is gone", "the folder can't be read: it is gone"),
            ("", ""),
        ] {
            assert_eq!(without_commands(sentence), shown);
        }
    }

    #[test]
    fn an_instant_in_a_sentence_is_shown_as_people_read_it_and_nothing_else_is_changed() {
        let zones = ScheduleZones::of_folder(&Folder::default(), &Zones::newest());
        let moments = Moments::new(zones, "2026-11-24T14:00:00Z".parse().expect("an instant"));
        for (sentence, shown) in [
            ("to be sent from 2026-11-24T14:00:00Z, by service", "to be sent from Tue 24 Nov 14:00, by service"),
            ("not sent by 2026-11-23T20:00:01.5Z", "not sent by Mon 23 Nov 20:00"),
            ("it starts 2026-11-25T11:00:00-05:00", "it starts Wed 25 Nov 16:00"),
            (
                "`2026-11-24` is no day;  two spaces, é\u{2028}ünïcode-is-no-instant-Z",
                "`2026-11-24` is no day;  two spaces, é\u{2028}ünïcode-is-no-instant-Z",
            ),
        ] {
            assert_eq!(moments.localised(None, sentence), shown);
        }
    }
}
