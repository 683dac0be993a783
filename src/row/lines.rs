//! pure: many lines of a text table in a few allocations, on their way from one thread to another.

use super::Fields;

/// Lines in their order.
#[derive(Default)]
pub struct Lines {
    text: Vec<u8>,
    ends: Vec<usize>,
    lines: Vec<LinePlace>,
}

/// Where a line ends in the text and among the fields' ends; it begins where the one before it ends.
#[derive(Debug, Clone, Copy)]
struct LinePlace {
    text: usize,
    ends: usize,
    gap: usize,
}

impl Lines {
    /// Adds a line.
    pub fn push(&mut self, fields: Fields<'_>) {
        self.text.extend_from_slice(fields.text);
        self.ends.extend_from_slice(fields.ends);
        self.lines.push(LinePlace { text: self.text.len(), ends: self.ends.len(), gap: fields.gap });
    }

    /// Forgets all lines, and keeps the room they took.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.lines.clear();
    }

    /// The bytes of all lines.
    #[must_use]
    pub fn size(&self) -> usize {
        self.text.len()
    }

    /// The lines in their order.
    pub fn iter(&self) -> impl Iterator<Item = Fields<'_>> {
        let mut begin = LinePlace { text: 0, ends: 0, gap: 0 };
        self.lines.iter().map(move |end| {
            let fields =
                Fields { text: &self.text[begin.text..end.text], ends: &self.ends[begin.ends..end.ends], gap: end.gap };
            begin = *end;
            fields
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_they_were_when_they_were_pushed() {
        let mut lines = Lines::default();
        for round in 0..2 {
            lines.clear();
            lines.push(Fields::delimited(b"a,bc,", &[1, 4, 5]));
            lines.push(Fields::adjacent(b"abc", &[1, 3]));
            lines.push(Fields::delimited(b"", &[0]));
            let texts: Vec<Vec<&str>> = lines.iter().map(|fields| fields.iter().collect()).collect();
            assert_eq!(texts, [vec!["a", "bc", ""], vec!["a", "bc"], vec![""]], "round {round}");
            assert_eq!(lines.size(), 8);
        }
    }
}
