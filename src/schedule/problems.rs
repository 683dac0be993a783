//! pure: what is wrong with a file, where, and what to do: shown as a code frame, or as JSON.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::masking::masked;

/// One problem with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// An error refuses the file, a warning doesn't.
    pub severity: Severity,
    /// A stable word: `unknown-key`, `missing-key`, `wrong-type`, `invalid-value`, `syntax`, `not-yet-supported`, …
    pub code: &'static str,
    /// Which file, as it was named.
    pub file: PathBuf,
    /// The file's text, for the code frame; empty when there is none to show (a link, a folder).
    pub text: Arc<str>,
    /// Places (bytes) in `text` that the code frame doesn't show: secrets written out by mistake.
    pub hidden: Arc<[Range<usize>]>,
    /// Bytes in `text`.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// *Did you mean*, or the remedy.
    pub help: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// Worth a look.
    Warning,
}

/// Whether a code frame is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// No escape sequences at all.
    Plain,
    /// For a terminal that wants colour.
    Coloured,
}

/// A problem as `check --format json` shows it. Lines and columns count from 1, columns in characters; the end is
/// exclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlacedProblem {
    /// How bad it is.
    pub severity: Severity,
    /// A stable word.
    pub code: &'static str,
    /// Which file.
    pub file: String,
    /// Line of the first character.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
    /// Line after the last character.
    pub end_line: usize,
    /// Column after the last character.
    pub end_column: usize,
    /// What is wrong.
    pub message: String,
    /// The remedy.
    pub help: Option<String>,
}

impl Problem {
    /// The problem with its place in lines and columns.
    #[must_use]
    pub fn placed(&self) -> PlacedProblem {
        let (line, column) = place(&self.text, self.span.start);
        let (end_line, end_column) = place(&self.text, self.span.end.max(self.span.start));
        PlacedProblem {
            severity: self.severity,
            code: self.code,
            file: self.file.display().to_string(),
            line,
            column,
            end_line,
            end_column,
            message: self.message.clone(),
            help: self.help.clone(),
        }
    }

    /// The problem as a code frame: the line, a caret under the place, the remedy. Safe on a terminal: control
    /// characters of the file, its name and the message are shown as symbols.
    #[must_use]
    pub fn frame(&self, paint: Paint) -> String {
        let renderer = match paint {
            Paint::Plain => Renderer::plain(),
            Paint::Coloured => Renderer::styled(),
        };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let path = tame_line(&self.file.display().to_string());
        let title = level.primary_title(tame_line(&self.message)).id(self.code);
        let group = if self.text.is_empty() {
            title.element(Origin::path(path))
        } else {
            let (shown, span, first_line) = self.excerpt();
            let snippet = Snippet::source(shown).line_start(first_line).path(path);
            title.element(snippet.annotation(AnnotationKind::Primary.span(span)))
        };
        let group = match &self.help {
            Some(help) => group.element(Level::HELP.message(tame_line(help))),
            None => group,
        };
        renderer.render(&[group]).clone()
    }

    /// The lines of the problem with one on each side, tamed, the span within them, and the first one's number.
    fn excerpt(&self) -> (String, Range<usize>, usize) {
        let text = &*self.text;
        let start = boundary(text, self.span.start);
        let end = boundary(text, self.span.end).max(start);
        let own_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let from = text[..own_start.saturating_sub(1)].rfind('\n').map_or(0, |at| at + 1);
        let from = if own_start == 0 { 0 } else { from };
        let until = text[end..].find('\n').map_or(text.len(), |at| end + at);
        let shown = |part: Range<usize>| tame(&masked(text, part, &self.hidden));
        let (before, inside, after) = (shown(from..start), shown(start..end), shown(end..until));
        let span = before.len()..before.len() + inside.len();
        let first_line = text[..from].matches('\n').count() + 1;
        (before + &inside + &after, span, first_line)
    }
}

/// The nearest place at or before `at` that doesn't cut a character.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Line and column (characters), both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..boundary(text, at)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Shows what could move a cursor, change a colour or turn the reading direction as a symbol; line ends stay.
fn tame(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || c == '\t' { c } else { symbol_of(c) }).filter(|c| *c != '\r').collect()
}

fn tame_line(text: &str) -> String {
    text.chars().map(symbol_of).collect()
}

fn symbol_of(c: char) -> char {
    match c {
        '\r' => '\r',
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{61c}'
        | '\u{feff}' => '\u{fffd}',
        other => other,
    }
}

/// Collects the problems of one file.
#[derive(Debug)]
pub struct Problems {
    file: PathBuf,
    text: Arc<str>,
    hidden: Arc<[Range<usize>]>,
    found: Vec<Problem>,
}

impl Problems {
    /// A collector for a file and its text (empty when there is none to show).
    #[must_use]
    pub fn of(file: &Path, text: Arc<str>) -> Self {
        Self { file: file.to_owned(), text, hidden: Arc::from([]), found: Vec::new() }
    }

    /// The code frames of all problems added from now on don't show these places.
    pub fn hide(&mut self, places: Vec<Range<usize>>) {
        self.hidden = places.into();
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// Adds an error; the answer takes its remedy.
    pub fn error(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Error, code, span, message.into())
    }

    /// Adds a warning; the answer takes its remedy.
    pub fn warning(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Warning, code, span, message.into())
    }

    fn add(&mut self, severity: Severity, code: &'static str, span: Range<usize>, message: String) -> &mut Problem {
        let (file, text, hidden) = (self.file.clone(), Arc::clone(&self.text), Arc::clone(&self.hidden));
        self.found.push(Problem { severity, code, file, text, hidden, span, message, help: None });
        self.found.last_mut().expect("one was just added")
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Whether the file is refused.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// All of them, in the order of their places.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| (problem.span.start, problem.severity));
        self.found.dedup();
        self.found
    }
}

impl Problem {
    /// Adds the remedy.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }
}

/// The likeliest of the names a person may have meant: at most two slips, or a third of the length.
#[must_use]
pub fn did_you_mean<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (written.chars().count() / 3).max(2);
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(slips, name)| *slips <= allowed && *slips < name.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}
