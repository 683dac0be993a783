//! pure: tables for people: fitted to the screen without breaking an id, a time or a word.
//!
//! What doesn't fit goes in this order: sentences are wrapped between words, then columns are left out, or printed below
//! their row, in the order that their verb gives, then the last sentence is printed below its row. `--wide` leaves nothing
//! out and wraps nothing.

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Width, presets};
use unicode_width::UnicodeWidthStr as _;

use crate::audit::escape;
use crate::lines::wrap;

/// The gap between two columns.
const COLUMN_GAP: usize = 2;

/// A wrapped sentence is readable down to this width.
const MIN_WIDTH: usize = 20;

/// The indent of a value that is printed below its row.
const INDENT_BELOW: usize = 4;

/// How wide a table may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// That many columns of text.
    Columns(usize),
    /// As wide as it needs to be.
    Wide,
}

impl Screen {
    /// Its columns; `None` where nothing is fitted.
    pub fn columns(self) -> Option<usize> {
        match self {
            Self::Wide => None,
            Self::Columns(width) => Some(width),
        }
    }

    /// Sentences, wrapped between their words.
    pub fn prose(self, text: &str) -> String {
        match self {
            Self::Wide => text.to_owned(),
            Self::Columns(width) => text.lines().flat_map(|line| wrap(line, width)).collect::<Vec<_>>().join("\n"),
        }
    }
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct TableColumn {
    name: &'static str,
    content: CellContent,
    leaves: Option<WhenNarrow>,
}

/// What becomes of a column where the screen is too narrow; the lowest turn is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct WhenNarrow {
    turn: u8,
    to: Destination,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Destination {
    /// It is not shown.
    Nowhere,
    /// It is shown below its row.
    Below,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellContent {
    /// Ids, times, words: never broken.
    Words,
    /// May be wrapped between its words.
    Sentence,
}

/// A column of ids, times or single words.
pub const fn words(name: &'static str) -> TableColumn {
    TableColumn { name, content: CellContent::Words, leaves: None }
}

/// A column of sentences.
pub const fn sentence(name: &'static str) -> TableColumn {
    TableColumn { name, content: CellContent::Sentence, leaves: None }
}

impl TableColumn {
    /// Where the screen is too narrow this column is left out, the lowest `turn` first.
    pub const fn leaves(self, turn: u8) -> Self {
        Self { leaves: Some(WhenNarrow { turn, to: Destination::Nowhere }), ..self }
    }

    /// Where the screen is too narrow this column is printed below its row, in its turn among those that are left out.
    pub const fn below(self, turn: u8) -> Self {
        Self { leaves: Some(WhenNarrow { turn, to: Destination::Below }), ..self }
    }
}

/// Rows for people.
#[derive(Clone)]
pub struct Table {
    columns: Vec<TableColumn>,
    rows: Vec<Vec<String>>,
    /// What is printed below each row.
    below: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn of(columns: &[TableColumn]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), below: Vec::new() }
    }

    /// Adds a row. Control characters are shown, not obeyed.
    pub fn push(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| escape(cell)).collect());
        self.below.push(Vec::new());
    }

    /// The lines; without columns in which every cell is empty.
    pub fn fit(mut self, screen: Screen) -> String {
        self.leave_out(|table, place| table.rows.iter().all(|row| row[place].is_empty()) && !table.rows.is_empty());
        let natural: Vec<usize> = (0..self.columns.len()).map(|place| self.natural(place)).collect();
        match screen {
            Screen::Wide => self.lines(&natural, usize::MAX),
            Screen::Columns(width) => self.narrowed(width),
        }
    }

    fn leave_out(&mut self, is_left_out: impl Fn(&Self, usize) -> bool) {
        for place in (0..self.columns.len()).rev() {
            if is_left_out(self, place) {
                self.columns.remove(place);
                self.rows.iter_mut().for_each(|row| drop(row.remove(place)));
            }
        }
    }

    fn narrowed(mut self, width: usize) -> String {
        loop {
            if let Some(widths) = self.widths(width) {
                return self.lines(&widths, width);
            }
            let turns = self.columns.iter().enumerate();
            let next = turns.filter_map(|(place, column)| Some((column.leaves?, place))).min();
            match next {
                Some((WhenNarrow { to: Destination::Nowhere, .. }, place)) => self.leave_out(|_, other| other == place),
                Some((WhenNarrow { to: Destination::Below, .. }, place)) => self.put_below(place),
                None => return self.with_last_below(width),
            }
        }
    }

    /// The columns' widths on a screen, when all of them fit.
    fn widths(&self, width: usize) -> Option<Vec<usize>> {
        let places = 0..self.columns.len();
        let mut widths: Vec<usize> = places
            .clone()
            .map(|place| match self.columns[place].content {
                CellContent::Words => self.natural(place),
                CellContent::Sentence => self.least(place),
            })
            .collect();
        let used = widths.iter().sum::<usize>() + COLUMN_GAP * widths.len().saturating_sub(1);
        let mut left = width.checked_sub(used)?;
        // what is left is shared among the sentences, those in front first
        for place in places {
            let more = (self.natural(place) - widths[place]).min(left);
            widths[place] += more;
            left -= more;
        }
        Some(widths)
    }

    /// The width of the column's widest cell.
    fn natural(&self, place: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[place].width());
        cells.chain([self.columns[place].name.len()]).max().unwrap_or(0)
    }

    /// The width of the column's longest word, but enough to be readable.
    fn least(&self, place: usize) -> usize {
        let words = self.rows.iter().flat_map(|row| row[place].split(' ')).map(unicode_width::UnicodeWidthStr::width);
        let longest = words.chain([self.columns[place].name.len()]).max().unwrap_or(0);
        longest.max(MIN_WIDTH).min(self.natural(place))
    }

    /// Moves a column below its rows: a sentence as it is, anything else with its name.
    fn put_below(&mut self, place: usize) {
        let column = self.columns[place];
        for (row, below) in self.rows.iter().zip(&mut self.below) {
            match (row[place].as_str(), column.content) {
                ("", _) => {}
                (cell, CellContent::Words) => below.push(format!("{} {cell}", column.name)),
                (cell, CellContent::Sentence) => below.push(cell.to_owned()),
            }
        }
        self.leave_out(|_, other| other == place);
    }

    /// Each row with its last sentence below it.
    fn with_last_below(mut self, width: usize) -> String {
        if let Some(last) = self.columns.iter().rposition(|column| column.content == CellContent::Sentence) {
            self.put_below(last);
        }
        let natural = || (0..self.columns.len()).map(|place| self.natural(place)).collect::<Vec<_>>();
        let widths = self.widths(width).unwrap_or_else(natural);
        self.lines(&widths, width)
    }

    fn lines(&self, widths: &[usize], width: usize) -> String {
        if self.below.iter().all(Vec::is_empty) {
            return printed([&self.heading()].into_iter().chain(&self.rows), widths).join("\n");
        }
        let mut lines = printed([&self.heading()], widths);
        for (row, below) in self.rows.iter().zip(&self.below) {
            lines.extend(printed([row], widths));
            let wrapped = wrap(&below.join(" · "), width.saturating_sub(INDENT_BELOW).max(MIN_WIDTH));
            lines.extend(
                wrapped.into_iter().filter(|line| !line.is_empty()).map(|line| format!("{:INDENT_BELOW$}{line}", "")),
            );
        }
        lines.join("\n")
    }

    fn heading(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.to_uppercase()).collect()
    }
}

/// Rows in columns of these widths; each is at least as wide as its longest word.
fn printed<'a>(rows: impl IntoIterator<Item = &'a Vec<String>>, widths: &[usize]) -> Vec<String> {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    for row in rows {
        // wrapped here, so that a command between backticks stays in one line
        table.add_row(row.iter().zip(widths).map(|(cell, width)| Cell::new(wrap(cell, *width).join("\n"))));
    }
    for (column, width) in table.column_iter_mut().zip(widths) {
        let whole = u16::try_from(width + COLUMN_GAP).unwrap_or(u16::MAX);
        column.set_padding((0, u16::try_from(COLUMN_GAP).unwrap_or(0)));
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(whole)));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "appointment-0123456789-0123456789-012345";

    fn table() -> Table {
        let mut table = Table::of(&[words("at"), words("appointment"), words("by").leaves(1), sentence("because")]);
        table.push(vec!["Tue 24 Nov 09:30".into(), ID.into(), "front-desk".into(), "Zoë Müßig 東京 🦷 said no".into()]);
        table.push(vec!["Tue 24 Nov 10:30".into(), "A-1".into(), "a".into(), String::new()]);
        table
    }

    #[test]
    fn a_wide_screen_shows_every_row_in_one_line() {
        let lines = table().fit(Screen::Wide);
        let expected = "\
AT                APPOINTMENT                               BY          BECAUSE
Tue 24 Nov 09:30  appointment-0123456789-0123456789-012345  front-desk  Zoë Müßig 東京 🦷 said no
Tue 24 Nov 10:30  A-1                                       a";
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_narrow_screen_leaves_out_columns_and_then_puts_the_sentence_below() {
        let expected = "\
AT                APPOINTMENT                               BECAUSE
Tue 24 Nov 09:30  appointment-0123456789-0123456789-012345  Zoë Müßig 東京 🦷
                                                            said no
Tue 24 Nov 10:30  A-1";
        assert_eq!(table().fit(Screen::Columns(80)), expected);
        let expected = "\
AT                APPOINTMENT
Tue 24 Nov 09:30  appointment-0123456789-0123456789-012345
    Zoë Müßig 東京 🦷 said no
Tue 24 Nov 10:30  A-1";
        assert_eq!(table().fit(Screen::Columns(70)), expected);
    }

    #[test]
    fn what_matters_is_printed_below_its_row_instead_of_being_left_out() {
        let columns =
            [words("at"), words("schedule").below(2), words("appointment"), words("by").leaves(1), sentence("because")];
        let mut table = Table::of(&columns);
        table.push(vec![
            "Tue 24 Nov 09:30".into(),
            "day-before".into(),
            ID.into(),
            "desk".into(),
            "she said no".into(),
        ]);
        table.push(vec!["Tue 24 Nov 10:30".into(), "day-before".into(), "A-1".into(), "a".into(), String::new()]);
        let expected = "\
AT                APPOINTMENT                               BECAUSE
Tue 24 Nov 09:30  appointment-0123456789-0123456789-012345  she said no
    schedule day-before
Tue 24 Nov 10:30  A-1
    schedule day-before";
        assert_eq!(table.clone().fit(Screen::Columns(75)), expected);
        let expected = "\
AT                APPOINTMENT
Tue 24 Nov 09:30  appointment-0123456789-0123456789-012345
    schedule day-before · she said no
Tue 24 Nov 10:30  A-1
    schedule day-before";
        assert_eq!(table.fit(Screen::Columns(60)), expected);
    }

    #[test]
    fn no_id_no_time_and_no_word_is_ever_broken() {
        let longest_word = format!("see {ID}{ID} there");
        for width in 1..200 {
            let mut table = table();
            table.push(vec!["Tue 24 Nov 09:30".into(), ID.into(), "x".into(), longest_word.clone()]);
            let text = table.fit(Screen::Columns(width));
            for whole in ["Tue 24 Nov 09:30", ID, &format!("{ID}{ID}"), "東京", "Müßig"] {
                assert!(text.contains(whole), "{width}: {text}");
            }
        }
    }

    #[test]
    fn columns_without_a_cell_are_not_shown() {
        let mut table = Table::of(&[words("name"), words("note"), sentence("problem")]);
        table.push(vec!["a".into(), String::new(), "none".into()]);
        assert_eq!(table.fit(Screen::Columns(80)), "NAME  PROBLEM\na     none");
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        let mut table = Table::of(&[words("name")]);
        table.push(vec!["a\u{1b}[2J".into()]);
        assert_eq!(table.fit(Screen::Wide), "NAME\na\\u{1b}[2J");
    }
}
