//! pure: decides whether there is another page, and how it is requested. A read ends only where the source shows that the list
//! is complete; when the source announces more rows than were read, the read fails.

use std::collections::HashMap;

use serde_json::Value;

use super::never;
use super::signs::{FoundNumber, Signs};
use crate::schedule::Paging;
use crate::sources::{RepeatRead, SourceError};

/// Maximum pages of a read: more are a loop, or not a list of appointments.
const MAX_PAGES: usize = 10_000;

/// A hash of rows, with a seed of its own for each read.
pub(super) type RowsHash = u64;

/// One page, parsed.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) rows: u64,
    /// The mark of the next page: the value at the paging's `at`.
    pub(super) mark: Mark,
    /// The target of `Link: <…>; rel="next"`.
    pub(super) next_link: Option<String>,
    pub(super) signs: Signs,
}

/// The cursor or link found where the schedule's `at` says that the next page is named.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Mark {
    /// The answer has nothing at that place.
    #[default]
    Missing,
    /// The answer has this value there, which may be `null`.
    There(Value),
}

/// How the next page is requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// There is no next page.
    End,
    /// The parameter of this name gets this value.
    Parameter(String, String),
    /// This link is followed.
    Link(String),
}

/// Whether a page was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageCheck {
    New,
    /// It repeats the page before it. Rows inserted during the read can cause that, too, so the next page decides.
    Repeated,
    /// It repeats a repetition, so the list has ended: some servers return the last page for every higher number.
    End,
}

/// The pages of one read so far.
#[derive(Debug)]
pub(super) struct Pages<'s> {
    paging: Option<&'s Paging>,
    /// The number of the page being read; the first is 1.
    pub(super) number: usize,
    pub(super) rows: u64,
    /// How many pages had rows.
    filled: usize,
    last: Page,
    hashes: HashMap<RowsHash, usize>,
    last_hash: Option<RowsHash>,
    /// Rows of a skipped repetition; they are counted when a new page follows it.
    repeated: u64,
    first_page_number: Option<u64>,
    total: Option<FoundNumber>,
    /// Whether every total so far equals the rows of its own page: then it isn't the total of the list.
    is_total_of_page: bool,
    pub(super) notes: Vec<String>,
    pub(super) hints: Vec<String>,
}

impl<'s> Pages<'s> {
    pub(super) fn new(paging: Option<&'s Paging>) -> Self {
        Self {
            paging,
            number: 0,
            rows: 0,
            filled: 0,
            last: Page::default(),
            hashes: HashMap::new(),
            last_hash: None,
            repeated: 0,
            first_page_number: None,
            total: None,
            is_total_of_page: true,
            notes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// How the first page is requested; `End` means by the address as it is.
    pub(super) fn first(&self) -> Next {
        match self.paging {
            Some(Paging::Page { parameter, start, .. }) => Next::Parameter(parameter.clone(), start.to_string()),
            Some(Paging::Offset { parameter, .. }) => Next::Parameter(parameter.clone(), "0".to_owned()),
            Some(Paging::Cursor { .. } | Paging::Next { .. } | Paging::LinkHeader) | None => Next::End,
        }
    }

    /// Counts the page that is about to be requested.
    pub(super) fn begin(&mut self) -> Result<(), SourceError> {
        self.number += 1;
        if self.number > MAX_PAGES {
            return Err(never(format!("the source has more than {MAX_PAGES} pages")));
        }
        Ok(())
    }

    /// Whether pages are requested by number or offset, so that only their content shows where the list ends.
    pub(super) fn is_numbered(&self) -> bool {
        matches!(self.paging, Some(Paging::Page { .. } | Paging::Offset { .. }))
    }

    /// Whether 404 may mean the end of the list: for a numbered page after one with rows.
    pub(super) fn may_be_missing(&self) -> bool {
        self.is_numbered() && self.number > 1 && (self.last.rows > 0 || self.repeated > 0)
    }

    /// Records that the page was answered with 404.
    pub(super) fn missing(&mut self) {
        let number = self.number;
        let size = match self.paging {
            Some(Paging::Page { size, .. } | Paging::Offset { size, .. }) => *size,
            Some(Paging::Cursor { .. } | Paging::Next { .. } | Paging::LinkHeader) | None => 0,
        };
        if self.last.rows >= size as u64 {
            self.notes.push(format!(
                "page {number} doesn't exist (404) although the page before it is full: taken as the end"
            ));
        }
    }

    /// Whether a numbered page repeats an earlier one; called before its rows are used.
    ///
    /// # Errors
    /// When the repetition doesn't mark the end of the list, but a parameter that is ignored or a loop.
    pub(super) fn check_repetition(&mut self, hash: RowsHash, page: &Page) -> Result<PageCheck, SourceError> {
        let number = self.number;
        if page.rows == 0 {
            return Ok(PageCheck::New);
        }
        if self.last_hash.replace(hash) == Some(hash) {
            if number == 2 && !self.says_one_page(page) {
                let parameter = match self.first() {
                    Next::Parameter(parameter, _) => parameter,
                    Next::End | Next::Link(_) => String::new(),
                };
                return Err(never(format!(
                    "page 2 has the rows of page 1: the source ignores `{parameter}`; check `[source.http.paging]`"
                )));
            }
            if number > 2 && self.repeated == 0 {
                self.repeated = page.rows;
                return Ok(PageCheck::Repeated);
            }
            self.notes.push(format!("page {number} has the rows of page {}: taken as the end", number - 1));
            return Ok(PageCheck::End);
        }
        self.rows += std::mem::take(&mut self.repeated);
        match self.hashes.insert(hash, number) {
            Some(earlier) => Err(never(format!("{PAGING_LOOP}: page {number} has the rows of page {earlier}"))),
            None => Ok(PageCheck::New),
        }
    }

    /// Whether the answer itself says that its first page is the only one.
    fn says_one_page(&self, page: &Page) -> bool {
        let signs = &page.signs;
        let is_all = signs.total.as_ref().is_some_and(|total| total.number == self.rows);
        let is_one_page = signs.pages.as_ref().is_some_and(|pages| pages.number <= 1);
        let is_first_again = signs.page.is_some() && signs.page == self.first_page_number;
        is_all || is_one_page || is_first_again
    }

    /// How the page after this one is requested; called once its rows were used.
    ///
    /// # Errors
    /// When the mark of the next page is neither text nor number, or a total became smaller during the read.
    pub(super) fn after(&mut self, page: Page) -> Result<Next, SourceError> {
        self.count(&page)?;
        let next = self.next(&page)?;
        self.last = page;
        Ok(next)
    }

    /// Skips the rows of a page that repeats the one before, and keeps its signs. Returns how the next page is requested.
    pub(super) fn skip_repeated(&mut self, page: Page) -> Next {
        let next = self.numbered();
        self.last = Page { rows: 0, ..page };
        next
    }

    /// How the page after this one will be requested if this one has rows; `None` where only its content says so.
    pub(super) fn next_if_filled(&self) -> Option<Next> {
        match self.paging {
            Some(Paging::Page { .. }) => Some(self.numbered()),
            Some(Paging::Offset { .. } | Paging::Cursor { .. } | Paging::Next { .. } | Paging::LinkHeader) | None => {
                None
            }
        }
    }

    /// How the next numbered page is requested.
    fn numbered(&self) -> Next {
        match self.paging {
            Some(Paging::Page { parameter, start, .. }) => {
                let number = start.saturating_add_unsigned(self.number as u64);
                Next::Parameter(parameter.clone(), number.to_string())
            }
            Some(Paging::Offset { parameter, .. }) => {
                Next::Parameter(parameter.clone(), (self.rows + self.repeated).to_string())
            }
            Some(Paging::Cursor { .. } | Paging::Next { .. } | Paging::LinkHeader) | None => Next::End,
        }
    }

    fn count(&mut self, page: &Page) -> Result<(), SourceError> {
        self.rows += page.rows;
        self.filled += usize::from(page.rows > 0);
        if self.number == 1 {
            self.first_page_number = page.signs.page;
        }
        let Some(total) = &page.signs.total else { return Ok(()) };
        self.is_total_of_page = self.is_total_of_page && total.number == page.rows;
        if let Some(before) = &self.total
            && total.number < before.number
            && !self.is_total_of_page
        {
            let message = format!(
                "`{}` went from {} to {} while pages were read: the list changed, and a row may have slipped between two pages",
                total.place, before.number, total.number
            );
            return Err(SourceError::new(RepeatRead::Soon, message));
        }
        self.total = Some(total.clone());
        Ok(())
    }

    fn next(&mut self, page: &Page) -> Result<Next, SourceError> {
        match self.paging {
            None if page.next_link.is_some() => Err(never(
                "the answer has a `Link` to a next page, and no paging is declared: write `[source.http.paging] link_header = true`",
            )),
            None => Ok(Next::End),
            Some(Paging::Page { .. } | Paging::Offset { .. }) if page.rows == 0 => Ok(Next::End),
            Some(Paging::Page { .. } | Paging::Offset { .. }) => Ok(self.numbered()),
            Some(Paging::Cursor { parameter, at }) => {
                let mark = self.mark(page, at.as_str())?;
                Ok(mark.map_or(Next::End, |cursor| Next::Parameter(parameter.clone(), cursor)))
            }
            Some(Paging::Next { at }) => Ok(self.mark(page, at.as_str())?.map_or(Next::End, Next::Link)),
            Some(Paging::LinkHeader) => Ok(page.next_link.clone().map_or(Next::End, Next::Link)),
        }
    }

    fn mark(&mut self, page: &Page, at: &str) -> Result<Option<String>, SourceError> {
        if self.number == 1 && page.mark == Mark::Missing {
            let likely = page.signs.next_page_places.iter().find(|place| *place != at);
            let likely = likely.map_or(String::new(), |place| format!("; did you mean `{place}`?"));
            self.hints
                .push(format!("the first page has nothing at `{at}`, where the next page should be named{likely}"));
        }
        let Mark::There(value) = &page.mark else { return Ok(None) };
        mark_text(value)
    }

    /// Checks that the pages that were read are the whole list.
    ///
    /// # Errors
    /// When paging is declared and the source announces more rows or pages.
    pub(super) fn end(&mut self) -> Result<(), SourceError> {
        let Some(doubt) = self.doubt() else { return Ok(()) };
        match self.paging {
            None => {
                self.notes.push(format!(
                    "{doubt}, and no paging is declared: this may be a part; check `[source.http.paging]`"
                ));
                Ok(())
            }
            Some(_) => Err(never(format!(
                "the pages ended with page {} after {} rows, but {doubt}: check `[source.http.paging]`",
                self.number, self.rows
            ))),
        }
    }

    /// A sign that the rows that were read aren't the whole list.
    fn doubt(&self) -> Option<String> {
        let (signs, rows) = (&self.last.signs, self.rows);
        let as_text = |sign: &FoundNumber| format!("`{}` says {}", sign.place, sign.number);
        let is_of_page = self.filled > 1 && self.is_total_of_page;
        let total = self.total.as_ref().filter(|_| !is_of_page);
        let wrong_total = total.filter(|total| match self.paging {
            None => total.number > rows,
            Some(_) => total.number != rows,
        });
        let more_counted = signs.count.as_ref().filter(|count| count.number > rows);
        signs
            .more
            .clone()
            .or_else(|| wrong_total.map(as_text))
            .or_else(|| more_counted.map(as_text))
            .or_else(|| self.unread_pages(signs))
    }

    fn unread_pages(&self, signs: &Signs) -> Option<String> {
        let pages = signs.pages.as_ref()?;
        let is_cut = match self.paging {
            Some(Paging::Offset { .. }) => false,
            // compared with the pages that had rows, since some servers number pages from 0
            Some(_) => pages.number > self.filled as u64,
            None => pages.number > 1 && signs.page.is_none_or(|page| page < pages.number),
        };
        is_cut.then(|| format!("`{}` says {}", pages.place, pages.number))
    }
}

/// The beginning of every message about paging that returns to an earlier page.
pub(super) const PAGING_LOOP: &str = "the pages form a loop";

/// A cursor or a link as text; `None` when there is no next page.
fn mark_text(value: &Value) -> Result<Option<String>, SourceError> {
    match value {
        Value::Null | Value::Bool(false) => Ok(None),
        Value::String(text) => Ok((!text.is_empty()).then(|| text.clone())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => {
            Err(never("the paging's `at` leads to something that is neither text nor number"))
        }
    }
}
