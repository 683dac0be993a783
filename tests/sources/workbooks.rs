//! shell: workbooks as people save them, and some that nobody should open.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use tempfile::TempDir;
use tickler::formats::Wanted;
use tickler::schedule::{FileSpec, FormatSpec, WorkbookShape};
use tickler::sources::file::FileSource;
use tickler::sources::{RepeatRead, Source as _, SourceError};
use zip::write::SimpleFileOptions;

use crate::rows::{Seen, wanted, window};

/// An archive of these parts.
fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).expect("a part");
        zip.write_all(text.as_bytes()).expect("its text");
    }
    zip.finish().expect("an archive").into_inner()
}

/// A workbook of sheets, each by its name, its state and its rows; texts are written inline.
fn xlsx(sheets: &[(&str, &str, &str)]) -> Vec<u8> {
    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    const MAIN: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
                        xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"";
    let numbered = || sheets.iter().enumerate().map(|(at, sheet)| (at + 1, sheet));
    let list: String = numbered()
        .map(|(at, (name, state, _))| {
            format!("<sheet name=\"{name}\" sheetId=\"{at}\" state=\"{state}\" r:id=\"rId{at}\"/>")
        })
        .collect();
    let relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let relations: String = numbered()
        .map(|(at, _)| {
            format!("<Relationship Id=\"rId{at}\" Type=\"{relation}/worksheet\" Target=\"worksheets/sheet{at}.xml\"/>")
        })
        .collect();
    let package = "http://schemas.openxmlformats.org/package/2006";
    // styles: 1 a date with its time, 2 a date, 3 a time, 4 nine digits with zeros before them
    let styles = format!(
        "{HEAD}<styleSheet {MAIN}><numFmts count=\"1\"><numFmt numFmtId=\"164\" formatCode=\"000000000\"/></numFmts>\
         <cellXfs count=\"5\"><xf numFmtId=\"0\"/><xf numFmtId=\"22\"/><xf numFmtId=\"14\"/><xf numFmtId=\"20\"/><xf numFmtId=\"164\"/></cellXfs></styleSheet>"
    );
    let mut parts = vec![
        ("[Content_Types].xml".to_owned(), format!("{HEAD}<Types xmlns=\"{package}/content-types\"/>")),
        (
            "_rels/.rels".to_owned(),
            format!(
                "{HEAD}<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"r\" Type=\"{relation}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        ("xl/workbook.xml".to_owned(), format!("{HEAD}<workbook {MAIN}><sheets>{list}</sheets></workbook>")),
        (
            "xl/_rels/workbook.xml.rels".to_owned(),
            format!(
                "{HEAD}<Relationships xmlns=\"{package}/relationships\">{relations}<Relationship Id=\"rIdS\" Type=\"{relation}/styles\" Target=\"styles.xml\"/></Relationships>"
            ),
        ),
        ("xl/styles.xml".to_owned(), styles),
    ];
    for (at, (_, _, rows)) in numbered() {
        let text = format!("{HEAD}<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>");
        parts.push((format!("xl/worksheets/sheet{at}.xml"), text));
    }
    let parts: Vec<(&str, &str)> = parts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    archive(&parts)
}

fn text(place: &str, value: &str) -> String {
    format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{value}</t></is></c>")
}

fn number(place: &str, style: u8, value: &str) -> String {
    format!("<c r=\"{place}\" s=\"{style}\"><v>{value}</v></c>")
}

fn row(at: u32, cells: &[String]) -> String {
    format!("<row r=\"{at}\">{}</row>", cells.concat())
}

struct Book {
    _folder: TempDir,
    path: PathBuf,
}

fn book(bytes: &[u8]) -> Book {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("bookings.xlsx");
    std::fs::write(&path, bytes).expect("a file");
    Book { _folder: folder, path }
}

impl Book {
    fn source(&self, sheet: Option<&str>, header_row: u32, wanted: Wanted) -> FileSource {
        let shape = WorkbookShape { sheet: sheet.map(str::to_owned), header_row };
        FileSource::new(
            FileSpec { path: self.path.clone(), pattern: None, format: FormatSpec::Workbook(shape) },
            wanted,
        )
    }

    fn read(&self, sheet: Option<&str>, header_row: u32) -> Result<Vec<String>, SourceError> {
        let mut seen = Seen::default();
        self.source(sheet, header_row, wanted(&["id", "phone"])).read(&window(), &mut seen).map(|_| seen.0)
    }
}

fn header(at: u32) -> String {
    row(
        at,
        &["id", "phone", "when", "day", "at"]
            .iter()
            .zip('A'..)
            .map(|(name, column)| text(&format!("{column}{at}"), name))
            .collect::<Vec<_>>(),
    )
}

#[test]
fn a_sheet_is_read_as_it_is_shown_and_its_dates_by_their_types() {
    let cells = [
        number("A2", 0, "1001"),
        number("B2", 4, "30100143"),
        number("C2", 1, "46351.4375"),
        number("D2", 2, "46351"),
        number("E2", 3, "0.4375"),
    ];
    let rounded =
        [number("A4", 0, "1.2345678901234568E+19"), number("B4", 0, "12025550143"), text("C4", "25/11/2026 10:30")];
    let rows = header(1) + &row(2, &cells) + &row(4, &rounded);
    let book = book(&xlsx(&[("Hidden", "hidden", ""), ("Bookings", "visible", &rows)]));
    assert_eq!(
        book.read(None, 1).expect("rows"),
        [
            r#"2 {"id":1001,"phone":"030100143","when":"2026-11-25T10:30:00","day":"2026-11-25","at":"10:30:00"}"#,
            r#"4 {"id":"1.2345678901234567E19","phone":12025550143,"when":"25/11/2026 10:30","day":null,"at":null}"#
        ]
    );
    let columns = book.source(Some("bookings"), 1, wanted(&[])).columns().expect("a header");
    assert_eq!(columns.expect("columns"), ["id", "phone", "when", "day", "at"]);
}

#[test]
fn old_workbooks_and_open_documents_hold_the_same() {
    let wanted = [
        r#"2 {"id":1001,"phone":"+12025550143","when":"2026-11-25T10:30:00","day":"2026-11-25","at":"10:30:00","name":"Zoë Müßig"}"#,
        r#"3 {"id":1002,"phone":12025550144,"when":"2026-11-25T11:00:00","day":"2026-11-25","at":"11:00:00","name":"Ana"}"#,
    ];
    for bytes in [&include_bytes!("bookings.xls")[..], include_bytes!("bookings.ods"), include_bytes!("bookings.xlsx")]
    {
        assert_eq!(book(bytes).read(None, 1).expect("rows"), wanted);
    }
}

#[test]
fn a_workbook_that_leads_its_reader_out_of_the_file_is_damaged() {
    let mut bytes = include_bytes!("bookings.xls").to_vec();
    // the record that says where the sheet begins (MS-XLS, 2.4.28)
    let record = bytes.windows(4).position(|window| window == [0x85, 0, 16, 0]).expect("the record of a sheet");
    bytes[record + 4..record + 8].copy_from_slice(&16_319_830_u32.to_le_bytes());
    let error = book(&bytes).read(None, 1).expect_err("there is no sheet");
    assert_eq!(error.again, RepeatRead::Never);
    assert!(error.message.contains("is damaged"), "{error}");
}

#[test]
fn a_sheet_without_its_end_is_damaged_and_not_read_for_ever() {
    let whole = include_bytes!("bookings.ods");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&whole[..])).expect("an archive");
    let mut parts = Vec::new();
    for place in 0..archive.len() {
        let mut part = archive.by_index(place).expect("a part");
        let name = part.name().expect("a name").into_owned();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).expect("its bytes");
        if name == "content.xml" {
            let text = String::from_utf8(bytes).expect("it is text");
            assert!(text.contains("</table:table>"), "a sheet ends");
            bytes = text.replace("</table:table>", "</table:tabl>").into_bytes();
        }
        parts.push((name, bytes));
    }
    let mut repacked = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        repacked.start_file(name, SimpleFileOptions::default()).expect("a part");
        repacked.write_all(&bytes).expect("its bytes");
    }
    let error = book(&repacked.finish().expect("an archive").into_inner()).read(None, 1).expect_err("it has no end");
    assert_eq!(error.again, RepeatRead::Never);
    assert!(error.message.contains("is damaged"), "{error}");
}

#[test]
fn an_old_workbook_that_says_it_has_billions_of_cells_is_refused() {
    let mut bytes = include_bytes!("bookings.xls").to_vec();
    // the record of the sheet's size (MS-XLS, 2.4.90)
    let record = bytes.windows(4).position(|window| window == [0, 2, 14, 0]).expect("the record of the size");
    bytes[record + 8..record + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = book(&bytes).read(None, 1).expect_err("too large");
    assert!(error.message.contains("more than 1000000 cells"), "{error}");
}

#[test]
fn an_old_workbook_too_small_to_be_checked_is_refused() {
    let mut bytes = include_bytes!("bookings.xls").to_vec();
    // the directory's entry (MS-CFB, 2.6.1): its name, and its stream's size behind 120 bytes
    let name: Vec<u8> = "Workbook".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let entry = bytes.windows(name.len()).position(|window| window == name).expect("the entry of the stream");
    bytes[entry + 120..entry + 124].copy_from_slice(&4_000_u32.to_le_bytes());
    let error = book(&bytes).read(None, 1).expect_err("too small");
    assert!(error.message.contains("save it as xlsx"), "{error}");
}

#[test]
fn what_keeps_a_workbook_from_being_read_is_said_with_the_remedy() {
    let rows = header(1) + &row(2, &[number("A2", 0, "1")]);
    let whole = xlsx(&[("Bookings", "visible", &rows)]);
    let doubled = header(1).replace(">when<", ">phone<");
    for (what, bytes, sheet, header_row, again, words) in [
        ("cut", whole[..whole.len() - 30].to_vec(), None, 1, RepeatRead::Soon, "end is missing"),
        ("empty", Vec::new(), None, 1, RepeatRead::Soon, "empty"),
        ("no such sheet", whole.clone(), Some("Other"), 1, RepeatRead::Never, "it has `Bookings`"),
        ("header elsewhere", whole.clone(), None, 2, RepeatRead::Never, "no column `id`"),
        ("a table", b"id,phone\n1,2\n".to_vec(), None, 1, RepeatRead::Never, "no workbook"),
        ("two columns", xlsx(&[("B", "visible", &doubled)]), None, 1, RepeatRead::Never, "two columns `phone`"),
        ("binary", archive(&[("xl/workbook.bin", "x")]), None, 1, RepeatRead::Never, "save it as xlsx"),
        ("an archive", archive(&[("readme.txt", "x")]), None, 1, RepeatRead::Never, "no workbook"),
    ] {
        let error = book(&bytes).read(sheet, header_row).expect_err(what);
        assert!(error.message.contains(words), "{what}: {error}");
        assert_eq!(error.again, again, "{what}: {error}");
    }
}

#[test]
fn a_formula_without_its_result_is_an_empty_cell_and_check_warns_of_it() {
    let sheet = |formula: &str| {
        let cells = [number("A2", 0, "1"), format!("<c r=\"B2\">{formula}</c>")];
        xlsx(&[("Bookings", "visible", &(header(1) + &row(2, &cells)))])
    };
    for (formula, phone, is_warned) in [
        ("<f>A1</f>", "null", true),
        ("<f>A1</f><v></v>", "null", true),
        ("<f>A1</f><v/>", "null", true),
        ("<f>A1</f><v>12025550143</v>", "12025550143", false),
        ("<v>12025550143</v>", "12025550143", false),
    ] {
        let book = book(&sheet(formula));
        let rows = book.read(None, 1).expect("rows");
        assert!(rows[0].contains(&format!("\"phone\":{phone}")), "{formula}: {rows:?}");
        let doubts = book.source(None, 1, wanted(&[])).doubts();
        assert_eq!(doubts.iter().any(|doubt| doubt.contains("formulas without their results")), is_warned, "{formula}");
    }
}

#[test]
fn two_cells_in_opposite_corners_take_no_memory_and_what_unpacks_to_gigabytes_is_refused() {
    let far = header(1) + &row(2, &[number("A2", 0, "1")]) + &row(1_048_576, &[text("XFD1048576", "x")]);
    let read = book(&xlsx(&[("Bookings", "visible", &far)])).read(None, 1).expect("rows");
    assert_eq!(read.len(), 2);
    let zeros = "0".repeat(300 << 20);
    let bomb = archive(&[("[Content_Types].xml", ""), ("xl/worksheets/sheet1.xml", &zeros)]);
    drop(zeros);
    assert!(bomb.len() < 2 << 20, "{}", bomb.len());
    let error = book(&bomb).read(None, 1).expect_err("too large");
    assert!(error.message.contains("larger than 256 MiB when unpacked"), "{error}");
}

#[test]
fn of_a_pattern_the_match_changed_last_is_read_and_locks_of_editors_are_not() {
    let folder = TempDir::new().expect("a folder");
    let write = |name: &str, text: &str, age: u64| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_600_000 - age);
        std::fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(at)).expect("a time");
    };
    write("export-2.csv", "id,phone\nold,1\n", 300);
    write("export-1.csv", "id,phone\nnew,1\n", 100);
    write("~$export-3.csv", "id,phone\nlock,1\n", 0);
    write(".export-4.csv", "id,phone\nhidden,1\n", 0);
    write("other.csv", "id,phone\nother,1\n", 0);
    let read = |name: &str| {
        let path = folder.path().join(name);
        let pattern = Some(path.display().to_string());
        let format = FormatSpec::Csv(tickler::schedule::CsvDialect::default());
        let mut seen = Seen::default();
        let source = FileSource::new(FileSpec { path, pattern, format }, wanted(&["id"]));
        source.read(&window(), &mut seen).map(|report| (seen.0, report.fingerprint))
    };
    let (rows, fingerprint) = read("*export-*.csv").expect("rows");
    assert_eq!(rows, [r#"2 {"phone":"1","id":"new"}"#]);
    assert!(fingerprint.starts_with("export-1.csv: "), "{fingerprint}");
    let error = read("none-*.csv").expect_err("nothing matches");
    assert_eq!(error.again, RepeatRead::Later, "a scheduled run waits for it: {error}");
    std::fs::write(folder.path().join("a[1].csv"), "id,phone\nitself,1\n").expect("a file");
    assert_eq!(read("a[1].csv").expect("rows").0, [r#"2 {"phone":"1","id":"itself"}"#]);
}
