//! shell: `init`: a schedule drafted from exports as programs write them, and the plan that it makes.

use std::io::Write as _;

use crate::support::clinic::{Clinic, PARTS, Parts};
use crate::support::{Conduct, Receiver, answer};

const NOW: &str = "2026-11-24T14:00:00Z";

/// An export, and who is called tomorrow when a schedule is drafted from it.
struct Export {
    what: &'static str,
    file: &'static str,
    text: &'static str,
    called: &'static [&'static str],
    /// Words of its doubts.
    doubts: &'static str,
}

const fn export(
    what: &'static str,
    file: &'static str,
    text: &'static str,
    called: &'static [&'static str],
    doubts: &'static str,
) -> Export {
    Export { what, file, text, called, doubts }
}

#[rustfmt::skip]
const EXPORTS: &[Export] = &[
    export("a clinic in the United States", "us.csv",
        "Appt ID,Patient Name,Cell Phone,Appt Date,Appt Time,Status\nA1,Jane Doe,(202) 555-0143,11/25/2026,10:30 AM,Confirmed\nA2,Bob Roe,202-555-0144,12/13/2026,2:00 PM,Confirmed\nA3,Al Poe,(202) 555-0145,11/25/2026,9:00 AM,Cancelled\n",
        &["A1"], "`Cancelled`"),
    export("a title above the header and a totals line", "titled.csv",
        "Bookings of November\n\nBooking ID,Name,Phone,Start\n1,Jane,+12025550143,2026-11-25 10:30\n2,Bob,+12025550144,2026-11-26 10:30\nTotal,2,,\n",
        &["1"], ""),
    export("a salon in Germany", "de.csv",
        "Termin-Nr.;Kunde;Handy;Datum;Uhrzeit;Status\n17;Zoë Müßig;+49 30 23125106;25.11.2026;10:30;gebucht\n18;Ana;+49 30 23125107;13.12.2026;09:00;gebucht\n19;Bo;+49 30 23125108;25.11.2026;11:00;storniert\n",
        &["17"], "`storniert`"),
    export("numbers of appointments that read as times of day", "numbers.csv",
        "Termin-Nr;Kunde;Handy;Datum;Uhrzeit;Status\n1001;Zoë Müßig;+49 30 23125106;25.11.2026;09:30;bestätigt\n1002;Ana;+49 30 23125107;13.12.2026;10:15;bestätigt\n",
        &["1001"], ""),
    export("times of a framework in UTC", "utc.csv",
        "id,patient_name,mobile,starts_at_utc,status\nA-1,Ada,+12025550143,2026-11-25T14:30:00.000000,confirmed\nA-2,Ben,+12025550164,2026-12-25T15:30:00.000000,confirmed\n",
        &["A-1"], "read in UTC"),
    export("a practice in France", "fr.csv",
        "N° RDV;Nom;Téléphone portable;Date RDV;Heure;Statut\n1;Jeanne;+33 1 99 00 12 34;25/11/2026;10:30;Confirmé\n2;Luc;+33 1 99 00 12 35;13/12/2026;09:00;Confirmé\n",
        &["1"], ""),
    export("a clinic in Spain", "es.csv",
        "Código;Paciente;Teléfono móvil;Fecha y hora;Estado\n1;Ana;+34 912 345 678;25/11/2026 10:30;Confirmada\n2;Luz;+34 912 345 679;13/12/2026 09:00;Confirmada\n",
        &["1"], ""),
    export("a clinic in Brazil", "br.csv",
        "ID Agendamento;Paciente;Celular;Data;Hora;Situação\n1;Ana;+55 11 2345-6789;25/11/2026;10:30;Agendado\n2;Bia;+55 11 2345-6780;13/12/2026;09:00;Agendado\n",
        &["1"], ""),
    export("a studio in Italy", "it.csv",
        "Codice Appuntamento;Cliente;Cellulare;Data Appuntamento;Ora\n1;Ada;+39 06 1234 5678;25/11/2026;10:30\n2;Ugo;+39 06 1234 5679;13/12/2026;09:00\n",
        &["1"], ""),
    export("a practice in the Netherlands", "nl.csv",
        "Afspraaknummer;Naam;Mobiel;Datum;Tijd;Status\n1;Jan;+31 20 123 4567;25-11-2026;10:30;Bevestigd\n2;Piet;+31 20 123 4568;13-12-2026;09:00;Bevestigd\n",
        &["1"], ""),
    export("a practice in Portugal", "pt.csv",
        "Código da cita;Nome;Telemóvel;Dia;Hora\n1;Rui;+351 21 234 5678;2026-11-25;10:30\n2;Eva;+351 21 234 5679;2026-12-13;09:00\n",
        &["1"], ""),
    export("ISO 8601 with tabs", "tabs.tsv",
        "id\tphone\tstarts_at\n1\t+12025550143\t2026-11-25T10:30:00\n2\t+12025550144\t2026-12-25T10:30:00\n",
        &["1"], ""),
    export("UTC with offsets and pipes", "pipes.txt",
        "uuid|contact_phone|start_time|end_time|created_at\na|+12025550143|2026-11-25T15:30:00Z|2026-11-25T16:00:00Z|2026-10-01T00:00:00Z\nb|+12025550144|2026-12-25T15:30:00Z|2026-12-25T16:00:00Z|2026-10-01T00:00:00Z\n",
        &["a"], ""),
    export("a date with its month in words", "words.csv",
        "Ref,Client,Mobile,Appointment\nx1,Jane,+12025550143,\"Nov 25, 2026 10:30 AM\"\nx2,Bob,+12025550144,\"Dec 13, 2026 2:00 PM\"\n",
        &["x1"], ""),
    export("an id in every row and a customer's number", "customers.csv",
        "CustomerID,BookingRef,PhoneNumber,StartDateTime,Service\n7,b1,+12025550143,2026-11-25 10:30:00,Cut\n7,b2,+12025550143,2026-12-25 10:30:00,Cut\n",
        &["b1"], ""),
    export("names split, a birthday, two phones and two times", "split.csv",
        "MRN,Last Name,First Name,DOB,Home Phone,Mobile Phone,Appt ID,Appointment Date,Start Time,End Time,Appt Status\n100,Doe,Jane,02/03/1980,,(202) 555-0143,A1,11/25/2026,10:30 AM,11:00 AM,Scheduled\n101,Roe,Bob,12/31/1975,202-555-0166,202-555-0144,A2,12/13/2026,2:00 PM,2:30 PM,Scheduled\n",
        &["A1"], ""),
    export("a booking plugin that also says when a booking was made", "plugin.csv",
        "Booking ID,Date created,Start date,End date,Customer name,Customer phone,Status\n501,\"November 1, 2026 8:00 am\",\"November 25, 2026 10:30 am\",\"November 25, 2026 11:00 am\",Jane Doe,+1 202-555-0143,approved\n502,\"November 2, 2026 8:00 am\",\"December 13, 2026 2:00 pm\",\"December 13, 2026 3:00 pm\",Bob Roe,+1 202-555-0144,approved\n",
        &["501"], ""),
    export("a start whose name begins like an id's", "surgery.csv",
        "Ref No.,Patient,Tel (home),Appt. Date/Time,Clinician\nR1,Jane,020 7946 0143,25/11/2026 10:30,Dr A\nR2,Bob,020 7946 0144,26/11/2026 09:00,Dr B\n",
        &["R1"], ""),
    export("a date with its time in a column `um`, and a birthday", "um.csv",
        "Lfd. Nr.;Termin-ID;Nachname;Vorname;Geburtsdatum;Tel. mobil;Termin am;um;Behandler\n1;T-17;Müßig;Zoë;01.02.1980;+49 30 23125106;25.11.2026;10:30;Dr. A\n2;T-18;Poe;Ana;13.12.1975;+49 30 23125107;13.12.2026;09:00;Dr. B\n",
        &["T-17"], ""),
    export("a date with its time in a column `à`, and a birthday", "cabinet.csv",
        "Réf;Patient;Né(e) le;Tél.;Rendez-vous le;à;Statut\n1;Jeanne;03/04/1980;+33 1 99 00 12 34;25/11/2026;10h30;Confirmé\n2;Luc;05/06/1975;+33 1 99 00 12 35;13/12/2026;09h00;Confirmé\n",
        &["1"], ""),
    export("`às` between date and time, and the day of the booking", "agenda.csv",
        "Nº;Paciente;WhatsApp;Agendado para;Criado em;Situação\n1;Ana;+55 11 2345-6789;25/11/2026 às 10:30;01/11/2026 08:00;Confirmado\n2;Bia;+55 11 2345-6780;13/12/2026 às 09:00;02/11/2026 08:00;Confirmado\n",
        &["1"], ""),
    export("milliseconds of an API", "milliseconds.csv",
        "event_id,invitee_phone,start_epoch_ms,created_epoch_ms\ne1,+12025550143,1795620600000,1790000000000\ne2,+12025550144,1797175800000,1790000001000\n",
        &["e1"], ""),
    export("serial days of a spreadsheet", "serial.csv",
        "ID,Phone,Start\n1,+12025550143,46351.4375\n2,+12025550144,46369.375\n",
        &["1"], ""),
    export("numbers guarded by an apostrophe", "guarded.csv",
        "Start Time,End Time,First Name,Last Name,Phone,Type,Date Scheduled,Appointment ID,Canceled\n\"November 25, 2026 10:30 am\",\"November 25, 2026 11:00 am\",Jane,Doe,'+12025550143,Cut,2026-11-01,900001,\n\"December 13, 2026 2:00 pm\",\"December 13, 2026 3:00 pm\",Bob,Roe,'+12025550144,Cut,2026-11-02,900002,\n",
        &["900001"], ""),
    export("two-digit years", "short.csv",
        "Appointment Start,Appointment End,Client Name,Client Phone Number,Service,Booking ID,Status\n11/25/26 10:30 AM,11/25/26 11:00 AM,Jane,+12025550143,Cut,bk_1,Accepted\n12/13/26 2:00 PM,12/13/26 2:30 PM,Bob,+12025550144,Cut,bk_2,Accepted\n",
        &["bk_1"], ""),
    export("halves of the day as Excel writes them in Spanish, and a number for an id", "citas.csv",
        "sep=;\nNº cita;Paciente;Teléfono móvil;Fecha;Hora;Estado\n1;Ana Gómez;612 345 678;25/11/2026;10:30 a. m.;Confirmada\n2;Luz Peña;+34 912 345 679;13/12/2026;4:15 p. m.;Confirmada\n3;Juan;612345680;25/11/2026;5:00 p. m.;Anulada\n",
        &["1"], "`Anulada`"),
    export("dates in French words", "mots.csv",
        "Identifiant;Patient;Téléphone;Rendez-vous;Statut\nA1;Jeanne;06 12 34 56 78;mercredi 25 novembre 2026 10:30;confirmé\nA2;Luc;01 99 00 12 35;lundi 14 décembre 2026 09:00;confirmé\n",
        &["A1"], "Europe/Paris"),
    export("German weekdays, numbers with the country's code", "wochentag.csv",
        "Nr;Tel;Termin\n1;+493023125106;Mi, 25.11.2026 10:30\n2;+493023125107;Mo, 14.12.2026 09:00\n",
        &["1"], "Europe/Berlin"),
    export("a second line of units, and a cell that is no date", "units.csv",
        "id,patient,phone,start\n(number),(name),(home),(local time)\n1,Jane,+1 202 555 0143,25/11/2026 10:30\n2,Bob,+1 202 555 0144,13/12/2026 14:00\n",
        &["1"], "1 of 3 starts can't be read"),
    export("a country's code in a column of its own", "codes.csv",
        "id,country_code,phone,appt_start\n1,+1,2025550143,2026-11-25T10:30:00\n2,44,7400123456,2026-12-25T11:30:00\n",
        &["1"], ""),
    export("line breaks in the header, columns without a name, totals below", "breaks.csv",
        "\"Appt\nID\",\"Patient\nName\",\"Phone\n(mobile)\",\"Start\nDate\",\"Start\nTime\",,\n10,\"Doe, Jane\",202-555-0143,11/25/2026,12:15 AM,,\n11,\"Roe, Bob\",202-555-0144,12/13/2026,12:15 PM,,\n,,,,Total:,2,\n",
        &["10"], ""),
    export("a start that is written otherwise than the others", "odd.csv",
        "id,phone,start\n1,+12025550143,2026-11-25T10:30\n2,+12025550144,2026-12-25T10:30\n3,+12025550145,11/26/2026 10:30 AM\n",
        &["1"], "1 of 3 starts can't be read"),
    export("a begin and an end in one cell", "ranges.csv",
        "id,phone,date,time\n1,+12025550143,11/25/2026,10:30 AM - 11:00 AM\n2,+12025550144,12/13/2026,2:00 PM - 2:30 PM\n",
        &["1"], ""),
    export("ordinals", "ordinals.csv",
        "id,phone,start\n1,+12025550143,\"November 25th, 2026 10:30 AM\"\n2,+12025550144,\"December 1st, 2026 2:00 PM\"\n",
        &["1"], ""),
    export("a phone in a note", "notes.csv",
        "id,start,notes\n1,2026-11-25T10:30,\"first visit, call (202) 555-0143 after noon\"\n2,2026-12-25T10:30,\"2026-11-01 asked for no call\"\n",
        &["1"], "1 of 2 rows have no phone in `notes`"),
    export("a calendar with a series, whole days and its own zone", "desk.ics",
        "BEGIN:VCALENDAR\nVERSION:2.0\nX-WR-TIMEZONE:America/Chicago\nBEGIN:VEVENT\nUID:w\nSUMMARY:Jane\nDESCRIPTION:+1 202 555 0143\nDTSTART;TZID=America/Chicago:20261104T103000\nRRULE:FREQ=WEEKLY\nEND:VEVENT\nBEGIN:VEVENT\nUID:d\nSUMMARY:Closed\nDTSTART;VALUE=DATE:20261210\nEND:VEVENT\nEND:VCALENDAR\n",
        &["w@20261125T163000Z"], "events are whole days"),
    export("no phone", "mail.csv",
        "id,name,email,start\n1,Jane,jane@example.com,2026-11-25T10:30\n",
        &[], "no column holds phone numbers"),
    export("dates that read both ways", "both.csv",
        "id,phone,date,time\n1,+12025550143,03/04/2027,10:30\n2,+12025550144,05/06/2027,10:30\n",
        &[], "two readings"),
    export("dates that are mixed", "mixed.csv",
        "id,phone,date,time\n1,+12025550143,13/04/2027,10:30\n2,+12025550144,04/13/2027,10:30\n",
        &[], "mixed"),
    export("no time of day", "days.csv",
        "id,phone,date\n1,+12025550143,2026-11-25\n2,+12025550144,2026-11-26\n",
        &[], "no time of day"),
    export("a calendar with phones in its descriptions", "shop.ics",
        "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:e1\nSUMMARY:Jane\nDESCRIPTION:call +1 202 555 0143\nDTSTART:20261125T153000Z\nEND:VEVENT\nBEGIN:VEVENT\nUID:e2\nSUMMARY:Bob\nDESCRIPTION:+1 202 555 0144\nDTSTART:20261210T153000Z\nSTATUS:CONFIRMED\nEND:VEVENT\nEND:VCALENDAR\n",
        &["e1"], ""),
];

/// Who a schedule would call.
fn called(clinic: &Clinic, name: &str) -> Vec<String> {
    let ended = clinic.run(&["plan", name, "--now", NOW, "--format", "json"]);
    let plans: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
    let reminders = plans[0]["reminders"].as_array().cloned().unwrap_or_default();
    reminders.iter().filter_map(|call| call["appointment_id"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_schedule_is_drafted_from_an_export_and_its_plan_is_right_or_its_doubts_say_why_not() {
    let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
    let mut wrong = Vec::new();
    for Export { what, file, text, called: expected, doubts } in EXPORTS {
        clinic.write(file, text);
        let ended = clinic.run(&["init", file, "--now", NOW]);
        let name = file.split('.').next().expect("a name");
        let written = std::fs::read_to_string(clinic.path().join(format!("schedules/{name}.toml"))).unwrap_or_default();
        if !ended.stderr.contains(doubts) {
            wrong.push(format!("{what}: no doubt `{doubts}`: {}", ended.stderr));
        }
        let found = if expected.is_empty() && ended.exit != 0 { Vec::new() } else { called(&clinic, name) };
        if found != *expected {
            wrong.push(format!("{what}: {found:?} are called\n{written}\n{}", ended.stderr));
        }
        if !expected.is_empty() {
            let check = clinic.run(&["check", &format!("schedules/{name}.toml")]);
            if check.exit != 0 {
                wrong.push(format!("{what}: {}\n{written}", check.stdout));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_examples_that_ship_are_drafted_as_their_authors_wrote_them() {
    let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for (example, file, id) in [("clinic", "appointments.csv", "\"id\""), ("salon", "termine.csv", "\"Nr\"")] {
        let path = root.join(example).join(file);
        let ended = clinic.run(&["init", &path.display().to_string(), "-", "--now", NOW]);
        assert_eq!(ended.exit, 0, "{ended:?}");
        assert!(ended.stdout.contains(id) && ended.stdout.contains("[source.csv]"), "{ended:?}");
        assert!(ended.stdout.contains("starts_at"), "{ended:?}");
    }
    assert_eq!(std::fs::read_dir(clinic.path().join("schedules")).expect("a folder").count(), 0, "nothing was written");
}

#[test]
fn a_draft_calls_nobody_is_commented_and_never_replaces_a_file() {
    let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
    clinic.write("a.csv", "id,phone,starts_at\n1,+12025550143,2026-11-25T10:30\n");
    let first = clinic.run(&["init", "a.csv", "day-before", "--now", NOW]);
    assert_eq!(first.exit, 0, "{first:?}");
    let text = std::fs::read_to_string(clinic.path().join("schedules/day-before.toml")).expect("it was written");
    assert!(text.contains("mode     = \"shadow\"") && text.contains("# DOUBT") || text.contains("# Drafted"), "{text}");
    assert!(text.contains("path = \"../a.csv\""), "{text}");
    assert!(first.stdout.contains("1 would be called"), "it ends with its plan: {first:?}");
    let again = clinic.run(&["init", "a.csv", "day-before", "--now", NOW]);
    assert_eq!(again.exit, 2, "{again:?}");
    assert!(again.stderr.contains("name another one"), "{again:?}");
    assert_eq!(std::fs::read_to_string(clinic.path().join("schedules/day-before.toml")).expect("a file"), text);
}

#[test]
fn an_api_is_drafted_by_the_list_whose_fields_are_known() {
    let body = r#"{"meta":{"tags":[{"x":1}]},"data":{"bookings":[
        {"id":"b1","customer":{"name":"Jane","phone":"+12025550143"},"startTime":"2026-11-25T15:30:00Z"},
        {"id":"b2","customer":{"name":"Bob","phone":"+12025550144"},"startTime":"2026-12-25T15:30:00Z"}]}}"#;
    let json = Conduct::Answer(answer("200 OK", &[("content-type", "application/json")], body));
    let receiver = Receiver::start(vec![json]);
    let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
    let ended = clinic.run(&["init", &receiver.url("/api"), "api", "--now", NOW]);
    let text = std::fs::read_to_string(clinic.path().join("schedules/api.toml")).unwrap_or_default();
    assert!(
        text.contains("items = \"/data/bookings\"") && text.contains("phone          = \"customer.phone\""),
        "{text}\n{ended:?}"
    );
    assert_eq!(called(&clinic, "api"), ["b1"], "{text}");
}

#[test]
fn lists_inside_of_items_objects_that_are_null_and_the_next_page_are_drafted() {
    let nested = r#"{"result":{"days":[{"date":"2026-11-25","slots":[{"id":1,"time":"10:30","phone":"+12025550143","client":null},
        {"id":2,"time":"11:30","phone":"+12025550144","client":{"name":"Bob"}}]},{"date":"2026-12-13","slots":[]}]}}"#;
    let first = r#"{"data":[{"id":"b0","client":{"name":"Al"},"phone":"+12025550145","start":1790000000},
        {"id":"b1","client":null,"phone":"+12025550143","start":1795620600}],"links":{"next":"/page2"}}"#;
    let second = r#"{"data":[{"id":"b2","client":{"name":"Bob"},"phone":"+12025550144","start":1795624200}],"links":{"next":null}}"#;
    let answers = |bodies: &[&str]| {
        let json = |body: &&str| Conduct::Answer(answer("200 OK", &[("content-type", "application/json")], body));
        bodies.iter().map(json).collect::<Vec<_>>()
    };
    for (bodies, words, expected) in [
        (&[nested][..], "each = \"/slots\"", ["1", "2"]),
        // asked for the draft, for its sample, and for its plan, twice
        (
            &[first, first, second, first, second, first, second][..],
            "paging.next = { at = \"/links/next\" }",
            ["b1", "b2"],
        ),
    ] {
        let receiver = Receiver::start(answers(bodies));
        let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
        let ended = clinic.run(&["init", &receiver.url("/api"), "api", "--now", NOW]);
        let text = std::fs::read_to_string(clinic.path().join("schedules/api.toml")).unwrap_or_default();
        assert!(text.contains(words) && text.contains("client.name | default(none)"), "{text}\n{ended:?}");
        assert_eq!(called(&clinic, "api"), expected, "{text}\n{ended:?}");
    }
}

/// A workbook with a cover sheet before the one with appointments.
fn workbook_with_a_cover() -> Vec<u8> {
    const MAIN: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
                        xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"";
    let relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let sheet = |rows: &[&[&str]]| {
        let cell = |text: &&str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
        let row = |cells: &&[&str]| format!("<row>{}</row>", cells.iter().map(cell).collect::<String>());
        format!("<worksheet {MAIN}><sheetData>{}</sheetData></worksheet>", rows.iter().map(row).collect::<String>())
    };
    let related = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id=\"{id}\" Type=\"{relation}/{kind}\" Target=\"{target}\"/>")
    };
    let relations = |all: String| format!("<Relationships xmlns=\"{package}/relationships\">{all}</Relationships>");
    let sheets =
        "<sheet name=\"Cover\" sheetId=\"1\" r:id=\"a\"/><sheet name=\"Book of November\" sheetId=\"2\" r:id=\"b\"/>";
    let parts = [
        ("[Content_Types].xml", format!("<Types xmlns=\"{package}/content-types\"/>")),
        ("_rels/.rels", relations(related("r", "officeDocument", "xl/workbook.xml"))),
        ("xl/workbook.xml", format!("<workbook {MAIN}><sheets>{sheets}</sheets></workbook>")),
        (
            "xl/_rels/workbook.xml.rels",
            relations(
                related("a", "worksheet", "worksheets/sheet1.xml")
                    + &related("b", "worksheet", "worksheets/sheet2.xml"),
            ),
        ),
        ("xl/worksheets/sheet1.xml", sheet(&[&["Clinic, November"]])),
        (
            "xl/worksheets/sheet2.xml",
            sheet(&[
                &["Printed on 24 November"],
                &["ID", "Phone", "Start"],
                &["A-1", "+12025550143", "2026-11-25T10:30"],
                &["A-2", "+12025550144", "2026-12-25T10:30"],
            ]),
        ),
    ];
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("a part");
        zip.write_all(text.as_bytes()).expect("its text");
    }
    zip.finish().expect("an archive").into_inner()
}

#[test]
fn the_sheet_and_the_row_of_its_header_are_found_behind_a_cover() {
    let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
    clinic.write_bytes("book.xlsx", &workbook_with_a_cover());
    let ended = clinic.run(&["init", "book.xlsx", "--now", NOW]);
    let text = std::fs::read_to_string(clinic.path().join("schedules/book.toml")).unwrap_or_default();
    assert!(text.contains("sheet = \"Book of November\"\nheader_row = 2"), "{text}\n{ended:?}");
    assert_eq!(called(&clinic, "book"), ["A-1"], "{text}\n{ended:?}");
}

#[test]
fn the_zone_is_the_countrys_unless_that_of_the_other_schedules_is_in_it_too() {
    for (phone, others, zone) in [
        ("(202) 555-0143", "America/Chicago", "America/Chicago"),
        ("(202) 555-0143", "Europe/Berlin", "America/New_York"),
        ("+493023125106", "America/Chicago", "Europe/Berlin"),
        ("+493023125106", "", "Europe/Berlin"),
    ] {
        let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
        if !others.is_empty() {
            clinic.schedule("other", &Parts { zone: others, ..PARTS }.text());
        }
        clinic.write("a.csv", &format!("id,phone,starts_at\n1,{phone},2026-11-25T10:30\n"));
        let ended = clinic.run(&["init", "a.csv", "-", "--now", NOW]);
        assert!(ended.stdout.contains(&format!("timezone = \"{zone}\"")), "{phone}, {others}: {ended:?}");
    }
}

#[test]
fn the_encoding_of_dos_and_of_old_macs_is_found_and_check_names_it_where_it_is_left_out() {
    for (encoding, name) in
        [("850", b"M\x81\xe1ig, K\x94nigstra\xe1e".as_slice()), ("macintosh", b"M\x9f\xa7ig, K\x9anigstra\xa7e")]
    {
        let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
        let table = [b"Nr;Kunde;Telefon;Termin\n1;".as_slice(), name, b";030 23125106;2026-11-25 10:30\n"].concat();
        clinic.write_bytes("a.csv", &table);
        let ended = clinic.run(&["init", "a.csv", "--now", NOW]);
        let path = clinic.path().join("schedules/a.toml");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(text.contains(&format!("encoding = \"{encoding}\"")), "{text}\n{ended:?}");
        assert!(ended.stdout.contains("Müßig, Königstraße"), "{ended:?}");
        let ended = clinic.run(&["check"]);
        assert!(!ended.stdout.contains("make words in the encoding"), "{ended:?}");
        std::fs::write(&path, text.replace(&format!("encoding = \"{encoding}\"\n"), "")).expect("a file");
        let ended = clinic.run(&["check"]);
        assert!(ended.words().contains(&format!("make words in the encoding `{encoding}`")), "{ended:?}");
    }
}

#[test]
fn a_line_of_totals_has_no_status() {
    let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
    clinic.write(
        "a.csv",
        "id,phone,start,status\n1,+12025550143,2026-11-25T10:30,Booked\n2,+12025550144,2026-12-25T10:30,Away\nTotal,,,2\n",
    );
    let ended = clinic.run(&["init", "a.csv", "-", "--now", NOW]);
    assert!(ended.stderr.contains("these words of `status` are not called: `Away`\n"), "{ended:?}");
    assert!(ended.stdout.contains("id             = \"id\""), "{ended:?}");
}

#[test]
fn what_cannot_be_drafted_is_said() {
    let clinic = Clinic::empty("http://127.0.0.1:9/webhook/automation/nobody");
    clinic.write("empty.csv", "id,phone,starts_at\n");
    clinic.write("page.csv", "<!doctype html><html></html>");
    clinic.write("plain.csv", "hello\n");
    for (file, words) in [
        ("empty.csv", "only a header was found"),
        ("page.csv", "HTML page"),
        ("plain.csv", "no table"),
        ("none.csv", "can't be read"),
    ] {
        let ended = clinic.run(&["init", file]);
        assert_eq!(ended.exit, 1, "{file}: {ended:?}");
        assert!(ended.stderr.contains(words), "{file}: {ended:?}");
    }
}
