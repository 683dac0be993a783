//! shell: the HTTP server that takes records of calls and requests for calls, with limits of its own: strangers learn nothing and write nothing.
//!
//! It is never the page's server: its address may be reachable by the whole world, through a proxy that speaks TLS.

mod answer;
mod call;
mod gate;
mod outcome;
mod server;
mod strangers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::schedule::Schedule;
use crate::settings::SecretRef;
use crate::verbs::App;
use answer::Refusal;
use gate::ShownSecret;
use strangers::{Stranger, Strangers};

pub use server::{InboundError, InboundServer, bind};

/// What the routes work with.
pub struct Inbound {
    app: Arc<App>,
    is_stopping: AtomicBool,
    strangers: Strangers,
}

impl Inbound {
    /// Takes records and requests for the schedules of this app.
    #[must_use]
    pub fn new(app: Arc<App>) -> Arc<Self> {
        Arc::new(Self { app, is_stopping: AtomicBool::new(false), strangers: Strangers::default() })
    }

    /// The schedule, if the secret opens it.
    ///
    /// # Errors
    /// `Refusal::Unauthorized`, whatever is wrong.
    fn authorized(
        &self,
        name: &str,
        route: PostRoute,
        (shown, shown_in): (Option<ShownSecret<'_>>, ShownIn),
    ) -> Result<Arc<Schedule>, Refusal> {
        let schedule = self.app.folder().schedules.get(name).cloned();
        let (secrets, in_url) = schedule.as_ref().map_or((&[][..], false), |schedule| route.secrets(schedule));
        let is_open = gate::opens(shown, secrets, &self.app.settings.secrets);
        let is_allowed_there = shown_in == ShownIn::Header || in_url;
        if is_open
            && is_allowed_there
            && let Some(schedule) = schedule
        {
            return Ok(schedule);
        }
        let why = match &schedule {
            None => Stranger::UnknownSchedule,
            Some(_) if secrets.is_empty() => Stranger::NothingPosted,
            Some(_) if shown.is_none() => Stranger::NoSecret,
            Some(_) if is_open => Stranger::SecretInAddress,
            Some(_) => Stranger::OtherSecret,
        };
        self.strangers.log(why, schedule.as_ref().map(|schedule| schedule.name.as_str()), self.app.env.clock.as_ref());
        Err(Refusal::Unauthorized)
    }

    /// Answers every request 429 from now on: its sender tries again, and then reaches the next start of the service.
    pub fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }
}

/// Where a secret was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShownIn {
    /// A header.
    Header,
    /// The URL.
    Path,
}

/// What is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PostRoute {
    /// Records of calls.
    Outcome,
    /// Requests for calls.
    Call,
}

impl PostRoute {
    /// The secrets that open it, and whether they may be in the URL.
    fn secrets(self, schedule: &Schedule) -> (&[SecretRef], bool) {
        let found = match self {
            Self::Outcome => schedule.outcome.as_ref().map(|spec| (spec.secrets.as_slice(), spec.secret_in_url)),
            Self::Call => schedule.inbound().map(|spec| (spec.secrets.as_slice(), spec.secret_in_url)),
        };
        found.unwrap_or((&[], false))
    }
}
