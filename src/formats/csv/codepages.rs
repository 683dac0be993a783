//! pure: DOS code pages that the encoding standard of the web leaves out: a byte below 128 is ASCII, one above it the
//! character in its place. Old practice and accounting programs still export in them.

use std::io::{self, Read};

/// The upper half of a code page, as a text of 128 characters in the order of the bytes 0x80 to 0xFF.
type UpperHalf = &'static str;

const CP437: UpperHalf = "\
    ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
    áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
    αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}\
";

const CP850: UpperHalf = "\
    ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒ\
    áíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
    └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀\
    ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}\
";

const CP852: UpperHalf = "\
    ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×č\
    áíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐\
    └┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀\
    ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}\
";

/// A page by its number. (Page 866 is one of the web's encodings.)
pub(super) fn page(number: u16) -> Option<UpperHalf> {
    match number {
        437 => Some(CP437),
        850 => Some(CP850),
        852 => Some(CP852),
        _ => None,
    }
}

/// Reads bytes of a code page as UTF-8.
pub(super) struct CodePageReader<R> {
    input: R,
    characters: Vec<char>,
    bytes: Box<[u8]>,
    /// Decoded text that was not given out yet.
    decoded: Vec<u8>,
    given: usize,
}

/// Bytes decoded at once.
const BYTES_AT_ONCE: usize = 1 << 14;

impl<R: Read> CodePageReader<R> {
    pub(super) fn new(input: R, page: UpperHalf) -> Self {
        let characters = page.chars().collect();
        Self { input, characters, bytes: vec![0; BYTES_AT_ONCE].into(), decoded: Vec::new(), given: 0 }
    }

    fn character(&self, byte: u8) -> char {
        match byte.checked_sub(0x80) {
            None => char::from(byte),
            Some(place) => self.characters.get(usize::from(place)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
        }
    }
}

impl<R: Read> Read for CodePageReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.decoded.len() {
            let count = self.input.read(&mut self.bytes)?;
            let text: String = self.bytes[..count].iter().map(|byte| self.character(*byte)).collect();
            (self.decoded, self.given) = (text.into_bytes(), 0);
        }
        let rest = &self.decoded[self.given..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_has_a_character_for_every_byte() {
        for (page, byte, wanted) in
            [(CP437, 0x81, 'ü'), (CP437, 0xe1, 'ß'), (CP850, 0x9b, 'ø'), (CP850, 0xff, '\u{a0}'), (CP852, 0xa5, 'ą')]
        {
            assert_eq!(page.chars().count(), 128);
            let mut text = String::new();
            CodePageReader::new([b'a', byte].as_slice(), page)
                .read_to_string(&mut text)
                .expect("decoded text is UTF-8");
            assert_eq!(text, format!("a{wanted}"));
        }
    }

    #[test]
    fn a_text_longer_than_one_step_comes_whole() {
        let bytes = vec![0x81; BYTES_AT_ONCE * 2 + 7];
        let mut text = String::new();
        CodePageReader::new(bytes.as_slice(), CP850).read_to_string(&mut text).expect("decoded text is UTF-8");
        assert_eq!(text.chars().filter(|c| *c == 'ü').count(), bytes.len());
    }
}
