//! pure: whether the quotes of a row are closed the way they should be. The table reader is lenient and lets an unclosed
//! quote swallow what follows; rows that span lines are looked at again, strictly.

/// How the quotes of a row stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Every quote that opens a field closes it.
    Sound,
    /// A closing quote is followed by something else than a delimiter or the line's end: it was meant to open a field.
    Loose,
    /// The last field is never closed.
    Unclosed,
}

enum Place {
    FieldStart,
    Unquoted,
    Quoted,
    AfterQuote,
}

/// Looks at the raw bytes of one row.
pub(super) fn judge(raw: &[u8], delimiter: u8) -> Quoting {
    let mut place = Place::FieldStart;
    for byte in raw.iter().copied() {
        let is_end = byte == delimiter || byte == b'\n' || byte == b'\r';
        place = match place {
            Place::FieldStart if byte == b'"' => Place::Quoted,
            Place::FieldStart | Place::Unquoted if is_end => Place::FieldStart,
            Place::FieldStart | Place::Unquoted => Place::Unquoted,
            Place::Quoted if byte == b'"' => Place::AfterQuote,
            Place::Quoted => Place::Quoted,
            Place::AfterQuote if byte == b'"' => Place::Quoted,
            Place::AfterQuote if is_end => Place::FieldStart,
            Place::AfterQuote => return Quoting::Loose,
        };
    }
    match place {
        Place::Quoted => Quoting::Unclosed,
        Place::FieldStart | Place::Unquoted | Place::AfterQuote => Quoting::Sound,
    }
}
