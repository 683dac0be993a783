//! pure: what a ledger in memory answers from its tables.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::tables::{Content, KeptReminder, Tables, floor, micro};
use crate::ledger::chain::{Hash, PhoneKey};
use crate::ledger::change::LoadedReminder;
use crate::ledger::effects::TargetState;
use crate::ledger::returning::{self, known};
use crate::ledger::store::{CallsAsk, DueAsk, DueRow, ManyReminders, OneReminder, RenderedRequest};
use crate::ledger::{
    Holds, KnowledgeAsk, LastCalledAsk, Machine, QueueSlot, ReminderAsk, ReminderBrief, ReminderRow, RunRow, RunsAsk,
    SLOT_MICROS, ScheduleStanding, Step, Tally,
};
use crate::personal::Personal;
use crate::plan::{Knowledge, MAX_CHANGE, MeasuredRun, OptOuts, PersonCall, UsualRows};
use crate::reminder::{ReminderId, RunState, State};
use crate::seeded::SeededMap;

/// Whether an id begins so.
fn begins(id: &impl ToString, prefix: &str) -> bool {
    id.to_string().starts_with(prefix)
}

impl KeptReminder {
    fn row(&self) -> ReminderRow {
        let held = &self.held;
        let last = self.attempts.get(&held.attempt);
        ReminderRow {
            id: held.id,
            schedule: held.schedule.clone(),
            run_id: held.run_id,
            appointment_id: held.appointment_id.clone(),
            starts_at: held.starts_at,
            lead: held.lead,
            phone: held.phone.clone(),
            state: held.state,
            due_at: held.due_at,
            next_at: held.next_at,
            expires_at: held.expires_at,
            attempts: held.attempt,
            tries: held.tries,
            http_status: last.and_then(|attempt| attempt.http_status),
            remote_id: last.and_then(|attempt| attempt.remote_id.clone()),
            payload: self.content.as_ref().map(|content| content.payload.clone()),
            updated_at: held.updated_at,
            trial: held.trial.is_some() && held.state == State::Delivered,
            label: self.label(),
            outcome: held.outcome.map(|told| told.outcome),
            outcome_at: held.outcome.map(|told| told.at),
            calling_hours: held.calling_hours.clone(),
            recipient_zone: held.recipient_zone.clone(),
        }
    }

    fn label(&self) -> Option<Personal> {
        self.content.as_ref().and_then(|content| content.label.clone())
    }

    fn brief(&self) -> ReminderBrief {
        let held = &self.held;
        ReminderBrief {
            id: held.id,
            appointment_id: held.appointment_id.clone(),
            state: held.state,
            is_trial: held.trial.is_some() && held.state == State::Delivered,
            label: self.label(),
            attempts: held.attempt,
            http_status: self.attempts.get(&held.attempt).and_then(|attempt| attempt.http_status),
            outcome: held.outcome.map(|told| told.outcome),
        }
    }

    fn due_row(&self) -> Option<DueRow> {
        let Content { read_at, payload, contact, .. } = self.content.clone()?;
        let rendered = read_at.map(|read_at| RenderedRequest { read_at, payload, contact });
        Some(DueRow { held: self.held.clone(), rendered })
    }

    fn is_asked_for(&self, ask: &ReminderAsk) -> bool {
        let held = &self.held;
        ask.id.is_none_or(|id| held.id == id)
            && ask.id_prefix.as_deref().is_none_or(|prefix| begins(&held.id, prefix))
            && (ask.ids.is_empty() || ask.ids.contains(&held.id))
            && ask.schedule.as_ref().is_none_or(|schedule| held.schedule == *schedule)
            && (ask.states.is_empty() || ask.states.contains(&held.state))
            && (!ask.only_retries || held.lead.is_retry())
            && ask.appointment_id.as_ref().is_none_or(|appointment| held.appointment_id == *appointment)
    }
}

/// Reminders as verbs load them.
impl Tables {
    pub(super) fn held(&self) -> impl Iterator<Item = &LoadedReminder> {
        self.reminders.values().map(|kept| &kept.held)
    }

    fn pending(&self, schedule: &str) -> impl Iterator<Item = &LoadedReminder> {
        self.held().filter(move |held| held.state == State::Pending && held.schedule == schedule)
    }

    pub(super) fn last_nr(&self) -> i64 {
        self.reminders.last_key_value().map_or(0, |(nr, _)| *nr)
    }

    pub(super) fn one(&self, which: &OneReminder<'_>) -> Option<LoadedReminder> {
        let found = match which {
            OneReminder::Id(id) => self.held().find(|held| held.id == *id),
            OneReminder::Key(schedule, planned) => {
                let starts_at = micro(planned.starts_at);
                self.held().find(|held| {
                    held.appointment_id == planned.appointment_id
                        && held.starts_at == starts_at
                        && held.lead == planned.lead
                        && held.schedule == *schedule
                })
            }
            OneReminder::Sending(id, attempt) => {
                self.held().find(|held| held.id == *id && held.state == State::Sending && held.attempt == *attempt)
            }
        };
        found.cloned()
    }

    pub(super) fn many(&self, which: &ManyReminders<'_>) -> Vec<LoadedReminder> {
        match which {
            ManyReminders::In(states) => self.held().filter(|held| states.contains(&held.state)).cloned().collect(),
            ManyReminders::PendingTo(phone) => {
                let is_to =
                    |held: &&LoadedReminder| held.state == State::Pending && held.phone.as_ref() == Some(*phone);
                self.held().filter(is_to).cloned().collect()
            }
            ManyReminders::OfPhone(phone) => {
                self.held().filter(|held| held.phone.as_ref() == Some(*phone)).cloned().collect()
            }
            ManyReminders::OfStart(schedule, appointment_id, starts_at) => {
                self.of_start(schedule, appointment_id, *starts_at)
            }
            ManyReminders::Silent(schedule, after) => self.silent(schedule, *after),
            ManyReminders::PendingOf(schedule) => self.pending(schedule).cloned().collect(),
            ManyReminders::WithRemoteId(remote_id) => self.with_remote_id(remote_id),
            ManyReminders::CalledBetween { account, from, until } => self.called_between(account, *from, *until),
            ManyReminders::Overdue(schedule, now) => {
                let now = micro(*now);
                self.pending(schedule).filter(|held| held.expires_at <= now).cloned().collect()
            }
        }
    }

    pub(super) fn due(&self, ask: &DueAsk<'_>) -> Vec<DueRow> {
        let now = micro(ask.now);
        let is_due = |held: &LoadedReminder| {
            held.state == State::Pending
                && held.schedule == ask.schedule
                && held.next_at <= now
                && ask.only.is_none_or(|only| held.appointment_id == only)
        };
        let found = self.reminders.values().filter(|kept| is_due(&kept.held)).filter_map(|kept| kept.due_row());
        let mut rows: Vec<DueRow> = found.filter(|row| ask.after.is_none_or(|after| row.place() > after)).collect();
        rows.sort_by_key(DueRow::place);
        rows.truncate(ask.limit as usize);
        rows
    }

    pub(super) fn is_anything_due(&self, schedule: &str, now: Timestamp) -> bool {
        let now = micro(now);
        self.pending(schedule).any(|held| held.next_at <= now)
    }

    pub(super) fn next_time(&self, schedule: &str, now: Timestamp) -> Option<Timestamp> {
        let now = micro(now);
        let next = self.pending(schedule).map(|held| held.next_at).filter(|next_at| *next_at > now).min();
        next.into_iter().chain(self.pending(schedule).map(|held| held.expires_at)).min()
    }

    pub(super) fn next_due(&self, schedules: &[String]) -> Option<Timestamp> {
        let of = |schedule: &String| self.pending(schedule).map(|held| held.next_at.min(held.expires_at)).min();
        schedules.iter().filter_map(of).min()
    }

    pub(super) fn schedules_with_pending(&self) -> BTreeSet<String> {
        let pending = self.held().filter(|held| held.state == State::Pending);
        pending.map(|held| held.schedule.clone()).collect()
    }

    pub(super) fn calls_of(&self, ask: &CallsAsk<'_>) -> SeededMap<String, u32> {
        let persons: HashSet<&Personal> = ask.persons.iter().copied().collect();
        let mut calls: SeededMap<String, HashSet<ReminderId>> = SeededMap::default();
        let of_day = |held: &&LoadedReminder| {
            held.account == ask.account && held.due_day == ask.day && held.lead.kind() == ask.kind
        };
        for held in self.held().filter(of_day).filter(|held| held.counts_for_person(ask.target.as_ref())) {
            if persons.contains(&held.person) {
                calls.entry(held.person.as_str().to_owned()).or_default().insert(held.chain());
            }
        }
        calls.into_iter().map(|(person, chains)| (person, u32::try_from(chains.len()).unwrap_or(u32::MAX))).collect()
    }

    pub(super) fn step_of(&self, held: &LoadedReminder) -> Option<Step> {
        Some(self.reminders.get(&held.nr)?.attempts.get(&held.attempt)?.step)
    }
}

/// What is answered to people and plans.
impl Tables {
    fn asked_for(&self, ask: &ReminderAsk) -> impl Iterator<Item = &Arc<KeptReminder>> {
        self.reminders.values().filter(|kept| kept.is_asked_for(ask))
    }

    pub(super) fn reminder_rows(&self, ask: &ReminderAsk) -> Vec<ReminderRow> {
        ask.in_order(self.asked_for(ask).map(|kept| kept.row()).collect(), |row| row.id)
    }

    pub(super) fn briefs(&self, ask: &ReminderAsk) -> Vec<ReminderBrief> {
        ask.in_order(self.asked_for(ask).map(|kept| kept.brief()).collect(), |row| row.id)
    }

    pub(super) fn appointment_of(&self, id: ReminderId) -> Option<&str> {
        self.held().find(|held| held.id == id).map(|held| held.appointment_id.as_str())
    }

    pub(super) fn tally(&self) -> Tally {
        let reminders = |state| self.held().filter(|held| held.state == state).count() as u64;
        let runs = |state| self.runs.iter().filter(|run| run.state == state).count() as u64;
        Tally {
            pending: reminders(State::Pending),
            sending: reminders(State::Sending),
            uncertain: reminders(State::Uncertain),
            held_runs: runs(RunState::Held),
            waiting_runs: runs(RunState::Waiting),
        }
    }

    pub(super) fn queue(&self, until: Timestamp) -> Vec<QueueSlot> {
        let until = micro(until);
        let mut slots: BTreeMap<(String, Timestamp), u64> = BTreeMap::new();
        for held in self.held().filter(|held| held.state == State::Pending && held.next_at < until) {
            *slots.entry((held.schedule.clone(), floor(held.next_at, SLOT_MICROS))).or_default() += 1;
        }
        slots.into_iter().map(|((schedule, from), count)| QueueSlot { schedule, from, count }).collect()
    }

    pub(super) fn holds(&self, machine: Machine) -> Holds {
        let named = self.pauses.iter().filter_map(|(name, pause)| Some((name.clone()?, pause.clone())));
        let paused = self.targets.iter().filter(|(_, state)| state.is_paused);
        Holds {
            machine,
            lost: None,
            all: self.pauses.get(&None).cloned(),
            schedules: named.collect(),
            targets: paused.map(|(name, _)| name.clone()).collect(),
            accounts: self.accounts.iter().map(|(name, account)| (name.clone(), account.hold.clone())).collect(),
        }
    }

    pub(super) fn rates(&self) -> BTreeMap<String, i64> {
        self.accounts.iter().filter_map(|(name, account)| Some((name.clone(), account.free_at?))).collect()
    }

    pub(super) fn targets_of(&self, schedule: Option<&str>) -> BTreeMap<String, TargetState> {
        let of = |name: &str| schedule.is_none_or(|schedule| schedule == name);
        self.targets.iter().filter(|(name, _)| of(name)).map(|(name, state)| (name.clone(), *state)).collect()
    }

    pub(super) fn runs_of(&self, ask: &RunsAsk) -> Vec<RunRow> {
        let filtered = |is_asked: &dyn Fn(&RunRow) -> bool| -> Vec<RunRow> {
            self.runs.iter().filter(|run| is_asked(run)).map(|run| RunRow::clone(run)).collect()
        };
        // the one that began last among those that started last
        let latest = |schedules: &[String], is_asked: &dyn Fn(&RunRow) -> bool| -> Vec<RunRow> {
            let of = |name: &String| filtered(&|run| run.schedule == *name && is_asked(run));
            schedules.iter().filter_map(|name| of(name).into_iter().max_by_key(|run| run.started_at)).collect()
        };
        match ask {
            RunsAsk::Id(id) => filtered(&|run| run.id == *id),
            RunsAsk::Beginning(prefix) => {
                let mut runs = filtered(&|run| begins(&run.id, prefix));
                runs.sort_by_key(|run| run.id);
                runs.truncate(10);
                runs
            }
            RunsAsk::Open => filtered(&|run| matches!(run.state, RunState::Running | RunState::Waiting)),
            RunsAsk::Held => filtered(&|run| run.state == RunState::Held),
            RunsAsk::Latest(schedules) => latest(schedules, &|_| true),
            RunsAsk::LatestEvaluated(schedules) => latest(schedules, &RunRow::was_evaluated),
            RunsAsk::Nominal { schedule, first, last } => {
                let times = micro(*first)..=micro(*last);
                let mut runs = filtered(&|run| {
                    run.schedule == *schedule && run.kind.is_of_cron() && times.contains(&run.nominal_at)
                });
                runs.sort_by_key(|run| run.nominal_at);
                runs
            }
            RunsAsk::Days { schedule, first, last } => {
                let times = micro(*first)..=micro(*last);
                let mut runs = filtered(&|run| {
                    let at = if run.kind.is_of_cron() { run.nominal_at } else { run.started_at };
                    run.schedule == *schedule && times.contains(&at)
                });
                runs.sort_by_key(|run| run.nominal_at);
                runs
            }
        }
    }

    pub(super) fn standings(&self, name: Option<&str>) -> Vec<ScheduleStanding> {
        let of = |schedule: &str| name.is_none_or(|name| name == schedule);
        let loaded = self.schedules.values().filter(|schedule| !schedule.is_removed && of(&schedule.name));
        let standing = loaded.map(|schedule| ScheduleStanding {
            name: schedule.name.clone(),
            cursor: schedule.cursor,
            previous_evaluation: self.last_evaluation(&schedule.name, Timestamp::MAX),
            text_hash: schedule.text_hash.clone(),
        });
        standing.collect()
    }

    pub(super) fn knowledge(&self, ask: &KnowledgeAsk, phones: PhoneKey) -> Knowledge {
        let target = ask.target.as_ref().map(|address| phones.address_hash(address));
        let target = target.as_ref();
        let schedule: Arc<str> = ask.schedule.as_str().into();
        let windows: Vec<_> = ask.windows.iter().map(|(from, until)| micro(*from)..micro(*until)).collect();
        let is_known = |held: &&LoadedReminder| {
            held.schedule == ask.schedule
                && (held.state == State::Pending || windows.iter().any(|window| window.contains(&held.starts_at)))
        };
        let seen_until = self.seen_until(&ask.schedule, ask.now);
        let mut knowledge = Knowledge {
            rehearsed_to_come: SeededMap::default(),
            told_by_pending: SeededMap::default(),
            reminders: self.held().filter(is_known).map(|held| known(held, &schedule, target)).collect(),
            people: self.people(ask, target),
            wrong_numbers: self.wrong_numbers(&ask.account, phones.clone()),
            opted_out: self.opted_out(phones),
            gaps: self.gaps.iter().copied().chain(self.loss.map(|loss| loss.gap)).collect(),
            // from where the next evaluation goes on: the last one of all rows, else the last one at all
            previous_evaluation: seen_until.or_else(|| self.last_evaluation(&ask.schedule, ask.now)),
            seen_until,
            watched_leads: self.watched_leads.get(&ask.schedule).cloned().unwrap_or_default(),
            first_sights: self.first_sights(ask),
            usual_rows: self.usual_rows(ask),
        };
        self.add_previous_outcomes(&mut knowledge);
        self.add_merged(ask, target, &mut knowledge);
        self.add_shadows(ask, target, &mut knowledge);
        knowledge
    }

    fn opted_out(&self, phones: PhoneKey) -> OptOuts {
        if self.optouts.is_empty() {
            return OptOuts::default();
        }
        let hashes: HashSet<Hash> = self.optouts.keys().copied().collect();
        OptOuts::new(move |phone| hashes.contains(&phones.hash(phone)))
    }

    fn usual_rows(&self, ask: &KnowledgeAsk) -> UsualRows {
        let is_measured = |run: &&Arc<RunRow>| run.schedule == ask.schedule && run.state == RunState::Done;
        let measured = |run: &Arc<RunRow>| {
            let is_approved = run.guards.iter().any(|guard| guard == MAX_CHANGE);
            Some(MeasuredRun { nominal_at: run.nominal_at, rows: run.in_window?, is_approved })
        };
        let mut runs: Vec<MeasuredRun> = self.runs.iter().rev().filter(is_measured).filter_map(measured).collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.nominal_at));
        ask.comparable.usual(&runs)
    }

    fn people(&self, ask: &KnowledgeAsk, target: Option<&Hash>) -> SeededMap<(Personal, Date), Vec<PersonCall>> {
        let (first, last) = ask.due_days;
        let mut people: SeededMap<_, Vec<_>> = SeededMap::default();
        let is_counted = |held: &&LoadedReminder| {
            held.account == ask.account && held.lead.kind() == ask.kind && held.counts_for_person(target)
        };
        for held in self.held().filter(is_counted).filter(|held| (first..=last).contains(&held.due_day)) {
            let is_own = held.schedule == ask.schedule;
            let call = PersonCall {
                id: held.id,
                chain: held.chain(),
                due_at: held.due_at,
                schedule: (!is_own).then(|| held.schedule.as_str().into()),
                is_shadow: false,
                appointment: is_own.then(|| (held.appointment_id.clone(), held.starts_at)),
            };
            people.entry((held.person.clone(), held.due_day)).or_default().push(call);
        }
        people
    }

    pub(super) fn last_called_starts(&self, ask: LastCalledAsk, target: Option<&Hash>) -> HashMap<String, Timestamp> {
        let is_reported = |held: &LoadedReminder| {
            matches!(held.state, State::Delivered | State::Sending | State::Uncertain)
                && !returning::is_past_trial(held.trial.as_ref(), target)
        };
        let latest = |id: &str| {
            let of = self.held().filter(|held| held.schedule == ask.schedule && held.appointment_id == id);
            let own = of.filter(|held| is_reported(held)).map(|held| held.starts_at).max();
            let elsewhere = self
                .told_elsewhere(&ask.schedule)
                .filter(|(told, held)| told.appointment_id == id && is_reported(held));
            own.max(elsewhere.map(|(told, _)| told.starts_at).max())
        };
        ask.appointments.into_iter().filter_map(|id| latest(&id).map(|start| (id, start))).collect()
    }
}
