//! A schedule, a table, what the ledger knows: enough of a world to plan in.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tickler::appointment::{AppointmentColumns, DateFormat, StartColumns};
use tickler::plan::{Explanation, Knowledge, KnownReminder, Occasion, PersonCall, Plan, PlanRequest, SourceAge, plan};
use tickler::reminder::{ReminderId, ReminderKey, SkipReason, State, uuid_v7};
use tickler::row::{Column, Header, Line, Record, RecordSink, Restarts};
use tickler::schedule::recurrence::Recurrence;
use tickler::schedule::{
    CsvDialect, DeliveryTerms, FileSpec, FormatSpec, GuardLimits, Leads, OnUncertain, ReadLimits, Remind, Schedule,
    SourceSpec, TargetSpec,
};
use tickler::settings::SecretRef;
use tickler::template::PayloadTemplate;
use tickler::zones::Zones;

/// Read once: finding the newest rules takes milliseconds.
pub static ZONES: LazyLock<Zones> = LazyLock::new(Zones::newest);

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn column(name: &str) -> Column {
    Column::new(name)
}

/// A clinic in New York whose schedule runs the day before.
pub fn clinic() -> Schedule {
    Schedule {
        canary: None,
        name: "day-before".into(),
        path: "day-before.toml".into(),
        text: String::new(),
        text_hash: String::new(),
        cron: "0 9 * * *".into(),
        recurrence: Recurrence::parse("0 9 * * *").expect("a cron line"),
        zone: ZONES.zone("America/New_York").expect("a zone"),
        enabled: true,
        mode: tickler::schedule::ScheduleMode::Live,
        columns: Vec::new(),
        description: String::new(),
        language: "en".into(),
        source: SourceSpec::File(FileSpec {
            path: "appointments.csv".into(),
            pattern: None,
            format: FormatSpec::Csv(CsvDialect::default()),
        }),
        limits: ReadLimits::default(),
        appointment: AppointmentColumns {
            id: vec![column("id")],
            phone: vec![column("phone")],
            default_region: Some("US".into()),
            starts_at: StartColumns::One(column("starts_at")),
            date_format: DateFormat::Iso,
            timezone: None,
            source_timezone: None,
            recipient_timezone: None,
            status: None,
            label: None,
            person: None,
            language: None,
            do_not_call: None,
            consent: None,
            recurrence: None,
            recurrence_exceptions: None,
            occurrence: None,
            call_at: None,
            expires: None,
            priority: None,
        },
        remind: Remind {
            leads: Leads::Days(vec![1]),
            statuses: None,
            only_if: None,
            allowed_countries: None,
            do_not_call: None,
            calling_hours: "08:00-21:00".parse().expect("hours"),
            closed: tickler::zones::ClosedDays::default(),
            holiday_files: Vec::new(),
            on_closed_day: tickler::schedule::OnClosedDay::Previous,
            min_notice: SignedDuration::from_hours(1),
            max_lateness: SignedDuration::from_hours(6),
            merge: tickler::schedule::Merging::Never,
            late_booking: tickler::schedule::LateBooking::Skip,
            min_change: SignedDuration::from_mins(15),
            max_per_person_per_day: 1,
        },
        target: TargetSpec::Automation {
            url: SecretRef::Env("URL".into()),
            api_token: None,
            account: "thoughtly".into(),
        },
        payload: PayloadTemplate::compile(&json!({"contact_phone": "{{ phone }}", "at": "{{ starts_at }}"}))
            .expect("a payload"),
        delivery: DeliveryTerms {
            timeout: SignedDuration::from_secs(30),
            max_in_flight: 4,
            attempts: 6,
            on_uncertain: OnUncertain::Hold,
        },
        heartbeat: None,
        outcome: None,
        guard: GuardLimits::default(),
    }
}

/// Tuesday 09:00 in New York.
pub const TUESDAY_NINE: &str = "2026-11-24T14:00:00Z";
/// The day after it, 10:00 in New York.
pub const WEDNESDAY_TEN: &str = "2026-11-25T15:00:00Z";

/// What the table says of its age.
struct Dated(Option<Timestamp>);

impl SourceAge for Dated {
    fn as_of(&self) -> Option<Timestamp> {
        self.0
    }
}

pub struct World {
    pub schedule: Schedule,
    pub occasion: Occasion,
    pub knowledge: Knowledge,
    pub do_not_call: HashSet<String>,
    pub told: HashMap<String, Timestamp>,
    /// When the source was last changed.
    pub as_of: Option<Timestamp>,
    pub header: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

impl World {
    /// The clinic on Tuesday at nine with an empty table of `id, phone, starts_at`.
    pub fn new() -> Self {
        Self {
            schedule: clinic(),
            occasion: Occasion::at(at(TUESDAY_NINE)),
            knowledge: Knowledge::default(),
            do_not_call: HashSet::new(),
            told: HashMap::new(),
            as_of: None,
            header: vec!["id", "phone", "starts_at"],
            rows: Vec::new(),
        }
    }

    pub fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut world = Self::new();
        change(&mut world);
        world
    }

    pub fn now(&mut self, nominal_at: &str, now: &str) {
        let only = self.occasion.only.take();
        self.occasion = Occasion { nominal_at: at(nominal_at), only, ..Occasion::at(at(now)) };
    }

    pub fn row(&mut self, fields: &[&str]) -> &mut Self {
        self.rows.push(fields.iter().map(|field| (*field).to_owned()).collect());
        self
    }

    /// Further columns, each with one value for every row.
    pub fn column(&mut self, name: &'static str, value: &str) {
        self.header.push(name);
        self.rows.iter_mut().for_each(|row| row.push(value.to_owned()));
    }

    /// What the ledger holds under a key; counts for the phone on that New York day.
    pub fn known(&mut self, id: &str, starts_at: &str, lead: &str, state: State, due_at: &str) -> ReminderId {
        let number = u128::try_from(self.knowledge.reminders.len()).expect("few") + 1;
        let reminder = ReminderId(uuid_from(number));
        let due_at = at(due_at);
        let (person, due_day) = ("+12025550143".to_owned(), self.schedule.zone.date(due_at));
        if state.counts_for_person() {
            let appointment = Some((id.to_owned(), at(starts_at)));
            let (schedule, is_shadow) = (None, false);
            let call = PersonCall { id: reminder, chain: reminder, due_at, schedule, is_shadow, appointment };
            self.knowledge.people.entry((person.as_str().into(), due_day)).or_default().push(call);
        }
        let schedule = self.schedule.name.as_str().into();
        let lead = lead.parse().expect("a lead");
        let key = ReminderKey { schedule, appointment_id: id.into(), starts_at: at(starts_at), lead };
        let may_return = state == State::Cancelled;
        let known = KnownReminder {
            id: reminder,
            state,
            due_at,
            updated_at: due_at,
            may_return,
            is_trial: false,
            outcome: None,
            previous_outcome: None,
            told_with: None,
            is_shadow: false,
            person: person.into(),
            due_day,
        };
        self.knowledge.reminders.insert(key, known);
        reminder
    }

    /// The plan of a table that is begun anew when it was read already.
    pub fn plan_read_twice(&self) -> Plan {
        self.planned(None, |sink| {
            self.feed(sink);
            assert_eq!(sink.restarts(), Restarts::Yes);
            sink.restart();
            self.feed(sink);
        })
    }

    fn planned(&self, explained: Option<&str>, rows: impl FnOnce(&mut dyn RecordSink)) -> Plan {
        let request = PlanRequest {
            schedule: Arc::new(self.schedule.clone()),
            occasion: self.occasion.clone(),
            knowledge: Arc::new(self.knowledge.clone()),
            zones: ZONES.clone(),
            do_not_call: self.do_not_call.iter().map(|phone| phone.as_str().into()).collect(),
            explained: explained.map(str::to_owned),
        };
        let rows = |sink: &mut dyn RecordSink| {
            rows(sink);
            Ok::<_, std::convert::Infallible>(Dated(self.as_of))
        };
        let told = |appointments: Vec<String>| {
            let known = appointments.iter().filter_map(|id| Some((id.clone(), *self.told.get(id)?)));
            Ok(known.collect())
        };
        match plan(request, rows, told, &mut ids()) {
            Ok((plan, Dated(_))) => plan,
            Err(never) => match never {},
        }
    }

    fn feed(&self, sink: &mut dyn RecordSink) {
        let header = Arc::new(Header::new(self.header.iter().map(|name| (*name).to_owned()).collect()));
        for (place, row) in self.rows.iter().enumerate() {
            let line = Line::from_iter(row);
            let number = u64::try_from(place).expect("few") + 2;
            let _go_on = match row.first().map(String::as_str) {
                Some("BROKEN") => sink.record(number, Record::Broken("it has 2 fields, the header 3")),
                _ => sink.record(number, Record::Text { header: &header, fields: line.fields() }),
            };
        }
    }

    pub fn plan(&self) -> Plan {
        let plan = self.planned(None, |sink| self.feed(sink));
        let counts = plan.counts;
        assert_eq!(counts.rows, counts.outside_window + counts.planned + counts.skipped + counts.already_reminded);
        assert_eq!(counts.rows, u64::try_from(self.rows.len()).expect("few"));
        plan
    }

    pub fn explain(&self, id: &str) -> Explanation {
        self.planned(Some(id), |sink| self.feed(sink)).explanation.expect("it was to be explained")
    }

    /// `id reason` of each skip.
    pub fn skips(&self) -> Vec<String> {
        let told = |skip: &tickler::plan::SkippedRow| {
            format!("{} {}", skip.appointment_id.as_deref().unwrap_or("-"), skip.reason)
        };
        self.plan().skipped.iter().map(told).collect()
    }

    /// `id lead` of each call.
    pub fn calls(&self) -> Vec<String> {
        self.plan().reminders.iter().map(|it| format!("{} {}", it.appointment_id, it.lead)).collect()
    }

    /// The one row's reason, `call`, `outside` or `already`.
    pub fn verdict(&self) -> String {
        let plan = self.plan();
        assert_eq!(self.rows.len(), 1, "one row is asked for");
        match plan.skipped.first() {
            Some(skip) => skip.reason.to_string(),
            None if plan.counts.planned == 1 => "call".into(),
            None if plan.counts.already_reminded == 1 => "already".into(),
            None => "outside".into(),
        }
    }

    pub fn detail(&self) -> String {
        self.plan().skipped.first().map(|skip| skip.detail.clone()).unwrap_or_default()
    }
}

pub fn uuid_from(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(number)
}

/// New ids, the same in every run.
pub fn ids() -> impl FnMut() -> ReminderId {
    let mut count = 0_u8;
    move || {
        count = count.wrapping_add(1);
        ReminderId(uuid_v7(at(TUESDAY_NINE), [count; 10]))
    }
}

pub fn payload_of(plan: &Plan) -> Value {
    plan.reminders.first().expect("a call").payload.to_value().expect("a flat payload")
}

pub const fn reason_word(reason: SkipReason) -> &'static str {
    reason.as_str()
}
