//! shell: paths of files that are not there.

use super::*;

#[test]
fn a_mistyped_path_of_any_kind_of_file_is_answered_by_the_path_that_is_meant() {
    for (kind, more) in [("csv", ""), ("xlsx", ""), ("sqlite", "source.sqlite.query = \"SELECT 1 AS id\"\n")] {
        let text = schedule(COLUMNS, "", "a = 1");
        for (written, meant) in [
            ("exports/tabel.csv", "did you mean `exports/table.csv`?"),
            ("https://example.com/table", "this is an address and no file"),
        ] {
            let own = format!("source.{kind}.path = \"{written}\"\n{more}");
            let place = Place::with(&text.replace("source.csv.path = \"table.csv\"\n", &own), "");
            std::fs::create_dir(place.folder.path().join("exports")).expect("a folder");
            std::fs::write(place.folder.path().join("exports/table.csv"), "").expect("written");
            let found = place.found(CheckReach::Local);
            let says = |problem: &Problem| problem.help.as_deref().is_some_and(|help| help.contains(meant));
            assert!(found.iter().any(says), "{kind} {written}: {found:?}");
        }
    }
}
