//! pure: what surrounds every page: where one is, who one is, what has just been done.

/// The page one is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MenuPlace {
    /// How things stand.
    Overview,
    /// The log.
    Calls,
    /// By reason.
    NotCalled,
    /// What is to come.
    Plan,
    /// The files.
    Schedules,
    /// What waits for a person.
    Held,
    /// Who is never called.
    OptOuts,
    /// None that the menu lists.
    Elsewhere,
}

/// An entry of the menu.
#[derive(Debug, Clone, Copy)]
pub struct MenuEntry {
    /// Where it leads.
    pub path: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// Which page that is.
    pub place: MenuPlace,
}

/// The menu.
pub const MENU: [MenuEntry; 7] = [
    MenuEntry { path: "/", name: "Overview", place: MenuPlace::Overview },
    MenuEntry { path: "/calls", name: "Calls", place: MenuPlace::Calls },
    MenuEntry { path: "/not-called", name: "Not called", place: MenuPlace::NotCalled },
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
    /// Which page it is.
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
    pub notice: Option<&'static str>,
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

    /// The same after an action, whose word is in the address.
    #[must_use]
    pub fn after(self, done: Option<&str>) -> Self {
        Self { notice: done.and_then(notice), ..self }
    }

    /// The same, renewed by the script.
    #[must_use]
    pub fn live(self) -> Self {
        Self { is_live: true, ..self }
    }
}

/// What is said after an action: a closed set, so that no address puts words on a page.
fn notice(word: &str) -> Option<&'static str> {
    Some(match word {
        "approved" => "The run is approved: whoever is due is being called.",
        "rejected" => "The run is rejected: it calls nobody.",
        "resolved" => "Settled.",
        "cancelled" => "The reminder is cancelled: no run plans it again.",
        "paused" => "Paused: nobody is called until it is resumed.",
        "resumed" => "Resumed.",
        "opted-out" => "On the opt-out list: no schedule calls this number.",
        "opted-in" => "Taken off the opt-out list.",
        _ => return None,
    })
}
