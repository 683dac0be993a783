//! The walk: what happens at the clinic, and the service over it, in steps of ten minutes.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Date, Time, date};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use tickler::audit::AuditRow;
use tickler::clock::Clock;
use tickler::daemon::runs::Daemon;
use tickler::daemon::startup::{Opened, open};
use tickler::delivery::DeliveryScope;
use tickler::ledger::{NumbersList, OptOutSide, ReminderAsk, ReminderRow, RunRow, RunsAsk};
use tickler::reminder::ReminderId;
use tickler::settings::Rate;
use tickler::verbs::held::{ApproveAsk, RejectAsk, approve, reject};
use tickler::verbs::optout::{OptOutAsk, change};
use tickler::verbs::pause::{PauseAsk, pause, resume};
use tickler::zones::{WallMeaning, Zone, Zones};

use crate::clinic::{Clinic, beat, ledger, log, runs};
use crate::export::{Booking, Export, Rows, Trouble, text};
use crate::support::chance::Chance;

/// Monday; New York's clocks go back on the Sunday after it, London's went back the day before.
pub const BEGIN: &str = "2026-10-26T04:00:00Z";
pub const DAYS: i64 = 14;
pub const STEP: SignedDuration = SignedDuration::from_mins(10);
/// A Tuesday.
pub const HOLIDAY: Date = date(2026, 11, 3);
pub const ZONES: [&str; 4] = ["America/New_York", "America/Los_Angeles", "Europe/London", "Asia/Tokyo"];
pub const SCHEDULES: [&str; 3] = ["day", "hours", "three"];
/// How many calls a person may have on a day.
pub const LIMIT: usize = 3;

/// One call as it was received.
#[derive(Debug, Clone)]
pub struct Call {
    pub at: Timestamp,
    /// Its place in the order of events: several happen at one instant.
    pub place: u64,
    pub reminder: ReminderId,
    pub last4: String,
}

/// A stretch of time; `until` is `None` while it lasts.
#[derive(Debug, Clone)]
pub struct Stretch {
    pub of: String,
    pub from: Timestamp,
    pub until: Option<Timestamp>,
    /// The places of both ends in the order of events.
    pub places: (u64, Option<u64>),
}

impl Stretch {
    /// Whether it lasted when the call was made.
    pub fn covers(&self, call: &Call) -> bool {
        self.places.0 < call.place && self.places.1.is_none_or(|end| call.place < end)
    }

    pub fn overlaps(&self, from: Timestamp, until: Timestamp) -> bool {
        self.from <= until && self.until.is_none_or(|end| from <= end)
    }
}

/// What happened, for the judge.
pub struct Walked {
    pub zone: Zone,
    pub zones: Zones,
    pub end: Timestamp,
    pub export: Export,
    pub calls: Vec<Call>,
    /// The opt-outs by phone.
    pub optouts: Vec<Stretch>,
    pub downs: Vec<Stretch>,
    /// The pauses by schedule.
    pub pauses: Vec<Stretch>,
    pub reminders: Vec<ReminderRow>,
    pub runs: Vec<RunRow>,
    pub log: Vec<AuditRow>,
}

pub struct Walk {
    clinic: Clinic,
    opened: Option<Opened>,
    chance: Chance,
    zone: Zone,
    zones: Zones,
    /// What the booking system knows.
    rows: Rows,
    /// Rows that one export or two leave out.
    vanished: Vec<(Timestamp, String, Booking)>,
    trouble: Option<(Trouble, Timestamp)>,
    comes_up_at: Timestamp,
    count: u64,
    /// Events so far.
    place: u64,
    export: Export,
    calls: Vec<Call>,
    optouts: Vec<Stretch>,
    downs: Vec<Stretch>,
    pauses: Vec<Stretch>,
}

fn schedule(cron: &str, remind: &str, more: &str) -> String {
    format!(
        "cron = \"{cron}\"\ntimezone = \"America/New_York\"\n[source.csv]\npath = \"../appointments.csv\"\n\
         [appointment]\nid = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"\nstatus = \"status\"\n\
         do_not_call = \"stop\"\nrecipient_timezone = \"zone\"\n\
         [remind]\nstatuses = [\"ok\"]\nmax_per_person_per_day = {LIMIT}\n{remind}\n\
         [target.automation]\nurl = {{ env = \"THOUGHTLY_AUTOMATION_URL\" }}\n\
         [payload]\nphone = \"{{{{ phone }}}}\"\nall = \"{{{{ appointments }}}}\"\n[guard]\nmax_age = \"20h\"\n{more}\n"
    )
}

impl Walk {
    pub async fn begin(chance: Chance) -> Self {
        let clinic = Clinic::at(BEGIN).await;
        let closed = format!("closed_days = [\"sat\", \"sun\"]\nholidays = [\"{HOLIDAY}\"]");
        clinic.write_schedule("day", &schedule("0 9 * * *", &format!("days_before = 1\n{closed}"), ""));
        clinic.write_schedule("hours", &schedule("*/30 * * * *", "hours_before = [24, 2]", ""));
        let three = format!("days_before = 3\nmerge = \"same_day\"\non_closed_day = \"count_open_days\"\n{closed}");
        clinic.write_schedule("three", &schedule("0 10 * * *", &three, ""));
        let zones = Zones::newest();
        let mut walk = Self {
            clinic,
            opened: None,
            chance,
            zone: zones.zone("America/New_York").expect("a zone"),
            zones,
            rows: Rows::new(),
            vanished: Vec::new(),
            trouble: None,
            comes_up_at: Timestamp::MIN,
            count: 0,
            place: 0,
            export: Export::default(),
            calls: Vec::new(),
            optouts: Vec::new(),
            downs: Vec::new(),
            pauses: Vec::new(),
        };
        for _booking in 0..250 {
            walk.book(15 * 24 * 60);
        }
        walk.write();
        walk.come_up().await;
        walk
    }

    fn now(&self) -> Timestamp {
        self.clinic.clock.now()
    }

    fn end(&self) -> Timestamp {
        BEGIN.parse::<Timestamp>().expect("an instant")
            + SignedDuration::from_hours(24) * i32::try_from(DAYS).expect("few")
    }

    pub async fn walk_to_the_end(mut self) -> Walked {
        while self.now() < self.end() {
            self.pass(STEP - SignedDuration::from_secs(10)).await;
            self.pass(SignedDuration::from_secs(10)).await;
            self.deliver().await;
            self.something_happens().await;
        }
        let end = self.now();
        self.end_of_troubles().await;
        let opened = self.opened.take().expect("it runs");
        let daemon = &opened.daemon;
        let reminders = ledger(daemon).reminders(ReminderAsk::default()).await.expect("the reminders");
        Walked {
            end,
            reminders,
            runs: runs(daemon).await,
            log: log(daemon).await,
            zone: self.zone,
            zones: self.zones,
            export: self.export,
            calls: self.calls,
            optouts: self.optouts,
            downs: self.downs,
            pauses: self.pauses,
        }
    }

    async fn pass(&mut self, time: SignedDuration) {
        self.clinic.clock.advance(time.unsigned_abs());
        if let Some(opened) = &self.opened {
            beat(&opened.daemon).await;
        }
    }

    fn daemon(&self) -> Option<Arc<Daemon>> {
        self.opened.as_ref().map(|opened| Arc::clone(&opened.daemon))
    }

    async fn deliver(&mut self) {
        let Some(daemon) = self.daemon() else { return };
        let sender = daemon.app.sender.as_ref().expect("a service sends");
        for name in SCHEDULES {
            let scope = DeliveryScope { schedule: name.to_owned(), only: None };
            sender.deliver(&scope, Duration::ZERO).await.expect("the ledger holds");
        }
        self.note_calls();
    }

    /// The place of what happens next.
    const fn next_place(&mut self) -> u64 {
        self.place += 1;
        self.place
    }

    fn note_calls(&mut self) {
        let (at, place) = (self.now(), self.next_place());
        let received = std::mem::take(&mut *self.clinic.received.lock().expect("the list"));
        for request in received.into_iter().filter(|request| request.method == "POST") {
            let id = request.reminder_id.expect("an idempotency key").parse().expect("an id");
            self.calls.push(Call { at, place, reminder: id, last4: request.phone_last4.expect("a phone") });
        }
    }

    async fn come_up(&mut self) {
        let mut settings = self.clinic.settings();
        settings.accounts.values_mut().for_each(|account| account.rate = Rate::Unlimited);
        self.opened = Some(open(settings, self.clinic.clock.clone()).await.expect("a service"));
        let now = self.now();
        if let Some(down) = self.downs.last_mut() {
            down.until = Some(now);
        }
    }

    /// Half a day in which nothing happens any more.
    async fn end_of_troubles(&mut self) {
        self.trouble = None;
        if self.opened.is_none() {
            self.come_up().await;
        }
        self.write();
        for _step in 0..72 {
            self.pass(STEP - SignedDuration::from_secs(10)).await;
            self.pass(SignedDuration::from_secs(10)).await;
            self.deliver().await;
        }
    }

    fn write(&mut self) {
        let (now, trouble) = (self.now(), self.trouble.map(|(trouble, _)| trouble));
        self.export.write(now, &self.rows, trouble);
        let path = self.clinic.path().join("appointments.csv");
        match (trouble, &self.export.latest().expect("a version").rows) {
            (Some(Trouble::Stopped), _) => {}
            (_, None) => drop(std::fs::remove_file(path)),
            (_, Some(rows)) => {
                std::fs::write(&path, text(rows, &self.zone)).expect("a table");
                let file = std::fs::File::options().append(true).open(&path).expect("a table");
                file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(now.as_second().unsigned_abs()))
                    .expect("a time");
            }
        }
    }

    async fn something_happens(&mut self) {
        if self.opened.is_none() && self.now() >= self.comes_up_at {
            self.come_up().await;
        }
        let now = self.now();
        if self.trouble.is_some_and(|(_, until)| until <= now) {
            self.trouble = None;
        }
        let back: Vec<_> = self.vanished.extract_if(.., |(until, ..)| *until <= now).collect();
        self.rows.extend(back.into_iter().map(|(_, id, booking)| (id, booking)));
        self.rows.retain(|_, booking| booking.starts_at > now - SignedDuration::from_hours(24));
        for _event in 0..self.chance.below(3) {
            self.one_event().await;
        }
        self.decide_about_held_runs().await;
        self.write();
    }

    async fn one_event(&mut self) {
        match self.chance.below(1000) {
            0..300 => self.book(5 * 24 * 60),
            300..420 => self.move_one(),
            420..460 => self.move_one_a_little(),
            460..560 => self.change_one(|booking, _| booking.status = "cancelled"),
            560..600 => self.change_one(|booking, _| booking.status = "ok"),
            600..700 => {
                self.change_one(|booking, number| booking.phone = format!("+1202555{:04}", 5000 + number % 4000));
            }
            700..730 => self.change_one(|booking, _| booking.phone = "12".to_owned()),
            730..760 => self.change_one(|booking, _| booking.stop = "yes"),
            760..800 => self.vanish(),
            800..830 => self.opt_out().await,
            830..840 => self.opt_in().await,
            840..850 => self.has_trouble(),
            850..856 => self.goes_down().await,
            856..864 => self.pauses().await,
            864..890 => self.resumes().await,
            _ => {}
        }
    }

    /// A start within so many minutes, on the clinic's wall clock between eight and seven.
    fn start_within(&mut self, minutes: u64) -> Timestamp {
        let day =
            self.zone.date(self.now()) + i64::try_from(self.chance.below(minutes / 1440 + 1)).expect("few").days();
        let time = Time::midnight() + i64::try_from(8 * 60 + self.chance.below(11 * 12) * 5).expect("few").minutes();
        match self.zone.resolve(day.to_datetime(time)) {
            WallMeaning::Once(at) | WallMeaning::Twice { first: at, .. } | WallMeaning::Gap { after: at } => at,
        }
    }

    fn book(&mut self, minutes: u64) {
        let starts_at = self.start_within(minutes);
        self.count += 1;
        // one in eight has the phone of somebody else
        let phone = match self.chance.below(8) {
            0 => self.count / 2,
            _ => self.count,
        };
        let zone = ZONES[usize::try_from(self.chance.below(8)).expect("few").saturating_sub(4)];
        let phone = format!("+1202555{:04}", phone % 5000);
        let booking = Booking { phone, starts_at, status: "ok", stop: "", zone };
        self.rows.insert(format!("A{}", self.count), booking);
    }

    /// An appointment that has not begun.
    fn some_id(&mut self) -> Option<String> {
        let now = self.now();
        let ids: Vec<&String> = self.rows.iter().filter(|(_, it)| it.starts_at > now).map(|(id, _)| id).collect();
        let place = usize::try_from(self.chance.below(u64::try_from(ids.len()).ok()?.max(1))).ok()?;
        ids.get(place).map(|id| (*id).clone())
    }

    fn change_one(&mut self, change: impl FnOnce(&mut Booking, u64)) {
        let number = self.chance.below(1_000_000);
        if let Some(id) = self.some_id() {
            change(self.rows.get_mut(&id).expect("it is there"), number);
        }
    }

    fn move_one(&mut self) {
        let starts_at = self.start_within(4 * 24 * 60);
        self.change_one(|booking, _| booking.starts_at = starts_at);
    }

    fn move_one_a_little(&mut self) {
        self.change_one(|booking, number| {
            let minutes = i64::try_from(number % 2).expect("few") * 20 - 10;
            booking.starts_at += SignedDuration::from_mins(minutes);
        });
    }

    fn vanish(&mut self) {
        let until = self.now() + SignedDuration::from_mins(20 + i64::try_from(self.chance.below(100)).expect("few"));
        if let Some((id, booking)) = self.some_id().and_then(|id| self.rows.remove_entry(&id)) {
            self.vanished.push((until, id, booking));
        }
    }

    fn has_trouble(&mut self) {
        let hour = SignedDuration::from_hours(1);
        let (trouble, lasts) = match self.chance.below(4) {
            0 => (Trouble::Missing, hour * 3),
            1 => (Trouble::HeaderOnly, hour * 2),
            2 => (Trouble::WithoutPhones, hour * 4),
            _ => (Trouble::Stopped, hour * 30),
        };
        if self.trouble.is_none() {
            self.trouble = Some((trouble, self.now() + lasts));
        }
    }

    async fn goes_down(&mut self) {
        let Some(opened) = self.opened.take() else { return };
        self.clinic.leave(opened).await;
        let now = self.now();
        self.comes_up_at = now + STEP * (i32::try_from(self.chance.below(60)).expect("few") + 1);
        let places = (self.next_place(), None);
        self.downs.push(Stretch { of: String::new(), from: now, until: None, places });
    }

    async fn opt(&mut self, phone: String, to: OptOutSide) -> bool {
        let Some(daemon) = self.daemon() else { return false };
        let ask = OptOutAsk { list: NumbersList::OptedOut, phones: vec![phone.into()], to, reason: None };
        change(&daemon.app, "walk", ask).await.expect("the list is changed");
        true
    }

    async fn opt_out(&mut self) {
        let Some(phone) = self.some_id().map(|id| self.rows[&id].phone.clone()).filter(|phone| phone.len() > 8) else {
            return;
        };
        let is_on = self.optouts.iter().any(|it| it.of == phone && it.until.is_none());
        if !is_on && self.opt(phone.clone(), OptOutSide::On).await {
            let places = (self.next_place(), None);
            self.optouts.push(Stretch { of: phone, from: self.now(), until: None, places });
        }
    }

    async fn opt_in(&mut self) {
        let Some(place) = self.optouts.iter().position(|it| it.until.is_none()) else { return };
        if self.opt(self.optouts[place].of.clone(), OptOutSide::Off).await {
            let (now, end) = (self.now(), self.next_place());
            (self.optouts[place].until, self.optouts[place].places.1) = (Some(now), Some(end));
        }
    }

    async fn pauses(&mut self) {
        let name = SCHEDULES[usize::try_from(self.chance.below(3)).expect("few")];
        let Some(daemon) = self.daemon() else { return };
        if self.pauses.iter().any(|it| it.until.is_none()) {
            return;
        }
        let ask = PauseAsk { schedule: Some(name.to_owned()), reason: "snow".to_owned(), until: None };
        pause(&daemon.app, "walk", ask).await.expect("paused");
        let places = (self.next_place(), None);
        self.pauses.push(Stretch { of: name.to_owned(), from: self.now(), until: None, places });
    }

    async fn resumes(&mut self) {
        let (now, end) = (self.now(), self.next_place());
        let Some(daemon) = self.daemon() else { return };
        for paused in self.pauses.iter_mut().filter(|it| it.until.is_none()) {
            resume(&daemon.app, "walk", Some(paused.of.clone()), None).await.expect("resumed");
            (paused.until, paused.places.1) = (Some(now), Some(end));
        }
    }

    async fn decide_about_held_runs(&mut self) {
        let Some(daemon) = self.daemon() else { return };
        for run in ledger(&daemon).runs(RunsAsk::Held).await.expect("held runs") {
            let id = run.id.to_string();
            match self.chance.below(40) {
                // a source that can't be read, or a pause, leaves the run held
                0 | 1 => {
                    let ask = ApproveAsk { run: id, reason: None, wait_seconds: 0 };
                    drop(approve(&daemon.app, "walk", ask).await);
                }
                2 => {
                    let ask = RejectAsk { run: id, reason: Some("it is the wrong file".to_owned()) };
                    reject(&daemon.app, "walk", ask).await.expect("rejected");
                }
                _ => {}
            }
        }
        self.note_calls();
    }
}

impl Walked {
    /// A walk in which nothing happens proves nothing.
    pub fn was_eventful(&self) {
        let has = |event: &str| self.log.iter().any(|row| row.entry.event.as_str() == event);
        for event in [
            "run.held",
            "operator.approved",
            "operator.rejected",
            "reminder.cancelled",
            "reminder.skipped",
            "optout.added",
            "operator.paused",
            "operator.resumed",
            "run.missed",
        ] {
            assert!(has(event), "nothing of this walk is {event}");
        }
        assert!(self.calls.len() > 500, "{} calls", self.calls.len());
        assert!(!self.downs.is_empty() && !self.pauses.is_empty());
    }
}
