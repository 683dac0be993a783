//! shell: the line that `systemctl status` shows.

use super::runs::Daemon;
use crate::verbs::refusal;

impl Daemon {
    /// One line for `systemctl status`: faults first, then what is loaded and the next run.
    #[must_use]
    pub fn status_line(&self) -> String {
        let folder = self.app.folder();
        let mut line = self.faults();
        line += &match folder.schedules.len() {
            1 => "1 schedule loaded".to_owned(),
            count => format!("{count} schedules loaded"),
        };
        if let Some(first) = folder.refused.first() {
            line += &format!(", {} refused ({first}: {})", folder.refused.len(), refusal(&folder, first));
        }
        if let Some(why) = &folder.fault {
            line += &format!(", {why}");
        }
        let unsendable = self.app.sender.as_ref().map(|sender| sender.problems()).unwrap_or_default();
        if let Some((name, why)) = unsendable.first_key_value() {
            line += &format!(", {} cannot send ({name}: {why})", unsendable.len());
        }
        let troubles = self.app.sender.as_ref().map(|sender| sender.troubles()).unwrap_or_default();
        if let Some((name, why)) = troubles.first_key_value() {
            line += &format!(", {} with calls that wait ({name}: {why})", troubles.len());
        }
        if let [first, more @ ..] = self.notifier.failing().as_slice() {
            let others = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            line += &format!(", the last run of {first}{others} failed or is held");
        }
        let queue = self.queue();
        if queue.waiting() > 0 {
            line += &format!(", {} waiting for their source", queue.waiting());
        }
        if let Some((at, name)) = queue.next_poll() {
            let at = folder.schedules.get(name).map_or_else(|| at.to_string(), |schedule| schedule.zone.rfc3339(at));
            line += &format!(", next run {at} ({name})");
        }
        line
    }

    /// What keeps everybody from being called, each followed by `; `.
    fn faults(&self) -> String {
        let mut faults = String::new();
        if let Some(why) = self.ledger.writing().failure {
            faults += &format!("DOWN: nobody is called: {why}; ");
        }
        if let Some(loss) = self.ledger.loss() {
            faults += &format!("DOWN: nobody is called: {loss}; ");
        }
        if self.vitals.is_stand_in() {
            faults += "FAULT: the scheduler stopped, a plain timer ticks instead; ";
        }
        faults
    }
}
