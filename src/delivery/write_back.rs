//! shell: writes one outcome to where its appointment comes from, and classifies the answer. At least once: the receiver knows a
//! repeat by its idempotency key.

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::retry;
use super::send::random_fraction;
use crate::appointment::Phone;
use crate::evaluation::{Env, RowNow};
use crate::http::{HttpRequest, HttpResponse, Sent, is_loopback};
use crate::ledger::write_backs::TRIED_FOR;
use crate::ledger::{ReminderRow, SettledWriteBack, WriteBackEnd, WriteBackRow};
use crate::plan::payload::PayloadScope;
use crate::schedule::{Schedule, WriteBackAddress, WriteBackBody, WriteBackSpec};
use crate::sources::http::Login;
use crate::targets;
use crate::template::{Payload, Scope};

/// Maximum time of one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum bytes of an answer that are read; it is judged by its status.
const ANSWER_LIMIT: usize = 64 * 1024;

/// The first pause before a repeat; it doubles with every request.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(2);

/// Maximum pause between two requests.
const MAX_PAUSE: SignedDuration = SignedDuration::from_secs(15 * 60);

/// One outcome that is to be written now.
pub struct WriteBackRequest<'a> {
    /// Its schedule.
    pub schedule: &'a Schedule,
    /// Where the schedule writes outcomes.
    pub spec: &'a WriteBackSpec,
    /// What is written.
    pub row: &'a WriteBackRow,
    /// The call's reminder.
    pub reminder: &'a ReminderRow,
    /// The appointment as a read just now shows it.
    pub shown: &'a RowNow,
}

/// How an attempt ended, before it is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// What follows.
    pub to: WriteBackEnd,
    /// A word on why it isn't written.
    pub reason: Option<String>,
    /// A sentence about it.
    pub detail: Option<String>,
    /// The HTTP status, when one came.
    pub http_status: Option<u16>,
    /// How long the request took; `None` where none was made.
    pub latency: Option<Duration>,
}

impl Attempted {
    /// The end of a write-back that is not sent any more.
    #[must_use]
    pub fn dropped(reason: &str) -> Self {
        Self { to: WriteBackEnd::Dropped, ..Self::without_request(reason, None) }
    }

    /// The end of a write-back that can't be sent now; it is tried again after a pause, for a day.
    #[must_use]
    pub fn put_off(
        row: &WriteBackRow,
        reason: &str,
        detail: Option<String>,
        (now, pause): (Timestamp, SignedDuration),
    ) -> Self {
        Self { to: again(row, now, pause), ..Self::without_request(reason, detail) }
    }

    fn failed(reason: &str, detail: impl Into<String>) -> Self {
        Self { to: WriteBackEnd::Failed, ..Self::without_request(reason, Some(detail.into())) }
    }

    fn without_request(reason: &str, detail: Option<String>) -> Self {
        let reason = Some(reason.to_owned());
        Self { to: WriteBackEnd::Failed, reason, detail, http_status: None, latency: None }
    }

    /// The end in the form that the ledger takes.
    #[must_use]
    pub fn settled(self, row: &WriteBackRow, actor: &str, now: Timestamp) -> SettledWriteBack {
        let Self { to, reason, detail, http_status, latency } = self;
        SettledWriteBack {
            reminder_id: row.reminder_id,
            number: row.number,
            to,
            reason,
            detail,
            http_status,
            latency,
            actor: actor.to_owned(),
            now,
        }
    }
}

/// Makes one request. Never panics, and never follows a redirect.
pub async fn write_back(ask: &WriteBackRequest<'_>, env: &Env) -> Attempted {
    let request = match ask.request(env).await {
        Ok(request) => request,
        Err(unmade) => return unmade,
    };
    let sent = env.http.send(request).await;
    attempted(&sent, ask.row, env.clock.now(), random_fraction())
}

impl WriteBackRequest<'_> {
    async fn request(&self, env: &Env) -> Result<HttpRequest, Attempted> {
        let (spec, row, now) = (self.spec, self.row, env.clock.now());
        let missing = |why: String| Attempted::put_off(row, "secret", Some(why), (now, MAX_PAUSE));
        let unfit = |why: String| Attempted::failed("payload_error", why);
        let text = env.secrets.text(&spec.url).map_err(|error| missing(error.0))?;
        let address = WriteBackAddress::read(text.expose_secret()).map_err(|problem| unfit(problem.message))?;
        let phone = self.reminder.phone.clone().unwrap_or_default();
        let phone = Phone { e164: phone, is_unassigned: false, lacks_zero: false };
        let scope = WriteBackScope { of: self.payload_scope(&phone), write_back: self };
        let url = address.filled(&scope).map_err(unfit)?;
        if !is_loopback(&url) {
            if self.reminder.trial {
                // nobody was phoned: what the sandbox says is written nowhere but on this machine
                return Err(Attempted::dropped("trial"));
            }
            if env.clock.is_shifted() {
                let why = "with a time given by --now outcomes are written to this machine only".to_owned();
                return Err(Attempted::put_off(row, "clock", Some(why), (now, MAX_PAUSE)));
            }
        }
        let (body, kind) = self.body(&scope).map_err(unfit)?;
        let id = row.idempotency_key();
        let mut headers: Vec<(String, SecretString)> = Vec::new();
        for (name, value) in &spec.headers {
            headers.push((name.to_ascii_lowercase(), env.secrets.for_header(value).map_err(|error| missing(error.0))?));
        }
        headers.retain(|(name, _)| name != "idempotency-key");
        if !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".to_owned(), kind.to_owned().into()));
        }
        let login = Login { http: &env.http, secrets: &env.secrets, timeout: TIMEOUT };
        let login = login.authorization(spec.auth.as_ref(), &url).await.map_err(|error| {
            Attempted::put_off(row, "login", Some(error.message), (now, pause_after(row, random_fraction())))
        })?;
        headers.extend(login.map(|login| ("authorization".to_owned(), login)));
        if let Some(secret) = &spec.secret {
            let secret = env.secrets.resolve(secret).map_err(|error| missing(error.0))?;
            let signed = targets::signature(&secret, &id, now, &body);
            headers
                .extend(signed.map_err(|_| unfit("`outcome.write_back.secret` is not a signing secret".to_owned()))?);
        }
        headers.push(("idempotency-key".to_owned(), id.into()));
        let method = spec.method.parse().map_err(|_| unfit("its method is none".to_owned()))?;
        Ok(HttpRequest { method, url, headers, body: Bytes::from(body), timeout: TIMEOUT, max_bytes: ANSWER_LIMIT })
    }

    fn payload_scope<'a>(&'a self, phone: &'a Phone) -> PayloadScope<'a> {
        PayloadScope {
            schedule: self.schedule,
            row: &self.shown.row,
            phone,
            zone: &self.shown.zone,
            starts_at: self.row.starts_at,
            appointment_id: &self.row.appointment_id,
            lead: self.reminder.lead,
            reminder_id: self.row.reminder_id,
            previous_starts_at: None,
            previous_outcome: None,
            appointments: &[],
        }
    }

    /// The body, and what kind of text it is.
    fn body(&self, scope: &WriteBackScope<'_>) -> Result<(String, &'static str), String> {
        const JSON: &str = "application/json";
        match &self.spec.body {
            None => Ok((scope.known().to_string(), JSON)),
            Some(WriteBackBody::Tree(tree)) => {
                let tree: Payload = tree.render(scope).map_err(|error| error.0)?;
                Ok((tree.as_str().to_owned(), JSON))
            }
            Some(WriteBackBody::Text(text)) => match text.render(scope).map_err(|error| error.0)? {
                Value::String(text) => Ok((text, "text/plain; charset=utf-8")),
                other => Ok((other.to_string(), JSON)),
            },
        }
    }
}

/// The names of a write-back: those of a payload, and what became of the call.
struct WriteBackScope<'a> {
    of: PayloadScope<'a>,
    write_back: &'a WriteBackRequest<'a>,
}

impl WriteBackScope<'_> {
    /// What is sent where the schedule writes no body.
    fn known(&self) -> Value {
        let name = |name: &str| self.lookup(name).unwrap_or(Value::Null);
        json!({
            "appointment_id": name("appointment_id"),
            "starts_at": name("starts_at"),
            "reminder_id": name("reminder_id"),
            "outcome": name("outcome"),
            "outcome_at": name("outcome_at"),
            "call_id": name("call_id"),
        })
    }
}

impl Scope for WriteBackScope<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        let WriteBackRequest { row, reminder, shown, .. } = self.write_back;
        Some(match name {
            "outcome" => row.outcome.as_str().into(),
            "outcome_at" => shown.zone.rfc3339(row.outcome_at).into(),
            "call_id" => row.call_id.as_deref().into(),
            // null once the payload was removed
            "payload" => reminder
                .payload
                .as_ref()
                .and_then(|payload| serde_json::from_str(payload.as_str()).ok())
                .unwrap_or(Value::Null),
            "phone" | "phone_national" if reminder.phone.is_none() => Value::Null,
            other => self.of.lookup(other)?,
        })
    }

    fn row(&self) -> Value {
        self.of.row()
    }
}

/// What an answer, or its absence, means.
fn attempted(sent: &Sent, row: &WriteBackRow, now: Timestamp, jitter: f64) -> Attempted {
    let pause = pause_after(row, jitter);
    match sent {
        Sent::Answered(answer) => answered(answer, row, (now, pause)),
        Sent::Unknown { class, latency, .. } => Attempted {
            to: again(row, now, pause),
            reason: Some((*class).to_owned()),
            detail: None,
            http_status: None,
            latency: Some(*latency),
        },
        Sent::NotSent { class: class @ ("refused_address" | "invalid_request"), detail } => {
            Attempted::failed(class, detail.as_str())
        }
        Sent::NotSent { class, .. } => {
            Attempted { latency: Some(Duration::ZERO), ..Attempted::put_off(row, class, None, (now, pause)) }
        }
    }
}

fn answered(answer: &HttpResponse, row: &WriteBackRow, (now, pause): (Timestamp, SignedDuration)) -> Attempted {
    let (to, reason) = match answer.status {
        200..=299 => (WriteBackEnd::Sent, None),
        status @ (408 | 429 | 500..=599) => {
            let asked_for = retry::retry_after(answer, now).unwrap_or(SignedDuration::ZERO);
            (again(row, now, pause.max(asked_for)), Some(format!("http_{status}")))
        }
        status => (WriteBackEnd::Failed, Some(format!("http_{status}"))),
    };
    Attempted { to, reason, detail: None, http_status: Some(answer.status), latency: Some(answer.latency) }
}

/// The pause after one more request; `jitter` is a number in [0, 1).
fn pause_after(row: &WriteBackRow, jitter: f64) -> SignedDuration {
    retry::pause_between(FIRST_PAUSE, MAX_PAUSE, row.tries + 1, jitter)
}

/// The end by which it is tried again after the pause, or fails where the day is over by then.
fn again(row: &WriteBackRow, now: Timestamp, pause: SignedDuration) -> WriteBackEnd {
    let (next_at, last) = (retry::after(now, pause), retry::after(row.created_at, TRIED_FOR));
    if next_at > last { WriteBackEnd::Failed } else { WriteBackEnd::Again(next_at) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::http::BodyEnd;
    use crate::reminder::{CallOutcome, ReminderId, WriteBackState};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn row(tries: u32) -> WriteBackRow {
        WriteBackRow {
            reminder_id: ReminderId(Uuid::nil()),
            number: 1,
            schedule: "day-before".into(),
            appointment_id: "A-1".into(),
            starts_at: at("2026-11-25T15:00:00Z"),
            outcome: CallOutcome::Confirmed,
            outcome_at: at("2026-11-24T14:00:00Z"),
            call_id: None,
            state: WriteBackState::Pending,
            tries,
            next_at: at("2026-11-24T14:00:00Z"),
            created_at: at("2026-11-24T14:00:00Z"),
            reason: None,
        }
    }

    fn status(status: u16, headers: &[(&str, &str)]) -> Sent {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let latency = Duration::from_millis(5);
        Sent::Answered(HttpResponse { status, headers, body: Bytes::new(), end: BodyEnd::TooLong, latency })
    }

    fn unknown() -> Sent {
        Sent::Unknown { class: "timeout", detail: String::new(), latency: TIMEOUT }
    }

    fn unsent(class: &'static str) -> Sent {
        Sent::NotSent { class, detail: String::new() }
    }

    #[test]
    fn what_may_pass_is_repeated_for_a_day_and_everything_else_ends_it() {
        let now = at("2026-11-24T14:00:10Z");
        let after = |seconds: i64| WriteBackEnd::Again(now + SignedDuration::from_secs(seconds));
        let cases = [
            ("accepted", status(204, &[]), 0, WriteBackEnd::Sent, None),
            ("refused for now", status(503, &[]), 0, after(2), Some("http_503")),
            ("refused for now, again", status(503, &[]), 1, after(4), Some("http_503")),
            ("many times", status(500, &[]), 40, after(900), Some("http_500")),
            ("too many requests", status(429, &[("retry-after", "60")]), 0, after(60), Some("http_429")),
            ("it timed out over there", status(408, &[]), 0, after(2), Some("http_408")),
            (
                "a redirect",
                status(307, &[("location", "http://elsewhere.example/")]),
                0,
                WriteBackEnd::Failed,
                Some("http_307"),
            ),
            ("not found", status(404, &[]), 0, WriteBackEnd::Failed, Some("http_404")),
            ("no credentials", status(401, &[]), 0, WriteBackEnd::Failed, Some("http_401")),
            ("no answer", unknown(), 0, after(2), Some("timeout")),
            ("no connection", unsent("connect"), 0, after(2), Some("connect")),
            ("a refused address", unsent("refused_address"), 0, WriteBackEnd::Failed, Some("refused_address")),
        ];
        for (name, sent, tries, to, reason) in cases {
            let found = attempted(&sent, &row(tries), now, 0.0);
            assert_eq!((found.to, found.reason.as_deref()), (to, reason), "{name}");
        }
        let late = at("2026-11-25T13:59:59Z");
        assert_eq!(attempted(&status(503, &[]), &row(90), late, 0.0).to, WriteBackEnd::Failed, "a day is over");
        assert_eq!(attempted(&status(200, &[]), &row(90), late, 0.0).to, WriteBackEnd::Sent);
    }
}
