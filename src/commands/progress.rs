//! shell: how far a trigger is, on stderr: a bar on a terminal, a line every 30 seconds elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::context::Context;
use super::output::complain;
use crate::clock::SharedClock;
use crate::ledger::{Questions, ReminderAsk};
use crate::reminder::State;
use crate::settings::Settings;
use crate::verbs::{Access, App};

/// No bar is shown for a trigger shorter than this.
const ON_TERMINAL: Duration = Duration::from_secs(1);

/// The interval of lines where stderr isn't a terminal.
const INTERVAL_WITHOUT_TERMINAL: Duration = Duration::from_secs(30);

/// The length of a full bar in characters.
const BAR: usize = 30;

/// Reports progress until it is dropped.
pub struct Progress(JoinHandle<()>);

impl Progress {
    /// Starts reporting on a schedule's reminders.
    pub fn of(context: &Context, schedule: &str) -> Self {
        let watched = Watched {
            settings: context.settings.clone(),
            clock: Arc::clone(&context.clock),
            actor: context.actor(),
            schedule: schedule.to_owned(),
        };
        Self(tokio::spawn(watched.report()))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.abort();
        if io::stderr().is_terminal() {
            draw("");
        }
    }
}

struct Watched {
    settings: Settings,
    clock: SharedClock,
    actor: String,
    schedule: String,
}

impl Watched {
    async fn report(self) {
        let is_terminal = io::stderr().is_terminal();
        let tick = if is_terminal { ON_TERMINAL } else { INTERVAL_WITHOUT_TERMINAL };
        let (mut app, mut most) = (None, 0);
        loop {
            self.clock.sleep(tick).await;
            if app.is_none() {
                let (settings, clock) = (self.settings.clone(), Arc::clone(&self.clock));
                app = App::open(settings, clock, Access::Reading, &self.actor).await.ok();
            }
            let Some(ledger) = app.as_ref().and_then(|app| app.env.ledger.as_deref()) else {
                app = None; // it is created by the trigger
                continue;
            };
            let Some(open) = self.open(ledger).await else { continue };
            most = most.max(open);
            let done = most - open;
            match (is_terminal, most) {
                (_, 0) => {}
                (true, _) => draw(&format!("{} {} {done} of {most} are through", self.schedule, bar(done, most))),
                (false, _) => complain(&format!("{}: {done} of {most} are through", self.schedule)),
            }
        }
    }

    /// How many reminders are pending or being sent; `None` when the ledger can't be read just now.
    async fn open(&self, ledger: &Questions) -> Option<usize> {
        let ask = ReminderAsk {
            schedule: Some(self.schedule.clone()),
            states: vec![State::Pending, State::Sending],
            ..ReminderAsk::default()
        };
        Some(ledger.briefs(ask).await.ok()?.len())
    }
}

fn bar(done: usize, most: usize) -> String {
    let full = (done * BAR).checked_div(most).unwrap_or(0);
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR - full))
}

/// Replaces the terminal's last line.
fn draw(line: &str) {
    let mut stderr = io::stderr().lock();
    // a closed stderr is ignored
    let _unwritten = write!(stderr, "\r\u{1b}[2K{line}").and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_from_nothing_to_all() {
        assert_eq!(bar(0, 0), format!("[{}]", "-".repeat(30)));
        assert_eq!(bar(1, 2), format!("[{}{}]", "#".repeat(15), "-".repeat(15)));
        assert_eq!(bar(7, 7), format!("[{}]", "#".repeat(30)));
    }
}
