use super::*;

fn e164(text: &str, region: Option<&str>) -> Result<String, PhoneProblem> {
    read(text, region).map(|phone| phone.e164.into_string())
}

#[test]
fn one_number_in_many_spellings_is_one_number() {
    for text in [
        "+12025550143",
        "+1 202-555-0143",
        "(202) 555-0143",
        "202.555.0143",
        "1-202-555-0143",
        "2025550143",
        " ２０２ ５５５ ０１４３ ",
        "tel:+1-202-555-0143",
        "\u{202A}+1 202 555 0143\u{202C}",
        "+1 (202)\u{A0}555\u{2011}0143",
    ] {
        assert_eq!(e164(text, Some("US")).as_deref(), Ok("+12025550143"), "{text}");
    }
    let phone = read("+12025550143", None).expect("a valid number");
    assert_eq!(
        (phone.national().as_str(), phone.region().as_deref(), phone.is_unassigned),
        ("(202) 555-0143", Some("US"), false)
    );
    assert_eq!(e164("+44 (0)20 7946 0958", None).as_deref(), Ok("+442079460958"));
    assert_eq!(e164("020 7946 0958", Some("gb")).as_deref(), Ok("+442079460958"));
}

#[test]
fn a_possible_number_in_an_unassigned_range_is_usable_and_marked() {
    let phone = read("+15551234567", None).expect("a possible number");
    assert_eq!((phone.e164.as_str(), phone.is_unassigned), ("+15551234567", true));
    assert!(read("5551234567", Some("US")).is_err());
}

#[test]
fn what_must_never_be_called_is_refused_without_repeating_the_number() {
    for (text, region) in [
        ("911", Some("US")),
        ("112", None),
        ("+1911", None),
        ("+112", None),
        ("999", Some("GB")),
        ("+19002345678", None),
        ("+1 900 555 0143", None),
        ("+12029765550", None),
        ("+44 909 879 0000", None),
        ("0900 1234567", Some("DE")),
        ("+53", None),
        ("1.55501E+10", Some("US")),
        ("1,55501E+10", Some("US")),
        ("2.025550143e9", Some("US")),
        ("+1.2025550143E+10", None),
        ("+12025550143.0", None),
        ("+12025550143,00", None),
        ("2025550143,50", Some("US")),
        ("2,025,550,143.00", Some("US")),
        ("2.025.550.143,00", Some("US")),
        ("12025550143.375", Some("US")),
        ("491705550142,0", Some("DE")),
        ("030 23125100.0", Some("DE")),
        ("2025550143.0", Some("US")),
        ("12025550143.0", Some("US")),
        (" 2025550143.00 ", Some("US")),
        ("+4930100000.0.0", None),
        ("+234.2033100000.0", None),
        ("2025550143.00.00", Some("US")),
        ("1-800-FLOWERS", Some("US")),
        ("202-555-0143 ext. 12", Some("US")),
        ("+12025550143x9", None),
        ("202-555-0143 / 202-555-0144", Some("US")),
        ("+12025550143, +12025550144", None),
        ("+1202555014", None),
        ("+120255501430", None),
        ("+999123456789", None),
        ("*67 2025550143", Some("US")),
        ("call mother", Some("US")),
        ("12345", Some("US")),
        ("0012025550143", None),
        ("2025550143", None),
    ] {
        match read(text, region) {
            Err(PhoneProblem::Invalid(why)) => {
                assert!(!why.contains("0143") && !why.contains("555"), "{text}: {why}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(matches!(read("2025550143", None), Err(PhoneProblem::Invalid(why)) if why.contains("default_region")));
    assert_eq!(read("  ", None), Err(PhoneProblem::Missing));
}

#[test]
fn the_first_usable_of_several_columns_is_taken() {
    let first = |texts: &[Option<&'static str>]| {
        let texts = texts.iter().map(|text| text.map(std::borrow::Cow::Borrowed));
        first_usable(texts, Some("US")).map(|phone| phone.e164)
    };
    assert_eq!(first(&[None, Some("911"), Some("202-555-0143"), Some("202-555-0144")]).as_deref(), Ok("+12025550143"));
    assert!(matches!(first(&[None, Some("911")]), Err(PhoneProblem::Invalid(why)) if why.contains("short")));
    assert_eq!(first(&[None, Some("")]), Err(PhoneProblem::Missing));
}

/// A message to the operator shows both numbers in full; in the ledger and the log they are masked.
#[test]
fn a_number_without_its_plus_is_read_where_the_plan_knows_one_reading_and_refused_with_both_where_it_knows_two() {
    for (text, region, expected) in [
        ("12025550143", "US", Ok("+12025550143")),
        ("1 202 555 0143", "US", Ok("+12025550143")),
        ("1-202-555-0143", "CA", Ok("+12025550143")),
        ("442079460958", "GB", Ok("+442079460958")),
        ("447911123456", "GB", Ok("+447911123456")),
        ("33612345678", "FR", Ok("+33612345678")),
        ("79161234567", "RU", Ok("+79161234567")),
        ("89161234567", "RU", Ok("+79161234567")),
        ("61491570156", "AU", Ok("+61491570156")),
        ("4915112345678", "DE", Err(["+49 1511 2345678", "0491 5112345678"])),
        ("01705550142", "DE", Ok("+491705550142")),
        ("0491705550142", "DE", Ok("+49491705550142")),
        ("+491705550142", "DE", Ok("+491705550142")),
        ("00491705550142", "DE", Ok("+491705550142")),
        ("491705550142", "DE", Err(["+49 170 5550142", "0491 705550142"])),
        ("49 170 5550142", "DE", Err(["+49 170 5550142", "0491 705550142"])),
        ("492214710123", "DE", Err(["+49 221 4710123", "04922 14710123"])),
        ("49 221 4710123", "DE", Err(["+49 221 4710123", "04922 14710123"])),
        ("(49) 221 4710123", "DE", Err(["+49 221 4710123", "04922 14710123"])),
        ("490000000000000", "DE", Err(["+49 0000000000000", "0490000000000000"])),
        ("62215550100", "ID", Err(["+62 21", "0622"])),
    ] {
        match (e164(text, Some(region)), expected) {
            (Ok(read), Ok(expected)) => assert_eq!(read, expected, "{text} {region}"),
            (Err(PhoneProblem::Invalid(why)), Err(readings)) => {
                let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
                for reading in readings {
                    assert!(digits(&why).contains(&digits(reading)), "{text} {region}: {why} lacks {reading}");
                }
            }
            (read, _) => panic!("{text} {region}: {read:?}"),
        }
    }
}

#[test]
fn two_numbers_in_one_cell_are_refused_and_one_in_an_unusual_spelling_is_read() {
    for text in [
        "202-555-0143 / 202-555-0144",
        "2025550143/44",
        "2025550143 (202-555-0144)",
        "2025550143\n2025550144",
        "2025550143\t2025550144",
        "2025550143\u{2028}2025550144",
        "2025550143\r\n2025550144",
        "2025550143, 2025550144",
        "2025550143,2025550144",
        "2025550143; 2025550144",
        "2025550143 | 2025550144",
        "2025550143 or 2025550144",
        "2025550143 oder 2025550144",
        "(202) 555-0143 o (202) 555-0144",
        "+12025550143 / +12025550144",
        "+12025550143 / 2025550144",
        "+12025550143, +12025550144",
        "+1 202 555 0143 (2)",
        "2025550143 - 2025550144",
        "2025550143 \u{2014} 2025550144",
        "2025550143 2025550144",
        "2025550143 + 2025550144",
        "2025550143 \u{2022} (202) 555-0144",
        "2025550143 e 2025550144",
    ] {
        let why = e164(text, Some("US")).expect_err(text);
        assert!(matches!(&why, PhoneProblem::Invalid(why) if why.contains("more than one number")), "{text}: {why:?}");
    }
    for (text, region, expected) in [
        ("030/23125100", "DE", "+493023125100"),
        ("0221/4710123", "DE", "+492214710123"),
        ("0221 / 471 01 23", "DE", "+492214710123"),
        ("089/123/4567", "DE", "+49891234567"),
        ("(0221) 4710123", "DE", "+492214710123"),
        ("0221 4710-123", "DE", "+492214710123"),
        ("+49 (221) 4710123", "DE", "+492214710123"),
        ("+49 (0) 221/4710123", "US", "+492214710123"),
        ("01/2345678", "AT", "+4312345678"),
        ("06.12.34.56.78", "FR", "+33612345678"),
        ("06.12.34.56.00", "FR", "+33612345600"),
        ("06/12/34/56/78", "FR", "+33612345678"),
        ("202\t555\t0143", "US", "+12025550143"),
        ("202-555-0143;", "US", "+12025550143"),
        ("+12025550143, ", "US", "+12025550143"),
        ("202\n555-0143", "US", "+12025550143"),
        ("202/555/0143", "US", "+12025550143"),
        ("202.5550143", "US", "+12025550143"),
        ("+1.2025550143", "US", "+12025550143"),
        ("1 (202) 555-0143", "US", "+12025550143"),
        ("+1(202)(555)(0143)", "US", "+12025550143"),
    ] {
        assert_eq!(e164(text, Some(region)).as_deref(), Ok(expected), "{text} {region}");
    }
}

#[test]
fn guards_of_spreadsheets_are_taken_off() {
    for text in [
        "'+12025550143",
        "'2025550143",
        "=\"+12025550143\"",
        "=\"2025550143\"",
        "\u{1}+12025550143",
        "\u{feff}+12025550143",
        "\u{200e}'+12025550143",
        "TEL:+1-202-555-0143",
    ] {
        assert_eq!(e164(text, Some("US")).as_deref(), Ok("+12025550143"), "{text:?}");
    }
    assert_eq!(read("'", Some("US")), Err(PhoneProblem::Missing));
}

#[test]
fn a_zero_in_brackets_goes_where_it_is_dialled_inside_the_country_only_and_stays_where_it_belongs_to_the_number() {
    for (text, region, expected) in [
        ("+44 (0)20 7946 0958", None, "+442079460958"),
        ("+49(0)30 23125100", None, "+493023125100"),
        ("+49 ( 0 ) 30 23125100", None, "+493023125100"),
        ("0049 (0)30 23125100", Some("DE"), "+493023125100"),
        ("+33 (0)6 12 34 56 78", None, "+33612345678"),
        ("+39 (0)6 55501234", None, "+390655501234"),
        ("+39 (0)2 5550 1234", None, "+390255501234"),
        ("+39 06 55501234", None, "+390655501234"),
        ("0039 (0)6 55501234", Some("DE"), "+390655501234"),
        ("(0)6 55501234", Some("IT"), "+390655501234"),
        ("+378 (0)549 882 555", None, "+3780549882555"),
        ("+225 (0)7 07 00 00 00", None, "+2250707000000"),
        ("+241 (0)1 44 12 34", None, "+24101441234"),
        ("+242 (0)6 612 34 56", None, "+242066123456"),
    ] {
        assert_eq!(e164(text, region).as_deref(), Ok(expected), "{text}");
    }
    assert!(e164("+34 (0)91 412 34 56", None).is_err(), "Spain has no zero before its numbers");
}

#[test]
fn short_national_numbers_are_called_where_the_plan_knows_them_and_codes_never() {
    for (text, region, expected) in [
        ("4000", Some("NU"), "+6834000"),
        ("+683 4000", None, "+6834000"),
        ("22158", Some("SH"), "+29022158"),
        ("+500 21234", None, "+50021234"),
        ("21234", Some("FK"), "+50021234"),
        ("201234", Some("FO"), "+298201234"),
        ("030 12345", Some("DE"), "+493012345"),
    ] {
        assert_eq!(e164(text, region).as_deref(), Ok(expected), "{text}");
    }
    for (text, region) in [
        ("+49 110", None),
        ("+49 112", None),
        ("+49 116117", None),
        ("116117", Some("DE")),
        ("0116117", Some("DE")),
        ("+49 11833", None),
        ("+44 999", None),
        ("+44 118500", None),
        ("+33 3631", None),
        ("+61 131500", None),
        ("131500", Some("AU")),
        ("+61 000", None),
        ("+1 911", None),
        ("+1 411", None),
        ("+47 02800", None),
        ("+41 117", None),
        ("+43 144", None),
        ("+46 11414", None),
        ("1234", Some("DE")),
        ("12345", Some("US")),
    ] {
        let read = e164(text, region);
        assert!(matches!(&read, Err(PhoneProblem::Invalid(_))), "{text}: {read:?}");
    }
}

#[test]
fn surplus_digits_make_no_unassigned_number_of_a_costly_or_short_one() {
    for text in [
        "+49 900 1234567 8",
        "+49 900 1 234567 89",
        "+49 110 1234567",
        "+49 112 34567890",
        "+49 116117 1234",
        "+49 180 5 1234567",
        "+43 900 123456 7890",
        "+44 999 123 4567",
        "+1 911 555 0143",
        "+61 000 123 456",
        "+46 900 123 45 67 8",
        "+358 600 12345 6789",
    ] {
        let read = e164(text, None);
        assert!(matches!(&read, Err(PhoneProblem::Invalid(_))), "{text}: {read:?}");
    }
    assert_eq!(read("+15551234567", None).map(|phone| phone.is_unassigned), Ok(true));
}

#[test]
fn an_invented_number_can_be_called_in_its_country() {
    for region in ["US", "CA", "GB", "DE", "FR", "AU"] {
        for n in [1, 42, 99] {
            let number = super::invented(Some(region), n);
            let phone = read(&number, None).unwrap_or_else(|problem| panic!("{region} {n}: {problem:?}"));
            assert_eq!(phone.region().as_deref(), Some(region), "{n}");
        }
    }
    assert_eq!(super::invented(None, 7), "+12025550107");
    assert_eq!(super::invented(Some("IT"), 7), "+12025550107");
}

#[test]
fn an_extension_is_named_however_it_is_written() {
    for text in [
        "202-555-0143 ext. 12",
        "+12025550143x9",
        "tel:+1-202-555-0143;ext=5",
        "202-555-0143;ext 5",
        "(202) 555-0143 Ext: 7",
    ] {
        let why = e164(text, Some("US")).expect_err(text);
        assert!(matches!(&why, PhoneProblem::Invalid(why) if why.contains("extension")), "{text}: {why:?}");
    }
}
