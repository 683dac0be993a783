//! pure: numbers of every region as people and programs write them: each is read as the same number or refused.

use proptest::prelude::*;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};

use super::*;

/// A valid number of a region: the library's example with as many other last digits as keep it valid.
fn valid_number(region: Region, kind: PhoneNumberType, digits: u64) -> Option<PhoneNumber> {
    let example = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind).ok()?;
    let number = |places: u32| {
        let unit = 10_u64.pow(places);
        let national_number = example.national_number / unit * unit + digits % unit;
        PhoneNumber { national_number, ..example.clone() }
    };
    (0..6).rev().map(number).find(|number| number.is_valid() && kind_of(number) == NumberKind::FixedOrMobile)
}

fn with_zero(number: &PhoneNumber) -> PhoneNumber {
    PhoneNumber { italian_leading_zero: Some(true), number_of_leading_zeros: Some(1), ..number.clone() }
}

/// The number as people, spreadsheets and programs write it. Each of them is read as this number or not at all.
fn spellings(number: &PhoneNumber, region: Region) -> Vec<String> {
    let e164 = number.format_as(PhoneNumberFormat::E164).into_owned();
    let (digits, code) = (&e164[1..], number.country_code.to_string());
    let national = &digits[code.len()..];
    let international = number.format_as(PhoneNumberFormat::International).into_owned();
    let in_region = number.format_as(PhoneNumberFormat::National).into_owned();
    let trunk = trunk_prefix(region);
    // where numbers may begin with a 0, an additional 0 makes another number
    let zero = if numbering::has_superfluous_zero(&with_zero(number)) { "0" } else { "" };
    vec![
        e164.clone(),
        digits.to_owned(),
        format!("{code} {national}"),
        format!("+{code} {}{national}", zero.replace('0', "(0)")),
        format!("+{code} {zero}{national}"),
        format!("00{digits}"),
        format!("+{code}.{national}"),
        format!("{trunk}{national}"),
        national.to_owned(),
        in_region.clone(),
        in_region.replace(['(', ')', '-', ' '], ""),
        in_region.replace(' ', "\u{a0}"),
        international.replace(' ', "\u{202f}"),
        international.replace(' ', "-"),
        international.replace(' ', "."),
        international.replace(' ', "/"),
        international.replace(['+'], ""),
        format!("'{digits}"),
        format!("'{e164}"),
        format!("=\"{e164}\""),
        format!("=\"{trunk}{national}\""),
        format!("\u{1}{e164}"),
        format!("\u{202d}{international}\u{202c}"),
        format!("\u{3000}{in_region}\t"),
        format!("{digits}.0"),
        format!("{digits},00"),
        format!("+{digits}.0"),
        format!("{national}.5"),
        format!("{}e{}", &digits[..1], digits.len() - 1),
        format!("{}.{}E+{}", &digits[..1], &digits[1..6], digits.len() - 1),
        format!("{e164} / {e164}"),
        format!("{in_region}\n{in_region}"),
        format!("{in_region} ({national})"),
    ]
}

#[test]
fn every_spelling_of_a_number_is_read_as_that_number_or_refused() {
    let mut read_numbers = 0;
    for region in PHONE_NUMBER_UTIL.get_supported_regions() {
        for kind in [PhoneNumberType::FixedLine, PhoneNumberType::Mobile] {
            for seed in 0..12_u64 {
                let Some(number) = valid_number(region, kind, seed.wrapping_mul(7_919_777) + 31_337) else { continue };
                let e164 = number.format_as(PhoneNumberFormat::E164).into_owned();
                for text in spellings(&number, region) {
                    match read(&text, Some(&region.to_string())) {
                        Ok(phone) => assert_eq!(phone.e164.as_str(), e164, "{text:?} in {region}"),
                        Err(problem) => assert_ne!(problem, PhoneProblem::Missing, "{text:?} in {region}"),
                    }
                }
                assert_eq!(read(&e164, None).map(|phone| phone.e164.into_string()), Ok(e164.clone()), "{region}");
                read_numbers += 1;
            }
        }
    }
    assert!(read_numbers > 4_000, "{read_numbers}");
}

/// Characters that replace blanks in copied text.
const BLANKS: [&str; 8] = [" ", "\u{a0}", "\u{202f}", "\u{2009}", "\u{3000}", "  ", "\u{200b} ", " \u{2060}"];

/// What is put around a cell.
fn guarded(text: &str, guard: usize) -> String {
    match guard {
        0 => format!("'{text}"),
        1 => format!("=\"{text}\""),
        2 => format!("\u{2}{text}"),
        3 => format!("\u{202a}{text}\u{202c}"),
        4 => format!(" \t{text}\u{a0}\n"),
        _ => text.to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_number_of_any_region_is_never_read_as_another(
        (region, kind, digits) in (any::<prop::sample::Index>(), any::<bool>(), 0..10_000_000_u64),
        (form, blank, guard, tail) in (any::<prop::sample::Index>(), prop::sample::select(&BLANKS[..]), 0..8_usize, 0..8_usize),
    ) {
        let mut regions: Vec<Region> = PHONE_NUMBER_UTIL.get_supported_regions().collect();
        regions.sort_by_key(ToString::to_string);
        let region = *region.get(&regions);
        let kind = if kind { PhoneNumberType::Mobile } else { PhoneNumberType::FixedLine };
        let Some(number) = valid_number(region, kind, digits) else { return Ok(()) };
        let e164 = number.format_as(PhoneNumberFormat::E164).into_owned();
        let trunk = trunk_prefix(region);
        let national = &e164[1 + number.country_code.to_string().len()..];
        let mut forms = spellings(&number, region);
        // without `+`, two zeros are the international prefix
        forms.push(format!("+{} {trunk}{trunk} {national}", number.country_code));
        forms.retain(|form| !form.contains(['\'', '=', '\u{1}', '\t', '\n', 'e', 'E']) || tail < 3);
        let form = form.get(&forms).replace(' ', blank);
        let (text, is_refused) = match tail {
            // with dots between the groups, what follows the last dot is not a fraction
            0 if !form.contains('.') => (format!("{form}.0"), form.ends_with(|last: char| last.is_ascii_digit())),
            1 => (format!("{form} / {e164}"), true),
            2 => (format!("{form}\n{e164}"), true),
            _ => (form, false),
        };
        let read = read(&guarded(&text, guard), Some(&region.to_string()));
        match &read {
            Ok(phone) => prop_assert!(!is_refused && phone.e164.as_str() == e164, "{text:?} in {region}: {read:?}"),
            Err(problem) => prop_assert_ne!(problem, &PhoneProblem::Missing, "{:?} in {}", text, region),
        }
        if text == e164 {
            prop_assert!(read.is_ok(), "{text:?} in {region}: {read:?}");
        }
    }

    #[test]
    fn any_text_is_read_without_panicking(text in "\\PC{0,70}", digits in "[0-9+() .extE-]{0,24}") {
        for text in [text, digits] {
            for region in [None, Some("US"), Some("DE"), Some("nowhere")] {
                if let Ok(phone) = read(&text, region) {
                    prop_assert!(phone.e164.starts_with('+') && phone.e164.len() > 7);
                    prop_assert_eq!(read(&phone.e164, None).map(|it| it.e164), Ok(phone.e164));
                }
            }
        }
    }
}
