//! shell: `tickler demo`: a whole day in ten seconds, sent to a sandbox of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;

use super::arguments::Globals;
use super::context::{self, Context};
use super::output::print;
use super::sandbox;
use super::table::{Screen, Table, sentence, words};
use crate::audit::{AuditFilter, AuditRow, Event, words as in_words};
use crate::clock::{SharedClock, ShiftedClock};
use crate::delivery::DeliveryScope;
use crate::inbound::{self, Inbound};
use crate::plan::Rehearsed;
use crate::reminder::State;
use crate::sandbox::{Options, Reporting};
use crate::verbs::audit::list;
use crate::verbs::outcome::{self, OutcomeListAsk, OutcomeRow};
use crate::verbs::trigger::{TriggerAsk, trigger as perform_trigger};
use crate::verbs::{Access, App, Exit, page_token};
use crate::zones::{Zone, Zones};

/// The shipped schedule and clinic, so that the program alone is enough.
const SCHEDULE: &str = include_str!("../../schedules/day-before.toml");

/// What the demo adds to it: records of calls are taken, and whoever doesn't answer is called again.
const OUTCOMES: &str = r#"
[outcome]
secret = { env = "OUTCOME_SECRET" }

[outcome.values]
yes   = "confirmed"
move  = "reschedule"
wrong = "wrong_number"

[outcome.retry]
on    = ["no_answer"]
after = "2s"
"#;

/// What two of the clinic's patients say, by the last two digits of their numbers.
const ANSWERS: [(&str, &str); 2] = [("01", "yes"), ("17", "yes")];

/// How long a simulated call stays in each state.
const CALL_PACE: Duration = Duration::from_millis(300);

/// Maximum wait for records of calls, and for the call that is repeated.
const RECORDS_TIMEOUT: Duration = Duration::from_secs(10);

const APPOINTMENTS: &str = include_str!("../../examples/clinic/appointments.csv");

/// The shipped schedule's name.
const NAME: &str = "day-before";

/// 2026-11-24, 09:00 in New York: the clinic's appointments are tomorrow.
const MORNING: Timestamp = Timestamp::constant(1_795_528_800, 0);

/// Runs the demo.
pub async fn demo(globals: &Globals) -> anyhow::Result<Exit> {
    let screen = Context::of(globals)?.screen;
    let folder = DemoFolder::make()?;
    let clock: SharedClock = Arc::new(ShiftedClock::starting_at(MORNING));
    let zone = Zones::newest().zone("America/New_York").context("the rules have New York")?;
    let secret = page_token::fresh()?;
    let header = Some(("x-tickler-secret".to_owned(), secret.clone().into()));
    let options = Options {
        answers: ANSWERS.to_vec(),
        call_pace: CALL_PACE,
        reporting: Reporting { header, ..Reporting::default() },
        ..Options::default()
    };
    let running = sandbox::start(options, Arc::clone(&clock), move |event| {
        let _nobody_reads =
            print(&screen.prose(&format!("{} sandbox: {}", zone.wall(event.at).strftime("%H:%M:%S"), event.summary())));
    })
    .await?;
    let url = format!("http://{}/webhook/automation/demo", running.address);
    let settings = context::settings_of_demo(folder.path(), &url, &secret)?;
    let context = Context::with(settings, Arc::clone(&clock), globals.format);
    let app = Arc::new(context.open(Access::Working).await?);
    let records = inbound::bind(SocketAddr::from(([127, 0, 0, 1], 0)), None, Inbound::new(Arc::clone(&app))).await?;
    running.report_to(format!("http://{}/outcome/{NAME}", records.address()).parse()?);
    let exit = call_all(&app, screen).await?;
    // the sandbox posts each record as its call ends; those posts wait in the socket until here
    let taking = tokio::spawn(records.serve(clock, MAX_CONNECTIONS));
    print(&format!("\n{}", screen.prose(REPORTED)))?;
    let calls = follow(&app).await?;
    running.stop().await;
    taking.abort();
    print(&format!("\n{}", outcomes(&calls, screen)))?;
    print(NEXT)?;
    Ok(exit)
}

/// Calls everybody who is due, and prints who was called, and who was not and why.
async fn call_all(app: &App, screen: Screen) -> anyhow::Result<Exit> {
    print(&screen.prose(
        "It is 2026-11-24, 09:00 in New York. The clinic's file has appointments for tomorrow; they are called now.",
    ))?;
    print("Thoughtly is simulated on this machine: nobody is phoned.\n")?;
    let ask = TriggerAsk {
        schedule: NAME.to_owned(),
        only: None,
        rehearsed: Rehearsed::CountAsMade,
        wait: Duration::from_secs(60),
    };
    let answer = perform_trigger(app, "demo", ask).await?;
    let zone = app.schedule(NAME)?.zone.clone();
    let rows = list(app, AuditFilter::default()).await?;
    print(&format!("\n{}", story(&rows, &zone, screen)))?;
    Ok(answer.exit())
}

const NEXT: &str = "
What to do next:
  tickler check                      is every schedule file right?
  tickler plan                       who would be called now, who not, and why
  tickler sandbox                    the simulated Thoughtly, to try a schedule
  tickler run                        the service
The schedule of this demo is schedules/day-before.toml with an [outcome] table,
the clinic examples/clinic/appointments.csv.";

const REPORTED: &str = "Now the calls end, and the sandbox posts a record of each. Whoever did not answer is called again, \
                        here after two seconds:";

/// Maximum number of connections over which the sandbox posts records.
const MAX_CONNECTIONS: usize = 16;

/// Waits for the records of all calls, makes the call that is to be repeated, and waits for its record.
async fn follow(app: &App) -> anyhow::Result<Vec<OutcomeRow>> {
    reported(app).await?;
    if let Some(sender) = &app.sender {
        sender.deliver(&DeliveryScope { schedule: NAME.to_owned(), only: None }, RECORDS_TIMEOUT).await?;
    }
    reported(app).await
}

/// The calls, once there is a record of each that was accepted.
async fn reported(app: &App) -> anyhow::Result<Vec<OutcomeRow>> {
    let clock = &app.env.clock;
    let stop_at = clock.monotonic() + RECORDS_TIMEOUT;
    loop {
        let calls = outcome::list(app, &OutcomeListAsk::default()).await?;
        let is_awaited = |call: &OutcomeRow| call.state == State::Delivered && call.outcome.is_none();
        if !calls.iter().any(is_awaited) || clock.monotonic() >= stop_at {
            return Ok(calls);
        }
        clock.sleep(Duration::from_millis(100)).await;
    }
}

/// What became of the calls, as text.
fn outcomes(calls: &[OutcomeRow], screen: Screen) -> String {
    let mut table = Table::of(&[words("appointment"), words("call"), words("outcome")]);
    for call in calls {
        let number = if call.lead.is_retry() { "second" } else { "first" };
        let outcome = call.outcome.map(|outcome| in_words::reason(outcome.as_str()));
        table.push(vec![
            call.appointment_id.clone(),
            number.to_owned(),
            outcome.unwrap_or_else(|| "not reported".to_owned()),
        ]);
    }
    table.fit(screen)
}

/// Who was called, and who was not and why, as text.
fn story(rows: &[AuditRow], zone: &Zone, screen: Screen) -> String {
    let mut table = Table::of(&[
        words("appointment"),
        words("phone"),
        words("starts at"),
        words("what became of it"),
        sentence("because"),
    ]);
    let mut rows: Vec<&AuditRow> = rows.iter().collect();
    // who was called comes first
    rows.sort_by_key(|row| row.event == Event::ReminderSkipped);
    for row in rows {
        let what = match row.event {
            Event::DeliveryDelivered => in_words::acceptance(row).unwrap_or(in_words::state(State::Delivered)),
            Event::DeliveryFailed => in_words::state(State::Failed),
            Event::DeliveryUncertain => in_words::state(State::Uncertain),
            Event::ReminderSkipped => "not called",
            _ => continue,
        };
        let reason = in_words::reason(row.reason.as_deref().unwrap_or_default());
        let because = match (&row.detail, row.event) {
            (Some(detail), Event::ReminderSkipped) => format!("{reason}: {detail}"),
            (_, Event::ReminderSkipped) => reason,
            _ => String::new(),
        };
        table.push(vec![
            row.appointment_id.as_deref().unwrap_or_default().to_owned(),
            row.phone_last4().map(|last| format!("***{last}")).unwrap_or_default(),
            row.starts_at.map(|at| zone.wall(at).strftime("%a %H:%M").to_string()).unwrap_or_default(),
            what.to_owned(),
            because,
        ]);
    }
    table.fit(screen)
}

/// A folder that the demo removes at its end.
struct DemoFolder(PathBuf);

impl DemoFolder {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("tickler-demo-{}", page_token::fresh()?));
        let made = Self(path);
        made.fill().with_context(|| format!("the demo can't write into {}", made.0.display()))?;
        Ok(made)
    }

    fn fill(&self) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().mode(0o700).create(&self.0)?;
        fs::create_dir_all(self.0.join("schedules"))?;
        fs::create_dir_all(self.0.join("examples/clinic"))?;
        fs::write(self.0.join("tickler.toml"), "")?;
        fs::write(self.0.join("schedules/day-before.toml"), format!("{SCHEDULE}{OUTCOMES}"))?;
        fs::write(self.0.join("examples/clinic/appointments.csv"), APPOINTMENTS)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        // if it can't be removed, the machine cleans its temporary folder itself
        let _swept_later = fs::remove_dir_all(&self.0);
    }
}
