//! pure: the reference of `tickler.toml`, generated from the table that also validates the file.

use super::{ReferenceEntry, ReferenceSection};
use crate::settings::documented;

pub(super) fn sections() -> Vec<ReferenceSection> {
    let entries = documented().into_iter().map(|doc| ReferenceEntry {
        name: doc.key.to_owned(),
        takes: match doc.default {
            Some(default) => format!("{}; default `{default}`", doc.takes),
            None => doc.takes.to_owned(),
        },
        meaning: doc.meaning.to_owned(),
        example: doc.example.to_owned(),
    });
    vec![ReferenceSection {
        heading: "The settings: `tickler.toml`".to_owned(),
        intro: "`*` is an account's name. Each key is also a variable: `web.listen` is `TICKLER_WEB__LISTEN`. \
                `tickler config` prints what is in force, with its origin."
            .to_owned(),
        entries: entries.collect(),
    }]
}
