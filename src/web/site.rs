//! shell: what every page is made from: the app, who is signed in, where the server is reached.

use std::sync::Arc;

use secrecy::SecretString;

use super::access::{EntryPoints, Person};
use super::meters::Meters;
use super::sessions::Sessions;
use super::trial;
use super::views::frame::{MenuPlace, PageFrame};
use super::views::moments::Moments;
use crate::verbs::page_token::PageRights;
use crate::verbs::vitals::Vitals;
use crate::verbs::{App, ScheduleZones};

/// What the pages work with.
pub struct Site {
    /// The service's.
    pub app: Arc<App>,
    /// The service's.
    pub vitals: Arc<Vitals>,
    /// Where it is reached.
    pub entry_points: EntryPoints,
    /// `web.token`.
    pub token: Option<SecretString>,
    /// Everybody who is signed in.
    pub sessions: Sessions,
    /// What `/metrics` counts.
    pub meters: Meters,
    /// The name of a user of this machine.
    pub user_name: fn(u32) -> String,
}

/// Who sends a request, as the guard of its route found.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The name in the log.
    pub name: String,
    /// Who is signed in; nobody needs to be on this machine.
    pub person: Option<Person>,
    /// The id of the session.
    pub session: Option<String>,
    /// What every form of this visitor carries.
    pub form_token: String,
    /// Whether the cookie may leave the browser over TLS alone.
    pub is_over_tls: bool,
    /// Where the request came from.
    pub peer: std::net::IpAddr,
}

impl Visitor {
    /// Whether the visitor may decide.
    #[must_use]
    pub fn may_act(&self) -> bool {
        self.person.as_ref().is_none_or(|person| person.may == PageRights::Act)
    }
}

impl Site {
    /// How times are shown now.
    #[must_use]
    pub fn moments(&self) -> Moments {
        let zones = ScheduleZones::of_folder(&self.app.folder(), &self.app.env.zones);
        Moments::new(zones, self.app.env.clock.now())
    }

    /// What surrounds a page.
    #[must_use]
    pub fn frame(&self, visitor: &Visitor, place: MenuPlace, title: &str, moments: &Moments) -> PageFrame {
        PageFrame {
            title: title.to_owned(),
            place,
            who: visitor.name.clone(),
            may_act: visitor.may_act(),
            is_signed_in: visitor.person.is_some(),
            form_token: visitor.form_token.clone(),
            now: moments.exact(moments.now()),
            version: env!("CARGO_PKG_VERSION"),
            notice: None,
            trial: trial::sentence(&self.app),
            is_live: false,
        }
    }
}
