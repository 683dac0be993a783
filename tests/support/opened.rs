//! A clinic whose verbs run inside the test, by a clock that the test moves.
#![allow(dead_code, reason = "every test takes what it needs of it")]

use std::ops::Deref;
use std::sync::Arc;

use tickler::clock::ManualClock;
use tickler::settings::{Flags, ProcessEnvironment, Settings};
use tickler::verbs::{Access, App};

use super::clinic::Clinic;

/// A clinic with its clock and what verbs work with.
pub struct OpenedClinic {
    clinic: Clinic,
    pub clock: Arc<ManualClock>,
    pub app: App,
}

impl OpenedClinic {
    /// Reads the settings and schedules of the clinic, by that clock.
    pub async fn of(clinic: Clinic, clock: Arc<ManualClock>) -> Self {
        let environment = ProcessEnvironment::of([("THOUGHTLY_AUTOMATION_URL", clinic.url.as_str())], clinic.path());
        let flags = Flags {
            config: Some(clinic.file("tickler.toml")),
            schedules: Some(clinic.file("schedules")),
            ledger: Some(clinic.file("tickler.db")),
            listen: None,
        };
        let (settings, _origins) = Settings::load(flags, environment).expect("settings");
        let app = App::open(settings, clock.clone(), Access::Working, "test").await.expect("the app opens");
        app.sender.clone().expect("it may send").set_schedules(&app.folder().schedules);
        Self { clinic, clock, app }
    }
}

impl Deref for OpenedClinic {
    type Target = Clinic;
    fn deref(&self) -> &Clinic {
        &self.clinic
    }
}
