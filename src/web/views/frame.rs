//! pure: what surrounds every page: the menu, who is signed in, and what has just been done.

use crate::audit::words::counted;

/// The page one is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MenuPlace {
    /// How things stand.
    Overview,
    /// The log.
    Calls,
    /// The page of people who were not called, grouped by reason.
    NotCalled,
    /// What became of calls.
    Outcomes,
    /// What is to come.
    Plan,
    /// The files.
    Schedules,
    /// What waits for a person.
    Held,
    /// Who is never called.
    OptOuts,
    /// A page that the menu doesn't list.
    Elsewhere,
}

/// An entry of the menu.
#[derive(Debug, Clone, Copy)]
pub struct MenuEntry {
    /// Where it leads.
    pub path: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// The page to which it leads.
    pub place: MenuPlace,
}

/// The menu.
pub const MENU: [MenuEntry; 8] = [
    MenuEntry { path: "/", name: "Overview", place: MenuPlace::Overview },
    MenuEntry { path: "/calls", name: "Calls", place: MenuPlace::Calls },
    MenuEntry { path: "/not-called", name: "Not called", place: MenuPlace::NotCalled },
    MenuEntry { path: "/outcomes", name: "Outcomes", place: MenuPlace::Outcomes },
    MenuEntry { path: "/plan", name: "Plan", place: MenuPlace::Plan },
    MenuEntry { path: "/schedules", name: "Schedules", place: MenuPlace::Schedules },
    MenuEntry { path: "/held", name: "Held and unknown", place: MenuPlace::Held },
    MenuEntry { path: "/opt-outs", name: "Opt-outs", place: MenuPlace::OptOuts },
];

/// What surrounds a page.
#[derive(Debug, Clone)]
pub struct PageFrame {
    /// The page's heading.
    pub title: String,
    /// The page's place in the menu.
    pub place: MenuPlace,
    /// Who looks at it.
    pub who: String,
    /// Whether they may decide.
    pub may_act: bool,
    /// Whether they have signed in.
    pub is_signed_in: bool,
    /// What each of its forms carries.
    pub form_token: String,
    /// When it was made.
    pub now: String,
    /// The program's version.
    pub version: &'static str,
    /// What has just been done.
    pub notice: Option<String>,
    /// The sentence that nothing here reaches anybody, in a trial.
    pub trial: Option<String>,
    /// Whether the script may renew it by itself.
    pub is_live: bool,
}

impl PageFrame {
    /// The menu.
    #[must_use]
    pub fn menu(&self) -> &'static [MenuEntry] {
        &MENU
    }

    /// Whether an entry of the menu is the page one is on.
    #[must_use]
    pub fn is_at(&self, entry: &MenuEntry) -> bool {
        entry.place == self.place
    }

    /// The same after an action, whose word and count are in the address.
    #[must_use]
    pub fn after(self, done: Option<DoneAction<'_>>) -> Self {
        Self { notice: done.and_then(notice), ..self }
    }

    /// The same, renewed by the script.
    #[must_use]
    pub fn live(self) -> Self {
        Self { is_live: true, ..self }
    }
}

/// What an address says of the action that led to it.
#[derive(Debug, Clone, Copy)]
pub struct DoneAction<'a> {
    /// Its word.
    pub word: &'a str,
    /// How many calls or numbers it is about, where that is said.
    pub count: Option<u64>,
}

/// What is said after an action: a closed set of sentences with a number in them, so that no address puts words on a page.
fn notice(done: DoneAction<'_>) -> Option<String> {
    let fixed = match (done.word, done.count) {
        ("approved", Some(count)) if count > 0 => return Some(approved(count)),
        ("approved", _) => "Approved. Nobody of this run is to be called any more: each appointment’s page says why.",
        ("approving", _) => {
            "The run is being approved: its source is still being read. The Calls page shows what becomes of it."
        }
        ("held-again", _) => "Approved, but another guard holds the run now: see below. Nobody was called.",
        ("rejected", _) => "Rejected: this run calls nobody. The schedule’s next run plans as usual.",
        ("settled-delivered", _) => "Settled: it counts as called, and nobody is called again.",
        ("settled-resend", _) => "Settled: the call is made again now. The Calls page shows what becomes of it.",
        ("settled-drop", _) => "Settled: it is given up, and nobody is called.",
        ("cancelled", _) => "The call is cancelled: no run plans it again.",
        ("paused", Some(count)) => {
            let waiting = counted(count, "planned call waits", "planned calls wait");
            return Some(format!("Paused: nobody is called until it is resumed. {waiting}."));
        }
        ("paused", None) => "Paused: nobody is called until it is resumed.",
        ("resumed", Some(count)) => {
            let made = counted(count, "planned call is", "planned calls are");
            return Some(format!("Resumed: {made} made when due."));
        }
        ("resumed", None) => "Resumed.",
        ("opted-out", Some(count)) if count > 0 => {
            let cancelled = counted(count, "planned call to it was", "planned calls to it were");
            return Some(format!("On the opt-out list: no schedule calls this number. {cancelled} cancelled."));
        }
        ("opted-out", _) => "On the opt-out list: no schedule calls this number. No call to it was planned.",
        ("opted-out-before", _) => "This number was on the opt-out list already.",
        ("opted-in", _) => "Taken off the opt-out list: from the next run on, schedules call this number again.",
        ("not-listed", _) => "This number is not on the opt-out list: nothing was changed.",
        ("by-link", _) => "Nothing was done: that is done with the form on this page, not by a link.",
        ("find-by-form", _) => "A person is found with the form below: a phone number is never in an address.",
        ("reveal-by-button", _) => {
            "Whole numbers are shown by the button on an appointment’s page, since the log records who saw them: open the \
             appointment first."
        }
        (_, _) => return None,
    };
    Some(fixed.to_owned())
}

fn approved(count: u64) -> String {
    let calls = counted(count, "call is planned", "calls are planned");
    format!(
        "Approved: {calls}. Each is made when it is due, within the calling hours; the Calls page shows what becomes of it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_action_came_to_is_said_with_its_number_and_no_address_adds_words() {
        let said = |word, count| notice(DoneAction { word, count });
        for (word, count, sentence) in [
            ("approved", Some(1), "Approved: 1 call is planned."),
            ("approved", Some(6), "Approved: 6 calls are planned."),
            ("approved", Some(0), "Approved. Nobody of this run is to be called any more"),
            (
                "opted-out",
                Some(2),
                "On the opt-out list: no schedule calls this number. 2 planned calls to it were cancelled.",
            ),
            ("paused", Some(3), "Paused: nobody is called until it is resumed. 3 planned calls wait."),
            ("paused", None, "Paused: nobody is called until it is resumed."),
            ("settled-drop", None, "Settled: it is given up, and nobody is called."),
        ] {
            assert!(said(word, count).is_some_and(|said| said.starts_with(sentence)), "{word} {count:?}");
        }
        assert_eq!(said("<b>you have won</b>", Some(7)), None);
    }
}
