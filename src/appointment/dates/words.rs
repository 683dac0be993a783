//! pure: names of months and weekdays and halves of the day, as programs write them in seven languages. A pattern reads English
//! ones alone, so a text that has others is given to it in English.

use std::borrow::Cow;

/// A part of a date that is written as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WordKind {
    Month,
    Weekday,
    /// Before or after noon.
    Half,
}

/// A directive of a pattern that reads a word.
#[derive(Debug, Clone, Copy)]
struct Directive {
    kind: WordKind,
    is_full: bool,
    /// Whether the pattern has a dot behind it.
    has_dot: bool,
}

/// Each month's names without accents; a beginning of three letters or more stands for a name.
const MONTHS: [(&str, &str); 12] = [
    ("January", "january januar janner janvier enero janeiro gennaio januari"),
    ("February", "february februar feber fevrier febrero fevereiro febbraio februari"),
    ("March", "march marz mrz mars marzo marco maart"),
    ("April", "april avril abril aprile"),
    ("May", "may mai mayo maio maggio mei"),
    ("June", "june juni juin junio junho giugno"),
    ("July", "july juli juillet julio julho luglio"),
    ("August", "august aout agosto augustus"),
    ("September", "september septembre septiembre setiembre setembro settembre"),
    ("October", "october oktober octobre octubre outubro ottobre"),
    ("November", "november novembre noviembre novembro"),
    ("December", "december dezember decembre diciembre dezembro dicembre"),
];

/// Each weekday's names, and German's of two letters.
const WEEKDAYS: [(&str, &str); 7] = [
    ("Monday", "monday montag lundi lunes segunda lunedi maandag mo"),
    ("Tuesday", "tuesday dienstag mardi martes terca martedi dinsdag di"),
    ("Wednesday", "wednesday mittwoch mercredi miercoles quarta mercoledi woensdag mi"),
    ("Thursday", "thursday donnerstag jeudi jueves quinta giovedi donderdag do"),
    ("Friday", "friday freitag vendredi viernes sexta venerdi vrijdag fr"),
    ("Saturday", "saturday samstag sonnabend samedi sabado sabato zaterdag sa"),
    ("Sunday", "sunday sonntag dimanche domingo domenica zondag so"),
];

/// Letters by which a name may be cut.
const MIN_LETTERS: usize = 3;

/// The text with the words that the pattern reads in English; `None` when the pattern reads no words, the text lacks one of them, or
/// nothing changes.
pub(super) fn in_english(text: &str, pattern: &str) -> Option<String> {
    let directives = directives(pattern);
    if directives.is_empty() {
        return None;
    }
    let cardinal = without_ordinals(text, &directives);
    let mut english = String::with_capacity(text.len() + 8);
    let mut rest = cardinal.as_ref();
    for directive in directives {
        let found = match directive.kind {
            WordKind::Half => half_in(rest),
            WordKind::Month => name_in(rest, &MONTHS, directive),
            WordKind::Weekday => name_in(rest, &WEEKDAYS, directive),
        }?;
        english.push_str(&rest[..found.from]);
        english.push_str(found.english);
        rest = &rest[found.until..];
    }
    english.push_str(rest);
    (english != text).then_some(english)
}

/// `25th`, `1er` and `1º` as numbers, beside a month in words.
fn without_ordinals<'t>(text: &'t str, directives: &[Directive]) -> Cow<'t, str> {
    let ends = ["st", "nd", "rd", "th", "er", "º", "°"];
    if !directives.iter().any(|directive| directive.kind == WordKind::Month) {
        return Cow::Borrowed(text);
    }
    let end_at = |(at, digit): (usize, char)| {
        let behind = &text[at + 1..];
        let end = ends.iter().find(|end| behind.get(..end.len()).is_some_and(|has| has.eq_ignore_ascii_case(end)))?;
        let is_whole = !behind[end.len()..].starts_with(char::is_alphanumeric);
        (digit.is_ascii_digit() && is_whole).then_some((at + 1, at + 1 + end.len()))
    };
    match text.char_indices().filter(|(_, digit)| digit.is_ascii_digit()).find_map(end_at) {
        Some((from, until)) => Cow::Owned(format!("{}{}", &text[..from], &text[until..])),
        None => Cow::Borrowed(text),
    }
}

/// A word's place, and what it is in English.
struct FoundWord {
    from: usize,
    until: usize,
    english: &'static str,
}

/// The directives of a pattern that read words, in order.
fn directives(pattern: &str) -> Vec<Directive> {
    let mut found = Vec::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            continue;
        }
        while letters.next_if(|flag| matches!(flag, '-' | '_' | '^' | '#' | '0'..='9')).is_some() {}
        let Some(name) = letters.next() else { break };
        let (kind, is_full) = match name {
            'b' | 'h' => (WordKind::Month, false),
            'B' => (WordKind::Month, true),
            'a' => (WordKind::Weekday, false),
            'A' => (WordKind::Weekday, true),
            'p' | 'P' => (WordKind::Half, false),
            _ => continue,
        };
        found.push(Directive { kind, is_full, has_dot: letters.peek() == Some(&'.') });
    }
    found
}

/// The first word of a text that is one of the names, with the dot that marks an abbreviation.
fn name_in(text: &str, names: &[(&'static str, &str)], directive: Directive) -> Option<FoundWord> {
    let mut at = 0;
    loop {
        let from = at + text[at..].find(char::is_alphabetic)?;
        let length = text[from..].find(|c: char| !c.is_alphabetic()).unwrap_or(text.len() - from);
        let mut until = from + length;
        let Some(full) = named(&text[from..until], names) else {
            at = until;
            continue;
        };
        // the second half of Portuguese's weekdays
        if text[until..].starts_with("-feira") {
            until += "-feira".len();
        }
        until += usize::from(!directive.has_dot && text[until..].starts_with('.'));
        let english = if directive.is_full { full } else { &full[..MIN_LETTERS] };
        return Some(FoundWord { from, until, english });
    }
}

/// The English name of a word; `None` for one that is no name, or that begins several.
fn named(word: &str, names: &[(&'static str, &str)]) -> Option<&'static str> {
    let plain: String = word.chars().flat_map(char::to_lowercase).map(without_accent).collect();
    let is_name = |name: &str| name == plain || plain.len() >= MIN_LETTERS && name.starts_with(&plain);
    let mut fitting = names.iter().filter(|(_, known)| known.split(' ').any(is_name));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first.0)
}

fn without_accent(letter: char) -> char {
    match letter {
        'á' | 'à' | 'â' | 'ã' | 'ä' => 'a',
        'é' | 'è' | 'ê' => 'e',
        'í' | 'ì' => 'i',
        'ó' | 'ò' | 'ô' => 'o',
        'ú' | 'ù' | 'û' => 'u',
        'ç' => 'c',
        other => other,
    }
}

/// `a. m.`, `p.m.`, `PM` behind a digit or a blank.
fn half_in(text: &str) -> Option<FoundWord> {
    text.char_indices().find_map(|(from, letter)| {
        let english = match letter {
            'a' | 'A' => "AM",
            'p' | 'P' => "PM",
            _ => return None,
        };
        let is_begin = text[..from].chars().next_back().is_none_or(|before| !before.is_alphabetic());
        let behind = &text[from + 1..];
        let rest = behind.strip_prefix('.').unwrap_or(behind);
        let rest = rest.strip_prefix(' ').filter(|_| rest.len() < behind.len()).unwrap_or(rest);
        let rest = rest.strip_prefix(['m', 'M'])?;
        let is_end = !rest.starts_with(char::is_alphabetic);
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        (is_begin && is_end).then_some(FoundWord { from, until: text.len() - rest.len(), english })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_seven_languages_are_given_to_the_pattern_in_english() {
        for (text, pattern, wanted) in [
            ("25. November 2026, 10:30 Uhr", "%d. %B %Y, %H:%M Uhr", None),
            ("14. Dezember 2026", "%d. %B %Y", Some("14. December 2026")),
            ("14. Dez. 2026", "%d. %b %Y", Some("14. Dec 2026")),
            ("14. Dez. 2026", "%d. %b. %Y", Some("14. Dec. 2026")),
            ("1. März 2026", "%d. %B %Y", Some("1. March 2026")),
            ("Mi, 25.11.2026", "%a, %d.%m.%Y", Some("Wed, 25.11.2026")),
            ("Mi., 25.11.2026", "%a, %d.%m.%Y", Some("Wed, 25.11.2026")),
            ("mercredi 25 novembre 2026", "%A %d %B %Y", Some("Wednesday 25 November 2026")),
            ("mar. 3 mars 2026", "%a %d %b %Y", Some("Tue 3 Mar 2026")),
            ("15 août 2026", "%d %b %Y", Some("15 Aug 2026")),
            ("7 juil. 2026", "%d %b %Y", Some("7 Jul 2026")),
            ("25 de noviembre de 2026", "%d de %B de %Y", Some("25 de November de 2026")),
            ("quarta-feira, 25 de novembro de 2026", "%A, %d de %B de %Y", Some("Wednesday, 25 de November de 2026")),
            ("November 25th, 2026", "%B %d, %Y", Some("November 25, 2026")),
            ("1er décembre 2026", "%d %B %Y", Some("1 December 2026")),
            ("1º de dezembro de 2026", "%d de %B de %Y", Some("1 de December de 2026")),
            ("25 SET 2026", "%d %b %Y", Some("25 Sep 2026")),
            ("25 giu 2026", "%d %b %Y", Some("25 Jun 2026")),
            ("25 mei 2026", "%d %B %Y", Some("25 May 2026")),
            ("Wed 25 Sept 2026", "%a %d %b %Y", Some("Wed 25 Sep 2026")),
            // a beginning of two months, a word too short, no name at all, no pattern with a word
            ("25 jui 2026", "%d %b %Y", None),
            ("25thanks 11 2026", "%d %b %Y", None),
            ("25 no 2026", "%d %b %Y", None),
            ("25 soon 2026", "%d %b %Y", None),
            ("25 novembre 2026", "%d/%m/%Y", None),
        ] {
            assert_eq!(in_english(text, pattern).as_deref(), wanted, "{text} by {pattern}");
        }
    }

    #[test]
    fn halves_of_the_day_are_read_with_dots_and_blanks() {
        for (text, wanted) in [
            ("10:30 a. m.", Some("10:30 AM")),
            ("4:15 p.m.", Some("4:15 PM")),
            ("4:15p.m.", Some("4:15PM")),
            ("4:15 P. M.", Some("4:15 PM")),
            ("4:15 pm", Some("4:15 PM")),
            ("4:15 PM", None),
            ("4:15 permanent", None),
            ("4:15 am Abend", Some("4:15 AM Abend")),
            ("spam 4:15", None),
            ("4:15 p m", None),
        ] {
            assert_eq!(in_english(text, "%I:%M %p").as_deref(), wanted, "{text}");
        }
    }
}
