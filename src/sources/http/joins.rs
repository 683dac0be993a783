//! shell: `[join.NAME]` with an address: fetches what rows refer to, by one GET for each distinct address that the rows in the
//! window name, with the limits and the login of the source. When one of these requests fails, the whole read fails.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;
use url::Url;

use super::page_request::PageRequest;
use super::request::{Fetched, Fetcher, Headers};
use super::{Api, address, never};
use crate::appointment::StartColumns;
use crate::appointment::mapping::Mapping;
use crate::formats::ReadWindow;
use crate::row::{Kept, Record, RecordSink, Row};
use crate::schedule::{AddressJoin, AddressPiece, ReadMethod};
use crate::sources::SourceError;
use crate::template::Scope;

/// Maximum number of distinct addresses that one read fetches.
const MAX_ADDRESSES: usize = 5_000;

/// Maximum bytes of all joined answers together; the rows that wait for them may take as much again.
const MAX_BYTES: usize = 64 << 20;

/// Maximum concurrent requests.
const MAX_CONCURRENT: usize = 4;

/// Decides which rows are joined.
#[derive(Debug)]
pub(in crate::sources) struct JoinRows {
    mapping: Mutex<Mapping>,
    /// Whether a row's start is known only after its join or a computation: then every row is joined.
    is_start_unknown: bool,
}

impl JoinRows {
    /// Makes the decision for a schedule. `is_made` says whether a column comes from a join or is computed.
    pub(in crate::sources) fn new(mapping: Mapping, is_made: &dyn Fn(&str) -> bool) -> Self {
        let columns = mapping.columns();
        let is_start_made = match &columns.starts_at {
            StartColumns::One(column) => is_made(column.as_str()),
            StartColumns::DateAndTime { date, time } => is_made(date.as_str()) || is_made(time.as_str()),
            StartColumns::Receipt => false,
        };
        let is_start_unknown = is_start_made || columns.recurrence.is_some();
        Self { mapping: Mutex::new(mapping), is_start_unknown }
    }

    /// Whether the row's start may be in the window. The plan checks it again later.
    fn may_be_in_window(&self, record: &Record<'_>, window: &ReadWindow) -> bool {
        let mut mapping = self.mapping.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.is_start_unknown
            || mapping.start(record).is_ok_and(|start| (window.from..window.until).contains(&start.at))
    }
}

/// Collects the rows that need a join; passes all others on to the next sink at once.
pub(super) struct WaitingRows<'s> {
    sink: &'s mut dyn RecordSink,
    joins: &'s [AddressJoin],
    rows: &'s JoinRows,
    window: &'s ReadWindow,
    base: Url,
    /// Each waiting row with its number and, for each join, the index of its address; `None` where the row refers to nothing.
    waiting: Vec<(u64, Row, Vec<Option<usize>>)>,
    bytes: usize,
    addresses: Vec<Url>,
    /// The index of each address in `addresses`.
    indices: HashMap<String, usize>,
    fault: Option<SourceError>,
}

impl<'s> WaitingRows<'s> {
    pub(super) fn new(
        sink: &'s mut dyn RecordSink,
        joins: &'s [AddressJoin],
        rows: &'s JoinRows,
        (window, base): (&'s ReadWindow, Url),
    ) -> Self {
        let (waiting, addresses, indices) = (Vec::new(), Vec::new(), HashMap::new());
        Self { sink, joins, rows, window, base, waiting, bytes: 0, addresses, indices, fault: None }
    }

    fn add(&mut self, number: u64, row: Row) -> Result<(), SourceError> {
        let mut own_indices = Vec::with_capacity(self.joins.len());
        for join in self.joins {
            let Some(url) = address_of(join, &row, &self.base)? else {
                own_indices.push(None);
                continue;
            };
            let next_index = self.addresses.len();
            let index = *self.indices.entry(url.as_str().to_owned()).or_insert(next_index);
            if index == next_index {
                if next_index == MAX_ADDRESSES {
                    return Err(never(format!(
                        "the joins of this read need more than {MAX_ADDRESSES} addresses: ask the source for fewer rows"
                    )));
                }
                self.addresses.push(url);
            }
            own_indices.push(Some(index));
        }
        self.bytes += row.size();
        if self.bytes > MAX_BYTES {
            return Err(never("the rows that wait for a join take more than 64 MiB: ask the source for fewer rows"));
        }
        self.waiting.push((number, row, own_indices));
        Ok(())
    }
}

impl RecordSink for WaitingRows<'_> {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        let row = record.to_row().filter(|_| self.rows.may_be_in_window(&record, self.window));
        let Some(row) = row else { return self.sink.record(number, record) };
        match self.add(number, row) {
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
    /// Fetches the answers that the waiting rows refer to, adds them, and passes the rows to the sink.
    pub(super) async fn join(
        &self,
        rows: WaitingRows<'_>,
        headers: &Headers,
        stop_at: Duration,
    ) -> Result<(), SourceError> {
        let WaitingRows { sink, joins, waiting, addresses, fault, .. } = rows;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let mut answers: Vec<Value> = Vec::with_capacity(addresses.len());
        let fetcher = self.fetcher();
        let fetches = addresses.into_iter().map(|url| fetch_joined(&fetcher, url, headers, stop_at));
        let mut fetches = futures_util::stream::iter(fetches).buffered(MAX_CONCURRENT);
        let mut bytes = 0;
        while let Some(answer) = fetches.next().await {
            let (value, length) = answer?;
            bytes += length;
            if bytes > MAX_BYTES {
                return Err(never("the answers of the joins take more than 64 MiB"));
            }
            answers.push(value);
        }
        for (number, row, indices) in waiting {
            let mut tree = row.to_object();
            for (join, index) in joins.iter().zip(indices) {
                tree.insert(join.name.clone(), index.map_or(Value::Null, |index| answers[index].clone()));
            }
            if sink.record(number, Record::Tree(&tree)).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Fetches one address; returns the JSON value and how many bytes it has.
async fn fetch_joined(
    fetcher: &Fetcher,
    url: Url,
    headers: &Headers,
    stop_at: Duration,
) -> Result<(Value, usize), SourceError> {
    let request = PageRequest { address: url, body: bytes::Bytes::new(), method: ReadMethod::Get };
    match fetcher.fetch(request, headers, 1, stop_at).await {
        Ok(Fetched::Page(_, answer)) => match serde_json::from_slice(&answer.body) {
            Ok(value) => Ok((value, answer.body.len())),
            Err(_) => Err(never("the answer to a join is not JSON")),
        },
        Ok(Fetched::Missing) => Err(never("the source answered a join with 404")),
        Err(error) => Err(SourceError { message: format!("a join failed: {}", error.message), ..error }),
    }
}

/// The address that a row refers to; `None` where the row lacks a value that the address needs.
fn address_of(join: &AddressJoin, row: &Row, base: &Url) -> Result<Option<Url>, SourceError> {
    let failed = |why: &str| never(format!("the address of the join `{}` {why}", join.name));
    let is_whole_address = matches!(join.address.as_slice(), [AddressPiece::Value(_)]);
    let mut filled = String::new();
    for piece in &join.address {
        match piece {
            AddressPiece::Literal(text) => filled.push_str(text),
            AddressPiece::Value(template) => {
                let value = template.render(&JoinScope(row)).map_err(|error| failed(&format!("fails: {}", error.0)))?;
                match crate::row::scalar_text(&value) {
                    None => return Ok(None),
                    Some(text) if is_whole_address => filled.push_str(&text),
                    Some(text) => address::push_encoded(&mut filled, &text),
                }
            }
        }
    }
    address::follow(base, &filled).map(Some).map_err(|reason| failed(&format!("isn't followed: {reason}")))
}

/// The names that the address of a join may use: the row's columns. A column that the row lacks is null.
struct JoinScope<'r>(&'r Row);

impl Scope for JoinScope<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        (name != "row").then(|| self.0.get(name).map_or(Value::Null, std::borrow::Cow::into_owned))
    }

    fn row(&self) -> Value {
        Value::Object(self.0.to_object())
    }
}
