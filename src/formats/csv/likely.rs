//! pure: whether a text that passes for Windows-1252 was likely written by a program of DOS or of an old Mac: every byte is some letter or sign
//! in all of them, so only what the letters make of words shows it.

use encoding_rs::{MACINTOSH, WINDOWS_1252};

use super::codepages::page;

/// Bytes that are looked at.
pub(super) const SAMPLE_SIZE: usize = 1 << 20;

/// Letters of the languages of western Europe.
const LETTERS: &str = "äöüßéèêëàâáãåçñíìîïóòôõúùûýøæœÄÖÜÉÈÊÀÂÁÃÅÇÑÍÎÓÔÕÚØÆ";

/// The name for `encoding` where another one than Windows-1252 makes more letters of the text; `None` for any other text.
#[must_use]
pub fn likely_encoding(bytes: &[u8]) -> Option<&'static str> {
    let bytes = &bytes[..bytes.len().min(SAMPLE_SIZE)];
    // a text that is UTF-8 up to the sample's end, or UTF-16
    let is_other = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    if is_other || bytes.contains(&0) {
        return None;
    }
    let windows = letters(&WINDOWS_1252.decode_without_bom_handling(bytes).0);
    let dos = page(850).map(|page| {
        let high: Vec<char> = page.chars().collect();
        let letter = |byte: &u8| match byte.checked_sub(0x80) {
            Some(place) => high.get(usize::from(place)).copied().unwrap_or(' '),
            None => char::from(*byte),
        };
        letters(&bytes.iter().map(letter).collect::<String>())
    });
    let mac = letters(&MACINTOSH.decode_without_bom_handling(bytes).0);
    let found = [("850", dos.unwrap_or(0)), ("macintosh", mac)];
    let (name, most) = found.into_iter().max_by_key(|(_, count)| *count)?;
    (most > windows).then_some(name)
}

/// How many letters beyond ASCII the words of a text have; one in capitals behind a small one is none.
fn letters(text: &str) -> usize {
    let characters: Vec<char> = std::iter::once(' ').chain(text.chars()).chain([' ']).collect();
    let is_letter = |part: &&[char]| {
        let [before, letter, behind] = part else { return false };
        let is_in_word = before.is_ascii_alphabetic() || behind.is_ascii_alphabetic();
        let is_odd = before.is_lowercase() && letter.is_uppercase();
        !letter.is_ascii() && is_in_word && !is_odd && LETTERS.contains(*letter)
    };
    characters.windows(3).filter(is_letter).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_dos_and_of_old_macs_are_known_by_their_words() {
        let text =
            "Nr;Kunde;Straße\n1;Zoë Müßig;Königstraße\n2;Jérôme François;Rue de l'Évêché\n3;Peña;Avenida São João\n";
        let dos: Vec<u8> = text
            .chars()
            .map(|letter| {
                let place = page(850).and_then(|page| page.chars().position(|known| known == letter));
                place.map_or_else(
                    || u8::try_from(letter).expect("ASCII"),
                    |place| 0x80 + u8::try_from(place).expect("a byte"),
                )
            })
            .collect();
        for (what, bytes, wanted) in [
            ("DOS", dos.as_slice(), Some("850")),
            ("an old Mac", MACINTOSH_TEXT, Some("macintosh")),
            ("Windows", &WINDOWS_1252.encode(text).0, None),
            ("UTF-8", text.as_bytes(), None),
            ("ASCII", b"id,phone\n1,2\n", None),
            ("UTF-16", b"\xff\xfei\0d\0", None),
            ("a currency and a dash", b"id;price\n1;5 \x80 \x96 6 \x80\n", None),
        ] {
            assert_eq!(likely_encoding(bytes), wanted, "{what}");
        }
    }

    /// `Müßig, Königstraße` in Mac OS Roman.
    const MACINTOSH_TEXT: &[u8] = b"M\x9f\xa7ig, K\x9anigstra\xa7e";
}
