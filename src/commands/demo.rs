//! shell: `tickler demo`: a whole day in ten seconds, sent to a sandbox of its own.

use std::fs;
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
use crate::plan::Rehearsed;
use crate::reminder::State;
use crate::sandbox::Options;
use crate::verbs::audit::list;
use crate::verbs::trigger::{TriggerAsk, trigger as perform_trigger};
use crate::verbs::{Access, App, Exit};
use crate::zones::{Zone, Zones};

/// The shipped schedule and clinic, so that the program alone is enough.
const SCHEDULE: &str = include_str!("../../schedules/day-before.toml");
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
    let running = sandbox::start(Options::default(), Arc::clone(&clock), move |event| {
        let _nobody_reads =
            print(&screen.prose(&format!("{} sandbox: {}", zone.wall(event.at).strftime("%H:%M:%S"), event.summary())));
    })
    .await?;
    let app = open(globals, clock, folder.path(), &running.address.to_string()).await?;
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
    let answer = perform_trigger(&app, "demo", ask).await?;
    running.stop().await;
    let zone = app.schedule(NAME)?.zone.clone();
    let rows = list(&app, AuditFilter::default()).await?;
    print(&format!("\n{}", story(&rows, &zone, screen)))?;
    print(NEXT)?;
    Ok(answer.exit())
}

const NEXT: &str = "
What to do next:
  tickler check                      is every schedule file right?
  tickler plan                       who would be called now, who not, and why
  tickler sandbox                    the simulated Thoughtly, to try a schedule
  tickler run                        the service
The schedule of this demo is schedules/day-before.toml,
the clinic examples/clinic/appointments.csv.";

async fn open(globals: &Globals, clock: SharedClock, folder: &Path, address: &str) -> anyhow::Result<App> {
    let url = format!("http://{address}/webhook/automation/demo");
    let settings = context::settings_of_demo(folder, &url)?;
    let context = Context::with(settings, clock, globals.format);
    Ok(context.open(Access::Working).await?)
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
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
        let path = std::env::temp_dir().join(format!("tickler-demo-{:016x}", u64::from_be_bytes(name)));
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
        fs::write(self.0.join("schedules/day-before.toml"), SCHEDULE)?;
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
