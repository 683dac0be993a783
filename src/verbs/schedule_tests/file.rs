//! pure: the text of `NAME.test.toml` becomes tests, or problems with their place and remedy.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Map, Value as Json};

use crate::personal::Personal;
use crate::reminder::{Lead, SkipReason};
use crate::schedule::problems::{Problem, Problems};
use crate::schedule::spanned::{self, Node, Value};
use crate::spelling::did_you_mean;
use crate::zones::{WallMeaning, Zone};

/// One test of a schedule: rows, a clock, and what the schedule makes of them.
#[derive(Clone)]
pub struct ScheduleTest {
    /// Its name.
    pub name: String,
    /// Where it is in the file.
    pub span: Range<usize>,
    /// The nominal time and the moment of the evaluation.
    pub now: Timestamp,
    /// When the schedule was evaluated before that, if it was.
    pub previous_run: Option<Timestamp>,
    /// Keys that the schedule must have, such as `remind.do_not_call`: its few rows may not show that one is gone.
    pub must_have: Vec<PlacedValue<String>>,
    /// The rows of the source.
    pub rows: Vec<Map<String, Json>>,
    /// Numbers on the opt-out list of all schedules (E.164).
    pub opted_out: Vec<Personal>,
    /// Everybody who is called; `None` leaves the calls unchecked.
    pub calls: Option<PlacedValue<Vec<PlacedValue<ExpectedCall>>>>,
    /// Every row that is skipped; `None` leaves them unchecked.
    pub skips: Option<PlacedValue<Vec<PlacedValue<ExpectedSkip>>>>,
    /// How many rows are outside the window.
    pub outside: Option<PlacedValue<u64>>,
    /// The guard that holds the run. Without it no guard is asked.
    pub held: Option<PlacedValue<String>>,
}

/// A value with its place in the file.
#[derive(Debug, Clone)]
pub struct PlacedValue<T> {
    /// Where.
    pub span: Range<usize>,
    /// What.
    pub value: T,
}

/// A call that a test expects. What is `None` isn't compared.
#[derive(Clone)]
pub struct ExpectedCall {
    /// The appointment's id.
    pub id: String,
    /// The lead: `1d`.
    pub lead: Option<Lead>,
    /// When it goes out.
    pub at: Option<Timestamp>,
    /// The whole payload; what is null may be left out.
    pub payload: Option<Json>,
}

/// A skipped row that a test expects.
#[derive(Debug, Clone)]
pub struct ExpectedSkip {
    /// The appointment's id, or `row 3` for a row without one.
    pub which: String,
    /// The reason.
    pub reason: SkipReason,
}

const TEST_KEYS: &[&str] =
    &["name", "now", "previous_run", "must_have", "rows", "opted_out", "calls", "skips", "outside", "held"];
const CALL_KEYS: &[&str] = &["id", "lead", "at", "payload"];
const SKIP_KEYS: &[&str] = &["id", "row", "reason"];
const GUARD_NAMES: &[&str] = &["max_age", "max_invalid", "max_change", "max_calls"];

/// Parses a file of tests; times without an offset are those of `zone`.
#[must_use]
pub fn parse(path: &Path, text: &str, zone: &Zone) -> (Vec<ScheduleTest>, Vec<Problem>) {
    let (root, faults) = spanned::read(text);
    let mut reader = TestReader { problems: Problems::of(path, Arc::from(text)), zone };
    if let Some(first) = faults.iter().min_by_key(|problem| problem.span.start) {
        reader.problems.error("syntax", first.span.clone(), first.message.clone());
        return (Vec::new(), reader.problems.into_sorted());
    }
    reader.known_keys(&root, &["test"]);
    let tests = match root.get("test").map(|node| (&node.value, node)) {
        Some((Value::List(tests), _)) => tests.iter().filter_map(|node| reader.test(node)).collect(),
        Some((_, node)) => {
            reader.wrong(node, "`test` is not a list of tables", "begin each test with a line `[[test]]`");
            Vec::new()
        }
        None => {
            let help = "begin each test with `[[test]]`; `tickler test --record NAME` writes one";
            reader.problems.error("missing-key", 0..0, "this file holds no test").help(help);
            Vec::new()
        }
    };
    (tests, reader.problems.into_sorted())
}

/// Reads nodes and collects problems.
struct TestReader<'a> {
    problems: Problems,
    zone: &'a Zone,
}

impl TestReader<'_> {
    fn wrong(&mut self, node: &Node, message: impl Into<String>, help: impl Into<String>) {
        self.problems.error("invalid-value", node.span.clone(), message).help(help);
    }

    fn known_keys(&mut self, table: &Node, known: &[&str]) {
        for entry in table.entries().iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let likely = did_you_mean(&entry.key, known.iter().copied());
            let help = match likely {
                Some(likely) => format!("did you mean `{likely}`?"),
                None => format!("the keys here are {}", known.join(", ")),
            };
            let message = format!("`{}` is not a valid key of a schedule's test", entry.key);
            self.problems.error("unknown-key", entry.key_span.clone(), message).help(help);
        }
    }

    fn test(&mut self, node: &Node) -> Option<ScheduleTest> {
        self.known_keys(node, TEST_KEYS);
        let name = node.get("name").and_then(Node::text).unwrap_or("unnamed").to_owned();
        let Some(now) = node.get("now") else {
            self.problems
                .error("missing-key", node.span.clone(), format!("the test `{name}` has no `now`"))
                .help("write the moment of the run: `now = \"2026-11-24 09:00\"`");
            return None;
        };
        let test = ScheduleTest {
            now: self.moment(now)?,
            previous_run: node.get("previous_run").and_then(|node| self.moment(node)),
            must_have: self.texts(node.get("must_have")),
            rows: self.rows(node.get("rows")),
            opted_out: self.texts(node.get("opted_out")).into_iter().map(|number| number.value.into()).collect(),
            calls: node.get("calls").map(|node| PlacedValue { span: node.span.clone(), value: self.calls(node) }),
            skips: node.get("skips").map(|node| PlacedValue { span: node.span.clone(), value: self.skips(node) }),
            outside: node.get("outside").and_then(|node| self.count(node)),
            held: node.get("held").and_then(|node| self.guard(node)),
            span: node.get("name").unwrap_or(node).span.clone(),
            name,
        };
        let counts = test.outside.is_some() || test.held.is_some();
        if test.calls.is_none() && test.skips.is_none() && !counts && test.must_have.is_empty() {
            let message = format!("the test `{}` expects nothing", test.name);
            let help =
                "add `calls`, `skips`, `outside`, `held` or `must_have`: `calls = []` says that nobody is called";
            self.problems.error("missing-key", test.span.clone(), message).help(help);
        }
        Some(test)
    }

    /// A moment, in the schedule's zone unless it has an offset.
    fn moment(&mut self, node: &Node) -> Option<Timestamp> {
        let text = match &node.value {
            Value::Text(text) | Value::Moment(text) => text.trim(),
            Value::Whole(_) | Value::Float(_) | Value::Boolean(_) | Value::List(_) | Value::Table(_) => "",
        };
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(at);
        }
        let Ok(wall) = text.parse::<DateTime>() else {
            self.wrong(node, "this is not a valid time", "write `\"2026-11-24 09:00\"`, or RFC 3339 with an offset");
            return None;
        };
        Some(match self.zone.resolve(wall) {
            WallMeaning::Once(at) | WallMeaning::Twice { first: at, .. } | WallMeaning::Gap { after: at } => at,
        })
    }

    fn list<'n>(&mut self, node: Option<&'n Node>) -> &'n [Node] {
        match node {
            None => &[],
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => {
                self.wrong(node, format!("a list is needed here, this is {}", node.kind()), "write `[ … ]`");
                &[]
            }
        }
    }

    fn rows(&mut self, node: Option<&Node>) -> Vec<Map<String, Json>> {
        let mut rows = Vec::new();
        for item in self.list(node) {
            match item.to_json() {
                Json::Object(row) => rows.push(row),
                _ => {
                    self.wrong(
                        item,
                        "a row is a table of columns",
                        "write `{ id = \"17\", phone = \"+12025550143\" }`",
                    );
                }
            }
        }
        rows
    }

    fn texts(&mut self, node: Option<&Node>) -> Vec<PlacedValue<String>> {
        let mut texts = Vec::new();
        for item in self.list(node) {
            match item.text() {
                Some(text) => texts.push(PlacedValue { span: item.span.clone(), value: text.to_owned() }),
                None => self.wrong(item, "a text is needed here", "put it into quotes"),
            }
        }
        texts
    }

    fn calls(&mut self, node: &Node) -> Vec<PlacedValue<ExpectedCall>> {
        let mut calls = Vec::new();
        for item in self.list(Some(node)) {
            self.known_keys(item, CALL_KEYS);
            let Some(id) = item.get("id").and_then(id_of) else {
                self.wrong(item, "a call has the `id` of its appointment", "write `{ id = \"17\" }`");
                continue;
            };
            let lead = item.get("lead").and_then(|lead| self.lead(lead));
            let at = item.get("at").and_then(|at| self.moment(at));
            let payload = item.get("payload").map(Node::to_json);
            calls.push(PlacedValue { span: item.span.clone(), value: ExpectedCall { id, lead, at, payload } });
        }
        calls
    }

    fn lead(&mut self, node: &Node) -> Option<Lead> {
        let read = node.text().unwrap_or_default().parse();
        if read.is_err() {
            self.wrong(node, "this is not a valid lead", "write the lead as `plan` shows it: `\"1d\"`");
        }
        read.ok()
    }

    fn skips(&mut self, node: &Node) -> Vec<PlacedValue<ExpectedSkip>> {
        let mut skips = Vec::new();
        for item in self.list(Some(node)) {
            self.known_keys(item, SKIP_KEYS);
            let row = item.get("row").and_then(id_of).map(|row| format!("row {row}"));
            let Some(which) = item.get("id").and_then(id_of).or(row) else {
                let help = "write `{ id = \"17\", reason = \"no_phone\" }`, or `row = 3` for the third row";
                self.wrong(item, "a skip has the `id` of its appointment, or its `row`", help);
                continue;
            };
            let word = item.get("reason").and_then(Node::text).unwrap_or_default();
            match word.parse() {
                Ok(reason) => {
                    skips.push(PlacedValue { span: item.span.clone(), value: ExpectedSkip { which, reason } });
                }
                Err(_) => {
                    let likely = did_you_mean(word, SkipReason::ALL.iter().map(|reason| reason.as_str()));
                    let help = likely.map_or_else(
                        || "`tickler help reasons` lists them".to_owned(),
                        |likely| format!("did you mean `{likely}`?"),
                    );
                    self.wrong(item.get("reason").unwrap_or(item), format!("`{word}` is not a valid reason"), help);
                }
            }
        }
        skips
    }

    fn count(&mut self, node: &Node) -> Option<PlacedValue<u64>> {
        match node.value {
            Value::Whole(Some(count)) if count >= 0 => {
                Some(PlacedValue { span: node.span.clone(), value: count.unsigned_abs() })
            }
            _ => {
                self.wrong(node, "a whole number is needed here", "write how many rows: `outside = 3`");
                None
            }
        }
    }

    fn guard(&mut self, node: &Node) -> Option<PlacedValue<String>> {
        let name = node.text().unwrap_or_default();
        if GUARD_NAMES.contains(&name) {
            return Some(PlacedValue { span: node.span.clone(), value: name.to_owned() });
        }
        self.wrong(node, format!("`{name}` is not a valid guard"), format!("one of {}", GUARD_NAMES.join(", ")));
        None
    }
}

/// An id, also where it is written as a number.
fn id_of(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Whole(Some(number)) => Some(number.to_string()),
        Value::Whole(None)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Moment(_)
        | Value::List(_)
        | Value::Table(_) => None,
    }
}
