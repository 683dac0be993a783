//! shell: `[join.NAME]` by address: one more GET for each distinct address of the rows in the window, under the source's own
//! limits and login. A join that fails fails the read.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;
use url::Url;

use super::asking::PageAsk;
use super::request::{Fetched, Headers};
use super::{Api, address, never};
use crate::appointment::StartColumns;
use crate::appointment::mapping::Mapping;
use crate::formats::ReadWindow;
use crate::row::{Kept, Record, RecordSink, Row};
use crate::schedule::{AddressJoin, AddressPiece, ReadMethod};
use crate::sources::SourceError;
use crate::template::Scope;

/// Distinct addresses of one read.
const MAX_ADDRESSES: usize = 5_000;

/// Bytes of all joined answers, and of the rows that wait for them.
const MAX_BYTES: usize = 64 << 20;

/// Requests at once.
const AT_ONCE: usize = 4;

/// Decides which rows are joined.
#[derive(Debug)]
pub(in crate::sources) struct JoinRows {
    mapping: Mutex<Mapping>,
    /// Whether the start comes with a join, or is computed: then every row is joined.
    is_start_unknown: bool,
}

impl JoinRows {
    pub(in crate::sources) fn new(mapping: Mapping, made: &dyn Fn(&str) -> bool) -> Self {
        let columns = mapping.columns();
        let starts = match &columns.starts_at {
            StartColumns::One(column) => made(column.as_str()),
            StartColumns::DateAndTime { date, time } => made(date.as_str()) || made(time.as_str()),
        };
        let is_start_unknown = starts || columns.recurrence.is_some();
        Self { mapping: Mutex::new(mapping), is_start_unknown }
    }

    /// Whether the row may be in the window; what its time says is judged again by whoever plans.
    fn takes(&self, record: &Record<'_>, window: &ReadWindow) -> bool {
        let mut mapping = self.mapping.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.is_start_unknown
            || mapping.start(record).is_ok_and(|start| (window.from..window.until).contains(&start.at))
    }
}

/// Rows that wait for what is joined to them; the others go on at once.
pub(super) struct WaitingRows<'s> {
    sink: &'s mut dyn RecordSink,
    joins: &'s [AddressJoin],
    rows: &'s JoinRows,
    window: &'s ReadWindow,
    base: Url,
    held: Vec<(u64, Row, Vec<Option<usize>>)>,
    bytes: usize,
    addresses: Vec<Url>,
    places: HashMap<String, usize>,
    fault: Option<SourceError>,
}

impl<'s> WaitingRows<'s> {
    pub(super) fn new(
        sink: &'s mut dyn RecordSink,
        joins: &'s [AddressJoin],
        rows: &'s JoinRows,
        (window, base): (&'s ReadWindow, Url),
    ) -> Self {
        let (held, addresses, places) = (Vec::new(), Vec::new(), HashMap::new());
        Self { sink, joins, rows, window, base, held, bytes: 0, addresses, places, fault: None }
    }

    fn hold(&mut self, number: u64, row: Row) -> Result<(), SourceError> {
        let mut asked = Vec::with_capacity(self.joins.len());
        for join in self.joins {
            let Some(url) = address_of(join, &row, &self.base)? else {
                asked.push(None);
                continue;
            };
            let fresh = self.addresses.len();
            let place = *self.places.entry(url.as_str().to_owned()).or_insert(fresh);
            if place == fresh {
                if fresh == MAX_ADDRESSES {
                    return Err(never(format!(
                        "the joins of this read ask for more than {MAX_ADDRESSES} addresses: ask the source for fewer rows"
                    )));
                }
                self.addresses.push(url);
            }
            asked.push(Some(place));
        }
        self.bytes += row.size();
        if self.bytes > MAX_BYTES {
            return Err(never("the rows that wait for a join take more than 64 MiB: ask the source for fewer rows"));
        }
        self.held.push((number, row, asked));
        Ok(())
    }
}

impl RecordSink for WaitingRows<'_> {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        let row = record.to_row().filter(|_| self.rows.takes(&record, self.window));
        let Some(row) = row else { return self.sink.record(number, record) };
        match self.hold(number, row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(fault) => {
                self.fault = Some(fault);
                ControlFlow::Break(())
            }
        }
    }

    fn kept(&self) -> Kept {
        self.sink.kept()
    }
}

impl Api {
    /// Fetches what the waiting rows need and hands them on.
    pub(super) async fn join(
        &self,
        waiting: WaitingRows<'_>,
        headers: &Headers,
        stop_at: Duration,
    ) -> Result<(), SourceError> {
        let WaitingRows { sink, joins, held, addresses, fault, .. } = waiting;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let mut answers: Vec<Value> = Vec::with_capacity(addresses.len());
        let mut asked = futures_util::stream::iter(addresses.into_iter().map(|url| self.joined(url, headers, stop_at)))
            .buffered(AT_ONCE);
        let mut bytes = 0;
        while let Some(answer) = asked.next().await {
            let (value, length) = answer?;
            bytes += length;
            if bytes > MAX_BYTES {
                return Err(never("the answers of the joins take more than 64 MiB"));
            }
            answers.push(value);
        }
        for (number, row, places) in held {
            let mut tree = row.to_object();
            for (join, place) in joins.iter().zip(places) {
                tree.insert(join.name.clone(), place.map_or(Value::Null, |place| answers[place].clone()));
            }
            if sink.record(number, Record::Tree(&tree)).is_break() {
                break;
            }
        }
        Ok(())
    }

    async fn joined(&self, url: Url, headers: &Headers, stop_at: Duration) -> Result<(Value, usize), SourceError> {
        let ask = PageAsk { address: url, body: bytes::Bytes::new(), method: ReadMethod::Get };
        match self.fetch(ask, headers, 1, stop_at).await {
            Ok(Fetched::Page(_, answer)) => match serde_json::from_slice(&answer.body) {
                Ok(value) => Ok((value, answer.body.len())),
                Err(_) => Err(never("the answer to a join is not JSON")),
            },
            Ok(Fetched::Missing) => Err(never("the source answered a join with 404")),
            Err(error) => Err(SourceError { message: format!("a join failed: {}", error.message), ..error }),
        }
    }
}

/// The address that a row asks for; `None` where a value of it is missing.
fn address_of(join: &AddressJoin, row: &Row, base: &Url) -> Result<Option<Url>, SourceError> {
    let failed = |why: &str| never(format!("the address of the join `{}` {why}", join.name));
    let is_lone = matches!(join.address.as_slice(), [AddressPiece::Value(_)]);
    let mut filled = String::new();
    for piece in &join.address {
        match piece {
            AddressPiece::Literal(text) => filled.push_str(text),
            AddressPiece::Value(template) => {
                let value = template.render(&JoinScope(row)).map_err(|error| failed(&format!("fails: {}", error.0)))?;
                match crate::row::scalar_text(&value) {
                    None => return Ok(None),
                    Some(text) if is_lone => filled.push_str(&text),
                    Some(text) => address::push_encoded(&mut filled, &text),
                }
            }
        }
    }
    address::follow(base, &filled).map(Some).map_err(|reason| failed(&format!("isn't followed: {reason}")))
}

/// A row as the address of a join sees it: what isn't there is null.
struct JoinScope<'r>(&'r Row);

impl Scope for JoinScope<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        (name != "row").then(|| self.0.get(name).map_or(Value::Null, std::borrow::Cow::into_owned))
    }

    fn row(&self) -> Value {
        Value::Object(self.0.to_object())
    }
}
