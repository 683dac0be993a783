//! shell: one logical table in many encodings, delimiters and line ends, and in workbooks, is one plan.

use crate::support::clinic::{Clinic, PARTS, Parts};

const ROWS: [[&str; 7]; 3] = [
    ["id", "phone", "when", "day", "at", "name", "a note, long"],
    ["1001", "+12025550143", "2026-11-25T10:30:00", "2026-11-25", "10:30:00", "Zoë Müßig", "two\nlines"],
    ["1002", "12025550144", "2026-11-25T11:00:00", "2026-11-25", "11:00:00", "Ana", "says \"hi\""],
];

/// The table as a text, every field between quotes where it needs them.
fn table(delimiter: char, line_end: &str) -> String {
    let field = |text: &&str| match text.contains([delimiter, '"', '\n', ',']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => (*text).to_owned(),
    };
    let line = |row: &[&str; 7]| row.iter().map(field).collect::<Vec<_>>().join(&delimiter.to_string()) + line_end;
    ROWS.iter().map(line).collect()
}

/// A text's bytes in an encoding, and what `encoding` names it.
fn encoded(text: &str) -> [(&'static str, &'static str, Vec<u8>); 6] {
    let utf16 = |unit: fn(u16) -> [u8; 2]| std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(unit).collect();
    let single = |table: fn(char) -> u8| text.chars().map(table).collect();
    let latin = |letter: char| u8::try_from(u32::from(letter)).expect("a letter of Latin 1");
    let dos = |letter: char| match letter {
        'ë' => 0x89,
        'ü' => 0x81,
        'ß' => 0xe1,
        plain => u8::try_from(u32::from(plain)).expect("ASCII"),
    };
    [
        ("utf-8", "auto", text.as_bytes().to_vec()),
        ("utf-8 with a mark", "auto", format!("\u{feff}{text}").into_bytes()),
        ("utf-16le", "auto", utf16(u16::to_le_bytes)),
        ("utf-16be", "auto", utf16(u16::to_be_bytes)),
        ("windows-1252", "auto", single(latin)),
        ("850", "850", single(dos)),
    ]
}

#[test]
fn one_table_in_many_forms_is_one_plan() {
    let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
    let mut forms = Vec::new();
    let mut add = |file: String, source: String, bytes: &[u8]| {
        clinic.write_bytes(&file, bytes);
        let text = Parts {
            source: &source,
            appointment: "id = \"id\"\nphone = \"phone\"\ndefault_region = \"US\"\nstarts_at = \"when\"",
            payload: "phone = \"{{ phone }}\"\nname = \"{{ name }}\"\nat = \"{{ starts_at }}\"\nday = \"{{ day }}\"\nclock = \"{{ at }}\"",
            ..PARTS
        };
        let name = format!("f{}", forms.len());
        clinic.schedule(&name, &text.text());
        forms.push((name, file));
    };
    for (delimiter, word) in [(',', "comma"), (';', "semicolon"), ('\t', "tab"), ('|', "pipe")] {
        for (line_end, ending) in [("\n", "lf"), ("\r\n", "crlf"), ("\r", "cr")] {
            for (encoding, named, bytes) in encoded(&table(delimiter, line_end)) {
                let file = format!("{word}-{ending}-{encoding}.csv");
                let source = format!("[source.csv]\npath = \"../{file}\"\nencoding = \"{named}\"");
                add(file, source, &bytes);
            }
        }
    }
    for kind in ["xlsx", "xls", "ods"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/sources/bookings.{kind}"));
        let file = format!("bookings.{kind}");
        let source = format!("[source.xlsx]\npath = \"../{file}\"");
        add(file, source, &std::fs::read(path).expect("a workbook"));
    }
    assert!(forms.len() >= 24 + 3);
    let (exit, plans) = clinic.json(&["plan", "--reveal", "--now", "2026-11-24T14:00:00Z"]);
    assert_eq!(exit, 0, "{plans}");
    let plan_of = |name: &str| {
        let plans = plans.as_array().expect("a list");
        let plan = plans.iter().find(|plan| plan["schedule"] == name).expect("its plan");
        let calls = plan["reminders"].as_array().expect("a list");
        let call = |call: &serde_json::Value| {
            format!("{} {} {} {}", call["appointment_id"], call["starts_at"], call["phone"], call["payload"])
        };
        calls.iter().map(call).collect::<Vec<String>>()
    };
    let first = plan_of("f0");
    assert_eq!(first.len(), 2, "{plans}");
    assert!(first[0].contains("Zoë Müßig"), "{first:?}");
    for (name, file) in &forms {
        assert_eq!(plan_of(name), first, "{file}");
    }
}
