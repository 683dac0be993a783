//! pure: dates, weekdays and times of day as a person says them, in seven languages. English where a language isn't known.

use jiff::civil::{Date, Time};

/// A language in which dates and times are written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpokenLanguage {
    English,
    Spanish,
    French,
    German,
    Portuguese,
    Italian,
    Dutch,
}

/// The names of a language: weekdays from Monday on, months from January on.
struct CalendarNames {
    weekdays: [&'static str; 7],
    months: [&'static str; 12],
}

const ENGLISH: CalendarNames = CalendarNames {
    weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
};
const SPANISH: CalendarNames = CalendarNames {
    weekdays: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
};
const FRENCH: CalendarNames = CalendarNames {
    weekdays: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
};
const GERMAN: CalendarNames = CalendarNames {
    weekdays: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
};
const PORTUGUESE: CalendarNames = CalendarNames {
    weekdays: ["segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"],
    months: [
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ],
};
const ITALIAN: CalendarNames = CalendarNames {
    weekdays: ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"],
    months: [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ],
};
const DUTCH: CalendarNames = CalendarNames {
    weekdays: ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
    months: [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
};

impl SpokenLanguage {
    /// The first of these BCP 47 tags whose language is known; region and script don't matter.
    pub(super) fn of<'t>(tags: impl IntoIterator<Item = &'t str>) -> Self {
        tags.into_iter().find_map(Self::of_tag).unwrap_or(Self::English)
    }

    fn of_tag(tag: &str) -> Option<Self> {
        match tag.trim().split(['-', '_']).next()?.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "es" => Some(Self::Spanish),
            "fr" => Some(Self::French),
            "de" => Some(Self::German),
            "pt" => Some(Self::Portuguese),
            "it" => Some(Self::Italian),
            "nl" => Some(Self::Dutch),
            _ => None,
        }
    }

    const fn names(self) -> &'static CalendarNames {
        match self {
            Self::English => &ENGLISH,
            Self::Spanish => &SPANISH,
            Self::French => &FRENCH,
            Self::German => &GERMAN,
            Self::Portuguese => &PORTUGUESE,
            Self::Italian => &ITALIAN,
            Self::Dutch => &DUTCH,
        }
    }

    /// The weekday's name.
    pub(super) fn weekday(self, date: Date) -> &'static str {
        self.names().weekdays[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())]
    }

    /// The weekday, day and month in words, without the year.
    pub(super) fn date(self, date: Date) -> String {
        let (weekday, day) = (self.weekday(date), date.day());
        let month = self.names().months[usize::from(date.month().unsigned_abs()) - 1];
        match (self, day) {
            (Self::English, day) => format!("{weekday}, {month} {day}"),
            (Self::Spanish, day) => format!("{weekday} {day} de {month}"),
            (Self::French, 1) => format!("{weekday} 1er {month}"),
            (Self::German, day) => format!("{weekday}, {day}. {month}"),
            (Self::Portuguese, 1) => format!("{weekday}, 1º de {month}"),
            (Self::Portuguese, day) => format!("{weekday}, {day} de {month}"),
            (Self::Italian, 1) => format!("{weekday} 1º {month}"),
            (Self::French | Self::Italian | Self::Dutch, day) => format!("{weekday} {day} {month}"),
        }
    }

    /// The time of day, to the minute.
    pub(super) fn time(self, time: Time) -> String {
        let (hour, minute) = (time.hour(), time.minute());
        match self {
            Self::English => english(hour, minute),
            Self::Spanish => spanish(hour, minute),
            Self::French => french(hour, minute),
            Self::German => match (hour, minute) {
                (0, 0) => "Mitternacht".into(),
                (hour, 0) => format!("{hour} Uhr"),
                (hour, minute) => format!("{hour} Uhr {minute}"),
            },
            Self::Portuguese => portuguese(hour, minute),
            Self::Italian => italian(hour, minute),
            Self::Dutch => match (hour, minute) {
                (0, 0) => "middernacht".into(),
                (hour, 0) => format!("{hour} uur"),
                (hour, minute) => format!("{hour} uur {minute}"),
            },
        }
    }
}

const fn of_twelve(hour: i8) -> i8 {
    match hour % 12 {
        0 => 12,
        hour => hour,
    }
}

fn english(hour: i8, minute: i8) -> String {
    let half = if hour < 12 { "AM" } else { "PM" };
    match (hour, minute) {
        (0, 0) => "midnight".into(),
        (12, 0) => "noon".into(),
        (hour, 0) => format!("{} {half}", of_twelve(hour)),
        (hour, minute) => format!("{}:{minute:02} {half}", of_twelve(hour)),
    }
}

fn spanish(hour: i8, minute: i8) -> String {
    let part = match hour {
        ..6 => "de la madrugada",
        6..12 => "de la mañana",
        12..20 => "de la tarde",
        20.. => "de la noche",
    };
    let article = if of_twelve(hour) == 1 { "la" } else { "las" };
    let minutes = match (hour, minute) {
        (0, 0) => return "medianoche".into(),
        (12, 0) => return "mediodía".into(),
        (_, 0) => String::new(),
        (_, 15) => " y cuarto".into(),
        (_, 30) => " y media".into(),
        (_, minute) => format!(" y {minute}"),
    };
    format!("{article} {}{minutes} {part}", of_twelve(hour))
}

fn french(hour: i8, minute: i8) -> String {
    let heures = if hour < 2 { "heure" } else { "heures" };
    let minutes = if minute == 0 { String::new() } else { format!(" {minute}") };
    match hour {
        0 => format!("minuit{minutes}"),
        12 => format!("midi{minutes}"),
        hour => format!("{hour} {heures}{minutes}"),
    }
}

fn portuguese(hour: i8, minute: i8) -> String {
    let minutes = match (hour, minute) {
        (_, 0) => String::new(),
        // after a number of hours `e meia` would say how long something takes
        (0 | 12, 30) => " e meia".into(),
        (_, minute) => format!(" e {minute}"),
    };
    match hour {
        0 => format!("meia-noite{minutes}"),
        12 => format!("meio-dia{minutes}"),
        1 => format!("1 hora{minutes}"),
        hour => format!("{hour} horas{minutes}"),
    }
}

fn italian(hour: i8, minute: i8) -> String {
    let minutes = match (hour, minute) {
        (_, 0) => String::new(),
        // quarters belong to the hours of a clock's face
        (..=12, 15) => " e un quarto".into(),
        (..=12, 30) => " e mezza".into(),
        (_, minute) => format!(" e {minute}"),
    };
    match hour {
        0 => format!("mezzanotte{minutes}"),
        12 => format!("mezzogiorno{minutes}"),
        1 => format!("l'una{minutes}"),
        hour => format!("le {hour}{minutes}"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    const ALL: [SpokenLanguage; 7] = [
        SpokenLanguage::English,
        SpokenLanguage::Spanish,
        SpokenLanguage::French,
        SpokenLanguage::German,
        SpokenLanguage::Portuguese,
        SpokenLanguage::Italian,
        SpokenLanguage::Dutch,
    ];

    #[test]
    fn a_date_is_said_with_its_weekday_and_the_first_of_a_month_as_each_language_says_it() {
        let said = |date| ALL.map(|language| language.date(date));
        assert_eq!(
            said(date(2026, 11, 25)),
            [
                "Wednesday, November 25",
                "miércoles 25 de noviembre",
                "mercredi 25 novembre",
                "Mittwoch, 25. November",
                "quarta-feira, 25 de novembro",
                "mercoledì 25 novembre",
                "woensdag 25 november",
            ]
        );
        assert_eq!(
            said(date(2027, 3, 1)),
            [
                "Monday, March 1",
                "lunes 1 de marzo",
                "lundi 1er mars",
                "Montag, 1. März",
                "segunda-feira, 1º de março",
                "lunedì 1º marzo",
                "maandag 1 maart",
            ]
        );
        assert_eq!(SpokenLanguage::German.date(date(2026, 12, 31)), "Donnerstag, 31. Dezember");
    }

    #[test]
    fn a_time_is_said_to_the_minute_with_words_for_noon_and_midnight() {
        let said = |hour, minute| ALL.map(|language| language.time(time(hour, minute, 0, 0)));
        let of = |texts: [&str; 7]| texts.map(str::to_owned);
        let nine = ["9 AM", "las 9 de la mañana", "9 heures", "9 Uhr", "9 horas", "le 9", "9 uur"];
        assert_eq!(said(9, 0), of(nine));
        let half = [
            "1:30 PM",
            "la 1 y media de la tarde",
            "13 heures 30",
            "13 Uhr 30",
            "13 horas e 30",
            "le 13 e 30",
            "13 uur 30",
        ];
        assert_eq!(said(13, 30), of(half));
        let half_past_nine = [
            "9:30 AM",
            "las 9 y media de la mañana",
            "9 heures 30",
            "9 Uhr 30",
            "9 horas e 30",
            "le 9 e mezza",
            "9 uur 30",
        ];
        assert_eq!(said(9, 30), of(half_past_nine));
        let half_past_noon = [
            "12:30 PM",
            "las 12 y media de la tarde",
            "midi 30",
            "12 Uhr 30",
            "meio-dia e meia",
            "mezzogiorno e mezza",
            "12 uur 30",
        ];
        assert_eq!(said(12, 30), of(half_past_noon));
        let noon = ["noon", "mediodía", "midi", "12 Uhr", "meio-dia", "mezzogiorno", "12 uur"];
        assert_eq!(said(12, 0), of(noon));
        let midnight = ["midnight", "medianoche", "minuit", "Mitternacht", "meia-noite", "mezzanotte", "middernacht"];
        assert_eq!(said(0, 0), of(midnight));
        let past = [
            "12:05 AM",
            "las 12 y 5 de la madrugada",
            "minuit 5",
            "0 Uhr 5",
            "meia-noite e 5",
            "mezzanotte e 5",
            "0 uur 5",
        ];
        assert_eq!(said(0, 5), of(past));
    }

    #[test]
    fn the_first_known_language_counts_and_english_otherwise() {
        for (tags, language) in [
            (&["de-AT", "en"][..], SpokenLanguage::German),
            (&["", "pt_BR"], SpokenLanguage::Portuguese),
            (&["ja", "NL"], SpokenLanguage::Dutch),
            (&["tlh"], SpokenLanguage::English),
            (&[], SpokenLanguage::English),
        ] {
            assert_eq!(SpokenLanguage::of(tags.iter().copied()), language, "{tags:?}");
        }
    }
}
