//! pure: what is wrong with a file, where, and what to do: shown as a code frame, or as JSON.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::keys::Need;
use super::masking::{masked, merged};
use crate::lines::wrap;
use crate::row::unseen;

/// Maximum problems of one file that are shown.
pub const MAX_PROBLEMS: usize = 50;

/// A line of a code frame is cut this far from the place, in bytes.
const FRAME_REACH: usize = 200;

/// What is in front of a problem's sentence besides its code: `warning[…]: `.
const BESIDE_TITLE: usize = 11;

/// What is in front of its remedy: `   = help: `, and the number of a line below 100,000.
const BESIDE_HELP: usize = 14;

/// A sentence of a frame is at least so wide.
const MIN_WIDTH: usize = 30;

/// One problem with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// An error refuses the file, a warning doesn't.
    pub severity: Severity,
    /// A stable word: `unknown-key`, `missing-key`, `wrong-type`, `invalid-value`, `syntax`, `not-yet-supported`, …
    pub code: &'static str,
    /// The path of the file, as it was named.
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
    /// Problems of the same file that are not shown; on the last one that is.
    pub further: Further,
}

/// Problems that are counted and not shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Further {
    /// Errors among them.
    pub errors: usize,
    /// Warnings among them.
    pub warnings: usize,
}

impl Further {
    /// All of them.
    #[must_use]
    pub fn count(self) -> usize {
        self.errors + self.warnings
    }

    fn add(&mut self, severity: Severity) {
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
    }
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
    /// The path of the file.
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
    /// How many more problems the file has, on the last one that is shown; else 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub and_more: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
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
            message: unseen::shown(&self.message).into_owned(),
            help: self.help.as_deref().map(|help| unseen::shown(help).into_owned()),
            and_more: self.further.count(),
        }
    }

    /// The problem as a code frame: the line, a caret under the place, the remedy. Invisible characters of the file, its
    /// name and the message are written out, such as `\u{200b}`: nothing moves a cursor, and nothing hides.
    #[must_use]
    pub fn frame(&self, paint: Paint) -> String {
        self.frame_within(paint, None)
    }

    /// Like [`Problem::frame`], for a screen of this many columns: sentences are wrapped between their words, and of a long line
    /// the part around the place is shown.
    #[must_use]
    pub fn frame_within(&self, paint: Paint, columns: Option<usize>) -> String {
        let renderer = match paint {
            Paint::Plain => Renderer::plain(),
            Paint::Coloured => Renderer::styled(),
        };
        let renderer = columns.map_or(renderer.clone(), |columns| renderer.term_width(columns));
        let wrapped = |sentence: &str, beside: usize| match columns {
            Some(columns) => wrap(&unseen::shown(sentence), columns.saturating_sub(beside).max(MIN_WIDTH)).join("\n"),
            None => unseen::shown(sentence).into_owned(),
        };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let path = unseen::shown(&self.file.display().to_string()).into_owned();
        let title = level.primary_title(wrapped(&self.message, BESIDE_TITLE + self.code.len())).id(self.code);
        let group = if self.text.is_empty() {
            title.element(Origin::path(path.clone()))
        } else {
            let (shown, span, first_line) = self.excerpt();
            let snippet = Snippet::source(shown).line_start(first_line).path(path.clone());
            title.element(snippet.annotation(AnnotationKind::Primary.span(span)))
        };
        let group = match &self.help {
            Some(help) => group.element(Level::HELP.message(wrapped(help, BESIDE_HELP))),
            None => group,
        };
        let frame = renderer.render(&[group]).clone();
        match self.further.count() {
            0 => frame,
            more => format!("{frame}\n\n{path}: and {more} more"),
        }
    }

    /// The lines of the problem with one on each side, tamed, the span within them, and the first one's number.
    fn excerpt(&self) -> (String, Range<usize>, usize) {
        let text = &*self.text;
        let start = boundary(text, self.span.start);
        let end = boundary(text, self.span.end.min(start + FRAME_REACH)).max(start);
        let own_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let from = text[..own_start.saturating_sub(1)].rfind('\n').map_or(0, |at| at + 1);
        let from = if own_start == 0 { 0 } else { from };
        let from =
            if start - from > 2 * FRAME_REACH { own_start.max(boundary(text, start - FRAME_REACH)) } else { from };
        let until = text[end..].find('\n').map_or(text.len(), |at| end + at);
        let until = if until - end > FRAME_REACH { boundary(text, end + FRAME_REACH) } else { until };
        let shown = |part: Range<usize>| tame(&masked(text, part, &self.hidden));
        let (before, inside, after) = (shown(from..start), shown(start..end), shown(end..until));
        let span = before.len()..before.len() + inside.len();
        let first_line = text[..from].matches('\n').count() + 1;
        (before + &inside + &after, span, first_line)
    }
}

/// Cuts a sentence that quotes a long text.
fn clipped(sentence: String) -> String {
    const MAX_LENGTH: usize = 1_000;
    if sentence.len() <= MAX_LENGTH {
        return sentence;
    }
    format!("{}…", &sentence[..boundary(&sentence, MAX_LENGTH)])
}

/// The nearest place at or before `at` that doesn't cut a character.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The line and column (in characters) of a place in the text, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..boundary(text, at)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Lines of a file with their invisible characters written out, such as `\u{200b}`; tabs and line ends stay.
fn tame(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.split_inclusive(['\n', '\t']).fold(String::with_capacity(text.len()), |mut tamed, part| {
        let seen = part.trim_end_matches(['\n', '\t']);
        tamed.push_str(&unseen::shown(seen));
        tamed.push_str(&part[seen.len()..]);
        tamed
    })
}

/// Collects the problems of one file.
#[derive(Debug)]
pub struct Problems {
    file: PathBuf,
    text: Arc<str>,
    hidden: Arc<[Range<usize>]>,
    found: Vec<Problem>,
    /// What came when [`MAX_PROBLEMS`] were found.
    further: Further,
    /// Takes the help of a problem that isn't kept.
    unkept: Option<Box<Problem>>,
    /// The file has `[source.inbound]`.
    is_inbound: bool,
}

impl Problems {
    /// A collector for a file and its text (empty when there is none to show).
    #[must_use]
    pub fn of(file: &Path, text: Arc<str>) -> Self {
        let (found, further) = (Vec::new(), Further::default());
        Self { file: file.to_owned(), text, hidden: Arc::from([]), found, further, unkept: None, is_inbound: false }
    }

    /// The code frames of all problems added from now on don't show these places.
    pub fn hide(&mut self, places: Vec<Range<usize>>) {
        self.hidden = merged(places).into();
    }

    /// The file has `[source.inbound]`: some keys are not demanded.
    pub fn of_inbound(&mut self) {
        self.is_inbound = true;
    }

    /// Whether the file must have a key of that need.
    #[must_use]
    pub fn demands(&self, need: Need) -> bool {
        match need {
            Need::Required => true,
            Need::RequiredButInbound => !self.is_inbound,
            Need::Optional | Need::Default(_) | Need::Later => false,
        }
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
        let (further, message) = (Further::default(), clipped(message));
        let problem = Problem { severity, code, file, text, hidden, span, message, help: None, further };
        if self.is_full() {
            self.further.add(severity);
            return self.unkept.insert(Box::new(problem));
        }
        self.found.push(problem);
        self.found.last_mut().expect("one was just added")
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Whether further problems are only counted: then their remedies needn't be found.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.found.len() >= MAX_PROBLEMS
    }

    /// Whether the file is refused.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.further.errors > 0 || self.found.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// All of them, in the order of their places.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| (problem.span.start, problem.severity));
        self.found.dedup();
        if let Some(last) = self.found.last_mut() {
            last.further = self.further;
        }
        self.found
    }
}

/// The first [`MAX_PROBLEMS`] problems of each file, errors before warnings where there are more; the last one counts the rest.
/// Expects the problems of one file next to each other.
#[must_use]
pub fn shown(problems: Vec<Problem>) -> Vec<Problem> {
    let mut shown: Vec<Problem> = Vec::new();
    for file in problems.chunk_by(|one, other| one.file == other.file) {
        let mut further = Further::default();
        let mut kept: Vec<&Problem> = file.iter().collect();
        if kept.len() > MAX_PROBLEMS {
            kept.sort_by_key(|problem| problem.severity);
            kept.split_off(MAX_PROBLEMS).iter().for_each(|problem| further.add(problem.severity));
            kept.sort_by_key(|problem| problem.span.start);
        }
        for problem in file {
            further.errors += problem.further.errors;
            further.warnings += problem.further.warnings;
        }
        shown.extend(kept.into_iter().map(|problem| Problem { further: Further::default(), ..problem.clone() }));
        if let Some(last) = shown.last_mut() {
            last.further = further;
        }
    }
    shown
}

impl Problem {
    /// Adds the remedy.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(clipped(help.into()));
        self
    }
}
