//! shell: resolves the host names of targets before intents are committed for them, so that a name that cannot be resolved,
//! or resolves to an address that is never connected to, costs no attempt.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::join_all;
use url::Url;

use super::UNPOISONED;
use crate::clock::{Clock, SharedClock};
use crate::http::Http;

/// A name that could be resolved is resolved again after this time.
const GOOD_FOR: Duration = Duration::from_secs(60);

/// A name that could not be resolved is resolved again after this time.
pub(super) const BAD_FOR: Duration = Duration::from_secs(10);

/// Maximum time to resolve a name; the dispatcher sends nothing meanwhile.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is known of each target's name, by origin.
#[derive(Default)]
pub(super) struct Names(Mutex<HashMap<String, Resolved>>);

struct Resolved {
    /// When (monotonic).
    at: Duration,
    problem: Option<String>,
}

impl Resolved {
    fn is_fresh(&self, now: Duration) -> bool {
        let lasts = if self.problem.is_none() { GOOD_FOR } else { BAD_FOR };
        now < self.at + lasts
    }
}

impl Names {
    /// Why nothing can be sent to this origin; `None` when it can, or when its name was not resolved yet.
    pub(super) fn problem(&self, origin: &str) -> Option<String> {
        self.0.lock().expect(UNPOISONED).get(origin)?.problem.clone()
    }

    /// Whether the name is to be resolved again.
    pub(super) fn is_stale(&self, origin: &str, now: Duration) -> bool {
        self.0.lock().expect(UNPOISONED).get(origin).is_none_or(|resolved| !resolved.is_fresh(now))
    }

    /// Resolves the names of these origins concurrently.
    pub(super) async fn resolve(&self, origins: &[String], http: &Http, clock: &SharedClock) {
        let found = join_all(origins.iter().map(|origin| resolution_problem(origin, http, clock.as_ref()))).await;
        let at = clock.monotonic();
        let mut known = self.0.lock().expect(UNPOISONED);
        for (origin, problem) in origins.iter().zip(found) {
            if let Some(problem) = &problem
                && known.get(origin).is_none_or(|resolved| resolved.problem.is_none())
            {
                tracing::warn!(origin, problem, "nothing is sent to this target");
            }
            known.insert(origin.clone(), Resolved { at, problem });
        }
    }
}

async fn resolution_problem(origin: &str, http: &Http, clock: &dyn Clock) -> Option<String> {
    let Ok(url) = Url::parse(origin) else { return None };
    tokio::select! {
        found = http.judge_name(&url) => found.err(),
        () = clock.sleep(RESOLVE_TIMEOUT) => Some("the host's name was not resolved in time".to_owned()),
    }
}
