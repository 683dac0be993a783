use super::*;

const NAME: &str = "day-before";
const ACCOUNT: &str = "clinic";
const CREDENTIALS: &str = "c1";

fn now() -> Timestamp {
    "2026-11-24T14:00:00Z".parse().expect("a valid instant")
}

fn in_minutes(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}

fn pause(until: Option<Timestamp>) -> PauseRow {
    PauseRow { since: in_minutes(-60), until, reason: "snow".to_owned(), actor: "maria".to_owned() }
}

fn subject() -> GateSubject<'static> {
    GateSubject { schedule: NAME, account: ACCOUNT, credentials: Some(CREDENTIALS), is_enabled: true }
}

/// A state of one thing that can hold: what it makes of a schedule's gate, and whether runs are held, too.
#[derive(Debug, Clone, Copy)]
enum Means {
    Nothing,
    /// Minutes for which it is still in force.
    Minutes(i64),
    Lasting,
    LastingWithoutRuns,
    MinutesWithoutRuns(i64),
}

type Setting = (&'static str, Means, fn(&mut Holds));

/// Every state of every thing, one list for each thing.
fn things() -> Vec<Vec<Setting>> {
    use Means::{Lasting, LastingWithoutRuns, Minutes, MinutesWithoutRuns, Nothing};
    fn nothing(_: &mut Holds) {}
    fn account(holds: &mut Holds) -> &mut AccountHold {
        holds.accounts.entry(ACCOUNT.to_owned()).or_default()
    }
    fn target_paused(holds: &mut Holds, name: &str) {
        holds.targets.insert(name.to_owned());
    }
    fn schedule(holds: &mut Holds, name: &str, until: Option<Timestamp>) {
        holds.schedules.insert(name.to_owned(), pause(until));
    }
    vec![
        vec![
            ("clock set", Nothing, nothing),
            ("clock unset", LastingWithoutRuns, |holds| holds.machine.clock_is_unset = true),
        ],
        vec![
            ("a whole ledger", Nothing, nothing),
            ("rows lost", Lasting, |holds| holds.lost = Some(crate::ledger::witness::Loss::Gone)),
        ],
        vec![
            ("no STOP file", Nothing, nothing),
            ("STOP file", LastingWithoutRuns, |holds| holds.machine.stop_file = Some("/var/lib/tickler/STOP".into())),
        ],
        vec![
            ("no pause of all", Nothing, nothing),
            ("a pause of all that has ended", Nothing, |holds| holds.all = Some(pause(Some(now())))),
            ("a pause of all with an end", MinutesWithoutRuns(7), |holds| holds.all = Some(pause(Some(in_minutes(7))))),
            ("a pause of all", LastingWithoutRuns, |holds| holds.all = Some(pause(None))),
        ],
        vec![
            ("no pause", Nothing, nothing),
            ("a pause of another schedule", Nothing, |holds| schedule(holds, "other", None)),
            ("a pause that has ended", Nothing, |holds| schedule(holds, NAME, Some(in_minutes(-1)))),
            ("a pause with an end", MinutesWithoutRuns(9), |holds| schedule(holds, NAME, Some(in_minutes(9)))),
            ("a pause", LastingWithoutRuns, |holds| schedule(holds, NAME, None)),
        ],
        vec![
            ("target works", Nothing, nothing),
            ("another schedule's target paused", Nothing, |holds| target_paused(holds, "other")),
            ("target paused", Lasting, |holds| target_paused(holds, NAME)),
        ],
        vec![
            ("credentials work", Nothing, nothing),
            ("other credentials refused", Nothing, |holds| {
                account(holds).refused_credentials = Some("c0".to_owned());
            }),
            ("credentials refused", Lasting, |holds| {
                account(holds).refused_credentials = Some(CREDENTIALS.to_owned());
            }),
            ("another account's refused", Nothing, |holds| {
                let refused = Some(CREDENTIALS.to_owned());
                holds
                    .accounts
                    .insert("other".to_owned(), AccountHold { paused_until: None, refused_credentials: refused });
            }),
        ],
        vec![
            ("account free", Nothing, nothing),
            ("account's wait over", Nothing, |holds| account(holds).paused_until = Some(now())),
            ("account waits", Minutes(11), |holds| account(holds).paused_until = Some(in_minutes(11))),
        ],
    ]
}

fn every_combination() -> Vec<Vec<Setting>> {
    things().into_iter().fold(vec![Vec::new()], |combinations, states| {
        let with = |one: &Vec<Setting>, state: &Setting| one.iter().chain([state]).copied().collect();
        combinations.iter().flat_map(|one| states.iter().map(move |state| with(one, state))).collect()
    })
}

#[test]
fn a_gate_is_as_shut_as_the_gravest_of_its_holds_in_every_combination() {
    let combinations = every_combination();
    assert_eq!(combinations.len(), 2 * 2 * 2 * 4 * 5 * 3 * 4 * 3);
    for combination in combinations {
        let mut holds = Holds::default();
        combination.iter().for_each(|(_, _, set)| set(&mut holds));
        let means = || combination.iter().map(|(_, means, _)| *means);
        let lasts = means().any(|means| matches!(means, Means::Lasting | Means::LastingWithoutRuns));
        let longest = means()
            .filter_map(|means| match means {
                Means::Minutes(minutes) | Means::MinutesWithoutRuns(minutes) => Some(minutes),
                Means::Nothing | Means::Lasting | Means::LastingWithoutRuns => None,
            })
            .max();
        let expected = match (lasts, longest) {
            (true, _) => Gate::Shut,
            (false, Some(minutes)) => Gate::Until(in_minutes(minutes)),
            (false, None) => Gate::Open,
        };
        let names: Vec<&str> = combination.iter().map(|(name, _, _)| *name).collect();
        assert_eq!(holds.gate(&subject(), now()), expected, "{names:?}");

        let found = holds.on(&subject(), now());
        let holding = means().filter(|means| !matches!(means, Means::Nothing)).count();
        assert_eq!(found.len(), holding, "{names:?}");
        let holds_runs = means().any(|means| matches!(means, Means::LastingWithoutRuns | Means::MinutesWithoutRuns(_)));
        assert_eq!(found.iter().any(Hold::stops_runs), holds_runs, "{names:?}");
    }
}

#[test]
fn a_schedule_that_is_switched_off_neither_runs_nor_sends() {
    let off = GateSubject { is_enabled: false, ..subject() };
    assert_eq!(Holds::default().gate(&off, now()), Gate::Shut);
    assert!(Holds::default().on(&off, now()).iter().all(Hold::stops_runs));
}

#[test]
fn credentials_that_cannot_be_read_count_as_the_refused_ones() {
    let refused = AccountHold { paused_until: None, refused_credentials: Some(CREDENTIALS.to_owned()) };
    for (credentials, gate) in [(Some(CREDENTIALS), Gate::Shut), (Some("c2"), Gate::Open), (None, Gate::Shut)] {
        let holds = Holds { accounts: BTreeMap::from([(ACCOUNT.to_owned(), refused.clone())]), ..Holds::default() };
        assert_eq!(holds.gate(&GateSubject { credentials, ..subject() }, now()), gate, "{credentials:?}");
    }
}

#[test]
fn people_hear_the_gravest_hold_first_and_each_names_its_remedy() {
    let mut holds = Holds::default();
    for states in things() {
        let (_, _, set) = states.iter().rev().find(|(_, means, _)| !matches!(means, Means::Nothing)).expect("it holds");
        set(&mut holds);
    }
    let told: Vec<String> = holds.on(&subject(), now()).iter().map(Hold::to_string).collect();
    let remedies = [
        "clock",
        "accept-loss",
        "remove it",
        "resume --all",
        "resume day-before",
        "resume day-before",
        "resume --all",
        "waits until",
    ];
    assert_eq!(told.len(), remedies.len(), "{told:?}");
    for (sentence, remedy) in told.iter().zip(remedies) {
        assert!(sentence.contains(remedy), "{sentence}");
    }
}

#[test]
fn a_due_reminder_goes_is_put_off_is_read_again_or_is_cancelled() {
    let fresh_for = SignedDuration::from_mins(15);
    let due = DueReminder {
        is_opted_out: false,
        is_wrong_number: false,
        opening: Opening::Open,
        waited_for_opening: false,
        read_at: Some(now()),
    };
    let opening = Opening::At(in_minutes(30));
    for (name, due, verdict) in [
        ("open and fresh", due, SendDecision::Go),
        ("read a quarter of an hour ago", DueReminder { read_at: Some(in_minutes(-15)), ..due }, SendDecision::Go),
        ("read longer ago", DueReminder { read_at: Some(in_minutes(-16)), ..due }, SendDecision::ReadAgain),
        ("never read", DueReminder { read_at: None, ..due }, SendDecision::ReadAgain),
        ("waited for the opening", DueReminder { waited_for_opening: true, ..due }, SendDecision::ReadAgain),
        ("outside the hours", DueReminder { opening, ..due }, SendDecision::PutOff(in_minutes(30))),
        (
            "closed, and stale",
            DueReminder { opening, waited_for_opening: true, ..due },
            SendDecision::PutOff(in_minutes(30)),
        ),
        ("wrong number", DueReminder { is_wrong_number: true, ..due }, SendDecision::ReadAgain),
        ("opted out", DueReminder { is_opted_out: true, ..due }, SendDecision::Cancel("opted_out")),
        (
            "opted out, and closed",
            DueReminder { is_opted_out: true, opening, ..due },
            SendDecision::Cancel("opted_out"),
        ),
    ] {
        assert_eq!(due.judge(now(), fresh_for), verdict, "{name}");
    }
}
