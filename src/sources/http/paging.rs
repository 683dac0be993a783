//! pure: whether there is another page, and which: the one place where a list ends. It ends because the source says so,
//! and a list that ends while the source says that there is more fails.

use std::collections::HashMap;

use serde_json::Value;

use super::never;
use super::signs::{Signs, Told};
use crate::schedule::Paging;
use crate::sources::{Again, SourceError};

/// More pages than that are a loop, or no appointment list.
const MAX_PAGES: usize = 10_000;

/// SHA-256 of a page's rows.
pub(super) type RowsHash = [u8; 32];

/// One page, parsed.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) rows: u64,
    /// What stands at the paging's `at`.
    pub(super) mark: Mark,
    /// The target of `Link: <…>; rel="next"`.
    pub(super) next_link: Option<String>,
    pub(super) signs: Signs,
}

/// What stands where the mark of the next page should be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Mark {
    /// The place isn't there at all.
    #[default]
    Missing,
    /// Something.
    There(Value),
}

/// How the next page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// There is none.
    End,
    /// The parameter takes this value.
    Parameter(String, String),
    /// By this link.
    Link(String),
}

/// Whether a page was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fresh {
    /// It is new.
    New,
    /// It repeats the page before it. A row that was inserted meanwhile has the same effect: the next page decides.
    Repeated,
    /// It repeats a page that was a repetition, which is the end: servers clamp page numbers.
    End,
}

/// The pages of one read so far.
#[derive(Debug)]
pub(super) struct Pages<'s> {
    paging: Option<&'s Paging>,
    /// The page being read, from 1.
    pub(super) number: usize,
    pub(super) rows: u64,
    /// Pages that had rows.
    filled: usize,
    last: Page,
    hashes: HashMap<RowsHash, usize>,
    last_hash: Option<RowsHash>,
    /// Rows of a page that repeats the one before it; they count when the list goes on.
    repeated: u64,
    first_page_told: Option<u64>,
    total: Option<Told>,
    /// Every total so far was just the number of its page's rows.
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
            first_page_told: None,
            total: None,
            is_total_of_page: true,
            notes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// How the first page is asked for; `End` when by the address as it is.
    pub(super) fn first(&self) -> Next {
        match self.paging {
            Some(Paging::Page { parameter, start, .. }) => Next::Parameter(parameter.clone(), start.to_string()),
            Some(Paging::Offset { parameter, .. }) => Next::Parameter(parameter.clone(), "0".to_owned()),
            Some(Paging::Cursor { .. } | Paging::Next { .. } | Paging::LinkHeader) | None => Next::End,
        }
    }

    /// Another page is about to be asked for.
    pub(super) fn begin(&mut self) -> Result<(), SourceError> {
        self.number += 1;
        if self.number > MAX_PAGES {
            return Err(never(format!("the source has more than {MAX_PAGES} pages")));
        }
        Ok(())
    }

    /// Whether pages are asked for by number, so that only their content shows where they end.
    pub(super) fn is_numbered(&self) -> bool {
        matches!(self.paging, Some(Paging::Page { .. } | Paging::Offset { .. }))
    }

    /// A numbered page that isn't there (404) is the end when one with rows came before it.
    pub(super) fn may_be_missing(&self) -> bool {
        self.is_numbered() && self.number > 1 && (self.last.rows > 0 || self.repeated > 0)
    }

    /// The page wasn't there.
    pub(super) fn missing(&mut self) {
        let number = self.number;
        let size = match self.paging {
            Some(Paging::Page { size, .. } | Paging::Offset { size, .. }) => *size,
            Some(Paging::Cursor { .. } | Paging::Next { .. } | Paging::LinkHeader) | None => 0,
        };
        if self.last.rows >= size as u64 {
            self.notes.push(format!("page {number} isn't there (404) behind a full page: taken as the end"));
        }
    }

    /// Whether a numbered page is new, before its rows are used.
    ///
    /// # Errors
    /// When it repeats a page in a way that is no end.
    pub(super) fn judge(&mut self, hash: RowsHash, page: &Page) -> Result<Fresh, SourceError> {
        let number = self.number;
        if page.rows == 0 {
            return Ok(Fresh::New);
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
                return Ok(Fresh::Repeated);
            }
            self.notes.push(format!("page {number} has the rows of page {}: taken as the end", number - 1));
            return Ok(Fresh::End);
        }
        self.rows += std::mem::take(&mut self.repeated);
        match self.hashes.insert(hash, number) {
            Some(earlier) => Err(never(format!("{CIRCLE}: page {number} has the rows of page {earlier}"))),
            None => Ok(Fresh::New),
        }
    }

    /// Whether the answer itself says that its first page is the only one.
    fn says_one_page(&self, page: &Page) -> bool {
        let signs = &page.signs;
        let is_all = signs.total.as_ref().is_some_and(|total| total.number == self.rows);
        let is_one_page = signs.pages.as_ref().is_some_and(|pages| pages.number <= 1);
        let is_first_again = signs.page.is_some() && signs.page == self.first_page_told;
        is_all || is_one_page || is_first_again
    }

    /// How the page after this one is asked for; its rows were used.
    ///
    /// # Errors
    /// When it says that there is more and not where, or contradicts what came before.
    pub(super) fn after(&mut self, page: Page) -> Result<Next, SourceError> {
        self.take(&page)?;
        let next = self.next(&page)?;
        self.last = page;
        Ok(next)
    }

    /// The page repeats the last one: what it says of itself still counts, its rows don't. Returns how the next one is
    /// asked for.
    pub(super) fn pass_over(&mut self, page: Page) -> Next {
        let next = self.numbered();
        self.last = Page { rows: 0, ..page };
        next
    }

    /// The next numbered page.
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

    fn take(&mut self, page: &Page) -> Result<(), SourceError> {
        self.rows += page.rows;
        self.filled += usize::from(page.rows > 0);
        if self.number == 1 {
            self.first_page_told = page.signs.page;
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
            return Err(SourceError::new(Again::Soon, message));
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
            let likely = page.signs.onward.iter().find(|place| *place != at);
            let likely = likely.map_or(String::new(), |place| format!("; `{place}` looks like it"));
            self.hints
                .push(format!("the first page has nothing at `{at}`, where the next one should be named{likely}"));
        }
        let Mark::There(value) = &page.mark else { return Ok(None) };
        mark_text(value)
    }

    /// The pages have ended: whether they are the whole.
    ///
    /// # Errors
    /// With declared paging, when the source says that there is more.
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

    /// What says that these rows aren't all.
    fn doubt(&self) -> Option<String> {
        let (signs, rows) = (&self.last.signs, self.rows);
        let told = |told: &Told| format!("`{}` says {}", told.place, told.number);
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
            .or_else(|| wrong_total.map(told))
            .or_else(|| more_counted.map(told))
            .or_else(|| self.page_of_more(signs))
    }

    fn page_of_more(&self, signs: &Signs) -> Option<String> {
        let pages = signs.pages.as_ref()?;
        let is_cut = match self.paging {
            Some(Paging::Offset { .. }) => false,
            // servers may count pages from 0; how many had rows is certain
            Some(_) => pages.number > self.filled as u64,
            None => pages.number > 1 && signs.page.is_none_or(|page| page < pages.number),
        };
        is_cut.then(|| format!("`{}` says {}", pages.place, pages.number))
    }
}

/// How the message of a loop begins.
pub(super) const CIRCLE: &str = "the pages go round in a circle";

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
