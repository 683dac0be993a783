//! pure: what the result of a request means for its reminder, its account and its target.

use jiff::{SignedDuration, Timestamp};

use super::retry;
use crate::attempt::{Effect, Intent, SANDBOX, SettleTo, Settlement, Step, StepRequest, TargetAddress};
use crate::audit::words;
use crate::http::{BodyEnd, HttpResponse, Sent};
use crate::schedule::{DeliveryTerms, OnUncertain};
use crate::targets::{self, Facts};

/// An attempt that has ended, and what its judgement needs besides the result.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// What was committed before it was sent.
    pub intent: &'a Intent,
    /// `[delivery]` of its schedule.
    pub terms: &'a DeliveryTerms,
    /// The request that was sent for its step.
    pub request: StepRequest,
    /// The host that accepts the requests; `None` for Thoughtly.
    pub accepted_by: Option<&'a str>,
    /// Fingerprint of the credentials that were sent.
    pub credentials: &'a str,
    /// Where it was sent.
    pub address: &'a TargetAddress,
    /// The actor in the audit log.
    pub actor: &'a str,
    /// When the attempt ended.
    pub now: Timestamp,
    /// Returns a random number in [0, 1). Called only where a pause is needed: it costs a system call.
    pub jitter: fn() -> f64,
}

/// How an attempt is settled, and what the next contact step does.
#[derive(Debug)]
pub struct Judgement {
    /// What the ledger records.
    pub settlement: Settlement,
    /// Whether the next contact step searches for the contact: it exists there, and its id is unknown.
    pub search_next: bool,
}

/// Judges the result of a request. `facts` are what the target has parsed from the response, if there was one.
#[must_use]
pub fn judge(attempt: &Attempt<'_>, sent: &Sent, facts: &Facts) -> Judgement {
    let mut judgement = match sent {
        Sent::NotSent { class, detail } => attempt.not_sent(class, detail),
        Sent::Unknown { class, detail, .. } => attempt.unknown(class, detail),
        Sent::Answered(answer) => attempt.answered(answer, facts),
    };
    (judgement.settlement.http_status, judgement.settlement.latency) = match sent {
        Sent::NotSent { .. } => (None, None),
        Sent::Unknown { latency, .. } => (None, Some(*latency)),
        Sent::Answered(answer) => (Some(answer.status), Some(answer.latency)),
    };
    if attempt.intent.step == Step::Call {
        judgement.settlement.remote_id.clone_from(&facts.remote_id);
    }
    judgement
}

impl Judgement {
    fn with(mut self, effect: Effect) -> Self {
        self.settlement.effect = effect;
        self
    }

    fn with_detail(mut self, detail: Option<String>) -> Self {
        self.settlement.detail = detail;
        self
    }
}

impl Attempt<'_> {
    /// Ends without a reason.
    fn ends(&self, to: SettleTo) -> Judgement {
        let settlement = Settlement {
            reminder_id: self.intent.reminder_id,
            attempt: self.intent.attempt,
            at: self.now,
            to,
            http_status: None,
            latency: None,
            remote_id: None,
            class: None,
            detail: None,
            effect: Effect::None,
            trial: None,
            actor: self.actor.to_owned(),
        };
        Judgement { settlement, search_next: false }
    }

    /// Ends with a reason: a word and a sentence.
    fn ends_because(&self, to: SettleTo, class: impl Into<String>, detail: impl Into<String>) -> Judgement {
        let mut judgement = self.ends(to);
        judgement.settlement.class = Some(class.into());
        judgement.settlement.detail = Some(detail.into());
        judgement
    }

    fn pause(&self) -> SignedDuration {
        retry::pause(self.intent.attempt, (self.jitter)())
    }

    fn again(&self, pause: SignedDuration) -> SettleTo {
        SettleTo::Again { next_at: retry::after(self.now, pause), counts: false, resend: false }
    }

    /// Uses up one of the counted attempts: a retry, or dropped when it was the last.
    fn counted(&self, pause: SignedDuration, resend: bool) -> SettleTo {
        if self.intent.tries.saturating_add(1) >= self.terms.attempts {
            return SettleTo::Dropped;
        }
        SettleTo::Again { next_at: retry::after(self.now, pause), counts: true, resend }
    }

    /// The judgement that nothing was sent: the attempt does not count.
    fn not_sent(&self, class: &str, detail: &str) -> Judgement {
        self.ends_because(self.again(self.pause()), class, format!("not sent: {detail}"))
    }

    /// The request may have arrived. Repeating a contact step is harmless; repeating a call may ring twice.
    fn unknown(&self, class: &str, detail: &str) -> Judgement {
        let to = match (self.intent.step, self.terms.on_uncertain) {
            (Step::Contact, _) => self.again(self.pause()),
            (Step::Call, OnUncertain::Hold) => SettleTo::Uncertain,
            (Step::Call, OnUncertain::Resend) => self.counted(self.pause(), true),
        };
        let detail = match (&to, self.intent.step) {
            (_, Step::Contact) => format!("fate of the contact unknown: {detail}"),
            (SettleTo::Dropped, Step::Call) => format!("fate unknown: {detail}; all attempts are used up"),
            (_, Step::Call) => format!("fate unknown, a call may have been placed: {detail}"),
        };
        self.ends_because(to, class, detail)
    }

    fn answered(&self, answer: &HttpResponse, facts: &Facts) -> Judgement {
        if facts.is_accepted_status {
            return self.accepted(answer, facts);
        }
        if self.meets_existing_contact(facts) {
            return self.contact_exists(facts);
        }
        let class = format!("http_{}", answer.status);
        match answer.status {
            401 => self.unauthorized(class),
            403 => self.ends_because(SettleTo::Failed, class, FORBIDDEN).with(Effect::Forbidden),
            404 if self.may_renew_contact() => self.ends_because(
                SettleTo::ContactForgotten,
                "contact_unknown",
                "the remembered contact is not known there",
            ),
            408 => self.unknown(&class, "the other side answered 408 (time-out)"),
            429 => self.throttled(answer, class),
            503 => self.refused(answer, class),
            500.. => self.unknown(&class, &format!("the other side answered {}", answer.status)),
            status @ (402 | 404 | 410) => {
                self.ends_because(SettleTo::Failed, class, refusal(status)).with(Effect::Forbidden)
            }
            status => self.ends_because(SettleTo::Failed, class, refusal(status)),
        }
    }

    fn accepted(&self, answer: &HttpResponse, facts: &Facts) -> Judgement {
        if answer.end == BodyEnd::Cut {
            return self.unknown("cut", &format!("the answer ({}) was cut in the body", answer.status));
        }
        match &facts.error {
            Some(_) if self.meets_existing_contact(facts) => self.contact_exists(facts),
            Some(error) => {
                let detail = format!("the other side answered {} with an error ({error})", answer.status);
                self.ends_because(SettleTo::Failed, format!("error_in_{}", answer.status), detail)
            }
            None => self.accepted_step(facts),
        }
    }

    fn accepted_step(&self, facts: &Facts) -> Judgement {
        let contact_id = match self.request {
            StepRequest::Call if facts.is_sandbox => return self.trial(facts),
            StepRequest::Call => {
                return self.ends(SettleTo::Delivered).with(Effect::Accepted).with_detail(self.acceptance(facts));
            }
            StepRequest::CreateContact => facts.remote_id.clone(),
            StepRequest::FindContact => {
                facts.found.iter().find(|(phone, _)| same_number(phone, &self.intent.phone)).map(|(_, id)| id.clone())
            }
        };
        match contact_id {
            Some(contact_id) => self.ends(SettleTo::ContactReady { contact_id }),
            None if self.request == StepRequest::CreateContact => {
                self.search("contact_without_id", "the contact was accepted without an id")
            }
            None => {
                let detail = "the contact is said to exist, but a search doesn't find it; look for it at Thoughtly";
                self.ends_because(SettleTo::Failed, "contact_not_found", detail)
            }
        }
    }

    /// A sandbox accepted it.
    fn trial(&self, facts: &Facts) -> Judgement {
        let note = facts.note.map(|note| format!("; its answer is noted: {}", note_text(note))).unwrap_or_default();
        let detail = format!("{}{note}", words::TRIAL);
        let mut judgement = self.ends_because(SettleTo::Delivered, SANDBOX, detail).with(Effect::Accepted);
        judgement.settlement.trial = Some(*self.address);
        judgement
    }

    /// The name of the host that accepted the request, unless it was Thoughtly, and the note about its response.
    fn acceptance(&self, facts: &Facts) -> Option<String> {
        let by = self.accepted_by.map(|host| format!("accepted by {host}"));
        let note = facts.note.map(|note| format!("its answer is noted: {}", note_text(note)));
        match (by, note) {
            (by, None) => by,
            (by, Some(note)) => Some(format!("{}; {note}", by.as_deref().unwrap_or("accepted"))),
        }
    }

    fn contact_exists(&self, facts: &Facts) -> Judgement {
        match &facts.remote_id {
            Some(id) => self.ends(SettleTo::ContactReady { contact_id: id.clone() }),
            None => self.search("contact_exists", "the contact exists already"),
        }
    }

    fn search(&self, class: &str, detail: &str) -> Judgement {
        let to = self.again(SignedDuration::ZERO);
        let judgement = self.ends_because(to, class, format!("{detail}: it is searched for next"));
        Judgement { search_next: true, ..judgement }
    }

    /// The judgement of a 401: no call was placed. The pause matters where schedules of one account have different credentials:
    /// an accepted request ends the account's pause, and without one the refused request would be retried at once each time.
    fn unauthorized(&self, class: String) -> Judgement {
        self.ends_because(self.again(self.pause()), class, "the credentials were refused; no call was placed")
            .with(Effect::PauseAccount { credentials: self.credentials.to_owned() })
    }

    /// The judgement of a 429: nobody was called, and the whole account pauses.
    fn throttled(&self, answer: &HttpResponse, class: String) -> Judgement {
        let pause = self.requested_pause(answer);
        let until = retry::after(self.now, pause);
        self.ends_because(self.again(pause), class, "refused: too many requests; the account waits")
            .with(Effect::PauseAccountUntil(until))
    }

    /// The judgement of a 503: refused, and counted as an attempt.
    fn refused(&self, answer: &HttpResponse, class: String) -> Judgement {
        let to = self.counted(self.requested_pause(answer), false);
        let last = if to == SettleTo::Dropped { "; all attempts are used up" } else { "" };
        let detail = format!("refused: the other side is unavailable{last}");
        self.ends_because(to, class, detail)
    }

    /// The larger of the back-off and the response's `Retry-After`.
    fn requested_pause(&self, answer: &HttpResponse) -> SignedDuration {
        self.pause().max(retry::retry_after(answer, self.now).unwrap_or(SignedDuration::ZERO))
    }

    fn meets_existing_contact(&self, facts: &Facts) -> bool {
        self.request == StepRequest::CreateContact && facts.is_conflict
    }

    fn may_renew_contact(&self) -> bool {
        self.intent.step == Step::Call && self.intent.contact_id.is_some() && !self.intent.contact_renewed
    }
}

const FORBIDDEN: &str = "forbidden: outbound calling may be disabled for this agent";

fn refusal(status: u16) -> String {
    match status {
        300..=399 => format!("the other side redirects ({status}); nothing is sent to another address: check the URL"),
        400 => "bad request: the other side does not accept this payload".to_owned(),
        402 => "payment required: the other side wants to be paid before it calls anybody".to_owned(),
        410 => "gone: the other side has removed this address".to_owned(),
        404 => "not found: the other side knows no such automation, agent or contact".to_owned(),
        200..=299 => format!("answered {status}, which is not in `accept_status`"),
        _ => format!("refused with {status}"),
    }
}

fn note_text(note: &str) -> &str {
    match note {
        targets::HTML => "it was a web page (html): is the address right?",
        "not_json" => "it was no JSON (not_json)",
        "no_envelope" => "it had neither `error` nor `data` (no_envelope)",
        "too_long" => "it was longer than 64 KiB and judged by its status (too_long)",
        other => other,
    }
}

/// Compares by digits: the other side may write `+1 (202) 555-0143`.
fn same_number(theirs: &str, ours: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    digits(theirs) == digits(ours)
}
