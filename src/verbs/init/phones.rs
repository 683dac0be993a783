//! pure: the phones of a table: which columns hold them, of which country they are, and those inside of texts.

use super::headers::{ColumnRole, plain, regions_of};
use super::mapping::{Found, Sample};
use crate::appointment::phone;

/// Regions of national numbers that are tried, in this order, and the zone most people there live in.
pub(super) const REGIONS: &[(&str, &str)] = &[
    ("US", "America/New_York"),
    ("GB", "Europe/London"),
    ("DE", "Europe/Berlin"),
    ("FR", "Europe/Paris"),
    ("ES", "Europe/Madrid"),
    ("IT", "Europe/Rome"),
    ("PT", "Europe/Lisbon"),
    ("BR", "America/Sao_Paulo"),
    ("NL", "Europe/Amsterdam"),
    ("AU", "Australia/Sydney"),
    ("IN", "Asia/Kolkata"),
    ("AT", "Europe/Vienna"),
    ("CH", "Europe/Zurich"),
    ("MX", "America/Mexico_City"),
];

/// Other zones of those countries: a machine that is set to one of them is likely where the appointments are.
const OTHER_ZONES: &[(&str, &str)] = &[
    (
        "US",
        "America/Chicago America/Denver America/Los_Angeles America/Phoenix America/Anchorage America/Detroit America/Boise \
         America/Indiana/Indianapolis America/Kentucky/Louisville America/Puerto_Rico Pacific/Honolulu",
    ),
    ("GB", "Europe/Jersey Europe/Guernsey Europe/Isle_of_Man"),
    ("ES", "Atlantic/Canary Africa/Ceuta"),
    ("PT", "Atlantic/Azores Atlantic/Madeira"),
    (
        "BR",
        "America/Manaus America/Fortaleza America/Recife America/Bahia America/Belem America/Cuiaba America/Campo_Grande \
         America/Porto_Velho America/Rio_Branco America/Maceio America/Araguaina America/Boa_Vista America/Noronha",
    ),
    (
        "AU",
        "Australia/Melbourne Australia/Brisbane Australia/Perth Australia/Adelaide Australia/Hobart Australia/Darwin",
    ),
    ("MX", "America/Tijuana America/Monterrey America/Cancun America/Hermosillo America/Chihuahua America/Merida"),
];

/// The zone of a country, or the machine's where that is in it or the country isn't known.
pub(super) fn zone_of(country: Option<&str>, machine: &str) -> String {
    let known = |table: &[(&str, &'static str)]| table.iter().find(|(known, _)| Some(*known) == country).map(|of| of.1);
    let is_there = known(OTHER_ZONES).is_some_and(|zones| zones.split_whitespace().any(|zone| zone == machine));
    known(REGIONS).filter(|_| !is_there).unwrap_or(machine).to_owned()
}

/// The country of more than half of the numbers that are written with its code.
fn country_of(values: &[&str]) -> Option<&'static str> {
    const ENOUGH: usize = 100;
    let found: Vec<String> =
        values.iter().take(ENOUGH).filter_map(|text| phone::read(text, None).ok()?.region()).collect();
    let is_most = |country: &str| found.iter().filter(|region| *region == country).count() * 2 > found.len();
    REGIONS.iter().map(|(country, _)| *country).find(|country| is_most(country))
}

/// Names of columns in which people write a phone among other things.
const COLUMNS_OF_TEXTS: &str = "description summary notes note comment comments remarks remark details body bodypreview message title subject \
    location attendee bemerkung bemerkungen notiz notizen kommentar betreff beschreibung remarque remarques commentaire \
    commentaires observations notas nota observaciones comentarios observacoes osservazioni commenti opmerking opmerkingen";

/// Patterns for the first number in a text, the surest first: with its country's code, as in North America, with its trunk prefix, in pairs
/// as in France, any. A group keeps them from beginning inside of another number; none but the last finds a date.
const NUMBER_PATTERNS: [&str; 5] = [
    "[+][0-9][0-9 ()./-]{6,}[0-9]",
    "(?:^|[^0-9-])([(]?[0-9]{3}[)]?[ .-]?[0-9]{3}[ .-]?[0-9]{4})",
    "(?:^|[^0-9])([(]?0[0-9]{2}[0-9 ()/-]{4,}[0-9])",
    "(?:^|[^0-9])(0[1-9](?: [0-9]{2}){4})",
    "(?:^|[^0-9])([1-9][0-9 ()/-]{6,}[0-9])",
];

/// The phones in the texts of a column.
pub(super) struct PhonesInText {
    pub(super) column: String,
    pub(super) pattern: &'static str,
    /// What the pattern finds in each row.
    pub(super) numbers: Vec<Option<String>>,
}

impl PhonesInText {
    /// The number of rows in which the pattern finds a phone; 0 where it finds a date, which may read as one.
    fn count(&self) -> usize {
        let is_phone = |number: &&String| {
            let reads = |region| phone::read(number, region).is_ok();
            reads(None) || REGIONS.iter().any(|(region, _)| reads(Some(*region)))
        };
        let is_date = |number: &String| {
            let (year, rest) = number.split_at_checked(4).unwrap_or((number, ""));
            (year.starts_with("19") || year.starts_with("20")) && rest.starts_with(['-', '.', '/'])
        };
        let found = || self.numbers.iter().flatten();
        if found().any(is_date) { 0 } else { found().filter(is_phone).count() }
    }
}

/// The column whose texts have the most phones in them.
pub(super) fn in_texts(sample: &Sample) -> Option<PhonesInText> {
    let is_text = |name: &&String| {
        let last = name.rsplit(['.', '/']).next().unwrap_or(name).to_lowercase();
        COLUMNS_OF_TEXTS.split_whitespace().any(|known| known == last)
    };
    let mut best: Option<(usize, PhonesInText)> = None;
    for pattern in NUMBER_PATTERNS {
        let regex = regex::Regex::new(pattern).ok()?;
        for column in sample.columns.iter().filter(is_text) {
            let place = sample.columns.iter().position(|name| name == column)?;
            let number = |row: &Vec<Option<String>>| {
                let found = regex.captures(row.get(place)?.as_deref()?)?;
                Some(found.get(1).or(found.get(0))?.as_str().to_owned())
            };
            let found =
                PhonesInText { column: column.clone(), pattern, numbers: sample.rows.iter().map(number).collect() };
            let count = found.count();
            if count > best.as_ref().map_or(0, |(count, _)| *count) {
                best = Some((count, found));
            }
        }
    }
    best.map(|(_, found)| found)
}

/// Finds the columns of phones, the region of national numbers, and the country of others.
pub(super) fn find(sample: &Sample, found: &mut Found) {
    let readable =
        |values: &[&str], region: Option<&str>| values.iter().filter(|text| phone::read(text, region).is_ok()).count();
    let like_phones = |values: &[&str]| {
        let digits = |text: &&&str| (7..=16).contains(&text.bytes().filter(u8::is_ascii_digit).count());
        !values.is_empty() && values.iter().filter(digits).count() * 2 >= values.len()
    };
    let named: Vec<String> =
        sample.ranked(ColumnRole::Phone).into_iter().filter(|name| like_phones(&sample.values(name))).take(2).collect();
    found.phone = named;
    if found.phone.is_empty() {
        let by_value = sample.columns.iter().find(|name| {
            let values = sample.values(name);
            !values.is_empty() && readable(&values, None) * 2 > values.len()
        });
        match by_value {
            Some(name) => {
                found
                    .doubts
                    .push(format!("no column is named like a phone; `{name}` holds numbers that can be called"));
                found.phone.push(name.clone());
            }
            None => found.doubts.push("no column holds phone numbers: name one in `phone`".to_owned()),
        }
    }
    let values: Vec<&str> = found.phone.iter().flat_map(|name| sample.values(name)).collect();
    found.country = country_of(&values);
    let international = readable(&values, None);
    if international == values.len() {
        return;
    }
    let near = regions_of(&sample.columns);
    let mut counts: Vec<(usize, &'static str)> =
        REGIONS.iter().map(|(region, _)| (readable(&values, Some(region)), *region)).collect();
    // whoever writes German headers has German numbers, even if a few of them read better elsewhere
    let best = counts.iter().map(|(count, _)| *count).max().unwrap_or(0);
    if counts.iter().any(|(count, region)| near.contains(region) && *count * 5 >= best * 4 && *count > international) {
        counts.retain(|(_, region)| near.contains(region));
    }
    let most = counts.iter().map(|(count, _)| *count).max().unwrap_or(0);
    if most <= international {
        return;
    }
    let best: Vec<&'static str> =
        counts.iter().filter(|(count, _)| *count == most).map(|(_, region)| *region).collect();
    found.region = best.first().copied();
    if let [only] = best.as_slice()
        && near != [*only]
    {
        found.doubts.push(format!("numbers without a country's code are read as those of `{only}`: are they?"));
    }
    if best.len() > 1 {
        let all = best.join("`, `");
        found
            .doubts
            .push(format!("numbers without a country's code read in several countries (`{all}`): which one is it?"));
    }
}

/// Names of columns with the code that belongs before a number.
const DIAL_CODES: &str = "countrycode countrycallingcode dialcode dialingcode callingcode phonecode phonecountrycode phoneprefix landesvorwahl \
    laendervorwahl indicatif indicatifpays prefijo prefijopais codigopais codigodepais ddi prefisso prefissointernazionale landnummer";

/// The column with the countries' codes of a column of phones, and the numbers that both make, where all of them can be called.
pub(super) fn with_dial_codes(sample: &Sample, phone: &str) -> Option<(String, Vec<Option<String>>)> {
    let is_code = |name: &&String| DIAL_CODES.split_whitespace().any(|known| known == plain(name));
    let column = sample.columns.iter().find(is_code)?;
    let place = |wanted: &str| sample.columns.iter().position(|name| name == wanted);
    let (code, number) = (place(column)?, place(phone)?);
    let joined = |row: &Vec<Option<String>>| match (row.get(code)?.as_deref(), row.get(number)?.as_deref()?) {
        (Some(code), number) => Some(format!("+{} {number}", code.trim().trim_start_matches('+'))),
        (None, _) => Some(String::new()),
    };
    let numbers: Vec<Option<String>> = sample.rows.iter().map(joined).collect();
    let are_phones = numbers.iter().flatten().all(|number| phone::read(number, None).is_ok());
    (are_phones && numbers.iter().any(Option::is_some)).then(|| (column.clone(), numbers))
}
