//! A person is erased while the service runs and the page is read: nothing is left in the ledger's bytes or on any page.

use super::Desk;

/// The number, its digits, and the name.
const TRACES: [&str; 3] = ["+12025550143", "2025550143", "Ada Example"];

#[test]
fn nothing_of_a_person_who_was_never_called_is_left_after_the_erasure() {
    let desk = Desk::open();
    let has = |bytes: &[u8]| bytes.windows(12).any(|window| window == b"Cleo Testing");
    let kept = || {
        let files = std::fs::read_dir(desk.clinic.path()).expect("the folder").flatten();
        let mut of_ledger = files.filter(|file| file.file_name().to_string_lossy().starts_with("tickler.db"));
        of_ledger.any(|file| std::fs::read(file.path()).is_ok_and(|bytes| has(&bytes)))
    };
    assert!(kept(), "there is something to erase");
    let erased = desk.clinic.run(&["forget", "--phone", "+12025550117"]);
    assert_eq!(erased.exit, 0, "{erased:?}");
    assert!(!kept(), "the name of somebody who was left out");
    assert!(!has(desk.get("/not-called?day=2026-11-24").body.as_bytes()));
    assert_eq!(desk.clinic.run(&["audit", "verify"]).exit, 0);
}

#[test]
fn nothing_of_a_person_who_is_erased_while_the_page_is_read_is_left() {
    let desk = Desk::open();
    let pages = ["/", "/calls", "/appointment?schedule=day-before&id=A-1", "/not-called?day=2026-11-24"];
    let has =
        |bytes: &[u8]| TRACES.iter().find(|trace| bytes.windows(trace.len()).any(|window| window == trace.as_bytes()));
    let kept = || -> Vec<String> {
        let files = std::fs::read_dir(desk.clinic.path()).expect("the folder").flatten();
        let of_ledger = files.filter(|file| file.file_name().to_string_lossy().starts_with("tickler.db"));
        let found = of_ledger.filter_map(|file| Some((file.file_name(), has(&std::fs::read(file.path()).ok()?)?)));
        found.map(|(name, trace)| format!("{}: {trace}", name.to_string_lossy())).collect()
    };
    pages.iter().for_each(|path| drop(desk.get(path)));
    assert!(!kept().is_empty(), "there is something to erase");
    let erased = desk.clinic.run(&["forget", "--phone", "+12025550143"]);
    assert_eq!(erased.exit, 0, "{erased:?}");
    assert_eq!(kept(), Vec::<String>::new());
    for path in pages {
        let page = desk.get(path);
        assert_eq!(has(page.body.as_bytes()), None, "{path}");
    }
    assert_eq!(desk.clinic.run(&["audit", "verify"]).exit, 0);
}
