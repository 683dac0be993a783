//! pure: a cell of a workbook becomes a value. A date is written as ISO 8601: with its time, alone, or the time alone.

use calamine::{Data, DataRef, ExcelDateTime, Style};
use serde_json::{Number, Value};

/// The least whole number that spreadsheets round: they keep 15 digits.
const FIRST_INEXACT: f64 = 1e15;

pub(super) fn of(cell: &Data) -> Value {
    match cell {
        Data::Int(number) => Value::from(*number),
        Data::Float(number) => number_value(*number),
        Data::String(text) => text_value(text),
        Data::Bool(truth) => Value::from(*truth),
        Data::DateTime(at) => Value::from(date_text(at)),
        Data::DateTimeIso(text) => Value::from(iso_text(text)),
        Data::DurationIso(text) => Value::from(duration_text(text)),
        Data::Error(error) => Value::from(error.to_string()),
        Data::Empty => Value::Null,
    }
}

pub(super) fn of_xlsx(cell: &DataRef<'_>) -> Value {
    match cell {
        DataRef::Int(number) => Value::from(*number),
        DataRef::Float(number) => number_value(*number),
        DataRef::String(text) => text_value(text),
        DataRef::SharedString(text) => text_value(text),
        DataRef::Bool(truth) => Value::from(*truth),
        DataRef::DateTime(at) => Value::from(date_text(at)),
        DataRef::DateTimeIso(text) => Value::from(iso_text(text)),
        DataRef::DurationIso(text) => Value::from(duration_text(text)),
        DataRef::Error(error) => Value::from(error.to_string()),
        DataRef::Empty => Value::Null,
    }
}

fn text_value(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::from(text) }
}

/// A whole number without a decimal part; one that a spreadsheet has rounded with an exponent, as it would show it, so that
/// nobody takes it for a phone or an id.
fn number_value(number: f64) -> Value {
    if number.fract() != 0.0 {
        return Number::from_f64(number).map_or(Value::Null, Value::Number);
    }
    if number.abs() >= FIRST_INEXACT {
        return Value::from(format!("{number:E}"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, and below the range in which it is exact")]
    Value::from(number as i64)
}

/// How many digits a style shows at least: `00000` shows zeros before the number, as in phones and ids.
pub(super) fn zeros_shown(style: &Style) -> usize {
    let format = style.number_format.as_ref().map_or("", |format| format.format_code.as_str());
    let is_zeros = format.len() > 1 && format.bytes().all(|byte| byte == b'0');
    if is_zeros { format.len() } else { 0 }
}

/// A whole number with the zeros that are shown before it, as text.
pub(super) fn padded(value: Value, digits: usize) -> Value {
    match value.as_u64() {
        Some(number) if digits > 0 => Value::from(format!("{number:0digits$}")),
        Some(_) | None => value,
    }
}

/// A serial number with a date format: a time alone below 1, a date alone where it is whole.
fn date_text(at: &ExcelDateTime) -> String {
    let serial = at.as_f64();
    // calamine cuts below the millisecond; a spreadsheet's 10:30 may be stored as 10:29:59.9999
    let rounded = ExcelDateTime::new((serial * 86_400.0).round() / 86_400.0 + 1e-9, datetime_type(at), is_1904(at));
    let (year, month, day, hour, minute, second, _) = rounded.to_ymd_hms_milli();
    if at.is_duration() || (0.0..1.0).contains(&serial) {
        return time_text(serial);
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if serial.fract() == 0.0 { date } else { format!("{date}T{hour:02}:{minute:02}:{second:02}") }
}

fn datetime_type(at: &ExcelDateTime) -> calamine::ExcelDateTimeType {
    if at.is_duration() { calamine::ExcelDateTimeType::TimeDelta } else { calamine::ExcelDateTimeType::DateTime }
}

/// Whether the workbook counts days from 1904: the crate tells it only by what it makes of a day.
fn is_1904(at: &ExcelDateTime) -> bool {
    let as_1900 = ExcelDateTime::new(at.as_f64(), datetime_type(at), false);
    as_1900.to_ymd_hms_milli() != at.to_ymd_hms_milli()
}

/// A share of a day, or several days, as hours, minutes and seconds.
fn time_text(days: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "cut to the hours that a text can show")]
    let seconds = (days * 86_400.0).round().clamp(0.0, 359_999_999.0) as i64;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// A date of an OpenDocument sheet, its midnight taken for a date alone.
fn iso_text(text: &str) -> String {
    let text = text.trim();
    text.strip_suffix("T00:00:00").unwrap_or(text).to_owned()
}

/// `PT10H30M00S` as a time of day.
fn duration_text(text: &str) -> String {
    match text.trim().parse::<jiff::SignedDuration>() {
        Ok(duration) => time_text(duration.as_secs_f64() / 86_400.0),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_is_read_as_it_is_shown_where_that_is_exact() {
        for (number, wanted) in [
            (12025550143.0, json!(12025550143_i64)),
            (-3.0, json!(-3)),
            (1001.5, json!(1001.5)),
            (999_999_999_999_999.0, json!(999_999_999_999_999_i64)),
            (1e15, json!("1E15")),
            (1.2345678901234568e19, json!("1.2345678901234567E19")),
        ] {
            assert_eq!(of(&Data::Float(number)), wanted, "{number}");
        }
        assert_eq!(padded(json!(30100143), 9), json!("030100143"));
        assert_eq!(padded(json!("x"), 9), json!("x"));
    }

    #[test]
    fn dates_and_times_are_what_their_cells_say() {
        let cell =
            |serial, is_1904| of(&Data::DateTime(ExcelDateTime::new(serial, ExcelDateTimeType::DateTime, is_1904)));
        for (serial, is_1904, wanted) in [
            (46351.4375, false, "2026-11-25T10:30:00"),
            (46351.437499999, false, "2026-11-25T10:30:00"),
            (46351.0, false, "2026-11-25"),
            (0.4375, false, "10:30:00"),
            (44889.4375, true, "2026-11-25T10:30:00"),
        ] {
            assert_eq!(cell(serial, is_1904), json!(wanted), "{serial}");
        }
        assert_eq!(of(&Data::DateTimeIso("2026-11-25T10:30:00".into())), json!("2026-11-25T10:30:00"));
        assert_eq!(of(&Data::DateTimeIso("2026-11-25".into())), json!("2026-11-25"));
        assert_eq!(of(&Data::DurationIso("PT10H30M00S".into())), json!("10:30:00"));
    }
}
