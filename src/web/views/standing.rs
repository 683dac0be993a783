//! pure: how things stand, in words: the box at the head of the overview.

use super::links;
use super::moments::ShownMoment;
use super::wording::without_commands;
use crate::audit::Event;
use crate::audit::fates::{CallFate, DecidedFate};
use crate::audit::words::counted;
use crate::reminder::SkipReason;
use crate::verbs::status::{Health, StatusAnswer};

/// How things stand, in words.
#[derive(Debug, Clone)]
pub struct ServiceStanding {
    /// A word for the colour.
    pub kind: &'static str,
    /// One sentence.
    pub sentence: String,
    /// The calls that are still to be made, where there are any.
    pub open: Option<String>,
    /// The people whom only a person can reach, where there are any.
    pub unreached: Option<ShownFault>,
    /// What needs a person.
    pub problems: Vec<ShownFault>,
    /// Whether everything is paused.
    pub is_paused: bool,
    /// The log's end.
    pub checkpoint: String,
}

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownFault {
    /// The fault in words.
    pub text: String,
    /// The page on which it is dealt with.
    pub link: Option<String>,
}

impl ShownFault {
    fn unreached(count: u64) -> Self {
        let people = counted(count, "person", "people");
        Self {
            text: format!("{people} could not be called today: see why, and phone them yourself"),
            link: Some("/not-called?day=today".to_owned()),
        }
    }

    /// The problems of the status, each once.
    fn all(status: &StatusAnswer) -> Vec<Self> {
        let faults: Vec<Self> = status.problems.iter().map(|problem| Self::of(problem, status)).collect();
        let is_of_schedule =
            |fault: &&Self| fault.link.as_deref() == Some("/held") && fault.text.contains(": a run is held ");
        let named = faults.iter().filter(is_of_schedule).count() as u64;
        // the count of held runs adds nothing to the lines that name each
        let is_new = |fault: &Self| named < status.held_runs || !is_count_of_held(&fault.text, status.held_runs);
        faults.into_iter().filter(is_new).collect()
    }

    /// A problem of the status: what it says to whoever is at a terminal becomes a link.
    fn of(problem: &str, status: &StatusAnswer) -> Self {
        let verb = problem.find("`tickler ").map_or("", |at| &problem[at..]);
        let named = problem.split_once(": ").map(|(name, _)| name);
        let schedule = named.filter(|name| status.schedules.iter().any(|row| row.name == *name));
        let held = || Some("/held".to_owned());
        let (text, link) = match schedule {
            Some(name) if problem.contains(A_RUN_IS_HELD) => (Some(held_run(name, problem)), held()),
            Some(name) => (None, Some(links::schedule(name))),
            None if verb.contains("uncertain list") => (Some(unknown_fates(status.uncertain)), held()),
            None if verb.contains("run.held") => (None, held()),
            None if verb.contains("reminder.expired") => {
                let link = links::link("/calls", &[("event", Some("reminder.expired")), ("since", Some("-24h"))]);
                (expired(problem), Some(link))
            }
            None => (None, None),
        };
        Self { text: text.unwrap_or_else(|| without_commands(problem)), link }
    }
}

/// How the status says of a schedule that its run is held.
const A_RUN_IS_HELD: &str = "a run is held: ";

/// What that means for whoever waits for the calls, and what the guard found, without its remedies.
fn held_run(schedule: &str, problem: &str) -> String {
    let problem = without_commands(problem);
    let (_, found) = problem.split_once(A_RUN_IS_HELD).unwrap_or_default();
    let found = found.split(": ").next().unwrap_or_default();
    format!("{schedule}: a run is held and calls nobody until you approve or reject it: {found}")
}

fn is_count_of_held(text: &str, held_runs: u64) -> bool {
    text == counted(held_runs, "held run", "held runs")
}

fn unknown_fates(count: u64) -> String {
    format!("{} of unknown fate: find out whether the phone rang", counted(count, "call", "calls"))
}

/// `4 expired within a day`, for whoever can phone themselves.
fn expired(problem: &str) -> Option<String> {
    let count = problem.split(' ').next()?.parse().ok()?;
    let calls = counted(count, "call was", "calls were");
    Some(format!("{calls} not made in time within the last 24 hours: phone these people yourself"))
}

impl ServiceStanding {
    /// The standing that follows from the status, from the time at which the next call that is planned already is due, and from
    /// the number of people whom nobody could call today.
    #[must_use]
    pub fn of(status: &StatusAnswer, next_call: Option<&ShownMoment>, unreached: u64) -> Self {
        let open = open_calls(status.pending, status.sending, next_call);
        let (kind, sentence, open) = match (status.state, status.paused) {
            (_, true) => ("unsure", "Paused: nobody is called.".to_owned(), open),
            // calls that wait are no trouble, and not everything is done either
            (Health::Ok, false) => match (open, unreached) {
                (Some(open), 0) => ("good", format!("Nothing needs you. {open}"), None),
                (None, 0) => ("good", "All is well: nothing needs you, and no call waits.".to_owned(), None),
                (open, _) => ("good", "The service needs nothing from you.".to_owned(), open),
            },
            (Health::Degraded, false) => ("unsure", "The service runs, and something needs you:".to_owned(), open),
            (Health::Down, false) => ("bad", "Nobody is called: the service can't work.".to_owned(), open),
        };
        let problems = ShownFault::all(status);
        let checkpoint = format!("{}:{}", status.audit.seq, status.audit.hash);
        let unreached = (unreached > 0).then(|| ShownFault::unreached(unreached));
        Self { kind, sentence, open, unreached, problems, is_paused: status.paused, checkpoint }
    }
}

/// What is planned and not made yet.
fn open_calls(pending: u64, sending: u64, next: Option<&ShownMoment>) -> Option<String> {
    let next = next.map(|at| format!(" from {at} on")).unwrap_or_default();
    let planned = |count| format!("{} still to be made{next}", counted(count, "planned call is", "planned calls are"));
    let sent = |count| format!("{} being sent", counted(count, "call is", "calls are"));
    match (pending, sending) {
        (0, 0) => None,
        (pending, 0) => Some(format!("{}.", planned(pending))),
        (0, sending) => Some(format!("{}.", sent(sending))),
        (pending, sending) => Some(format!("{}, {}.", planned(pending), sent(sending))),
    }
}

/// The reasons for which no run ever calls an appointment unless a person corrects its row.
const UNREACHABLE: [SkipReason; 7] = [
    SkipReason::BadRow,
    SkipReason::MissingId,
    SkipReason::InvalidTime,
    SkipReason::NoSuchTime,
    SkipReason::NoPhone,
    SkipReason::InvalidPhone,
    SkipReason::PayloadError,
];

/// The people of these fates whom only a person can reach: what expired is a problem of its own.
#[must_use]
pub fn unreached(fates: &[DecidedFate]) -> u64 {
    let is_unreachable = |reason: &str| UNREACHABLE.iter().any(|known| known.as_str() == reason);
    let is_unreached = |decided: &&DecidedFate| match decided.fate {
        CallFate::Failed => decided.event != Event::ReminderExpired,
        CallFate::NotCalled => decided.reason.as_deref().is_some_and(is_unreachable),
        CallFate::Called | CallFate::Unknown | CallFate::Waiting => false,
    };
    fates.iter().filter(is_unreached).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_status_says_to_a_terminal_is_a_link_on_the_page() {
        let status = status(Health::Degraded);
        let fault = |text: &str| ShownFault::of(text, &status);
        let held =
            fault("2 held runs (`tickler audit list --event run.held`): `tickler approve` or `tickler reject` each");
        assert_eq!((held.text.as_str(), held.link.as_deref()), ("2 held runs", Some("/held")));
        let unknown = fault("1 of unknown fate: `tickler uncertain list`");
        let sentence = "1 call of unknown fate: find out whether the phone rang";
        assert_eq!((unknown.text.as_str(), unknown.link.as_deref()), (sentence, Some("/held")));
        let expired = fault(
            "4 expired within a day, not called: `tickler audit list --event reminder.expired` shows whom to phone yourself",
        );
        let sentence = "4 calls were not made in time within the last 24 hours: phone these people yourself";
        assert_eq!(expired.text, sentence);
        assert_eq!(expired.link.as_deref(), Some("/calls?event=reminder.expired&since=-24h"));
        let plain = fault("everything is paused since 9: `tickler resume --all`");
        assert_eq!((plain.text.as_str(), plain.link), ("everything is paused since 9", None));
        let other = fault("the folder can't be read: it is gone");
        assert_eq!(other.text, "the folder can't be read: it is gone");
    }

    fn status(state: Health) -> StatusAnswer {
        StatusAnswer {
            state,
            schedules: Vec::new(),
            pending: 0,
            sending: 0,
            uncertain: 1,
            held_runs: 1,
            paused: false,
            stop_file: None,
            audit: crate::ledger::Head { seq: 7, hash: "ab".to_owned() },
            waiting_runs: 0,
            now: "2026-11-24T14:00:00Z".to_owned(),
            zone_rules: String::new(),
            service: true,
            version: String::new(),
            outcomes: crate::verbs::status::OutcomeTally::default(),
            inbound: crate::verbs::traffic::TrafficStatus::default(),
            problems: Vec::new(),
        }
    }

    #[test]
    fn all_is_well_only_where_no_call_waits() {
        let at = ShownMoment { exact: "2026-11-25T08:00:00-05:00".to_owned(), text: "Wed 25 Nov 08:00".to_owned() };
        for (state, pending, sending, next, sentence, open) in [
            (Health::Ok, 0, 0, None, "All is well: nothing needs you, and no call waits.", None),
            (Health::Ok, 1, 0, None, "Nothing needs you. 1 planned call is still to be made.", None),
            (
                Health::Ok,
                3,
                2,
                Some(&at),
                "Nothing needs you. 3 planned calls are still to be made from Wed 25 Nov 08:00 on, 2 calls are being sent.",
                None,
            ),
            (Health::Ok, 0, 2, None, "Nothing needs you. 2 calls are being sent.", None),
            (
                Health::Degraded,
                1,
                0,
                None,
                "The service runs, and something needs you:",
                Some("1 planned call is still to be made."),
            ),
        ] {
            let standing = ServiceStanding::of(&StatusAnswer { pending, sending, ..status(state) }, next, 0);
            assert_eq!((standing.sentence.as_str(), standing.open.as_deref()), (sentence, open));
        }
    }

    #[test]
    fn whoever_could_not_be_called_today_is_no_reason_to_say_that_all_is_well() {
        let of = |pending, unreached| {
            let standing = ServiceStanding::of(&StatusAnswer { pending, ..status(Health::Ok) }, None, unreached);
            (standing.sentence, standing.open.is_some(), standing.unreached.map(|fault| fault.text))
        };
        let people = |text: &str| Some(format!("{text} could not be called today: see why, and phone them yourself"));
        let sentence = || "The service needs nothing from you.".to_owned();
        assert_eq!(of(0, 1), (sentence(), false, people("1 person")));
        assert_eq!(of(2, 3), (sentence(), true, people("3 people")));
        let fate = |fate, event, reason: &str| DecidedFate {
            seq: 1,
            at: jiff::Timestamp::UNIX_EPOCH,
            fate,
            event,
            schedule: None,
            reason: Some(reason.to_owned()),
        };
        for (fate, is_counted) in [
            (fate(CallFate::NotCalled, Event::ReminderSkipped, "no_phone"), true),
            (fate(CallFate::NotCalled, Event::ReminderSkipped, "invalid_phone"), true),
            (fate(CallFate::NotCalled, Event::ReminderSkipped, "cancelled"), false),
            (fate(CallFate::NotCalled, Event::ReminderSkipped, "opted_out"), false),
            (fate(CallFate::Failed, Event::DeliveryFailed, "http_400"), true),
            (fate(CallFate::Failed, Event::ReminderExpired, "late"), false),
            (fate(CallFate::Called, Event::DeliveryDelivered, "proof"), false),
            (fate(CallFate::Unknown, Event::DeliveryUncertain, "timeout"), false),
        ] {
            assert_eq!(super::unreached(std::slice::from_ref(&fate)), u64::from(is_counted), "{fate:?}");
        }
    }

    #[test]
    fn a_held_run_that_is_named_is_not_counted_a_second_time() {
        let of = |problems: &[&str], held_runs| {
            let problems = problems.iter().map(|&text| text.to_owned()).collect();
            let salon = serde_json::from_str(r#"{"name": "salon", "state": "loaded"}"#).expect("a schedule");
            let status = StatusAnswer { problems, held_runs, schedules: vec![salon], ..status(Health::Degraded) };
            ShownFault::all(&status).into_iter().map(|fault| fault.text).collect::<Vec<_>>()
        };
        let count = "1 held run (`tickler audit list --event run.held`): `tickler approve` or `tickler reject` each";
        let counts = count.replace("1 held run", "2 held runs");
        let named = "salon: a run is held: 6 calls are more than `max_calls` = 1; `tickler approve X` plans it";
        let shown = "salon: a run is held and calls nobody until you approve or reject it: 6 calls are more than \
            `max_calls` = 1";
        assert_eq!(of(&[named, count], 1), [shown]);
        assert_eq!(of(&[named, &counts], 2), [shown, "2 held runs"]);
        assert_eq!(of(&[count], 1), ["1 held run"]);
    }
}
