//! pure: the facts in a record of a call, wherever its sender puts them.
//!
//! Three shapes are known: Thoughtly's subscription (`interview`), its guide's (`variables`), and the one that the README
//! recommends (`reminder_id` or `call_id`), in which every other record is read as well. JSON pointers of a schedule take the place of a shape's own. A transcript, a
//! recording and tags are never read.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::personal::Personal;

/// How deep a record may be nested.
pub const MAX_DEPTH: usize = 32;

/// Characters of an id, a status, a phone or what was said; a longer text is none of these.
const MAX_TEXT: usize = 256;

/// A record may be dated later than it arrives by as much as clocks differ; a later date is no date.
const MAX_AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// One thing that a record can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// The reminder's id.
    ReminderId,
    /// The other side's id of the call.
    CallId,
    /// How the call ended, or that it goes on.
    Status,
    /// What the person said, in a word.
    Said,
    /// The number that was called.
    Phone,
    /// The other side's id of the person.
    Contact,
    /// The agent that called.
    Agent,
    /// When the call began.
    StartedAt,
    /// When it ended.
    EndedAt,
    /// When the record was last changed.
    UpdatedAt,
}

impl Fact {
    /// Every fact with its key in `[outcome.at]`.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::ReminderId, "reminder_id"),
        (Self::CallId, "call_id"),
        (Self::Status, "status"),
        (Self::Said, "said"),
        (Self::Phone, "phone"),
        (Self::Contact, "contact"),
        (Self::Agent, "agent"),
        (Self::StartedAt, "started_at"),
        (Self::EndedAt, "ended_at"),
        (Self::UpdatedAt, "updated_at"),
    ];
}

/// Where facts are, as JSON pointers; of several for one fact the first that has a value counts.
pub type Places = BTreeMap<Fact, Vec<String>>;

/// A known form of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordShape {
    /// What Thoughtly posts to subscribers.
    Subscription,
    /// The sample of Thoughtly's guide.
    Guide,
    /// What the README recommends to map.
    Own,
}

impl RecordShape {
    /// The first that fits.
    fn of(record: &Value) -> Self {
        let has = |name: &str| record.get(name).is_some_and(|value| !value.is_null());
        match () {
            () if has("interview") => Self::Subscription,
            () if has("variables") => Self::Guide,
            () => Self::Own,
        }
    }

    const fn places(self, fact: Fact) -> &'static [&'static str] {
        match (self, fact) {
            (Self::Subscription, Fact::ReminderId) => &["/metadata/reminder_id"],
            (Self::Subscription, Fact::CallId) => &["/id"],
            (Self::Subscription, Fact::Contact) => &["/contact/id"],
            (Self::Subscription, Fact::Agent) => &["/interview/id"],
            (Self::Subscription, Fact::StartedAt) => &["/start_time"],
            (Self::Subscription, Fact::EndedAt) => &["/end_time"],
            (Self::Subscription, Fact::UpdatedAt) => &["/updated"],
            (Self::Guide, Fact::ReminderId) => &["/variables/reminder_id"],
            (Self::Guide, Fact::Said) => &["/outcome", "/variables/outcome"],
            (Self::Guide, Fact::Phone) => &["/variables/phone"],
            (Self::Guide, Fact::Agent) => &["/agent_id"],
            (Self::Own, Fact::ReminderId) => &["/reminder_id"],
            (Self::Own, Fact::Said) => &["/outcome"],
            (Self::Own, Fact::EndedAt) => &["/ended_at"],
            (Self::Guide | Self::Own, Fact::CallId) => &["/call_id"],
            (Self::Subscription | Self::Guide | Self::Own, Fact::Status) => &["/status"],
            (Self::Subscription | Self::Own, Fact::Phone) => &["/phone_number"],
            (Self::Subscription, Fact::Said)
            | (Self::Guide, Fact::Contact | Fact::StartedAt | Fact::EndedAt | Fact::UpdatedAt)
            | (Self::Own, Fact::Contact | Fact::Agent | Fact::StartedAt | Fact::UpdatedAt) => &[],
        }
    }
}

/// What a record says. Whatever it leaves out, leaves empty or writes as something else is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFacts {
    /// The reminder's id, as written.
    pub reminder_id: Option<String>,
    /// The other side's id of the call.
    pub call_id: Option<String>,
    /// The status as written.
    pub status: Option<String>,
    /// What was said, as written.
    pub said: Option<Personal>,
    /// The phone as written.
    pub phone: Option<Personal>,
    /// The other side's id of the person.
    pub contact: Option<String>,
    /// The agent that called.
    pub agent: Option<String>,
    /// When the call began (UTC).
    pub started_at: Option<Timestamp>,
    /// When it ended (UTC).
    pub ended_at: Option<Timestamp>,
    /// When the record was last changed (UTC).
    pub updated_at: Option<Timestamp>,
}

/// Why a body is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRecord {
    /// It is nested deeper than [`MAX_DEPTH`].
    #[error("the body is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// It is no JSON, or another kind of JSON.
    #[error("the body is not a JSON object")]
    NoObject,
    /// It says nothing of a call.
    #[error("the body has none of the facts of a call: see `[outcome.at]`")]
    NoFact,
}

impl CallFacts {
    /// The facts of a posted body, which arrived at `now` (UTC).
    ///
    /// # Errors
    /// [`NoRecord`].
    pub fn read(body: &[u8], places: &Places, now: Timestamp) -> Result<Self, NoRecord> {
        if depth(body) > MAX_DEPTH {
            return Err(NoRecord::TooDeep);
        }
        let record: Value = serde_json::from_slice(body).map_err(|_| NoRecord::NoObject)?;
        if !record.is_object() {
            return Err(NoRecord::NoObject);
        }
        let facts = Self::of(&record, places, now);
        if facts == Self::default() { Err(NoRecord::NoFact) } else { Ok(facts) }
    }

    /// The facts of one record, such as one of a list.
    #[must_use]
    pub fn of(record: &Value, places: &Places, now: Timestamp) -> Self {
        let found = RecordWithPlaces { record, shape: RecordShape::of(record), places, now };
        Self {
            reminder_id: found.text(Fact::ReminderId),
            call_id: found.text(Fact::CallId),
            status: found.text(Fact::Status),
            said: found.text(Fact::Said).map(Personal::from),
            phone: found.text(Fact::Phone).map(Personal::from),
            contact: found.text(Fact::Contact),
            agent: found.text(Fact::Agent),
            started_at: found.time(Fact::StartedAt),
            ended_at: found.time(Fact::EndedAt),
            updated_at: found.time(Fact::UpdatedAt),
        }
    }

    /// When the record says that it was made (UTC).
    #[must_use]
    pub fn own_time(&self) -> Option<Timestamp> {
        self.updated_at.or(self.ended_at).or(self.started_at)
    }

    /// The SHA-256 of all facts: the same facts told again have the same.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let texts = [
            self.reminder_id.as_deref(),
            self.call_id.as_deref(),
            self.status.as_deref(),
            self.said.as_deref(),
            self.phone.as_deref(),
            self.contact.as_deref(),
            self.agent.as_deref(),
        ];
        let times = [self.started_at, self.ended_at, self.updated_at].map(|at| at.map(|at| at.to_string()));
        let mut hasher = Sha256::new();
        for text in texts.into_iter().chain(times.iter().map(Option::as_deref)) {
            let text = text.unwrap_or_default();
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize().into()
    }
}

/// A record, and where its facts are.
struct RecordWithPlaces<'a> {
    record: &'a Value,
    shape: RecordShape,
    places: &'a Places,
    now: Timestamp,
}

impl RecordWithPlaces<'_> {
    fn values(&self, fact: Fact) -> impl Iterator<Item = &Value> {
        let (named, own): (&[String], &[&str]) = match self.places.get(&fact) {
            Some(named) => (named, &[]),
            None => (&[], self.shape.places(fact)),
        };
        let pointers = named.iter().map(String::as_str).chain(own.iter().copied());
        pointers.filter_map(|pointer| self.record.pointer(pointer))
    }

    fn text(&self, fact: Fact) -> Option<String> {
        self.values(fact).find_map(text)
    }

    fn time(&self, fact: Fact) -> Option<Timestamp> {
        let latest = self.now.checked_add(MAX_AHEAD).unwrap_or(Timestamp::MAX);
        self.values(fact).find_map(time).filter(|at| *at <= latest)
    }
}

/// A text, or a number or truth as one.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    let is_one = !text.is_empty() && text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control);
    is_one.then_some(text)
}

/// RFC 3339, or a number of seconds or milliseconds since 1970.
fn time(value: &Value) -> Option<Timestamp> {
    /// The least number that counts milliseconds: as seconds it would be the year 5138.
    const FIRST_MILLIS: i64 = 100_000_000_000;
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => match number.as_i64()? {
            millis @ FIRST_MILLIS.. => Timestamp::from_millisecond(millis).ok(),
            seconds @ 1.. => Timestamp::from_second(seconds).ok(),
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// How deep a JSON text is nested, without parsing it. A text that is no JSON may get any answer.
#[must_use]
pub fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut is_escaped) = (0_usize, 0, false, false);
    for byte in body {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn at(text: &str) -> Option<Timestamp> {
        Some(text.parse().expect("a time"))
    }

    fn now() -> Timestamp {
        "2026-11-24T15:00:00Z".parse().expect("a time")
    }

    fn read(record: &Value) -> Result<CallFacts, NoRecord> {
        CallFacts::read(record.to_string().as_bytes(), &Places::new(), now())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_record_of_a_subscription_is_read() {
        let record = json!({
            "id": "c1", "interview": {"id": "agent-1"}, "contact": {"id": "p1", "attributes": {"outcome": "yes"}},
            "status": "COMPLETED", "start_time": "2026-11-24T14:00:00Z", "end_time": "2026-11-24T14:02:00Z",
            "updated": "2026-11-24T14:03:00Z", "phone_number": "+12025550143", "metadata": {"reminder_id": "r1"},
            "transcript": "yes", "outcome": "yes", "call_id": "another",
        });
        let expected = CallFacts {
            reminder_id: some("r1"),
            call_id: some("c1"),
            status: some("COMPLETED"),
            said: None,
            phone: Some("+12025550143".into()),
            contact: some("p1"),
            agent: some("agent-1"),
            started_at: at("2026-11-24T14:00:00Z"),
            ended_at: at("2026-11-24T14:02:00Z"),
            updated_at: at("2026-11-24T14:03:00Z"),
        };
        assert_eq!(read(&record), Ok(expected));
    }

    #[test]
    fn a_record_of_the_guide_is_read() {
        let record = json!({
            "call_id": "c1", "agent_id": "agent-1", "duration": 40, "status": "completed", "transcript": "…",
            "variables": {"reminder_id": "r1", "outcome": "yes", "phone": "+12025550143"}, "reminder_id": "another",
        });
        let expected = CallFacts {
            reminder_id: some("r1"),
            call_id: some("c1"),
            status: some("completed"),
            said: Some("yes".into()),
            phone: Some("+12025550143".into()),
            agent: some("agent-1"),
            ..CallFacts::default()
        };
        assert_eq!(read(&record), Ok(expected.clone()));
        let with_own = json!({"call_id": "c1", "outcome": "no", "variables": {"outcome": "yes"}});
        assert_eq!(read(&with_own).map(|facts| facts.said), Ok(Some("no".into())));
    }

    #[test]
    fn a_record_of_our_own_shape_is_read() {
        let record = json!({
            "reminder_id": "r1", "call_id": 42, "status": "COMPLETED", "outcome": true, "phone_number": "+12025550143",
            "ended_at": 1_795_528_800, "variables": null,
        });
        let expected = CallFacts {
            reminder_id: some("r1"),
            call_id: some("42"),
            status: some("COMPLETED"),
            said: Some("true".into()),
            phone: Some("+12025550143".into()),
            ended_at: Timestamp::from_second(1_795_528_800).ok().filter(|at| *at <= now()),
            ..CallFacts::default()
        };
        assert_eq!(read(&record), Ok(expected));
    }

    #[test]
    fn empty_texts_and_other_kinds_of_values_are_absent() {
        let absent = [
            json!(""),
            json!("  "),
            json!(null),
            json!([1]),
            json!({"a": 1}),
            json!("a\u{1b}b"),
            json!("x".repeat(257)),
        ];
        for value in absent {
            let facts = read(&json!({"reminder_id": "r1", "call_id": value, "outcome": value, "ended_at": value}));
            assert_eq!(facts, Ok(CallFacts { reminder_id: some("r1"), ..CallFacts::default() }), "{value}");
        }
    }

    #[test]
    fn a_date_far_ahead_of_its_arrival_is_no_date() {
        for (written, is_one) in [
            ("2026-11-25T15:00:00Z", true),
            ("2026-11-25T15:00:01Z", false),
            ("9999-12-30T00:00:00Z", false),
            ("2026-11-24", false),
            ("yesterday", false),
        ] {
            let facts = read(&json!({"call_id": "c1", "ended_at": written})).expect("facts");
            assert_eq!(facts.ended_at.is_some(), is_one, "{written}");
        }
    }

    #[test]
    fn pointers_of_a_schedule_take_the_place_of_a_shape() {
        let places = Places::from([
            (Fact::CallId, vec!["/call/sid".to_owned()]),
            (Fact::Said, vec!["/analysis/none".to_owned(), "/analysis/intent".to_owned()]),
        ]);
        let read = |record: Value| CallFacts::read(record.to_string().as_bytes(), &places, now()).expect("facts");
        let foreign = read(json!({"call": {"sid": "c9"}, "analysis": {"intent": "yes"}}));
        let expected = CallFacts { call_id: some("c9"), said: Some("yes".into()), ..CallFacts::default() };
        assert_eq!(foreign, expected);
        let own = read(
            json!({"reminder_id": "r1", "call_id": "c1", "outcome": "no", "analysis": {"none": "", "intent": "yes"}}),
        );
        let expected = CallFacts { reminder_id: some("r1"), said: Some("yes".into()), ..CallFacts::default() };
        assert_eq!(own, expected);
    }

    #[test]
    fn what_is_no_record_is_told_by_its_kind() {
        let nested = |levels: usize| format!("{}1{}", "{\"call_id\":".repeat(levels), "}".repeat(levels));
        for (body, expected) in [
            ("".to_owned(), Err(NoRecord::NoObject)),
            ("[]".to_owned(), Err(NoRecord::NoObject)),
            ("<call/>".to_owned(), Err(NoRecord::NoObject)),
            ("{\"call_id\":\"c1\"".to_owned(), Err(NoRecord::NoObject)),
            ("{}".to_owned(), Err(NoRecord::NoFact)),
            ("{\"variables\":{\"name\":\"x\"}}".to_owned(), Err(NoRecord::NoFact)),
            (nested(32), Err(NoRecord::NoFact)),
            (nested(33), Err(NoRecord::TooDeep)),
            (nested(10_000), Err(NoRecord::TooDeep)),
            ("{\"call_id\":\"[[[[\"}".to_owned(), Ok(some("[[[["))),
        ] {
            let found = CallFacts::read(body.as_bytes(), &Places::new(), NOW).map(|facts| facts.call_id);
            assert_eq!(found, expected, "{}", &body[..body.len().min(40)]);
        }
    }

    #[test]
    fn the_digest_tells_facts_apart_and_nothing_else() {
        let one = read(&json!({"reminder_id": "r1", "call_id": "c1"})).expect("facts");
        let same = read(&json!({"call_id": "c1 ", "transcript": "…", "reminder_id": "r1"})).expect("facts");
        let shifted = read(&json!({"reminder_id": "r1c", "call_id": "1"})).expect("facts");
        assert_eq!(one.digest(), same.digest());
        assert_ne!(one.digest(), shifted.digest());
    }
}
