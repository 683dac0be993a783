//! pure: the names that exports give their columns, in English, German, French, Spanish, Portuguese, Italian and Dutch.

/// What a column may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ColumnRole {
    Id,
    Phone,
    /// A date with its time, or the date alone.
    Start,
    Time,
    Status,
    Zone,
    Person,
    DoNotCall,
    Consent,
    Name,
    Service,
}

/// Names without blanks, marks and accents, the likeliest first.
const NAMES: &[(ColumnRole, &str)] = &[
    (
        ColumnRole::Id,
        "appointmentid apptid bookingid reservationid visitid eventid encounterid terminid buchungsid rdvid \
         idrdv idcita citaid idagendamento idappuntamento afspraakid id uid uuid guid appointmentnumber \
         appointmentno appt apptno bookingnumber bookingref bookingreference reference ref confirmationnumber \
         terminnr terminnummer buchungsnummer buchungsnr vorgangsnr auftragsnummer lfdnr nr nummer numero \
         identifiant identificador identificativo kennung nordv norendezvous nocita noconsulta noagendamento noreserva \
         noappuntamento noprenotazione numcita numrdv nrocita nrodecita numerordv norrdv numerodecita numerocita codigo codigodacita codice codiceappuntamento \
         afspraaknummer afspraaknr number no key appointment",
    ),
    (
        ColumnRole::Phone,
        "mobile mobilephone mobilenumber cell cellphone handy handynummer mobil mobilnummer mobiltelefon \
         portable telportable telephoneportable movil telefonomovil celular telemovel cellulare mobiel \
         mobielnummer gsm phone wholephone phonenumber contactphone contactnumber patientphone clientphone customerphone \
         telephone telephonenumber tel telno telefon telefonnummer telnr rufnummer telefonprivat \
         numerodetelephone telefono numerodetelefono tlf telefone fone numerodetelefone numeroditelefono \
         telefoon telefoonnummer homephone workphone phone1 attendee whatsapp whatsappnumber",
    ),
    (
        ColumnRole::Start,
        "startsat start startdatetime starttime startdate appointmentdatetime appointmentdatetimes \
         apptdatetime datetime dateandtime appointmenttime scheduledat scheduledfor scheduledtime \
         scheduledstart begin begins beginsat beginn startzeit terminzeit termin datumuhrzeit datumundzeit \
         datumzeit debut dateheure datedebut rendezvous inicio fechahora fechayhora fechainicio datahora \
         datainicio inizio dataora datainizio aanvang datumtijd startdatum appointmentdate apptdate date day \
         visitdate servicedate bookingdate termindatum datum tag daterdv jour fecha fechacita fechadecita dia \
         data dataconsulta dataagendamento dataappuntamento giorno afspraakdatum dag \
         apptdt apptdtm agendadopara marcadopara rendezvousle terminam citapara appuntamentodel \
         appointment booking visit when",
    ),
    (
        ColumnRole::Time,
        "appttime appointmenttime starttime time timefrom timestart uhrzeit zeit von startzeit beginn heure \
         heuredebut heurerdv hora horainicio horacita horadecita horario horainiciio ora orainizio orario \
         tijd tijdstip begintijd starttijd from slot appttm tm at um a as alle om",
    ),
    (
        ColumnRole::Status,
        "status appointmentstatus apptstatus bookingstatus state terminstatus statut etat estado estatus \
         estadocita situacao stato statoappuntamento confirmation",
    ),
    (ColumnRole::Zone, "timezone tz zone zeitzone fuseauhoraire zonahoraria fusohorario fusoorario tijdzone"),
    (
        ColumnRole::Person,
        "patientid customerid clientid contactid personid patientennr patientennummer kundennr kundennummer \
         numeropatient idpaciente idcliente idpaziente patientnummer klantnummer mrn",
    ),
    (
        ColumnRole::DoNotCall,
        "donotcall dnc nocalls optout optedout calloptout nichtanrufen werbesperre nepasappeler nollamar \
         naoligar nonchiamare nietbellen",
    ),
    (
        ColumnRole::Consent,
        "consent callconsent maycall cancall phoneconsent optin einwilligung consentement consentimiento \
         consentimento consenso toestemming",
    ),
    (
        ColumnRole::Name,
        "name fullname patientname clientname customername patient client customer firstname vorname kunde \
         kundenname patientin nom prenom nombre paciente cliente nome paziente naam klant contactname summary \
         title subject",
    ),
    (
        ColumnRole::Service,
        "service servicename appointmenttype type treatment procedure reason leistung behandlung \
         dienstleistung prestation motif servicio tratamiento motivo servico procedimento servizio \
         trattamento dienst behandeling",
    ),
];

/// Parts of names of columns that never are the start.
const NOT_STARTS: &str = "end ende bis fin fine finish until eind created updated modified erstellt geaendert birth dob geburt \
         geb naissance nacimiento nascimento nascita geboorte booked cancel sent nee ne born criado creado cree creato aangemaakt \
    datecreated datescheduled";

/// How well a name fits a role: the higher the better, 0 not at all. Of a path the last step counts most.
pub(super) fn fit(name: &str, role: ColumnRole) -> usize {
    if role == ColumnRole::Start && is_named_utc(name) {
        let without: Vec<String> = words(name).into_iter().filter(|word| !is_utc(word)).collect();
        return fit(&without.join(" "), role);
    }
    let known = NAMES.iter().find(|(known, _)| *known == role).map_or("", |(_, names)| names);
    let place = |plain: &str| known.split_whitespace().position(|known| known == plain).map(|place| 1_000 - place);
    if matches!(role, ColumnRole::Start | ColumnRole::Time)
        && NOT_STARTS.split_whitespace().any(|word| words(name).iter().any(|part| part == word))
    {
        return 0;
    }
    let whole = place(&plain(name));
    let last = name.rsplit(['.', '/']).next().map(plain);
    let of_last = last.filter(|last| *last != plain(name)).and_then(|last| place(&last)).map(|fit| fit / 2);
    // `Appt Date (local)`, `Kunde Telefon`, `Rendez-vous le`: a name whose words, or two of them, are a known one
    let (words, pairs) = (words(name), words(name));
    let pairs = pairs.windows(2).map(<[String]>::concat);
    let among = words.into_iter().chain(pairs).filter(|word| word.len() > 2);
    let among = among.filter_map(|word| place(&word)).max().map(|fit| fit / 4);
    whole.or(of_last).or(among).unwrap_or(0)
}

/// Whether a name says that a date is another one than the start: the end, the birth, the booking itself.
pub(super) fn is_other_date(name: &str) -> bool {
    let plain = plain(name);
    NOT_STARTS.split_whitespace().any(|word| match word.len() {
        ..=3 => words(name).iter().any(|part| part == word),
        _ => plain.contains(word),
    })
}

/// Whether a name says that its times are written in UTC.
pub(super) fn is_named_utc(name: &str) -> bool {
    words(name).iter().any(|word| is_utc(word))
}

fn is_utc(word: &str) -> bool {
    matches!(word, "utc" | "gmt")
}

/// Words of each language's headers that no other of these languages has, and where it is spoken.
const LANGUAGES: &[(&str, &[&str])] = &[
    (
        "phone mobile cell date time start name status service patient client customer booking",
        &["US", "GB", "AU", "IN"],
    ),
    ("telefon handy uhrzeit kunde termin leistung behandlung rufnummer beginn vorname nr", &["DE", "AT", "CH"]),
    ("telephone portable heure rdv nom prenom jour statut prestation", &["FR", "CH"]),
    ("telefono movil fecha paciente nombre servicio cita estado", &["ES", "MX"]),
    ("telefone celular telemovel agendamento situacao servico horario", &["BR", "PT"]),
    ("cellulare appuntamento ora giorno paziente servizio stato", &["IT", "CH"]),
    ("telefoon mobiel tijd afspraak naam klant behandeling", &["NL"]),
];

/// The regions in which the language of most headers is spoken.
pub(super) fn regions_of(columns: &[String]) -> &'static [&'static str] {
    let all: Vec<String> = columns.iter().flat_map(|name| words(name)).collect();
    let count =
        |known: &str| all.iter().filter(|word| known.split_whitespace().any(|known| known == word.as_str())).count();
    let most = LANGUAGES.iter().rev().max_by_key(|(known, _)| count(known));
    most.filter(|(known, _)| count(known) > 0).map_or(&[], |(_, regions)| regions)
}

/// The name in small letters, without accents and anything that is neither letter nor digit.
pub(super) fn plain(name: &str) -> String {
    words(name).concat()
}

fn words(name: &str) -> Vec<String> {
    let mut spread = String::with_capacity(name.len() + 8);
    let mut before = ' ';
    for letter in name.chars() {
        // `startTime` is two words, `ID` is one
        if letter.is_uppercase() && before.is_lowercase() {
            spread.push(' ');
        }
        spread.push_str(&without_accent(letter));
        before = letter;
    }
    let parts = spread.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect()
}

fn without_accent(letter: char) -> String {
    match letter.to_lowercase().next().unwrap_or(letter) {
        'ä' => "ae".to_owned(),
        'ö' => "oe".to_owned(),
        'ü' => "ue".to_owned(),
        'ß' => "ss".to_owned(),
        'á' | 'à' | 'â' | 'ã' | 'å' => "a".to_owned(),
        'é' | 'è' | 'ê' | 'ë' => "e".to_owned(),
        'í' | 'ì' | 'î' | 'ï' => "i".to_owned(),
        'ó' | 'ò' | 'ô' | 'õ' => "o".to_owned(),
        'ú' | 'ù' | 'û' => "u".to_owned(),
        'ç' => "c".to_owned(),
        'ñ' => "n".to_owned(),
        // `Nº` and `N°` are numbers
        'º' | '°' => "o".to_owned(),
        _ => letter.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_their_names_in_seven_languages() {
        for (name, role) in [
            ("Appt ID", ColumnRole::Id),
            ("Termin-Nr.", ColumnRole::Id),
            ("Nº cita", ColumnRole::Id),
            ("N° RDV", ColumnRole::Id),
            ("Identifiant", ColumnRole::Id),
            ("Handy", ColumnRole::Phone),
            ("Téléphone portable", ColumnRole::Phone),
            ("Teléfono", ColumnRole::Phone),
            ("Telemóvel", ColumnRole::Phone),
            ("customer.phoneNumber", ColumnRole::Phone),
            ("Número de telefone", ColumnRole::Phone),
            ("startTime", ColumnRole::Start),
            ("Datum/Uhrzeit", ColumnRole::Start),
            ("Fecha y hora", ColumnRole::Start),
            ("Data Appuntamento", ColumnRole::Start),
            ("starts_at_utc", ColumnRole::Start),
            ("StartUTC", ColumnRole::Start),
            ("Rendez-vous le", ColumnRole::Start),
            ("APPT_DT", ColumnRole::Start),
            ("Uhrzeit", ColumnRole::Time),
            ("um", ColumnRole::Time),
            ("Hora de cita", ColumnRole::Time),
            ("Situação", ColumnRole::Status),
            ("Tijdzone", ColumnRole::Zone),
        ] {
            assert!(fit(name, role) > 0, "{name}");
        }
        for (name, role) in [
            ("End Time", ColumnRole::Start),
            ("created_at", ColumnRole::Start),
            ("Geburtsdatum", ColumnRole::Phone),
            ("Endezeit", ColumnRole::Id),
        ] {
            assert_eq!(fit(name, role), 0, "{name}");
        }
        assert!(
            fit("mobile", ColumnRole::Phone) > fit("phone", ColumnRole::Phone),
            "whoever can be reached on a mobile is"
        );
    }
}
