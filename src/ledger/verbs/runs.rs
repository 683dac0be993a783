//! shell: loads and removes schedules; begins, passes over and ends runs; carries out their plans.

use std::collections::HashSet;

use jiff::Timestamp;

use super::Tx;
use crate::audit::{Entry, Event};
use crate::ledger::change::{Change, LoadedReminder};
use crate::ledger::reconcile::{self, Calls, Fate, Mode, PlannedBy};
use crate::ledger::runs::{self, Earlier, PassedTime, Tallied, WrittenRun};
use crate::ledger::store::{
    Applied, CallsAsk, ManyReminders, NamedAppointment, OneReminder, Put, ShadowedCall, StoredSchedule,
};
use crate::ledger::{
    FoldedTimes, LedgerError, LedgerResult, LoadedSchedule, PassedOver, RecordedRun, RejectRun, RunEnd, RunRecord,
    RunRow, RunStart, RunsAsk, ScheduleStanding, held_runs, life, schedules,
};
use crate::personal::Personal;
use crate::plan::{Plan, PlannedReminder, SkippedRow, Standing};
use crate::reminder::{ReminderId, RunFailure, RunId, RunKind, RunState, SkipReason, uuid_v7};
use crate::schedule::{Merging, ScheduleMode};

impl Tx<'_> {
    pub(in crate::ledger) fn load_schedule(&self, loaded: &LoadedSchedule) -> LedgerResult<ScheduleStanding> {
        self.store.put(&Put::Text(&loaded.text_hash, &loaded.text, loaded.now))?;
        let known = self.store.schedule(&loaded.name)?;
        if let Some(entry) = schedules::version_entry(loaded, known.as_ref()) {
            self.store.append(&entry)?;
        }
        self.store.put(&Put::Schedule(&schedules::loaded(loaded, known.as_ref())))?;
        let none = || LedgerError::Refused(format!("no schedule `{}` is known", loaded.name));
        self.store.standing(&loaded.name)?.ok_or_else(none)
    }

    pub(in crate::ledger) fn remove_schedule(&self, name: &str, now: Timestamp, actor: &str) -> LedgerResult<u64> {
        let none = || LedgerError::Refused(format!("no schedule `{name}` is known"));
        let known = self.store.schedule(name)?.ok_or_else(none)?;
        // also done for a schedule that is removed already: a run that was under way may have planned calls since
        self.store.put(&Put::Schedule(&StoredSchedule { is_removed: true, ..known }))?;
        for run in self.store.runs(&RunsAsk::Open)? {
            if run.schedule == name && run.state == RunState::Waiting {
                self.write(&runs::removed(run, now, actor))?;
            }
        }
        let pending = self.store.reminders(&ManyReminders::PendingOf(name))?;
        for held in &pending {
            let entry = Entry {
                reason: Some("schedule_removed".into()),
                actor: Some(actor.into()),
                ..held.entry(now, Event::ReminderCancelled)
            };
            self.apply(&life::cancelled(held, entry)?)?;
        }
        Ok(pending.len() as u64)
    }

    pub(in crate::ledger) fn begin_run(&self, start: &RunStart) -> LedgerResult<Option<RunId>> {
        self.store.put(&Put::Text(&start.text_hash, &start.text, start.started_at))?;
        let (mut earlier, mut cursor) = (None, None);
        match start.kind {
            RunKind::Trigger | RunKind::Inbound => {}
            RunKind::Scheduled | RunKind::CatchUp => {
                earlier = self.nominal(&start.schedule, start.nominal_at)?;
                if let Some(known) = self.store.schedule(&start.schedule)? {
                    cursor = Some(known.cursor);
                    let cursor = known.cursor.max(start.nominal_at);
                    self.store.put(&Put::Schedule(&StoredSchedule { cursor, ..known }))?;
                }
            }
        }
        let Some(begun) = runs::begun(start, Earlier { run: earlier.as_ref(), cursor }) else { return Ok(None) };
        self.write(&begun)?;
        Ok(Some(begun.run.id))
    }

    /// The run of a nominal time, triggers apart.
    fn nominal(&self, schedule: &str, at: Timestamp) -> LedgerResult<Option<RunRow>> {
        let ask = RunsAsk::Nominal { schedule: schedule.to_owned(), first: at, last: at };
        Ok(self.store.runs(&ask)?.pop())
    }

    fn write(&self, written: &WrittenRun<'_>) -> LedgerResult<()> {
        self.store.put(&Put::Run(&written.run))?;
        written.entry.as_ref().map_or(Ok(()), |entry| self.store.append(entry))
    }

    fn under_way(&self, id: RunId) -> LedgerResult<RunRow> {
        runs::under_way(id, self.store.runs(&RunsAsk::Id(id))?.pop())
    }

    pub(in crate::ledger) fn interrupt_run(&self, id: RunId, now: Timestamp, actor: &str) -> LedgerResult<RunRow> {
        let written = runs::interrupted(self.under_way(id)?, now, actor);
        self.write(&written)?;
        Ok(written.run)
    }

    pub(in crate::ledger) fn reject_run(&self, reject: &RejectRun) -> LedgerResult<RunRow> {
        let held = held_runs::held_back(reject.id, self.store.runs(&RunsAsk::Id(reject.id))?.pop())?;
        let written = held_runs::rejected(held, reject);
        self.write(&written)?;
        Ok(written.run)
    }

    pub(in crate::ledger) fn pass_over(&self, passed: &PassedOver) -> LedgerResult<()> {
        let known = self.store.schedule(&passed.schedule)?;
        let text_hash = known.as_ref().map(|known| known.text_hash.as_str());
        for many in &passed.folded {
            let known = self.runs_between(&passed.schedule, many)?;
            self.pass_one(passed, PassedTime::folded(many, known), text_hash)?;
        }
        for time in &passed.times {
            self.pass_one(passed, PassedTime::one(time), text_hash)?;
        }
        match known {
            Some(known) => self.store.put(&Put::Schedule(&StoredSchedule { cursor: passed.cursor, ..known })),
            None => Ok(()),
        }
    }

    fn runs_between(&self, schedule: &str, many: &FoldedTimes) -> LedgerResult<u64> {
        let ask = RunsAsk::Nominal { schedule: schedule.to_owned(), first: many.first, last: many.last };
        Ok(self.store.runs(&ask)?.len() as u64)
    }

    /// A nominal time that has a run already keeps it.
    fn pass_one(&self, passed: &PassedOver, time: PassedTime<'_>, text_hash: Option<&str>) -> LedgerResult<()> {
        let known = self.nominal(&passed.schedule, time.nominal_at)?;
        let written = runs::passed_over(passed, time, new_run_id(passed.now)?, text_hash.map(str::to_owned))?;
        if known.is_some() { Ok(()) } else { self.write(&written) }
    }

    pub(in crate::ledger) fn record_run(&self, record: &RunRecord) -> LedgerResult<RecordedRun> {
        match &record.end {
            RunEnd::Failed(sentence) => self.fail_run(record, sentence, None),
            RunEnd::Stuck(sentence) => self.fail_run(record, sentence, Some(RunFailure::Stuck)),
            RunEnd::Waiting(sentence) => {
                let run = runs::postponed(self.under_way(record.id)?, record.finished_at, sentence);
                self.store.put(&Put::Run(&run))?;
                Ok(RecordedRun::default())
            }
            RunEnd::Planned(plan) => {
                let run = self.under_way(record.id)?;
                self.hold_or_finish(record, run, plan)
            }
            RunEnd::Approved { plan, reason } => {
                let held = held_runs::held_back(record.id, self.store.runs(&RunsAsk::Id(record.id))?.pop())?;
                let approved = held_runs::approved(record, held, reason.as_deref());
                self.write(&approved)?;
                self.hold_or_finish(record, approved.run, plan)
            }
            RunEnd::ReadAgain(plan) => self.read_again(record, plan),
        }
    }

    fn fail_run(&self, record: &RunRecord, sentence: &str, why: Option<RunFailure>) -> LedgerResult<RecordedRun> {
        let run = self.under_way(record.id)?;
        self.write(&runs::failed(record, run, sentence, why))?;
        Ok(RecordedRun::default())
    }

    fn hold_or_finish(&self, record: &RunRecord, run: RunRow, plan: &Plan) -> LedgerResult<RecordedRun> {
        match &plan.held {
            Some(held) => {
                self.write(&held_runs::held(record, run, plan, held))?;
                Ok(RecordedRun::default())
            }
            None => self.finish_run(record, run, plan),
        }
    }

    fn finish_run(&self, record: &RunRecord, run: RunRow, plan: &Plan) -> LedgerResult<RecordedRun> {
        let schedule = run.schedule.clone();
        let mode = match record.terms.mode {
            ScheduleMode::Live => Mode::Run,
            ScheduleMode::Shadow => Mode::Shadow,
        };
        let by = self.planned_by(record, &schedule, mode);
        let mut tallied = Tallied::of(plan);
        let mut untold = HashSet::new();
        let recorded = self.carry_out(&by, plan, &mut |planned, reason| {
            tallied.overrule(reason);
            if reason.is_some() {
                untold.extend(planned.merged.iter().map(|told| (told.appointment_id.clone(), told.starts_at)));
            }
        })?;
        for row in &plan.skipped {
            self.store.append(&match is_untold(&untold, row) {
                true => {
                    tallied.untold();
                    reconcile::untold_entry(&by, row)
                }
                false => reconcile::skip_entry(&by, row),
            })?;
            if let (Some(id), Some(label)) = (&row.appointment_id, &row.label) {
                self.name(&by, id, (label, row.label_phone.as_deref()))?;
            }
        }
        for sight in &plan.first_sights {
            self.store.put(&Put::FirstSight(&schedule, sight, by.read_at))?;
        }
        if let Some(watched) = &plan.newly_watched {
            self.store.put(&Put::WatchedLeads(&schedule, watched))?;
        }
        let finished = runs::finished(record, run, plan, tallied, recorded.cancelled.len());
        self.write(&finished)?;
        Ok(recorded)
    }

    /// Keeps how the schedule names an appointment of which the log speaks and no reminder does.
    fn name(&self, by: &PlannedBy<'_>, appointment_id: &str, label: (&str, Option<&str>)) -> LedgerResult<()> {
        let (label, phone) = label;
        let named = NamedAppointment { schedule: by.schedule, appointment_id, label, phone, at: by.now };
        self.store.put(&Put::Label(&named))
    }

    /// A fresh read's plan renews and cancels what is pending; one that is held changes nothing.
    fn read_again(&self, record: &RunRecord, plan: &Plan) -> LedgerResult<RecordedRun> {
        let none = || LedgerError::Refused(format!("there is no run {}", record.id));
        let run = self.store.runs(&RunsAsk::Id(record.id))?.pop().ok_or_else(none)?;
        if plan.held.is_some() {
            return Ok(RecordedRun::default());
        }
        self.carry_out(&self.planned_by(record, &run.schedule, Mode::FreshRead), plan, &mut |_, _| {})
    }

    fn planned_by<'a>(&self, record: &'a RunRecord, schedule: &'a str, mode: Mode) -> PlannedBy<'a> {
        PlannedBy {
            run: record.id,
            schedule,
            now: record.finished_at,
            read_at: record.read_at,
            terms: &record.terms,
            target: record.terms.target.as_ref().map(|address| self.store.address_hash(address)),
            actor: &record.actor,
            mode,
        }
    }

    /// Cancellations first: they free their persons' calls of the day. `overruled` gets what is not to be called with the
    /// skip's reason, or `None` for a reminder that was sent meanwhile.
    fn carry_out(
        &self,
        by: &PlannedBy<'_>,
        plan: &Plan,
        overruled: &mut dyn FnMut(&PlannedReminder, Option<SkipReason>),
    ) -> LedgerResult<RecordedRun> {
        let mut recorded = RecordedRun::default();
        for cancellation in &plan.cancellations {
            let Some(held) = self.store.reminder(&OneReminder::Id(cancellation.id))? else { continue };
            if let Some(change) = reconcile::cancelled_on_evidence(by, cancellation, &held)? {
                self.apply(&change)?;
                recorded.cancelled.push(cancellation.id);
            }
        }
        let mut counting = Counting { tx: *self, by, plan, calls: Calls::default() };
        for planned in &plan.reminders {
            counting.place(planned, &mut recorded, overruled)?;
        }
        if by.mode == Mode::Run {
            for planned in &plan.forgotten {
                let held = self.store.reminder(&OneReminder::Key(by.schedule, planned))?;
                if let Some(change) = reconcile::forgotten(by, planned, held.as_ref())? {
                    self.apply(&change)?;
                }
            }
        }
        Ok(recorded)
    }
}

/// Whether the row was merged into a call that is not made after all, because another schedule called the person first.
fn is_untold(untold: &HashSet<(String, Timestamp)>, row: &SkippedRow) -> bool {
    let key = row.appointment_id.clone().zip(row.starts_at);
    row.reason == SkipReason::Merged && key.is_some_and(|key| untold.contains(&key))
}

/// A plan being carried out, with the calls of its persons.
struct Counting<'a> {
    tx: Tx<'a>,
    by: &'a PlannedBy<'a>,
    plan: &'a Plan,
    calls: Calls,
}

impl Counting<'_> {
    fn place(
        &mut self,
        planned: &PlannedReminder,
        recorded: &mut RecordedRun,
        overruled: &mut dyn FnMut(&PlannedReminder, Option<SkipReason>),
    ) -> LedgerResult<()> {
        if self.insert_unseen(planned, recorded)? {
            return Ok(());
        }
        let held = self.tx.store.reminder(&OneReminder::Key(self.by.schedule, planned))?;
        match self.fate(planned, held.as_ref())? {
            Fate::Stands(id, change) => {
                self.write(held.as_ref(), &change)?;
                self.note_merged(id, planned)?;
                recorded.reminders.push(id);
            }
            Fate::PersonLimit(cancelled) => {
                if let Some(change) = cancelled {
                    self.write(held.as_ref(), &change)?;
                    recorded.cancelled.extend(held.as_ref().map(|held| held.id));
                }
                self.tx.store.append(&reconcile::limit_entry(self.by, planned))?;
                self.name(planned)?;
                overruled(planned, Some(SkipReason::PersonLimit));
                recorded.overruled.push(planned.id);
            }
            Fate::Cancelled(change) => {
                self.write(held.as_ref(), &change)?;
                recorded.cancelled.extend(held.as_ref().map(|held| held.id));
                overruled(planned, None);
                recorded.overruled.push(planned.id);
            }
            Fate::Shadowed(entry) => {
                self.tx.store.append(&entry)?;
                let (schedule, account) = (self.by.schedule, self.by.terms.account.as_str());
                self.tx.store.put(&Put::Shadow(&ShadowedCall { schedule, account, planned, at: self.by.now }))?;
                self.name(planned)?;
                recorded.shadowed += 1;
            }
            Fate::AlreadyReminded => {
                overruled(planned, None);
                recorded.overruled.push(planned.id);
            }
            Fate::NotPlanned => {}
        }
        Ok(())
    }

    /// Inserts a key that the plan found nowhere, without looking for it once more; `false`, and nothing is written, when
    /// it came meanwhile or its person has had the calls of that day.
    fn insert_unseen(&mut self, planned: &PlannedReminder, recorded: &mut RecordedRun) -> LedgerResult<bool> {
        if self.by.mode != Mode::Run || planned.standing != Standing::New {
            return Ok(false);
        }
        match self.fate(planned, None)? {
            Fate::Stands(id, change) => {
                let is_new = self.write(None, &change)? == Applied::Hit;
                if is_new {
                    self.note_merged(id, planned)?;
                }
                recorded.reminders.extend(is_new.then_some(id));
                Ok(is_new)
            }
            Fate::PersonLimit(_)
            | Fate::Cancelled(_)
            | Fate::Shadowed(_)
            | Fate::AlreadyReminded
            | Fate::NotPlanned => Ok(false),
        }
    }

    fn name(&self, planned: &PlannedReminder) -> LedgerResult<()> {
        match &planned.label {
            Some(label) => self.tx.name(self.by, &planned.appointment_id, (label, Some(&planned.phone))),
            None => Ok(()),
        }
    }

    fn note_merged(&self, id: ReminderId, planned: &PlannedReminder) -> LedgerResult<()> {
        match self.by.terms.merge {
            Merging::Never => Ok(()),
            Merging::SameDay => self.tx.store.put(&Put::Merged(self.by.schedule, id, &planned.merged)),
        }
    }

    fn fate<'p>(&mut self, planned: &'p PlannedReminder, held: Option<&'p LoadedReminder>) -> LedgerResult<Fate<'p>>
    where
        Self: 'p,
    {
        if let Some(day) = reconcile::day_to_count(self.by, planned, held)
            && !self.calls.has(day)
        {
            let persons: Vec<&Personal> = self.plan.reminders.iter().map(|planned| &planned.person).collect();
            let (account, target) = (self.by.terms.account.as_str(), self.by.target);
            let kind = planned.lead.kind();
            self.calls.load(day, self.tx.store.calls_of(&CallsAsk { account, day, persons: &persons, target, kind })?);
        }
        let corrected = self.corrected(planned, held)?;
        Ok(reconcile::place(self.by, planned, held, &self.calls, corrected)?)
    }

    /// How many of the calls that a planned one corrects still count for its person on the day that decides.
    fn corrected(&self, planned: &PlannedReminder, held: Option<&LoadedReminder>) -> LedgerResult<u32> {
        let day = reconcile::day_to_count(self.by, planned, held);
        let mut count = 0;
        for id in &planned.corrects {
            let corrected = self.tx.store.reminder(&OneReminder::Id(*id))?;
            count += u32::from(corrected.is_some_and(|row| {
                row.account == self.by.terms.account
                    && row.person == planned.person
                    && Some(row.due_day) == day
                    && row.counts_for_person(self.by.target.as_ref())
            }));
        }
        Ok(count)
    }

    fn write(&mut self, held: Option<&LoadedReminder>, change: &Change<'_>) -> LedgerResult<Applied> {
        let applied = self.tx.apply(change)?;
        if applied == Applied::Hit {
            self.calls.follow(self.by, held, change);
        }
        Ok(applied)
    }
}

/// A new id of a run that begins at `now` (UTC).
pub(super) fn new_run_id(now: Timestamp) -> LedgerResult<RunId> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|_| LedgerError::Storage("the system gives no random bytes".into()))?;
    Ok(RunId(uuid_v7(now, random)))
}
